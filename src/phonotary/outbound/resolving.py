"""The addresses of a name, asked for in threads that nobody has to wait for.

A look-up cannot be called off, and one whose name server hangs takes the C library half a minute.
Whoever gives up on it leaves its thread behind: those are daemons, so that a process ends without
them, and there is a bound to how many there are. Beyond it look-ups wait in line, as long as
somebody waits for them.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from phonotary.shaken import credential_url


class Crowded(OSError):
    """Too many look-ups are under way and in line; this one was not begun."""


@dataclass(slots=True, eq=False)
class _Asked:
    """One look-up, for all who ask for its name meanwhile."""

    host: str
    port: int
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[list[str]]
    site: str = field(init=False)
    wanted: int = 0
    """Those who still wait for it."""

    def __post_init__(self) -> None:
        self.site = credential_url.site(self.host)


class Resolver:
    """Bounds look-ups; those of one event loop or of several."""

    def __init__(self, most: int = 64, of_a_site: int = 16, waiting: int = 256) -> None:
        """``of_a_site`` is the share of each :func:`credential_url.site`: one name server that
        hangs holds no more threads than that, whoever has given up on it meanwhile; nor does a
        site hold more than that part of the line, in which there are ``waiting`` places."""
        self._most, self._of_a_site, self._waiting = most, of_a_site, waiting
        self._sites: Counter[str] = Counter()
        self._known: dict[tuple[asyncio.AbstractEventLoop, str], _Asked] = {}
        self._line: list[_Asked] = []
        self._counting = threading.Lock()

    async def __call__(self, host: str, port: int) -> list[str]:
        """All addresses of a host, as text, each once. Raises Crowded at once where the line is
        full, OSError or UnicodeError where the name has none; whoever calls sets the time it may
        take."""
        asked = self._join(host, port, asyncio.get_running_loop())
        try:
            # Shielded: who gives up must not take the answer from the others.
            return await asyncio.shield(asked.answer)
        finally:
            self._part(asked)

    def _join(self, host: str, port: int, loop: asyncio.AbstractEventLoop) -> _Asked:
        """One look-up for each name, so that a thousand addresses of one host need one."""
        with self._counting:
            asked = self._known.get((loop, host))
            if asked is None:
                asked = _Asked(host, port, loop, loop.create_future())
                if self._has_room(asked):
                    self._begin(asked)
                else:
                    self._queue(asked)
                self._known[loop, host] = asked
            asked.wanted += 1
            return asked

    def _part(self, asked: _Asked) -> None:
        with self._counting:
            asked.wanted -= 1
            if not asked.wanted and asked in self._line:
                self._line.remove(asked)
                del self._known[asked.loop, asked.host]

    def _has_room(self, asked: _Asked) -> bool:
        return self._sites.total() < self._most and self._sites[asked.site] < self._of_a_site

    def _queue(self, asked: _Asked) -> None:
        neighbours = sum(one.site == asked.site for one in self._line)
        share = self._waiting * self._of_a_site // self._most
        if len(self._line) >= self._waiting or neighbours >= share:
            raise Crowded("too many names are being looked up")
        self._line.append(asked)

    def _begin(self, asked: _Asked) -> None:
        """Raises Crowded where no thread is to be had."""
        asks = threading.Thread(target=self._ask, args=(asked,), name="resolve", daemon=True)
        try:
            asks.start()
        except RuntimeError as error:
            raise Crowded("no thread could be started") from error
        self._sites[asked.site] += 1

    def _ask(self, asked: _Asked) -> None:
        found: list[str] | Exception
        try:
            every = socket.getaddrinfo(asked.host, asked.port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(address[0]).split("%")[0] for *_, address in every))
        except Exception as error:
            found = error
        with self._counting:
            del self._known[asked.loop, asked.host]
            self._sites[asked.site] -= 1
            if not self._sites[asked.site]:
                del self._sites[asked.site]
            self._call_up()
        _tell(asked, found)

    def _call_up(self) -> None:
        for asked in [*self._line]:
            if not self._has_room(asked):
                continue
            self._line.remove(asked)
            try:
                self._begin(asked)
            except Crowded as crowded:
                del self._known[asked.loop, asked.host]
                _tell(asked, crowded)


def _tell(asked: _Asked, found: list[str] | Exception) -> None:
    # Everybody may have gone home long ago, and the loop with them.
    with suppress(RuntimeError):
        asked.loop.call_soon_threadsafe(_set, asked.answer, found)


def _set(answer: asyncio.Future[list[str]], found: list[str] | Exception) -> None:
    if isinstance(found, Exception):
        answer.set_exception(found)
    else:
        answer.set_result(found)


resolve = Resolver(of_a_site=64)
"""For whom the number of those who ask is bounded elsewhere: callbacks, and the databases."""
