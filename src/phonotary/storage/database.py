"""Connections and transactions, the same over SQLite and PostgreSQL.

SQLite: WAL with ``synchronous=FULL``, so an acknowledged write survives a power cut; writers take
BEGIN IMMEDIATE, for a read that turns into a write under plain BEGIN fails with "database is
locked" however long it waits. PostgreSQL: read committed, rows a writer reads by SID locked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from phonotary import report
from phonotary.clock import Clock, Instant
from phonotary.storage import direct, faults
from phonotary.storage.feed import tell
from phonotary.storage.glances import MOMENT, Glances
from phonotary.storage.kept import Kept
from phonotary.storage.store import SqlStore

T = TypeVar("T")

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-65536",
    "PRAGMA mmap_size=1073741824",
)
# Whoever asks is a caller that waits, and the event loop with it: a server that is away, or a
# table that somebody has locked, is UNAVAILABLE after a moment.
_POSTGRESQL_PATIENCE = 5
_POSTGRESQL = {
    "connect_timeout": _POSTGRESQL_PATIENCE,
    "tcp_user_timeout": _POSTGRESQL_PATIENCE * 1000,
    "options": f"-c lock_timeout={_POSTGRESQL_PATIENCE * 1000}",
}
# Of a statement, while serving: more than any of ours takes, for what is given up may be kept.
_POSTGRESQL_HANGS = 15.0
_GLANCE = {
    **_POSTGRESQL,
    "connect_timeout": 2,
    "options": f"-c statement_timeout={MOMENT * 1000:.0f}",
}
# Whoever glances is one thread, the event loop's; the others are for those that are stuck.
_GLANCES = 4
_ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_TRIES = 4
# Milliseconds to wait for another process's lock on the SQLite file.
_AT_START, _WHILE_SERVING = 10_000, 50


def _dumps(value: Any) -> str:
    return msgspec.json.encode(value).decode()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one of several pieces of work."""

    result: Any = None
    error: Exception | None = None


