"""A DNS edge on a real port, in a thread of its own."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from phonotary.dns.server import Server, serve
from tests.dns.books import Book
from tests.listening.threads import in_thread


def serving(book: Book | None = None, **settings: Any) -> AbstractContextManager[Server]:
    return in_thread(lambda: serve("127.0.0.1", 0, book or Book(), **settings))
