"""One port for UDP and TCP alike: opened, bounded and closed as the SIP door and the DNS edge both
need it. How what comes is cut into messages, and what is answered, is theirs.
"""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

# How many ports are tried when any free one will do.
_ATTEMPTS = 20
_BACKLOG = 256
_UDP_BUFFER = 4 * 1024 * 1024
_FAREWELL = 1.0


class Bounds(Protocol):
    """The bounds of the TCP side; an edge sets them, and says when a connection is idle."""

    @property
    def connections(self) -> int:
        """How many are held at a time; one more is closed at once."""

    @property
    def idle(self) -> float:
        """Seconds after which an idle connection is closed."""

    @property
    def unread(self) -> int:
        """Bytes of responses that a peer may leave unread."""


class Listener(ABC):
    """What answers on one port: its two sockets, and the connections that are held."""

    def __init__(self, udp: socket.socket, limits: Bounds) -> None:
        self._udp = udp
        self._loop = asyncio.get_running_loop()
        self._tcp: asyncio.Server | None = None
        self.limits = limits
        self.connections: set[Connection] = set()
        self.port: int = udp.getsockname()[1]

    @abstractmethod
    def connection(self) -> Connection:
        """What serves one TCP connection."""

    @abstractmethod
    def _readable(self) -> None:
        """Datagrams have come. Raises nothing: one of them must not end the edge for all others."""

    def start(self, tcp: asyncio.Server) -> None:
        """Both sockets are open."""
        self._tcp = tcp
        self._loop.add_reader(self._udp.fileno(), self._readable)

    async def close(self) -> None:
        """Free the port and hang up on everybody at once."""
        self._loop.remove_reader(self._udp.fileno())
        self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for connection in list(self.connections):
            connection.abort()
        if self._tcp is not None:
            await self._tcp.wait_closed()


class Connection(asyncio.Protocol):
    """One TCP connection, held while there is a place for it and it is not idle."""

    def __init__(self, server: Listener, knows: Callable[[str], bool]) -> None:
        """``knows`` says whether a host is anybody's: a stranger could only hold a place that a
        client may need."""
        self._server = server
        self._knows = knows
        self._idle: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._peer: tuple[Any, ...] = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer = self._transport.get_extra_info("peername")
        limits = self._server.limits
        full = len(self._server.connections) >= limits.connections
        if full or not self._knows(self._peer[0]):
            self.abort()
            return
        self._server.connections.add(self)
        self._transport.set_write_buffer_limits(high=limits.unread)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        if self._idle is not None:
            self._idle.cancel()
        self._transport = None

    def pause_writing(self) -> None:
        """The peer does not read what it asked for."""
        self.abort()

    def close(self) -> None:
        """Hang up once what was answered is sent; a peer that does not read it gets a second."""
        if self._transport is not None:
            self._transport.close()
            self._wait_for(_FAREWELL, self._transport.abort)
            self._transport = None

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def _wait(self) -> None:
        """The connection is not idle: its time begins anew."""
        self._wait_for(self._server.limits.idle, self.close)

    def _wait_for(self, seconds: float, then: Callable[[], None]) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._server._loop.call_later(seconds, then)


_L = TypeVar("_L", bound=Listener)


async def listen(host: str, port: int, make: Callable[[socket.socket], _L], *, shared: bool) -> _L:
    """What ``make`` makes of the bound UDP socket, started on ``port`` (0: a free one).

    ``shared`` lets several processes of this host listen on the same port (SO_REUSEPORT); the
    kernel keeps each peer with one of them. Raises OSError when the port is taken.
    """
    loop = asyncio.get_running_loop()
    for attempt in range(_ATTEMPTS):
        udp = _udp(host, port, shared)
        try:
            listener = make(udp)
            tcp = await loop.create_server(
                listener.connection,
                host,
                listener.port,
                reuse_port=shared or None,
                backlog=_BACKLOG,
            )
        except OSError:
            udp.close()
            # A port that is free for UDP may be taken for TCP; only a free one is tried again.
            if port or attempt == _ATTEMPTS - 1:
                raise
        else:
            listener.start(tcp)
            return listener
    raise AssertionError("the loop above returns or raises")


def _udp(host: str, port: int, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    try:
        udp.setblocking(False)
        # A burst of calls must fit while one turn of the loop runs elsewhere.
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UDP_BUFFER)
        if shared:
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        udp.bind((host, port))
    except OSError:
        udp.close()
        raise
    return udp
