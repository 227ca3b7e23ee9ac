"""Reading for whoever holds the event loop: an answer at once, or none.

A database that hangs says nothing, and one caller whose number is not in memory would keep all the
others waiting. So the work is done in a thread, and whoever asks waits no longer than a moment for
it. After one such moment nobody asks for a while: several in a row would be a long one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from phonotary import clock
from phonotary.storage.faults import Away

T = TypeVar("T")

MOMENT = 0.3
"""Seconds that are waited for an answer."""
PAUSE = 1.0
"""Seconds for which nobody asks after there was none."""


class Glances:
    """Runs work in one of ``most`` threads, which are made when they are needed. Any thread may
    call it. ``late`` is told when there was no answer; ``monotonic`` is a clock in seconds."""

    def __init__(
        self,
        most: int,
        late: Callable[[], None],
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        self._free = threading.Semaphore(most)
        self._idle: deque[_Reader] = deque()
        self._late = late
        self._monotonic = monotonic
        self._not_before = float("-inf")

    def __call__(self, work: Callable[[], T]) -> T:
        """What ``work`` returns or raises. Raises Away (UNAVAILABLE) where that takes longer than
        :data:`MOMENT`, and for :data:`PAUSE` afterwards; the work goes on, and nobody is told."""
        if self._monotonic() < self._not_before or not self._free.acquire(timeout=MOMENT):
            raise Away
        answer = self._reader().ask(work)
        try:
            found: T = answer.result(MOMENT)
            return found
        except TimeoutError:
            if answer.done():
                raise
            self._not_before = self._monotonic() + PAUSE
            self._late()
            raise Away from None

    def _reader(self) -> _Reader:
        try:
            return self._idle.popleft()
        except IndexError:
            return _Reader(self._done)

    def _done(self, reader: _Reader) -> None:
        self._idle.append(reader)
        self._free.release()

    def close(self) -> None:
        while self._idle:
            self._idle.popleft().end()


class _Reader:
    """A thread that does one piece of work at a time. No exit waits for it."""

    def __init__(self, done: Callable[[_Reader], None]) -> None:
        self._done = done
        self._asked: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        threading.Thread(target=self._run, name="glance", daemon=True).start()

    def ask(self, work: Callable[[], Any]) -> Future[Any]:
        answer: Future[Any] = Future()
        self._asked.put((work, answer))
        return answer

    def end(self) -> None:
        self._asked.put(None)

    def _run(self) -> None:
        while (asked := self._asked.get()) is not None:
            work, answer = asked
            try:
                result, error = work(), None
            except BaseException as raised:
                result, error = None, raised
            # First, or whoever asks again at once would find no thread that is idle.
            self._done(self)
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)
            del asked, work, answer, result, error
