"""Connections and transactions, the same over SQLite and PostgreSQL.

SQLite: WAL with ``synchronous=FULL``, so an acknowledged write survives a power cut; writers take
BEGIN IMMEDIATE, for a read that turns into a write under plain BEGIN fails with "database is
locked" however long it waits. PostgreSQL: read committed, bundle rows locked while they change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, OperationalError

from phonotary.errors import Reason, Refused
from phonotary.storage.store import SqlStore

T = TypeVar("T")

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=10000",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-65536",
    "PRAGMA mmap_size=1073741824",
)
# PostgreSQL: serialization failure and deadlock. Whoever is told so may simply try again.
_TRY_AGAIN = {"40001", "40P01"}
_TRIES = 4


def _dumps(value: Any) -> str:
    return msgspec.json.encode(value).decode()


class Database:
    """Everything that is kept. ``url`` is a SQLAlchemy URL; a SQLite one names a file."""

    def __init__(self, url: str, pool_size: int = 8) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        options: dict[str, Any] = {
            "json_serializer": _dumps,
            "json_deserializer": msgspec.json.decode,
        }
        if self.is_sqlite:
            self._writer = self._sqlite_engine(url, "BEGIN IMMEDIATE", options)
            self._reader = self._sqlite_engine(url, "BEGIN", options)
        else:
            self._writer = create_engine(
                url, pool_size=pool_size, max_overflow=0, pool_pre_ping=True, **options
            )
            self._reader = self._writer

    @staticmethod
    def _sqlite_engine(url: str, begin: str, options: dict[str, Any]) -> Engine:
        engine = create_engine(url, connect_args={"check_same_thread": False}, **options)

        @event.listens_for(engine, "connect")
        def set_up(connection: Any, _record: Any) -> None:
            # The driver must not open transactions of its own; ours are spelled out below.
            connection.isolation_level = None
            for pragma in _PRAGMAS:
                connection.execute(pragma)

        @event.listens_for(engine, "begin")
        def start(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine

    @property
    def engine(self) -> Engine:
        return self._writer

    @contextmanager
    def reading(self) -> Iterator[SqlStore]:
        with self._reader.begin() as connection:
            yield SqlStore(connection, writing=False)

    @contextmanager
    def writing(self) -> Iterator[SqlStore]:
        """One transaction: all of it is kept, or none of it."""
        with self._writer.begin() as connection:
            yield SqlStore(connection, writing=True)

    def read(self, work: Callable[[SqlStore], T]) -> T:
        with self.reading() as store:
            return work(store)

    def write(self, work: Callable[[SqlStore], T]) -> T:
        """Run ``work`` in one transaction, again where PostgreSQL asks for it.

        Two writers that add the same thing meet a unique constraint; the second is CONFLICT.
        """
        for attempt in range(_TRIES):
            try:
                with self.writing() as store:
                    return work(store)
            except IntegrityError as error:
                raise Refused(
                    Reason.CONFLICT, "Somebody else has just made the same change"
                ) from error
            except OperationalError as error:
                state = getattr(error.orig, "sqlstate", None)
                if state not in _TRY_AGAIN or attempt == _TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        self._writer.dispose()
        self._reader.dispose()
