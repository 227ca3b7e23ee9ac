"""The sockets of the DNS edge: UDP and TCP on one port. What to say is :mod:`responder`'s."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass
from typing import Any, cast

from phonotary.dns.messages import MAX_MESSAGE
from phonotary.dns.responder import Dips, Responder
from phonotary.dns.zone import DEFAULT_APEX, Absent, Soa, Zone
from phonotary.listening import listen

_log = logging.getLogger(__name__)

# Queries taken in one turn of the loop: enough to spare turns, few enough to let others in.
_TURN = 64
_FAREWELL = 1.0
_LENGTH = 2  # octets before each message of a stream (RFC 1035 section 4.2.2)


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of the TCP side (RFC 7766 section 6)."""

    connections: int = 1_024
    idle: float = 30.0
    """Seconds without a whole query after which a connection is closed."""
    unread: int = 262_144
    """Octets of responses that a peer may leave unread."""


class Server:
    """A running DNS edge; get one from :func:`serve`."""

    def __init__(self, responder: Responder, limits: Limits, udp: socket.socket) -> None:
        self._responder = responder
        self._udp = udp
        self._loop = asyncio.get_running_loop()
        self._tcp: asyncio.Server | None = None
        self.limits = limits
        self.connections: set[_Connection] = set()
        self.port: int = udp.getsockname()[1]

    def start(self, tcp: asyncio.Server) -> None:
        self._tcp = tcp
        self._loop.add_reader(self._udp.fileno(), self._readable)

    async def close(self) -> None:
        """Stop at once; nothing is under way, as every query is answered when it is read."""
        self._loop.remove_reader(self._udp.fileno())
        self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for connection in list(self.connections):
            connection.abort()
        if self._tcp is not None:
            await self._tcp.wait_closed()

    def connection(self) -> asyncio.Protocol:
        return _Connection(self, self._responder)

    def _readable(self) -> None:
        receive, send, answer = self._udp.recvfrom, self._udp.sendto, self._responder.answer
        for _ in range(_TURN):
            try:
                data, source = receive(MAX_MESSAGE)
            except OSError:
                # Nothing is left; or an ICMP error of an earlier response, which ends the turn.
                return
            try:
                reply = answer(data, source[0])
                if reply is not None:
                    send(reply, source)
            except OSError:
                # A full buffer or an unreachable peer loses the response, as networks do.
                continue
            except Exception as fault:
                # One datagram must not end the edge for all others.
                _log.error("a query was not answered", exc_info=fault)


class _Astray(Exception):
    """No query has such a length: what comes is no stream of queries."""


class _Connection(asyncio.Protocol):
    """One TCP connection: a stream of queries, each behind its length."""

    def __init__(self, server: Server, responder: Responder) -> None:
        self._server = server
        self._responder = responder
        self._buffer = bytearray()
        self._idle: asyncio.TimerHandle | None = None
        self._rest: asyncio.Handle | None = None
        self._transport: asyncio.Transport | None = None
        self._host = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._host = self._transport.get_extra_info("peername")[0]
        full = len(self._server.connections) >= self._server.limits.connections
        # A stranger could only hold a place that a client may need.
        if full or not self._responder.knows(self._host):
            self.abort()
            return
        self._server.connections.add(self)
        self._transport.set_write_buffer_limits(high=self._server.limits.unread)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        for handle in (self._idle, self._rest):
            if handle is not None:
                handle.cancel()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._rest is None:
            self._turn()

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
        self._wait_for(self._server.limits.idle, self.close)

    def _wait_for(self, seconds: float, then: Any) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._server._loop.call_later(seconds, then)

    def _turn(self) -> None:
        """Answer the queries that are whole; after a turn's worth of them others come first, and
        nothing more is read meanwhile."""
        self._rest = None
        transport, replies, answered = self._transport, list[bytes](), 0
        if transport is None:
            return
        try:
            while answered < _TURN and (query := self._next()) is not None:
                answered += 1
                reply = self._responder.answer(query, self._host, tcp=True)
                if reply is not None:
                    replies += (len(reply).to_bytes(_LENGTH, "big"), reply)
        except Exception as fault:
            if not isinstance(fault, _Astray):
                _log.error("a query was not answered", exc_info=fault)
            transport.write(b"".join(replies))
            self.close()
            return
        if not answered:
            return
        self._wait()
        # Writing may find that the peer does not read, which hangs up.
        transport.write(b"".join(replies))
        if answered == _TURN and self._transport is not None:
            transport.pause_reading()
            self._rest = self._server._loop.call_soon(self._turn)
        elif self._transport is not None and not transport.is_reading():
            transport.resume_reading()

    def _next(self) -> bytes | None:
        """The first query of the buffer; None when it is not all there. Raises _Astray."""
        buffer = self._buffer
        if len(buffer) < _LENGTH:
            return None
        end = _LENGTH + int.from_bytes(buffer[:_LENGTH], "big")
        if not _LENGTH < end <= MAX_MESSAGE:
            raise _Astray
        if len(buffer) < end:
            return None
        query = bytes(buffer[_LENGTH:end])
        del buffer[:end]
        return query


async def serve(
    host: str,
    port: int,
    dips: Dips,
    *,
    apex: str = DEFAULT_APEX,
    absent: Absent = Absent.NXDOMAIN,
    soa: Soa | None = None,
    limits: Limits | None = None,
    shared: bool = False,
) -> Server:
    """Listen on ``host`` and ``port`` (0: a free one), UDP and TCP alike.

    ``shared`` lets several processes of this host listen on the same port (SO_REUSEPORT); the
    kernel keeps each peer with one of them. Raises OSError when the port is taken, ValueError for
    an apex that cannot be one.
    """
    responder = Responder(Zone(apex, absent=absent, soa=soa), dips)
    return await listen(
        host, port, lambda udp: Server(responder, limits or Limits(), udp), shared=shared
    )
