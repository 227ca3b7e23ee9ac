"""One port for UDP and TCP alike, as the SIP door and the DNS edge both need it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol, TypeVar

# How many ports are tried when any free one will do.
_ATTEMPTS = 20
_BACKLOG = 256
_UDP_BUFFER = 4 * 1024 * 1024


class Listener(Protocol):
    """What answers on the port."""

    @property
    def port(self) -> int: ...

    def connection(self) -> asyncio.Protocol:
        """What serves one TCP connection."""

    def start(self, tcp: asyncio.Server) -> None:
        """Both sockets are open."""


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