class Database:
    """Everything that is kept. ``url`` is a SQLAlchemy URL; a SQLite one names a file."""

    def __init__(self, url: str, pool_size: int = 8) -> None:
        self.url = url
        self.now: Callable[[], Instant] = Clock().now
        """The clock by which changes are dated; a sandbox puts its own here."""
        self.listeners: list[Callable[[frozenset[str]], None]] = []
        """Told what a write has changed for standings, once it is committed and before whoever
        asked for it is answered. They must neither fail nor wait."""
        self._patience = _AT_START
        self._serving = False
        self._away = False
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self._kept: tuple[Kept, ...] = ()
        self._to_write: Callable[[], AbstractContextManager[Connection]]
        self._to_read: Callable[[], AbstractContextManager[Connection]]
        options: dict[str, Any] = {
            "json_serializer": _dumps,
            "json_deserializer": msgspec.json.decode,
            # An error is told with its statement; the values in it are people's and secrets.
            "hide_parameters": True,
        }
        if self.is_sqlite:
            _keep_private(make_url(url).database)
            self._writer = self._sqlite_engine(url, "BEGIN IMMEDIATE", options)
            self._reader = self._sqlite_engine(url, "BEGIN", options)
            # Writers wait in line for the one connection: threads that met in SQLite would poll.
            self._kept = (
                Kept(self._writer, "BEGIN IMMEDIATE", 1),
                Kept(self._reader, "BEGIN", pool_size),
            )
            self._to_write, self._to_read = (kept.transaction for kept in self._kept)
        else:
            self._writer = create_engine(
                url,
                pool_size=pool_size,
                max_overflow=0,
                pool_pre_ping=True,
                pool_timeout=_POSTGRESQL_PATIENCE,
                connect_args=_POSTGRESQL,
                **options,
            )
            self._reader = self._writer
            self._to_write = self._to_read = self._writer.begin
            # Connections of its own: all the others may be waiting for a server that hangs.
            self._glancer = create_engine(
                url,
                pool_size=_GLANCES,
                max_overflow=0,
                pool_pre_ping=True,
                pool_timeout=MOMENT,
                connect_args=_GLANCE,
                **options,
            )
            self._glances = Glances(_GLANCES, self._unanswered)
            # psycopg is loaded where there is a PostgreSQL.
            from phonotary.storage.patient import bounded

            bounded(self._writer, lambda: _POSTGRESQL_HANGS if self._serving else inf)
            bounded(self._glancer, lambda: MOMENT)

    def _sqlite_engine(self, url: str, begin: str, options: dict[str, Any]) -> Engine:
        engine = create_engine(
            url, poolclass=NullPool, connect_args={"check_same_thread": False}, **options
        )

        @event.listens_for(engine, "connect")
        def set_up(connection: Any, _record: Any) -> None:
            # The driver must not open transactions of its own; ours are spelled out below.
            connection.isolation_level = None
            # First, for two processes that open a new file both want to make it WAL.
            connection.execute(f"PRAGMA busy_timeout={self._patience}")
            for pragma in _PRAGMAS:
                connection.execute(pragma)

        @event.listens_for(engine, "begin")
        def start(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine

    def serve(self) -> None:
        """From now on whoever asks waits, and everybody else with it: a file that another program
        has locked is UNAVAILABLE after a moment, and no longer after ten seconds."""
        self._patience = _WHILE_SERVING
        self._serving = True
        for kept in self._kept:
            kept.close()

    @property
    def engine(self) -> Engine:
        return self._writer

    def reading(self) -> AbstractContextManager[SqlStore]:
        """One transaction. Raises Refused: UNAVAILABLE where the database is away."""
        return self._reading(self._to_read)

    @contextmanager
    def _reading(
        self, begin: Callable[[], AbstractContextManager[Connection]]
    ) -> Iterator[SqlStore]:
        try:
            with begin() as connection:
                yield SqlStore(connection, writing=False, now=self.now)
        except SQLAlchemyError as error:
            self._refuse(error)
            raise
        self._away = False

    @contextmanager
    def writing(self) -> Iterator[SqlStore]:
        """One transaction: all of it is kept, or none of it. Raises Refused: CONFLICT where
        another writer has added the same, UNAVAILABLE where the database is away; then nothing is
        kept, unless the sentence says that nobody knows."""
        subjects: frozenset[str] = frozenset()
        committing = False
        try:
            with self._to_write() as connection:
                store = SqlStore(connection, writing=True, now=self.now)
                yield store
                subjects = frozenset(store.changes.subjects)
                tell(connection, subjects)
                committing = True
        except SQLAlchemyError as error:
            self._refuse(error, committing)
            raise
        finally:
            # Also where COMMIT itself fails, for then nobody knows whether it was done.
            if subjects:
                for listener in self.listeners:
                    listener(subjects)
        self._away = False

    def _refuse(self, error: SQLAlchemyError, committing: bool = False) -> None:
        """Raises Refused where ``error`` is no fault of ours. A service's operator is told why the
        database is away, once; whoever runs a command is told by the command."""
        refused = faults.refused(error, committing)
        if refused is error:
            return
        if isinstance(refused, faults.Away):
            self._tell_away(str(getattr(error, "orig", error)).strip().partition("\n")[0])
        raise refused from error

    def _unanswered(self) -> None:
        self._tell_away(f"no answer within {MOMENT} s")

    def _tell_away(self, because: str) -> None:
        if self._serving and not self._away:
            report.to("phonotary.storage").warning("the database is away", because=because)
        self._away = True

    def read(self, work: Callable[[SqlStore], T], *, one_moment: bool = False) -> T:
        """``one_moment``: every statement of the work sees the same state, which SQLite's readers
        do anyway and PostgreSQL's only when they are told to."""
        return self._read(self.reading, work, one_moment)

    def glance(self, work: Callable[[SqlStore], T], *, one_moment: bool = False) -> T:
        """:meth:`read` for whoever holds the event loop: UNAVAILABLE where PostgreSQL has not
        answered after :data:`~phonotary.storage.glances.MOMENT`. SQLite, whose readers wait for
        nobody, is asked in line: a thread costs as much as the query."""
        if self.is_sqlite:
            return self.read(work, one_moment=one_moment)
        begin = partial(self._reading, self._glancer.begin)
        return self._glances(partial(self._read, begin, work, one_moment))

    def _read(
        self,
        reading: Callable[[], AbstractContextManager[SqlStore]],
        work: Callable[[SqlStore], T],
        one_moment: bool,
    ) -> T:
        with reading() as store:
            if one_moment and not self.is_sqlite:
                store.connection.exec_driver_sql(_ONE_MOMENT)
            return work(store)

    def write(self, work: Callable[[SqlStore], T]) -> T:
        """Run ``work`` in one transaction, again where PostgreSQL asks for it; where it is not
        known whether the first was kept, never again."""
        for _ in range(0 if self.is_sqlite else _TRIES - 1):
            with suppress(faults.TryAgain), self.writing() as store:
                return work(store)
        with self.writing() as store:
            return work(store)

    def write_each(self, works: Sequence[Callable[[SqlStore], Any]]) -> list[Outcome]:
        """SQLite: several pieces of work and one wait for the disk. Each is kept or undone alone;
        an error that is raised, rather than in an outcome, means that nothing was kept."""
        with self.writing() as store:
            return [self._apart(store, work) for work in works]

    def _apart(self, whole: SqlStore, work: Callable[[SqlStore], Any]) -> Outcome:
        connection = whole.connection
        direct.tell(connection, "SAVEPOINT apart")
        try:
            store = SqlStore(connection, writing=True, now=self.now)
            result = work(store)
        except Exception as error:
            # Where SQLite itself rolled back, the work before this one is lost with it.
            if not direct.driver(connection).in_transaction:
                raise
            direct.tell(connection, "ROLLBACK TO apart")
            outcome = Outcome(error=faults.refused(error))
        else:
            whole.changes.subjects |= store.changes.subjects
            outcome = Outcome(result)
        direct.tell(connection, "RELEASE apart")
        return outcome

    def close(self) -> None:
        for kept in self._kept:
            kept.close()
        self._writer.dispose()
        self._reader.dispose()
        if not self.is_sqlite:
            self._glances.close()
            self._glancer.dispose()


def _keep_private(file: str | None) -> None:
    """Everything is in it, auth tokens among it: whoever else has an account on this machine does
    not read it. SQLite gives the files it makes beside it the same mode."""
    if not file or file == ":memory:" or file.startswith("file:"):
        return
    # Where it cannot be made, SQLite itself says why.
    with suppress(OSError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    for each in (file, f"{file}-wal", f"{file}-shm"):
        # Another user's own file is that user's business.
        with suppress(OSError):
            os.chmod(each, os.stat(each).st_mode & 0o700)
