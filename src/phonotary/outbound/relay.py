"""Bytes between a client of the proxy and the host it asked for, in both directions."""

from __future__ import annotations

import asyncio
from typing import cast

# A name that does not resolve, or a host that does not answer, is known by then.
PATIENCE = 10.0


class Leg(asyncio.Protocol):
    """One side of a relay. What it reads the other side writes, no faster than that one can."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._other: Leg | None = None
        self._early: list[bytes] = []
        self._ended = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def join(self, other: Leg) -> None:
        """From now on what arrives here goes there, and the other way round."""
        self._other, other._other = other, self
        for here, there in ((self, other), (other, self)):
            for data in here._early:
                there.write(data)
            here._early.clear()
            if here._ended:
                there.end()

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def end(self) -> None:
        """The other side has said all it had to say; it may still be listening."""
        if self.transport is None or self.transport.is_closing():
            return
        if self._ended:
            self.transport.close()
        elif self.transport.can_write_eof():
            self.transport.write_eof()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._other is None:
            self._early.append(data)
        else:
            self._other.write(data)

    def eof_received(self) -> bool:
        self._ended = True
        if self._other is None:
            return True
        self._other.end()
        # Both have ended: nothing more can come, so asyncio may close this side as well.
        return not self._other._ended

    def connection_lost(self, exc: Exception | None) -> None:
        if self._other is not None and self._other.transport is not None:
            self._other.transport.close()
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        self._others_reading(pause=True)

    def resume_writing(self) -> None:
        self._others_reading(pause=False)

    def _others_reading(self, *, pause: bool) -> None:
        transport = self._other.transport if self._other else None
        if transport is None or transport.is_closing():
            return
        if pause:
            transport.pause_reading()
        else:
            transport.resume_reading()


async def dial(host: str, port: int) -> Leg:
    """A connection to the host, not yet joined. Raises OSError, TimeoutError among them."""
    loop = asyncio.get_running_loop()
    _, leg = await asyncio.wait_for(loop.create_connection(Leg, host, port), PATIENCE)
    return leg
