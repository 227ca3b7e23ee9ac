"""What every edge on one port for UDP and TCP has in common; what each says is tested with it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from phonotary.listening import Connection, Listener, listen

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Limits:
    connections: int = 4
    idle: float = 30.0
    unread: int = 65_536


class Echo(Listener):
    """Says what it hears."""

    def __init__(self, udp: socket.socket, limits: Limits, strangers: bool = False) -> None:
        super().__init__(udp, limits)
        self.udp = udp
        self.strangers = strangers

    def connection(self) -> Connection:
        return Echoing(self, lambda host: host == HOST and not self.strangers)

    def _readable(self) -> None:
        data, source = self.udp.recvfrom(65_536)
        self.udp.sendto(data, source)


class Echoing(Connection):
    def data_received(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
        if data.endswith(b"bye"):
            self.close()


def silent(udp: socket.socket) -> Echo:
    return Echo(udp, Limits())


def live(limits: Limits, work: Callable[[Echo], Awaitable[None]], strangers: bool = False) -> None:
    async def run() -> None:
        listener = await listen(HOST, 0, lambda udp: Echo(udp, limits, strangers), shared=False)
        try:
            await asyncio.wait_for(work(listener), 10)
        finally:
            await listener.close()

    asyncio.run(run())


@contextlib.asynccontextmanager
async def tcp(
    listener: Echo,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(HOST, listener.port)
    yield reader, writer
    writer.close()


async def hung_up(reader: asyncio.StreamReader) -> bool:
    """Waits until it is; an abort may be seen as a reset."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(65_536):
            pass
    return True


def test_udp_and_tcp_are_on_one_port() -> None:
    async def run() -> None:
        listener = await listen(HOST, 0, silent, shared=False)
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.setblocking(False)
            udp.connect((HOST, listener.port))
            await loop.sock_sendall(udp, b"one")
            assert await asyncio.wait_for(loop.sock_recv(udp, 16), 5) == b"one"
        async with tcp(listener) as (reader, writer):
            writer.write(b"two")
            assert await asyncio.wait_for(reader.readexactly(3), 5) == b"two"
        await listener.close()

    asyncio.run(run())


def test_a_free_port_that_is_taken_for_tcp_is_given_up_for_another() -> None:
    taken, made = list[socket.socket](), list[Echo]()

    def make(udp: socket.socket) -> Echo:
        made.append(silent(udp))
        if len(made) == 1:
            taken.append(socket.create_server((HOST, made[0].port)))
        return made[-1]

    async def run() -> None:
        listener = await listen(HOST, 0, make, shared=False)
        assert listener is made[1]
        assert made[0].udp.fileno() == -1, "the first port's socket is closed"
        await listener.close()

    asyncio.run(run())
    taken[0].close()


def test_a_named_port_that_is_taken_for_tcp_is_an_error() -> None:
    async def run(port: int) -> None:
        with pytest.raises(OSError, match="in use"):
            await listen(HOST, port, silent, shared=False)
        # Nothing is left behind: the port is free for UDP.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind((HOST, port))

    with socket.create_server((HOST, 0)) as taken:
        asyncio.run(run(taken.getsockname()[1]))


def test_closing_frees_the_port_and_hangs_up() -> None:
    async def run() -> None:
        listener = await listen(HOST, 0, silent, shared=False)
        async with tcp(listener) as (reader, writer):
            writer.write(b"here")
            assert await reader.readexactly(4) == b"here"
            await listener.close()
            assert await hung_up(reader)
        again = await listen(HOST, listener.port, silent, shared=False)
        assert again.port == listener.port
        await again.close()

    asyncio.run(run())


def test_one_connection_too_many_is_closed_and_the_others_are_held() -> None:
    async def work(listener: Echo) -> None:
        async with tcp(listener) as (reader, writer):
            writer.write(b"here")
            assert await reader.readexactly(4) == b"here"
            async with tcp(listener) as (second, _):
                assert await hung_up(second)
            writer.write(b"still")
            assert await reader.readexactly(5) == b"still"
            writer.write(b"bye")
            assert await hung_up(reader)
        # Its place is free again.
        async with tcp(listener) as (reader, writer):
            writer.write(b"here")
            assert await reader.readexactly(4) == b"here"

    live(Limits(connections=1), work)


def test_a_strangers_connection_is_closed_at_once() -> None:
    async def work(listener: Echo) -> None:
        async with tcp(listener) as (reader, _):
            assert await hung_up(reader)
        assert not listener.connections

    live(Limits(), work, strangers=True)


def test_an_idle_connection_is_closed() -> None:
    async def work(listener: Echo) -> None:
        async with tcp(listener) as (reader, _):
            assert await hung_up(reader)

    live(Limits(idle=0.05), work)


def test_hanging_up_first_sends_what_was_said() -> None:
    async def work(listener: Echo) -> None:
        async with tcp(listener) as (reader, writer):
            writer.write(b"good bye")
            assert await reader.read() == b"good bye"

    live(Limits(), work)


def test_a_peer_that_does_not_read_is_hung_up_on() -> None:
    async def work(listener: Echo) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as deaf:
            deaf.setblocking(False)
            await loop.sock_connect(deaf, (HOST, listener.port))
            with pytest.raises(ConnectionError):
                while True:
                    await loop.sock_sendall(deaf, b"x" * 65_536)

    live(Limits(unread=4_096), work)
