"""SQLite connections that stay open, and their transactions in plain words.

A pool's checkout and SQLAlchemy's bookkeeping of a transaction cost several times what SQLite does
in one. Here a connection stays in one unending transaction of SQLAlchemy's, which knows nothing of
the BEGIN and COMMIT that the driver is told; statements of either way work inside them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

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
                    # Where even this fails, that is not what the caller is to hear of.
                    with suppress(DBAPIError):
                        direct.tell(connection, "ROLLBACK")
                raise

    @contextmanager
    def _one(self) -> Iterator[Connection]:
        connection = self._take()
        try:
            yield connection
        finally:
            if direct.driver(connection).in_transaction:
                # It would begin the next one's work inside of this one's.
                _discard(connection)
            else:
                self._idle.append(connection)

    def _take(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            connection = self._engine.connect()
            try:
                connection.begin()
                direct.tell(connection, "ROLLBACK")
            except BaseException:
                _discard(connection)
                raise
            return connection

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


def _discard(connection: Connection) -> None:
    """Closed at the driver: SQLite then undoes what was not committed and lets go of its locks."""
    connection.invalidate()
    connection.close()
