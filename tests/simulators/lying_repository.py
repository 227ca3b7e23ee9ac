"""A certificate repository on this machine that answers as badly as a test asks it to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.simulators.streams import listening

PEM_TYPE = "application/pem-certificate-chain"
Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class LyingRepository:
    """Serves one behaviour for each path and counts what it is asked."""

    port: int = 0
    scheme: str = "http"
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def at(self, path: str, behaviour: Behaviour) -> str:
        self.behaviours[path] = behaviour
        return self.origin + path

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            self.requests.append(path)
            self.heads.append(head)
            await self.behaviours[path](writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def head(status: str, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "Connection: close", "", "")).encode()


def serves(
    body: bytes, media_type: str = PEM_TYPE, *headers: str, status: str = "200 OK"
) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        said = (f"Content-Type: {media_type}", f"Content-Length: {len(body)}", *headers)
        writer.write(head(status, *said) + body)

    return behave


def redirects(to: str) -> Behaviour:
    return serves(b"", PEM_TYPE, f"Location: {to}", status="302 Found")


def never() -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    return behave


def drips(body: bytes, pause: float = 0.05) -> Behaviour:
    """A byte now and a byte then: no single wait is long, the whole is."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(head("200 OK", f"Content-Type: {PEM_TYPE}", f"Content-Length: {len(body)}"))
        for at in range(len(body)):
            writer.write(body[at : at + 1])
            await writer.drain()
            await asyncio.sleep(pause)

    return behave


def endless(told: bool = False) -> Behaviour:
    """More than anybody wants, with or without saying so first."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        length = ("Content-Length: 1000000000",) if told else ()
        writer.write(head("200 OK", f"Content-Type: {PEM_TYPE}", *length))
        for _ in range(10_000):
            writer.write(b"-----BEGIN CERTIFICATE-----\n" * 1000)
            await writer.drain()

    return behave


def breaks_off() -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(head("200 OK", f"Content-Type: {PEM_TYPE}", "Content-Length: 5000") + b"---")

    return behave


def after(pause: float, then: Behaviour) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(pause)
        await then(writer)

    return behave


@asynccontextmanager
async def running(tls: ssl.SSLContext | None = None) -> AsyncIterator[LyingRepository]:
    """Listens on a free port of 127.0.0.1; with ``tls``, as https."""
    repository = LyingRepository(scheme="https" if tls else "http")
    async with listening(repository.answer, tls) as repository.port:
        yield repository
