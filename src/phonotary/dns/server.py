"""The sockets of the DNS edge: UDP and TCP on one port. What to say is :mod:`responder`'s."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass

from phonotary.dns.messages import MAX_MESSAGE
from phonotary.dns.responder import Dips, Responder
from phonotary.dns.zone import DEFAULT_APEX, Absent, Soa, Zone
from phonotary.listening import Connection, Listener, listen

_log = logging.getLogger(__name__)

# Queries taken in one turn of the loop: enough to spare turns, few enough to let others in.
_TURN = 64
_LENGTH = 2  # octets before each message of a stream (RFC 1035 section 4.2.2)


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of the TCP side (RFC 7766 section 6)."""

    connections: int = 1_024
    idle: float = 30.0
    """Seconds without a whole query after which a connection is closed."""
    unread: int = 262_144
    """Octets of responses that a peer may leave unread."""


class Server(Listener):
    """A running DNS edge; get one from :func:`serve`.

    It may be closed at any time: nothing is under way, as every query is answered when it is read.
    """

    def __init__(self, responder: Responder, limits: Limits, udp: socket.socket) -> None:
        super().__init__(udp, limits)
        self._responder = responder

    def connection(self) -> Connection:
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


class _Connection(Connection):
    """One TCP connection: a stream of queries, each behind its length."""

    def __init__(self, server: Server, responder: Responder) -> None:
        super().__init__(server, responder.knows)
        self._responder = responder
        self._buffer = bytearray()
        self._rest: asyncio.Handle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._rest is not None:
            self._rest.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._rest is None:
            self._turn()

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
                reply = self._responder.answer(query, self._peer[0], tcp=True)
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
