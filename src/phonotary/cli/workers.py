"""Several processes that serve one address: as many calls a second as there are processors.

Each worker is a whole hub on the same database and the same listening socket; what one changes the
others hear of as nodes on other machines would. If one of them ends, all do: whoever supervises
the service starts it anew, and nobody serves with half of it unnoticed. That holds for the parent
too, which may be killed without a word to them.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import NoReturn

import typer

from phonotary.cli import exits

_STOPS = (signal.SIGTERM, signal.SIGINT)


def run(count: int, work: Callable[[int], None]) -> int:
    """Fork ``count`` workers and wait for them; the exit code, 0 when told to stop.

    ``work`` is told which of them it is, from 0.
    """
    children: set[int] = set()
    told = False

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal told
        told = True
        _tell(children, signal.SIGTERM)

    for number in _STOPS:
        signal.signal(number, stop)
    # A child that is told to stop before it has its own handlers would take it for the parent's.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    # Nothing is ever written: the kernel closes our end when we end, however we end.
    ours, held = os.pipe()
    for place in range(count):
        child = os.fork()
        if child == 0:
            os.close(held)
            _worker(partial(work, place), ours)
        children.add(child)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    failed = 0
    while children:
        child, status = os.wait()
        children.discard(child)
        if not told:
            failed = os.waitstatus_to_exitcode(status) or 1
            if failed < 0:
                # Whoever was killed could not say so, out of memory above all.
                name = signal.Signals(-failed).name
                typer.echo(f"phonotary: {name} ended worker {child}; all end", err=True)
            told = True
            _tell(children, signal.SIGTERM)
    os.close(ours)
    os.close(held)
    return min(abs(failed), 255)


def _worker(work: Callable[[], None], parent: int) -> NoReturn:
    """Never returns: what the parent would do next is not for its children."""
    code = 1
    try:
        for number in _STOPS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        code = exits.code_of(work)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except Exception:
        # Nothing above a child prints it.
        traceback.print_exc()
    finally:
        os._exit(code)


def _end_with(parent: int) -> None:
    """As if told to stop, once the other end of the pipe ``parent`` is closed: workers that went on
    would hold the port against whoever is started in the parent's place."""
    os.read(parent, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _tell(children: set[int], number: int) -> None:
    for child in children:
        # It may have ended a moment ago.
        with suppress(ProcessLookupError):
            os.kill(child, number)
