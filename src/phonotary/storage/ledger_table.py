"""The ledger's rows on a connection of the ledger's own, through the drivers themselves.

A batch is inserted with two statements, however many calls it holds. sqlite3 lets go of the
interpreter for each statement and PostgreSQL's driver for each wait: with a statement for each
call, the thread that writes and the one that answers calls would hand the interpreter to each
other a thousand times.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from sqlalchemy import NullPool, create_engine
from sqlalchemy.engine import make_url

from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.shaken import identity_header
from phonotary.shaken.ledger import MOST_SEEN, Batch, Frame, Link


class Certificate(NamedTuple):
    """A row of ``ledger_certificates``, its columns in the table's order."""

    frame: str
    fingerprint: str
    header: str
    tail: str
    x5u: str | None
    chain_pem: str | None
    first_seen: Instant


def x5u_of(frame: Frame) -> str | None:
    """Where the certificate was to be fetched, None where the value does not say so."""
    try:
        return identity_header.parse(f"{frame.header}{frame.tail}").info
    except Refused:
        return None


Rows = Sequence[Sequence[Any]]
Settings = tuple[str, str] | None


class Calls(Protocol):
    """The table, opened when it is needed and again after :meth:`close`."""

    def others(self, chain: str) -> list[Link]:
        """How far other chains are, those that grew last first, at most ``MOST_SEEN``."""
        ...

    def position(self, chain: str) -> int:
        """How far a chain is written."""
        ...

    def ask(self, sql: str) -> Rows:
        """What a SELECT without parameters finds."""
        ...

    def add(
        self,
        batches: Sequence[Batch],
        certificates: Sequence[Certificate],
        settings: Settings = None,
    ) -> None:
        """All of them, and a setting's name and value, in one transaction, or none."""
        ...

    def close(self) -> None: ...


