"""The doors in this process: what takes time, what is counted, and what is left at the end."""

from __future__ import annotations

import asyncio
import socket
import stat
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from phonotary.outbound import relay
from phonotary.web.proxy import connect
from phonotary.web.proxy.doors import Doors
from tests.proxy.wire import PATIENCE, serving


class Nobody(asyncio.Protocol):
    """A web server that must not be reached."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        raise AssertionError("answered as if it were Twilio")


@asynccontextmanager
async def open_doors(*, offline: bool = False) -> AsyncIterator[Doors]:
    doors = Doors.bound(offline=offline)
    try:
        await doors.serve(Nobody)
        yield doors
        doors.stop()
    finally:
        doors.close()


async def said(doors: Doors, request: bytes) -> bytes:
    """All that the proxy answers to it."""
    host, _, port = doors.proxy.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_a_head_that_dawdles_is_a_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(connect, "LINGER_SECONDS", 0.1)

    async def dawdle() -> bytes:
        async with open_doors() as doors:
            return await said(doors, b"CONNECT api.twilio.com:443 HTTP/1.1\r\nX: y\r\n")

    assert asyncio.run(dawdle()).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("host", ["eviltwilio.com", "twilio.com.evil", "api.twilio.com.evil"])
@pytest.mark.parametrize("line", ["CONNECT {}:80 HTTP/1.1", "GET http://{}/ HTTP/1.1"])
def test_a_host_that_only_looks_like_twilios_is_relayed_not_answered(
    monkeypatch: pytest.MonkeyPatch, host: str, line: str
) -> None:
    dialled: list[tuple[str, int]] = []
    dial = relay.dial

    async def ask(port: int) -> bytes:
        async def recorded(host: str, wanted: int) -> relay.Leg:
            dialled.append((host, wanted))
            return await dial("127.0.0.1", port)

        monkeypatch.setattr(relay, "dial", recorded)
        async with open_doors() as doors:
            return await said(doors, f"{line.format(host)}\r\n\r\n".encode())

    with serving(lambda connection: connection.sendall(b"evil")) as port:
        assert asyncio.run(ask(port)).endswith(b"evil")
    assert dialled == [(host, 80)]


def test_tunnels_are_counted_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "MOST_TUNNELS", 1)

    async def three(port: int) -> list[bytes]:
        request = f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode()
        async with open_doors() as doors:
            host, _, own = doors.proxy.removeprefix("http://").rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(own))
            writer.write(request)
            first = await reader.readline()
            second = await said(doors, request)
            writer.close()
            await until(lambda: doors.tunnels == 0)
            third = await asyncio.open_connection(host, int(own))
            third[1].write(request)
            answers = [first, second, await third[0].readline()]
            third[1].close()
            return answers

    with serving(lambda connection: connection.recv(1)) as port:
        first, second, third = asyncio.run(three(port))
    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 503 ")
    assert third.startswith(b"HTTP/1.1 200 ")


def test_whoever_is_inside_when_the_doors_stop_is_let_go() -> None:
    async def hang(port: int) -> tuple[bytes, bytes]:
        async with open_doors() as doors:
            host, _, own = doors.proxy.removeprefix("http://").rpartition(":")
            idle = await asyncio.open_connection(host, int(own))
            relayed = await asyncio.open_connection(host, int(own))
            relayed[1].write(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
            await relayed[0].readuntil(b"\r\n\r\n")
            doors.stop()
            async with asyncio.timeout(PATIENCE):
                rest = await idle[0].read(), await relayed[0].read()
            for _, writer in (idle, relayed):
                writer.close()
            return rest

    with serving(lambda connection: connection.recv(1)) as port:
        assert asyncio.run(hang(port)) == (b"", b"")


def test_the_runs_directory_is_its_owners_alone_and_goes_with_the_run() -> None:
    doors = Doors.bound()
    assert stat.S_IMODE(doors.directory.stat().st_mode) == 0o700
    assert [path.name for path in doors.directory.iterdir()] == ["ca.pem"]
    doors.close()
    assert not doors.directory.exists()


def test_a_taken_port_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="in use"),
    ):
        Doors.bound(tls_port=taken.getsockname()[1])
    assert list(tmp_path.iterdir()) == []


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)
