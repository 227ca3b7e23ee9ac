"""``python -m benchmarks.seal.bare PORT KEY X5U WORKERS``: the least a signing server can do here.

Whatever is asked, it signs one PASSporT and sends it, the answers of one turn of the loop together
as phonotary's are: nothing is read, nobody is asked who they are, nothing is decided and nothing is
kept. No server in this language that signs each call by itself can be much faster, so what an aim
asks beyond this rate is not to be had by tuning.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import cast

import uvloop
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from phonotary.clock import Clock
from phonotary.shaken import identity_header, passport
from phonotary.web.turns import Turns

_ORIGID = "de305d54-75b4-431b-adb2-eb6b9e546014"
_HEAD = (
    b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n"
)


def main() -> None:
    port, key, x5u, workers = sys.argv[1:]
    for _ in range(int(workers) - 1):
        if os.fork() == 0:
            break
    uvloop.run(_serve(int(port), load_pem_private_key(Path(key).read_bytes(), None), x5u))


async def _serve(port: int, key: passport.SigningKey, x5u: str) -> None:
    class Bare(asyncio.Protocol):
        answer = b""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._write = cast(asyncio.Transport, transport).write

        def data_received(self, data: bytes) -> None:
            # The end of a request, for those who send its head alone.
            if data.endswith(b"}"):
                turns.add(self)

        def sign(self) -> None:
            claims = passport.shaken_payload("A", ("1",), Clock.wall(), "1", _ORIGID)
            identity = identity_header.emit(passport.sign(claims, key, x5u), x5u)
            body = b'{"signingResponse":{"identity":"%b"}}' % identity.encode()
            self.answer = _HEAD % len(body) + body

        def send(self) -> None:
            self._write(self.answer)

    turns = Turns(Bare.sign, Bare.send)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Bare, "127.0.0.1", port, reuse_port=True)
    await server.serve_forever()


if __name__ == "__main__":
    main()
