"""A provider's key in a hardware module, as calls meet it.

A signature there takes a trip: milliseconds, or for ever. So it is made in one of a few threads,
each with a session of its own, and waited for no longer than a deadline; nothing else of the
process waits with it. That the key cannot sign now is nobody's mistake who asks for a signature:
the answer is 503 at every door, and names neither token nor module. The operator is told both, once
for each trouble.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec

from phonotary import clock, report
from phonotary.outbound.hsm import KeyUnusable
from phonotary.shaken.signing import KeyAway

T = TypeVar("T")

_OVER = 60.0
"""Seconds without a fault after which a trouble is over, and its next fault a new one: a module
that fails every other call is told of once."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a key may be away."""

    sessions: int = 4
    """Signatures that are made at one time."""
    seconds: float = 1.0
    """That a call waits for its signature, its place among the others included."""


class _Key(Protocol):
    def sign(self, data: bytes, signature_algorithm: ec.ECDSA) -> bytes: ...

    def close(self) -> None:
        """End the session of the thread that calls."""


class FarKey:
    """Signs as the key itself does, and raises KeyAway where that raises KeyUnusable."""

    def __init__(self, key: _Key, provider: str, reach: Reach) -> None:
        self._key = key
        self._provider = provider
        self._reach = reach
        self._errands: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        self._free = asyncio.Semaphore(reach.sessions)
        self._began: dict[Future[Any], float] = {}
        """When the work was begun that is under way."""
        self._threads = 0
        """That have been started and not yet told to end."""
        self._asking = 0
        """Calls in line and calls that wait for their signature."""
        self._closed = False
        self._telling = threading.Lock()
        self._said: set[str] = set()
        self._failed = 0.0

    def sign(self, data: bytes, signature_algorithm: ec.ECDSA) -> bytes:
        """DER of the signature, made by the thread that calls. Raises KeyAway."""
        try:
            return self._key.sign(data, signature_algorithm)
        except KeyUnusable as fault:
            self._tell(fault.because)
            raise KeyAway from fault

    async def later(self, work: Callable[[], T]) -> T:
        """What ``work``, which signs with this key, comes to in one of the key's threads.

        Raises what it raises, and KeyAway when it is not done in time; what is late is dropped. One
        event loop asks.
        """
        if self._is_stuck():
            raise self._late()
        self._asking += 1
        try:
            async with asyncio.timeout(self._reach.seconds):
                await self._free.acquire()
                return await asyncio.shield(self._begin(work))
        except TimeoutError:
            raise self._late() from None
        finally:
            self._asking -= 1
            self._let_go()

    def close(self) -> None:
        """Let the threads end, and their sessions with them, once no call needs them any more: some
        are at work and others in line when another key takes this one's place."""
        self._closed = True
        self._let_go()

    def _let_go(self) -> None:
        """Of a key that is closed, end the threads that nobody waits for."""
        while self._closed and self._threads > max(self._asking, len(self._began)):
            self._threads -= 1
            self._errands.put(None)

    def _begin(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """A place is free: its thread waits for work, or has yet to be started."""
        if self._threads <= len(self._began):
            self._start()
        done: Future[T] = Future()
        self._began[done] = clock.monotonic()
        self._errands.put((work, done))
        found = asyncio.wrap_future(done)

        def settle(answer: asyncio.Future[T]) -> None:
            del self._began[done]
            self._free.release()
            self._let_go()
            if not answer.cancelled():
                # Nobody may be left to hear of it, which is no news for the loop.
                answer.exception()

        found.add_done_callback(settle)
        return found

    def _start(self) -> None:
        """One more thread. Raises KeyAway, and gives the place back, where none is to be had."""
        # A daemon, for nothing can end a thread that a module does not return to.
        thread = threading.Thread(target=self._run, name="hsm", daemon=True)
        try:
            thread.start()
        except RuntimeError as fault:
            self._free.release()
            self._tell("No thread could be started in which the HSM signs.")
            raise KeyAway from fault
        self._threads += 1

    def _run(self) -> None:
        while (errand := self._errands.get()) is not None:
            work, done = errand
            # From here on nobody can cancel it, only give it up.
            if done.set_running_or_notify_cancel():
                try:
                    done.set_result(work())
                except BaseException as fault:
                    done.set_exception(fault)
            del errand, work, done
        self._key.close()

    def _is_stuck(self) -> bool:
        """Whether every thread is at work for longer than a call would wait."""
        if len(self._began) < self._reach.sessions:
            return False
        return clock.monotonic() - max(self._began.values()) > self._reach.seconds

    def _late(self) -> KeyAway:
        self._tell(f"The HSM has not signed within {self._reach.seconds:g} s.")
        return KeyAway()

    def _tell(self, because: str) -> None:
        now = clock.monotonic()
        with self._telling:
            if now - self._failed > _OVER:
                self._said.clear()
            self._failed = now
            if because in self._said:
                return
            self._said.add(because)
        _log().error("calls are not signed", provider=self._provider, because=because)


class UnderWay(Exception):
    """It is not known yet; whoever wants to know asks again."""


class Errand:
    """Asks a module in a thread of its own, for it may take long or for ever, and is asked in turn
    for what it has found; one question at a time, by one thread."""

    def __init__(self) -> None:
        self._about: object = None
        self._found: Future[Any] | None = None

    def __call__(self, about: object, ask: Callable[[], T]) -> T:
        """What ``ask`` comes to, or raises, told once; ``about`` tells one question from another.
        Raises UnderWay until then, and KeyUnusable where no thread is to be had."""
        found = self._found
        if found is not None:
            if not found.done():
                raise UnderWay
            self._found = None
            if self._about == about:
                answer: T = found.result()
                return answer
        self._begin(about, ask)
        raise UnderWay

    def _begin(self, about: object, ask: Callable[[], Any]) -> None:
        found: Future[Any] = Future()

        def run() -> None:
            try:
                found.set_result(ask())
            except BaseException as fault:
                found.set_exception(fault)

        try:
            threading.Thread(target=run, name="hsm look", daemon=True).start()
        except RuntimeError as fault:
            raise KeyUnusable("No thread could be started in which the HSM is asked.") from fault
        self._about, self._found = about, found


def _log() -> Any:
    return report.to("phonotary.far_keys")
