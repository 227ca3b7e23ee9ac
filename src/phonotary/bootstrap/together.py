"""Writes of requests that are here at the same moment, kept by one commit.

With ``synchronous=FULL`` a commit waits for the disk several times as long as everything else in a
request takes. No request is held back to wait for company: only those that are there already share,
and each is answered after the commit that keeps it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from phonotary.storage.database import Outcome
from phonotary.storage.faults import TryAgain
from phonotary.storage.store import SqlStore

Work = Callable[[SqlStore], Any]

# How many share at most, so that the first does not wait for long and the loop is not held up.
_MOST = 64
# Seconds that writers wait for another program's lock in all, and between two looks at it.
_PATIENCE, _BETWEEN = 3.0, 0.1


class Together:
    """Collects what is written within one turn of the event loop."""

    def __init__(self, write_each: Callable[[Sequence[Work]], list[Outcome]]) -> None:
        self._write_each = write_each
        self._waiting: list[tuple[Work, asyncio.Future[Any]]] = []
        self._locked_since: float | None = None

    async def write(self, work: Work) -> Any:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((work, answer))
        # One turn for each writer; the first of them finds everybody, the others nobody.
        loop.call_soon(self._turn)
        return await answer

    def _may_wait(self, error: Exception) -> bool:
        """Whether another program's lock on the file is likely to end soon."""
        if not isinstance(error, TryAgain):
            return False
        now = asyncio.get_running_loop().time()
        if self._locked_since is None:
            self._locked_since = now
        return now - self._locked_since < _PATIENCE

    def _turn(self) -> None:
        some, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        # Whoever has gone away meanwhile is not written for.
        some = [(work, answer) for work, answer in some if not answer.done()]
        if not some:
            return
        try:
            outcomes = self._write_each([work for work, _ in some])
        except Exception as error:
            if self._may_wait(error):
                # Nothing was kept. Whoever only reads is answered in between.
                self._waiting = some + self._waiting
                asyncio.get_running_loop().call_later(_BETWEEN, self._turn)
                return
            outcomes = [Outcome(error=error) for _ in some]
        self._locked_since = None
        for (_, answer), outcome in zip(some, outcomes, strict=True):
            if outcome.error is not None:
                answer.set_exception(outcome.error)
            else:
                answer.set_result(outcome.result)
