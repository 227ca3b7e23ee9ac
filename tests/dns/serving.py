"""A DNS edge on a real port, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from phonotary.dns.server import Server, serve
from tests.dns.books import Book


@contextmanager
def serving(book: Book | None = None, **settings: Any) -> Iterator[Server]:
    ready, servers = threading.Event(), list[Server]()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        servers.append(await serve("127.0.0.1", 0, book or Book(), **settings))
        ready.set()

    def live() -> None:
        loop.run_until_complete(run())
        loop.run_forever()

    thread = threading.Thread(target=live)
    thread.start()
    try:
        assert ready.wait(10)
        yield servers[0]
    finally:
        asyncio.run_coroutine_threadsafe(servers[0].close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
