"""What listens on a real port in a thread of its own, and how its peer sees it hang up."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar


class Closing(Protocol):
    async def close(self) -> None: ...


S = TypeVar("S", bound=Closing)


@contextmanager
def in_thread(serve: Callable[[], Awaitable[S]]) -> Iterator[S]:
    """What ``serve`` comes to, on a loop that runs until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def started() -> S:
        return await serve()

    try:
        server = asyncio.run_coroutine_threadsafe(started(), loop).result(10)
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def closed(sock: socket.socket) -> bool:
    """Whether the other side has hung up; what it sent before is passed over."""
    try:
        while sock.recv(65536):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True
