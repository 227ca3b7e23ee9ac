"""The sockets of the SIP door: UDP and TCP on one port. What to say is :mod:`redirect`'s."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from phonotary.abreast import abreast
from phonotary.listening import Connection, Listener, listen
from phonotary.sip import calling_name
from phonotary.sip.calling_name import Notice
from phonotary.sip.kept import Reply
from phonotary.sip.messages import MAX_MESSAGE, Malformed, frame
from phonotary.sip.redirect import Pending, Redirect

_log = logging.getLogger(__name__)

# Datagrams taken in one turn of the loop: enough to spare turns, few enough to let others in.
_TURN = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of the TCP side, and the pace of what is sent again by UDP."""

    connections: int = 1024
    pipelined: int = 64
    """Requests of one connection that may wait for their answer; the next is answered 503."""
    idle: float = 120.0
    """Seconds without a byte after which a connection is closed."""
    unread: int = 262_144
    """Bytes of responses that a peer may leave unread."""
    t1: float = 0.5
    """Seconds: RFC 3261's estimate of a round trip, by which a NOTIFY is sent again."""


class Server(Listener):
    """A running SIP door; get one from :func:`serve`."""

    limits: Limits

    def __init__(self, redirect: Redirect, limits: Limits, udp: socket.socket) -> None:
        super().__init__(udp, limits)
        self._redirect = redirect
        self._waiting: set[asyncio.Task[None]] = set()
        self._notices: dict[bytes, tuple[str, asyncio.Task[None]]] = {}
        redirect.port = self.port

    async def close(self) -> None:
        """Stop at once: what waits for a credential is dropped, as callers try again."""
        for task in list(self._waiting):
            task.cancel()
        await super().close()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    def connection(self) -> Connection:
        return _Connection(self, self._redirect)

    def later(self, pending: Pending, send: Callable[[Reply], None]) -> asyncio.Task[None]:
        """Send what ``pending`` comes to; the redirect bounds how many there are."""

        async def run() -> None:
            send(await pending.judge())

        def done(task: asyncio.Task[None]) -> None:
            self._waiting.discard(task)
            pending.settle()

        task = self._loop.create_task(run())
        self._waiting.add(task)
        task.add_done_callback(done)
        return task

    def _notify(self, source: Any, notice: Notice) -> None:
        """Answer a SUBSCRIBE, and send the NOTIFY to the same address until it is answered."""
        self._send(source, notice.reply)

        def done(task: asyncio.Task[None]) -> None:
            self._waiting.discard(task)
            if self._notices.get(notice.key) == (source[0], task):
                del self._notices[notice.key]
            notice.settle()

        task = self._loop.create_task(self._repeat(source, (notice.notify, notice.reply[1])))
        self._notices[notice.key] = source[0], task
        self._waiting.add(task)
        task.add_done_callback(done)

    async def _repeat(self, source: Any, request: Reply) -> None:
        """RFC 3261 section 17.1.2.2: after T1, then twice as long up to T2, 64*T1 in all."""
        t1 = self.limits.t1
        wait, left = t1, 64 * t1
        while left > 0:
            self._send(source, request)
            await asyncio.sleep(min(wait, left))
            wait, left = min(2 * wait, 8 * t1), left - wait

    def _heard(self, data: bytes, host: str) -> None:
        """A response: the NOTIFY that it answers is not sent again."""
        key = calling_name.heard(data)
        if key is None or key not in self._notices:
            return
        told, task = self._notices[key]
        # Anybody could write a branch; only who was told has heard.
        if told == host:
            task.cancel()

    def _readable(self) -> None:
        """All that has come is answered abreast, and only then is anything sent;
        :mod:`phonotary.abreast` says why."""
        sources, works = [], []
        for data, source in self._received():
            if self._notices and data[:8] == b"SIP/2.0 ":
                self._heard(data, source[0])
            else:
                sources.append(source)
                works.append(self._redirect.answering(data, source[0], source[1]))
        for source, reply in zip(sources, abreast(works), strict=True):
            if type(reply) is tuple:
                self._send(source, reply)
            elif isinstance(reply, Pending):
                self.later(reply, partial(self._send, source))
            elif isinstance(reply, Notice):
                self._notify(source, reply)
            elif isinstance(reply, Exception):
                # One datagram must not end the door for all others.
                _log.error("a request was not answered", exc_info=reply)

    def _received(self) -> list[tuple[bytes, Any]]:
        """The datagrams of one turn."""
        came = []
        # Nothing is left; or an ICMP error of an earlier response, which ends the turn.
        with contextlib.suppress(OSError):
            for _ in range(_TURN):
                came.append(self._udp.recvfrom(MAX_MESSAGE))
        return came

    def _send(self, source: Any, reply: Reply) -> None:
        """The response goes to the address that asked. A full buffer or an unreachable peer loses
        it, as networks do, and the peer asks again."""
        with contextlib.suppress(OSError):
            self._udp.sendto(reply[0], (source[0], reply[1], *source[2:]))


class _Connection(Connection):
    """One TCP connection: a stream of requests, cut by Content-Length (section 18.3)."""

    _server: Server

    def __init__(self, server: Server, redirect: Redirect) -> None:
        super().__init__(server, redirect.knows)
        self._redirect = redirect
        self._buffer = bytearray()
        self._searched = 0
        self._pending: set[asyncio.Task[None]] = set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for task in list(self._pending):
            task.cancel()

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        self._wait()
        self._buffer += data
        try:
            while self._transport is not None and self._one():
                pass
        except Malformed:
            # The stream cannot be cut into messages any more, so nothing after this is read.
            self.close()

    def _one(self) -> bool:
        """Answer the first message of the buffer; False when it is not all there."""
        buffer = self._buffer
        if buffer.startswith((b"\r", b"\n")):
            # Line ends before a start line are skipped (section 7.5); some peers keep alive so.
            del buffer[: len(buffer) - len(buffer.lstrip(b"\r\n"))]
            self._searched = 0
            return True
        size = frame(buffer, self._searched)
        if not size or len(buffer) < size:
            self._searched = 0 if size else len(buffer)
            return False
        data = bytes(buffer[:size])
        del buffer[:size]
        self._searched = 0
        self._answer(data)
        return True

    def _answer(self, data: bytes) -> None:
        try:
            reply = self._redirect.answer(data, self._peer[0], self._peer[1], "TCP")
        except Exception as fault:
            # A proxy sends all its calls by one connection, and the others have done nothing.
            _log.error("a request was not answered", exc_info=fault)
            return
        if reply is None:
            return
        if isinstance(reply, Notice):
            # A stream loses nothing, so it is sent once and its answer is not waited for.
            reply.settle()
            self._write(reply.reply)
            self._write((reply.notify, 0))
            return
        if not isinstance(reply, Pending):
            self._write(reply)
            return
        if len(self._pending) >= self._server.limits.pipelined:
            # A proxy has all its calls on one connection: those that wait are not given up.
            reply.settle()
            self._write(reply.busy())
            return
        task = self._server.later(reply, self._write)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    def _write(self, reply: Reply) -> None:
        if self._transport is not None:
            self._transport.write(reply[0])


async def serve(
    host: str, port: int, redirect: Redirect, *, limits: Limits | None = None, shared: bool = False
) -> Server:
    """Listen on ``host`` and ``port`` (0: a free one), UDP and TCP alike.

    ``shared`` lets several processes of this host listen on the same port (SO_REUSEPORT); the
    kernel keeps each peer with one of them. Raises OSError when the port is taken.
    """
    return await listen(
        host, port, lambda udp: Server(redirect, limits or Limits(), udp), shared=shared
    )
