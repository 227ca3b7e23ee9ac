"""SQLite connections that stay open, and their transactions in plain words.

A pool's checkout and SQLAlchemy's bookkeeping of a transaction cost several times what SQLite does
in one. Here a connection stays in one unending transaction of SQLAlchemy's, which knows nothing of
the BEGIN and COMMIT that the driver is told; statements of either way work inside them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from phonotary.storage import direct


class Kept:
    """Connections of one engine; each serves one transaction at a time, in whatever thread.

    No more than ``most`` are at work; further threads wait in line for one of them.
    """

    def __init__(self, engine: Engine, begin: str, most: int) -> None:
        self._engine = engine
        self._begin = begin
        self._free = threading.Semaphore(most)
        self._idle: list[Connection] = []

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Committed at the end, rolled back if anything is raised."""
        with self._free, self._one() as connection:
            direct.tell(connection, self._begin)
            try:
                yield connection
                direct.tell(connection, "COMMIT")
            except BaseException:
                # A full disk, for one, makes SQLite roll back by itself.
                if direct.driver(connection).in_transaction:
                    direct.tell(connection, "ROLLBACK")
                raise

    @contextmanager
    def _one(self) -> Iterator[Connection]:
        connection = self._take()
        try:
            yield connection
        finally:
            self._idle.append(connection)

    def _take(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            connection = self._engine.connect()
            connection.begin()
            direct.tell(connection, "ROLLBACK")
            return connection

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()
