"""One connection to the proxy: its first request says whose it is, and it is handed over whole.

Twilio's hosts are answered here: after CONNECT the decrypted stream goes straight to the web
server's own protocol, so a request that came through the proxy costs what any other costs. Other
hosts get a relay of bytes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from phonotary import report
from phonotary.outbound import relay
from phonotary.web.proxy import head, names
from phonotary.web.proxy.head import Head, Refusal

# A client on this machine sends a head at once; one that dawdles is broken.
HEAD_SECONDS = 10.0
HANDSHAKE_SECONDS = 10.0
LINGER_SECONDS = 2.0
# Far more than a program opens, and fewer than the file descriptors a process may have.
MOST_TUNNELS = 256
_END = b"\r\n\r\n"
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class House(Protocol):
    """What a connection needs of the proxy it came to."""

    offline: bool
    tunnels: int
    http: Callable[[], asyncio.Protocol]

    def context(self, host: str) -> ssl.SSLContext: ...
    def entered(self, transport: asyncio.BaseTransport) -> None: ...
    def left(self, transport: asyncio.BaseTransport) -> None: ...
    def run(self, work: asyncio.Task[None]) -> None: ...


class Door(asyncio.Protocol):
    """Reads one head, bounded in size and time, and then hands the connection over."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._received = bytearray()
        self._refused = False
        self._transport: asyncio.Transport | None = None
        self._clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._house.entered(transport)
        self._clock = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        if self._transport is not None:
            self._house.left(self._transport)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._received += data
        end = self._received.find(_END)
        if end > head.LARGEST or (end < 0 and len(self._received) > head.LARGEST):
            self._refuse(
                Refusal(
                    "431 Request Header Fields Too Large",
                    f"the head of a request may have {head.LARGEST} bytes.",
                )
            )
        elif end >= 0:
            self._stop_clock()
            first, rest = bytes(self._received[:end]), bytes(self._received[end + len(_END) :])
            assert self._transport is not None
            self._transport.pause_reading()
            work = self._hand_over(self._transport, first, rest)
            self._house.run(asyncio.get_running_loop().create_task(work))

    def _too_slow(self) -> None:
        self._refuse(
            Refusal(
                "408 Request Timeout",
                f"the head of the request did not arrive within {HEAD_SECONDS:.0f} seconds.",
            )
        )

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()

    def _refuse(self, refusal: Refusal) -> None:
        """Say why, and close once the client has had time to read it: to close upon bytes that
        nobody has read takes the answer away from it."""
        self._stop_clock()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._refused = True
        transport.write(refusal.answer())
        transport.write_eof()
        transport.resume_reading()
        self._clock = asyncio.get_running_loop().call_later(LINGER_SECONDS, transport.close)

    async def _hand_over(self, transport: asyncio.Transport, first: bytes, rest: bytes) -> None:
        try:
            wanted = head.parse(first)
            if names.is_twilio(wanted.host):
                await self._to_twilio(transport, wanted, rest)
            else:
                await self._elsewhere(transport, wanted, rest)
        except Refusal as refusal:
            self._refuse(refusal)
        except Exception:
            # A fault of ours: the client must not wait for ever, and the event loop reports it.
            transport.abort()
            raise

    async def _to_twilio(self, transport: asyncio.Transport, wanted: Head, rest: bytes) -> None:
        if not wanted.is_tunnel:
            # It says "close", so the next request cannot be taken for this host's.
            _answer(self._house, transport, wanted.onward + rest)
            transport.resume_reading()
            return
        if wanted.port != 443:
            # Nothing of a sandbox's ever goes to the real Twilio, whatever the port.
            raise Refusal("403 Forbidden", f"{wanted.host} is answered here on port 443 only.")
        if rest:
            raise Refusal("400 Bad Request", "wait for the answer to CONNECT before you go on.")
        transport.write(_ESTABLISHED)
        await _secure(self._house, transport, wanted.host)

    async def _elsewhere(self, transport: asyncio.Transport, wanted: Head, rest: bytes) -> None:
        house = self._house
        if house.offline and not names.is_here(wanted.host):
            raise Refusal(
                "403 Forbidden",
                f"{wanted.host} is not on this machine, and --offline lets nothing leave it.",
            )
        if house.tunnels >= MOST_TUNNELS:
            raise Refusal("503 Service Unavailable", f"{MOST_TUNNELS} tunnels are open already.")
        house.tunnels += 1
        try:
            await _relay(house, transport, wanted, rest)
        finally:
            house.tunnels -= 1


async def _secure(house: House, transport: asyncio.Transport, host: str) -> None:
    """TLS on the tunnel; what is decrypted goes to the web server."""
    door = TlsDoor(house, host)
    loop = asyncio.get_running_loop()
    try:
        secured = await loop.start_tls(
            transport,
            door,
            house.context(host),
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
        )
    except OSError as error:
        _report(host, error)
        house.left(transport)
        transport.close()
        return
    house.left(transport)
    # A client may hang up in the very moment the handshake is done.
    if secured is not None and not secured.is_closing():
        door.connection_made(secured)


async def _relay(house: House, transport: asyncio.Transport, wanted: Head, rest: bytes) -> None:
    try:
        there = await relay.dial(wanted.host, wanted.port)
    except OSError as error:
        because = error.strerror or "it does not answer"
        raise Refusal(
            "502 Bad Gateway", f"cannot reach {wanted.host} port {wanted.port}: {because}."
        ) from error
    here = relay.Leg()
    transport.set_protocol(here)
    here.connection_made(transport)
    if wanted.is_tunnel:
        here.write(_ESTABLISHED)
    there.write(wanted.onward + rest)
    here.join(there)
    transport.resume_reading()
    try:
        await asyncio.gather(here.closed, there.closed)
    finally:
        here.abort()
        there.abort()
        house.left(transport)


class TlsDoor(asyncio.Protocol):
    """A secured connection until its first byte: then it is the web server's.

    Whoever does not trust this run's certificate hangs up before that, and is worth a word.
    """

    def __init__(self, house: House, host: str = "") -> None:
        self._house = house
        self._host = host
        self._transport: asyncio.Transport | None = None
        self._early = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._house.entered(transport)
        if self._early:
            self._open(bytes(self._early))

    def data_received(self, data: bytes) -> None:
        # A fast client's first request may be decrypted before start_tls returns the transport.
        if self._transport is None:
            self._early += data
        else:
            self._open(data)

    def connection_lost(self, exc: Exception | None) -> None:
        _report(self._host, exc)
        if self._transport is not None:
            self._house.left(self._transport)

    def _open(self, data: bytes) -> None:
        assert self._transport is not None
        _answer(self._house, self._transport, data)


def _answer(house: House, transport: asyncio.Transport, data: bytes) -> None:
    """Give the connection to the web server, with what has been read of it already."""
    server = house.http()
    transport.set_protocol(server)
    server.connection_made(transport)
    house.left(transport)
    server.data_received(data)


def _report(host: str, error: BaseException | None) -> None:
    """A client that does not read the variable its certificates come from is the commonest
    mistake, and its own message seldom says so."""
    if isinstance(error, ssl.SSLError) and error.reason and "ALERT" in error.reason:
        report.to("phonotary.proxy").warning(
            "a client did not trust this run's certificate; see docs/zero-change.md",
            host=host,
            alert=error.reason,
        )
