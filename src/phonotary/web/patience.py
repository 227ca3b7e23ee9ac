"""How long a client may take to say what it wants, and how many may be there at one time.

uvicorn waits for a first request without end, and for one that has begun as well. Whoever opens
connections and says nothing, or a letter a minute, would hold them all. No timer is set for each
request, for that would cost as much as reading it: one look now and then goes over all connections.
"""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakSet

from uvicorn.server import ServerState

CONNECTIONS = 4_096
"""Of one process; what comes beyond is closed at once."""
HEAD_SECONDS = 15.0
"""From the connection, or from a request's first byte, to the end of its head; a quarter more where
it falls between two looks."""

# The servers whose connections are looked at.
_looked_at: WeakSet[ServerState] = WeakSet()


class Patience:
    """Put before a protocol of uvicorn's in the order of classes."""

    transport: Any
    loop: asyncio.AbstractEventLoop
    connections: set[Any]
    server_state: ServerState
    in_head_since: float | None = None
    """The loop's time; None while nothing is waited for."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)  # type: ignore[misc]
        if len(self.connections) > CONNECTIONS:
            transport.abort()
            return
        self.in_head_since = self.loop.time()
        if self.server_state not in _looked_at:
            _looked_at.add(self.server_state)
            _look_later(self.loop, self.server_state)

    def on_message_begin(self) -> None:
        if self.in_head_since is None:
            self.in_head_since = self.loop.time()
        super().on_message_begin()  # type: ignore[misc]

    def on_headers_complete(self) -> None:
        self.in_head_since = None
        super().on_headers_complete()  # type: ignore[misc]


def _look_later(loop: asyncio.AbstractEventLoop, server: ServerState) -> None:
    loop.call_later(HEAD_SECONDS / 4, _look, loop, server)


def _look(loop: asyncio.AbstractEventLoop, server: ServerState) -> None:
    """Once for all connections of a server, as long as there are any."""
    patient_until = loop.time() - HEAD_SECONDS
    for one in tuple(server.connections):
        since = getattr(one, "in_head_since", None)
        if since is not None and since < patient_until:
            one.transport.close()
    if server.connections:
        _look_later(loop, server)
    else:
        _looked_at.discard(server)