def opened(database_url: str, patience: int) -> Calls:
    """``patience``: milliseconds to wait for whoever else writes."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return _Sqlite(str(url.database), patience)
    return _Postgres(database_url, patience)


# From one chain to the next through the index, and from each to its last batch: the cost grows
# with the chains that ever were, not with the rows.
NEWEST = """
WITH RECURSIVE chains (chain) AS (
    SELECT MIN(chain) FROM ledger_batches
    UNION ALL
    SELECT (SELECT MIN(b.chain) FROM ledger_batches b WHERE b.chain > chains.chain)
    FROM chains WHERE chains.chain IS NOT NULL
), ends (seq) AS (
    SELECT (SELECT b.seq FROM ledger_batches b WHERE b.chain = chains.chain
            ORDER BY b.position DESC LIMIT 1)
    FROM chains WHERE chains.chain IS NOT NULL
)
SELECT b.chain, b.position + b.rows - 1, c.hashes
FROM ends JOIN ledger_batches b ON b.seq = ends.seq LEFT JOIN calls c ON c.seq = ends.seq
ORDER BY ends.seq DESC LIMIT
"""
"""Each chain's newest row, the chain that grew last first: chain, position, and hashes of which
the last is its own. A number must follow."""

_POSITION = "SELECT COALESCE(MAX(position + rows - 1), 0) FROM ledger_batches WHERE chain = "
_BATCH = (
    "INSERT INTO ledger_batches (chain, position, rows, first_at, last_at, origids) VALUES ({})"
)
_CALLS = "INSERT INTO calls (seq, bodies, hashes) VALUES ({})"
_CERTIFICATE = (
    f"INSERT INTO ledger_certificates ({', '.join(Certificate._fields)}) VALUES ({{}}) "
    "ON CONFLICT (frame) DO UPDATE SET chain_pem = "
    "COALESCE(ledger_certificates.chain_pem, excluded.chain_pem)"
)
_SETTING = (
    "INSERT INTO settings (name, value) VALUES ({}) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


def links(found: Iterable[Any]) -> list[Link]:
    """Rows of :data:`NEWEST`. One whose hashes are gone is left out; a check tells of it."""
    return [(chain, at, bytes(hashes)[-32:].hex()) for chain, at, hashes in found if hashes]


# One more than is named, for the chain that asks is among them.
_OTHERS = f"{NEWEST} {MOST_SEEN + 1}"


def _but(chain: str, found: Iterable[Any]) -> list[Link]:
    return [link for link in links(found) if link[0] != chain][:MOST_SEEN]


def _places(mark: str, number: int) -> str:
    return ", ".join([mark] * number)


_COLUMNS = len(Certificate._fields)


class _Sqlite:
    """SQLite waits for its one writer by polling; our own patience is longer than the API's, whose
    caller waits."""

    _ADD_BATCH = _BATCH.format(_places("?", 6))
    _ADD_CALLS = _CALLS.format(_places("?", 3))
    _ADD_CERTIFICATE = _CERTIFICATE.format(_places("?", _COLUMNS))
    _PUT_SETTING = _SETTING.format(_places("?", 2))

    def __init__(self, file: str, patience: int) -> None:
        self._file = file
        self._patience = patience
        self._opened: sqlite3.Connection | None = None

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            # The writer's thread opens and uses it; a test's or a shutdown's thread may close it.
            connection = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
            connection.execute(f"PRAGMA busy_timeout={self._patience}")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            # Checkpoints come as often as SQLite has them by itself: a longer log would be cheaper
            # here, and be paid for by the API's next commit.
            self._opened = connection
        return self._opened

    def others(self, chain: str) -> list[Link]:
        return _but(chain, self._connection().execute(_OTHERS).fetchall())

    def position(self, chain: str) -> int:
        found: int = self._connection().execute(f"{_POSITION}?", (chain,)).fetchone()[0]
        return found

    def ask(self, sql: str) -> Rows:
        return self._connection().execute(sql).fetchall()

    def add(
        self,
        batches: Sequence[Batch],
        certificates: Sequence[Certificate],
        settings: Settings = None,
    ) -> None:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            if certificates:
                connection.executemany(self._ADD_CERTIFICATE, certificates)
            for *found_by, bodies, hashes in batches:
                seq = connection.execute(self._ADD_BATCH, found_by).lastrowid
                connection.execute(self._ADD_CALLS, (seq, bodies, hashes))
            if settings:
                connection.execute(self._PUT_SETTING, settings)
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None


class _Postgres:
    """PostgreSQL takes the bytes as they are: ``%b``, not as text in which they would double."""

    _ADD_BATCH = _BATCH.format(_places("%s", 5) + ", %b") + " RETURNING seq"
    _ADD_CALLS = _CALLS.format("%s, %b, %b")
    _ADD_CERTIFICATE = _CERTIFICATE.format(_places("%s", _COLUMNS))
    _PUT_SETTING = _SETTING.format(_places("%s", 2))

    def __init__(self, database_url: str, patience: int) -> None:
        seconds = max(1, patience // 1000)
        # A server that is gone without a word is given up, as one that refuses is.
        self._engine = create_engine(
            database_url,
            poolclass=NullPool,
            connect_args={"connect_timeout": seconds, "tcp_user_timeout": patience},
        )
        # Here, for SQLite's programs load no driver of PostgreSQL's.
        from phonotary.storage.patient import bounded

        # A server that hangs does not keep its own statement_timeout.
        bounded(self._engine, lambda: 2 * seconds)
        self._patience = patience
        self._taken: Any = None

    def _connection(self) -> Any:
        if self._taken is None:
            taken: Any = self._engine.raw_connection()
            taken.driver_connection.execute(f"SET statement_timeout = {self._patience}")
            taken.driver_connection.commit()
            self._taken = taken
        return self._taken.driver_connection

    def others(self, chain: str) -> list[Link]:
        with self._connection().transaction():
            return _but(chain, self._connection().execute(_OTHERS).fetchall())

    def position(self, chain: str) -> int:
        with self._connection().transaction():
            found: int = self._connection().execute(f"{_POSITION}%s", (chain,)).fetchone()[0]
            return found

    def ask(self, sql: str) -> Rows:
        with self._connection().transaction():
            found: Rows = self._connection().execute(sql).fetchall()
            return found

    def add(
        self,
        batches: Sequence[Batch],
        certificates: Sequence[Certificate],
        settings: Settings = None,
    ) -> None:
        connection = self._connection()
        with connection.transaction(), connection.cursor() as cursor:
            if certificates:
                cursor.executemany(self._ADD_CERTIFICATE, certificates)
            for *found_by, bodies, hashes in batches:
                (seq,) = cursor.execute(self._ADD_BATCH, found_by).fetchone()
                cursor.execute(self._ADD_CALLS, (seq, bodies, hashes))
            if settings:
                cursor.execute(self._PUT_SETTING, settings)

    def close(self) -> None:
        if self._taken is not None:
            with suppress(Exception):
                self._taken.invalidate()
            self._taken = None
