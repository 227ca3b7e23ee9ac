"""How long a client may take to say what it wants, and how many may be there at one time.

uvicorn waits for a first request without end, and for one that has begun as well. Whoever opens
connections and says nothing, or a letter a minute, would hold them all.
"""

from __future__ import annotations

import asyncio
from typing import Any

CONNECTIONS = 4_096
"""Of one process; what comes beyond is closed at once."""
HEAD_SECONDS = 15.0
"""From the connection, or from a request's first byte, to the end of its head."""


class Patience:
    """Put before a protocol of uvicorn's in the order of classes."""

    transport: Any
    loop: asyncio.AbstractEventLoop
    connections: set[Any]
    _too_slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)  # type: ignore[misc]
        if len(self.connections) > CONNECTIONS:
            transport.abort()
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        super().connection_lost(exc)  # type: ignore[misc]

    def on_message_begin(self) -> None:
        if self._too_slow is None:
            self._wait()
        super().on_message_begin()  # type: ignore[misc]

    def on_headers_complete(self) -> None:
        self._heard()
        super().on_headers_complete()  # type: ignore[misc]

    def _wait(self) -> None:
        self._too_slow = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _heard(self) -> None:
        if self._too_slow is not None:
            self._too_slow.cancel()
            self._too_slow = None

    def _give_up(self) -> None:
        self.transport.close()
