"""Requests of one turn of the event loop, answered in one stretch.

A system call costs its caller more than its own time: what runs after it finds the processor's
caches cold, and whoever waits for what was written is woken, which on a virtual machine is dear. So
a door does not answer each request where it was read, between two system calls. All that came in
one turn of the loop is worked through at the end of it, in the order in which it came and in steps
(:mod:`phonotary.abreast`), and only then is anything sent. Nobody waits for a timer: the turn ends
when there is no more to read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from phonotary.abreast import Steps, abreast

T = TypeVar("T")


class Turns(Generic[T]):
    """What came in this turn of the running loop, and what is to be done with each."""

    def __init__(self, work: Callable[[T], Steps[None] | None], send: Callable[[T], None]) -> None:
        """``work`` is called for each of a turn, the steps it gives are taken abreast, and then
        ``send`` is called for each."""
        self._work = work
        self._send = send
        self._came: list[T] = []

    def add(self, each: T) -> None:
        """Have it worked through before the loop looks for anything new to read."""
        if not self._came:
            asyncio.get_running_loop().call_soon(self._run)
        self._came.append(each)

    def _run(self) -> None:
        came, self._came = self._came, []
        # One that fails keeps none of the others from its answer.
        steps = []
        for each in came:
            try:
                more = self._work(each)
            except Exception as fault:
                _not_served(fault)
            else:
                if more is not None:
                    steps.append(more)
        for outcome in abreast(steps):
            if outcome is not None:
                _not_served(outcome)
        for each in came:
            try:
                self._send(each)
            except Exception as fault:
                _not_served(fault)


def _not_served(fault: Exception) -> None:
    said = {"message": "a request was not served", "exception": fault}
    asyncio.get_running_loop().call_exception_handler(said)
