"""Who is asked for a chain now, who waits in line for it, and who has had long enough.

Which addresses are asked is chosen by strangers who call. So a host and a site have shares of what
may be asked at the same time; who finds no place waits, as long as a call does; and a server that
is slow loses its place, though not its fetch, to those who wait.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from phonotary.outbound.keeping import Keeping
from phonotary.shaken import credential_url
from phonotary.shaken.verdicts import Unobtainable


class _Flight:
    """One fetch: in line, in a place, late, or over."""

    __slots__ = ("dropped", "host", "site", "timeout", "turn")

    def __init__(self, host: str, loop: asyncio.AbstractEventLoop) -> None:
        self.host, self.site = host, credential_url.site(host)
        self.turn: asyncio.Future[None] = loop.create_future()
        self.timeout: asyncio.Timeout | None = None
        self.dropped = False


class Places:
    """Belongs to one event loop."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping
        # Each in the order in which they came.
        self._line: dict[_Flight, None] = {}
        self._prompt: dict[_Flight, None] = {}
        self._late: dict[_Flight, None] = {}
        self._hosts: Counter[str] = Counter()
        self._sites: Counter[str] = Counter()
        self._line_sites: Counter[str] = Counter()

    def __len__(self) -> int:
        """All that is under way or in line."""
        return len(self._line) + len(self._prompt) + len(self._late)

    @asynccontextmanager
    async def place(self, host: str) -> AsyncIterator[None]:
        """A place for one fetch, which is over when the block ends.

        Raises Unobtainable (``busy``) where none is had within the budget, or where others needed
        it more; TimeoutError where the fetch took all its patience.
        """
        loop = asyncio.get_running_loop()
        flight = _Flight(host, loop)
        try:
            await self._turn(flight)
        except TimeoutError:
            raise busy() from None
        timer = loop.call_later(self._keeping.budget, self._be_late, flight)
        try:
            async with asyncio.timeout(self._keeping.patience) as flight.timeout:
                yield
        except TimeoutError:
            if flight.dropped:
                raise busy() from None
            raise
        finally:
            timer.cancel()
            self._leave(flight)

    async def _turn(self, flight: _Flight) -> None:
        if self._has_room(flight):
            self._begin(flight)
            return
        keeping = self._keeping
        share = keeping.waiting * keeping.of_a_site // keeping.fetches
        if len(self._line) >= keeping.waiting or self._line_sites[flight.site] >= share:
            raise busy()
        self._line[flight] = None
        self._line_sites[flight.site] += 1
        try:
            async with asyncio.timeout(keeping.budget):
                await flight.turn
        except BaseException:
            # Its turn may have come in the same moment.
            self._leave(flight)
            raise

    def _has_room(self, flight: _Flight) -> bool:
        keeping = self._keeping
        return (
            len(self._prompt) < keeping.fetches
            and self._hosts[flight.host] < keeping.of_a_host
            and self._sites[flight.site] < keeping.of_a_site
        )

    def _begin(self, flight: _Flight) -> None:
        self._prompt[flight] = None
        self._hosts[flight.host] += 1
        self._sites[flight.site] += 1

    def _leave(self, flight: _Flight) -> None:
        self._late.pop(flight, None)
        self._leave_line(flight)
        self._leave_place(flight)

    def _leave_line(self, flight: _Flight) -> None:
        if flight in self._line:
            del self._line[flight]
            _less(self._line_sites, flight.site)

    def _leave_place(self, flight: _Flight) -> None:
        if flight in self._prompt:
            del self._prompt[flight]
            _less(self._hosts, flight.host)
            _less(self._sites, flight.site)
            self._call_up()

    def _call_up(self) -> None:
        for flight in [*self._line]:
            if len(self._prompt) >= self._keeping.fetches:
                return
            if self._has_room(flight):
                self._leave_line(flight)
                self._begin(flight)
                if not flight.turn.done():
                    flight.turn.set_result(None)

    def _be_late(self, flight: _Flight) -> None:
        """It goes on beside the places. Where too many do, the oldest has had its chance, and it
        is not held against its address: a server may be slow and answer."""
        self._late[flight] = None
        self._leave_place(flight)
        neighbours = [one for one in self._late if one.site == flight.site]
        if len(neighbours) > self._keeping.late_of_a_site:
            self._drop(neighbours[0])
        elif len(self._late) > self._keeping.late:
            self._drop(next(iter(self._late)))

    def _drop(self, flight: _Flight) -> None:
        del self._late[flight]
        flight.dropped = True
        # Its patience may have ended in the same moment.
        if flight.timeout is not None and not flight.timeout.expired():
            flight.timeout.reschedule(asyncio.get_running_loop().time())


def _less(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if not counter[name]:
        del counter[name]


def busy() -> Unobtainable:
    """Nobody was asked, or not for long enough to say anything against them."""
    return Unobtainable("busy", "Too many repositories are being asked.")
