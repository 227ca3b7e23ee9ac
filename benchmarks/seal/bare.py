"""``python -m benchmarks.seal.bare PORT SIP_PORT KEY PUBLIC X5U WORKERS``: the least that must be
done for an answer.

Whatever is asked, it makes one signature, or checks one, and sends an answer, those of one turn of
the loop together as phonotary's are: no more is read than where the token stands, nobody is asked
who they are, nothing is decided and nothing is kept. No server in this language that signs and
checks each call by itself can be much faster, so what an aim asks beyond these rates is not to be
had by tuning.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from base64 import urlsafe_b64decode
from functools import partial
from pathlib import Path
from typing import cast

import uvloop
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from phonotary.clock import Clock
from phonotary.shaken import identity_header, passport
from phonotary.web.turns import Turns

_ORIGID = "de305d54-75b4-431b-adb2-eb6b9e546014"
_HEAD = (
    b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n"
)
_SIP = b"SIP/2.0 302 Moved Temporarily\r\nIdentity: %b\r\nContent-Length: 0\r\n\r\n"
_PASSED = b'{"verificationResponse":{"verstat":"TN-Validation-Passed"}}'
_IDENTITY = b'"identity":'
_ES256 = ec.ECDSA(SHA256())
# Datagrams of one turn, as many as phonotary takes.
_TURN = 64


def main() -> None:
    port, sip, key, public, x5u, workers = sys.argv[1:]
    for _ in range(int(workers) - 1):
        if os.fork() == 0:
            break
    signing = load_pem_private_key(Path(key).read_bytes(), None)
    checking = load_pem_public_key(Path(public).read_bytes())
    sign = partial(_sign, cast(passport.SigningKey, signing), x5u)
    check = partial(_check, cast(ec.EllipticCurvePublicKey, checking))
    uvloop.run(_serve(int(port), int(sip), sign, check))


def _sign(key: passport.SigningKey, x5u: str) -> bytes:
    claims = passport.shaken_payload("A", ("1",), Clock.wall(), "1", _ORIGID)
    return identity_header.emit(passport.sign(claims, key, x5u), x5u).encode()


def _check(key: ec.EllipticCurvePublicKey, request: bytes) -> None:
    """Raises InvalidSignature."""
    start = request.index(b'"', request.index(_IDENTITY) + len(_IDENTITY)) + 1
    signed, _, rest = request[start : request.index(b";", start)].rpartition(b".")
    raw = urlsafe_b64decode(rest + b"==")
    pair = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    key.verify(encode_dss_signature(*pair), signed, _ES256)


async def _serve(port: int, sip: int, sign, check) -> None:  # type: ignore[no-untyped-def]
    class Bare(asyncio.Protocol):
        came = answer = b""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._write = cast(asyncio.Transport, transport).write

        def data_received(self, data: bytes) -> None:
            self.came += data
            # The end of a request, for those who send its head alone.
            if data.endswith(b"}"):
                turns.add(self)

        def work(self) -> None:
            request, self.came = self.came, b""
            if _IDENTITY in request:
                check(request)
                body = _PASSED
            else:
                body = b'{"signingResponse":{"identity":"%b"}}' % sign()
            self.answer = _HEAD % len(body) + body

        def send(self) -> None:
            self._write(self.answer)

    def readable() -> None:
        came = []
        with contextlib.suppress(BlockingIOError):
            for _ in range(_TURN):
                came.append(udp.recvfrom(65_535)[1])
        for answer, source in [(_SIP % sign(), source) for source in came]:
            udp.sendto(answer, source)

    turns = Turns(Bare.work, Bare.send)
    loop = asyncio.get_running_loop()
    udp = socket.socket(type=socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    udp.setblocking(False)
    udp.bind(("127.0.0.1", sip))
    loop.add_reader(udp.fileno(), readable)
    server = await loop.create_server(Bare, "127.0.0.1", port, reuse_port=True)
    await server.serve_forever()


if __name__ == "__main__":
    main()
