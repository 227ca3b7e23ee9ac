from __future__ import annotations

import asyncio
import socket

import pytest

from phonotary.listening import listen

HOST = "127.0.0.1"


class Silent:
    """Takes a port and says nothing."""

    def __init__(self, udp: socket.socket) -> None:
        self.udp = udp
        self.port: int = udp.getsockname()[1]
        self.tcp: asyncio.Server | None = None

    def connection(self) -> asyncio.Protocol:
        return asyncio.Protocol()

    def start(self, tcp: asyncio.Server) -> None:
        self.tcp = tcp

    async def close(self) -> None:
        assert self.tcp is not None
        self.udp.close()
        self.tcp.close()
        await self.tcp.wait_closed()


def test_udp_and_tcp_are_on_one_port() -> None:
    async def run() -> None:
        listener = await listen(HOST, 0, Silent, shared=False)
        assert listener.tcp is not None
        assert listener.tcp.sockets[0].getsockname() == listener.udp.getsockname()
        await listener.close()

    asyncio.run(run())


def test_a_free_port_that_is_taken_for_tcp_is_given_up_for_another() -> None:
    taken, made = list[socket.socket](), list[Silent]()

    def make(udp: socket.socket) -> Silent:
        made.append(Silent(udp))
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
            await listen(HOST, port, Silent, shared=False)
        # Nothing is left behind: the port is free for UDP.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind((HOST, port))

    with socket.create_server((HOST, 0)) as taken:
        asyncio.run(run(taken.getsockname()[1]))
