"""One table as a collection of records: the whole mapping between rows and values."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Connection, Select, Table, bindparam, delete, insert, select, update

from phonotary.errors import Reason, Refused
from phonotary.storage import direct
from phonotary.trusthub.store import Ask, Page

T = TypeVar("T")

# A page token: where to go on, in which direction, and a digest of the list it was given out for.
# On any other list, another account's or one with other filters, it is refused.
_AFTER, _BEFORE = "PA", "PB"
_TOKEN = re.compile(r"(PA|PB)([0-7][0-9a-f]{15})([0-9a-f]{16})", re.ASCII)


def _list_digest(table: Table, where: Mapping[str, Any]) -> str:
    text = repr((table.name, sorted(where.items())))
    return blake2b(text.encode(errors="replace"), digest_size=8).hexdigest()


def _read_token(token: str, digest: str) -> tuple[str, int]:
    found = _TOKEN.fullmatch(token)
    if found is None or found[3] != digest:
        raise Refused(Reason.INVALID_PAGE_TOKEN, "Invalid PageToken; use the paging URLs")
    return found[1], int(found[2], 16)


class Rows(Generic[T]):
    """The records of one table within one transaction.

    ``locking`` makes :meth:`get` take the row for the rest of the transaction (PostgreSQL), so that
    what was read is still true when it is replaced; a SQLite writer has the whole database to
    itself already.
    """

    def __init__(
        self, connection: Connection, table: Table, record: type[T], locking: bool = False
    ) -> None:
        self._connection = connection
        self._table = table
        self._record: Any = record
        self._locking = locking

    def add(self, record: T) -> None:
        direct.change(self._connection, _insert(self._table), self._values(record))

    def get(self, sid: str) -> T | None:
        return self._one(sid, self._locking)

    def hold(self, sid: str) -> T | None:
        """:meth:`get`, and nobody else may change it until this transaction ends."""
        return self._one(sid, locking=True)

    def _one(self, sid: str, locking: bool) -> T | None:
        # PostgreSQL refuses to be asked for text with a NUL in it; no record has such a SID.
        if "\x00" in sid:
            return None
        found = direct.rows(
            self._connection, _by_sid(self._table, self._record, locking), {"sid_": sid}
        )
        return self._read(found[0]) if found else None

    def replace(self, record: T) -> None:
        direct.change(self._connection, _update(self._table), self._bound(record))

    def replace_if(self, record: T, **held: Any) -> bool:
        """Replace only while these columns hold these values; whether it did."""
        statement = _update(self._table)
        for name, value in held.items():
            statement = statement.where(self._table.c[name] == value)
        return self._connection.execute(statement, self._bound(record)).rowcount == 1

    def remove(self, sid: str) -> None:
        direct.change(self._connection, _delete(self._table), {"sid_": sid})

    def all(self, **where: Any) -> list[T]:
        statement = _oldest(self._table, self._record, None, *_shape(where))
        found = direct.rows(self._connection, statement, _parameters(where))
        return [self._read(row) for row in found]

    def first(self, **where: Any) -> T | None:
        statement = _oldest(self._table, self._record, 1, *_shape(where))
        found = direct.rows(self._connection, statement, _parameters(where))
        return self._read(found[0]) if found else None

    def page(self, ask: Ask, where: Mapping[str, Any]) -> Page[T]:
        """Newest first. One row more than asked for tells whether there is a next page."""
        digest = _list_digest(self._table, where)
        direction, position = _read_token(ask.cursor, digest) if ask.cursor else ("", 0)
        rows = list(
            direct.rows(
                self._connection,
                _paged(self._table, self._record, direction, *_shape(where)),
                {**_parameters(where), "position_": position, "limit_": ask.size + 1},
            )
        )
        more, rows = len(rows) > ask.size, rows[: ask.size]
        if direction == _BEFORE:
            rows.reverse()
        has_next = more if direction != _BEFORE else True
        has_previous = more if direction == _BEFORE else bool(direction)
        # Where the page's rows have all been removed, its neighbours start at its own position.
        first, last = (rows[0][0], rows[-1][0]) if rows else (position - 1, position + 1)
        return Page(
            rows=[self._read(row) for row in rows],
            next_cursor=f"{_AFTER}{last:016x}{digest}" if has_next else None,
            previous_cursor=f"{_BEFORE}{max(first, 0):016x}{digest}" if has_previous else None,
        )

    def _read(self, row: Sequence[Any]) -> T:
        return self._record(*row[1:])

    def _values(self, record: T) -> dict[str, Any]:
        return {name: getattr(record, name) for name in _names(self._record)}

    def _bound(self, record: T) -> dict[str, Any]:
        return {**self._values(record), "sid_": getattr(record, "sid")}  # noqa: B009


# Statements are built once for each shape and kept: SQLAlchemy then finds them compiled.


@lru_cache(maxsize=256)
def _names(record: Hashable) -> tuple[str, ...]:
    return tuple(each.name for each in fields(cast(Any, record)))


@lru_cache(maxsize=64)
def _insert(table: Table) -> Any:
    return insert(table).inline()


@lru_cache(maxsize=64)
def _update(table: Table) -> Any:
    return update(table).where(table.c.sid == bindparam("sid_"))


@lru_cache(maxsize=64)
def _delete(table: Table) -> Any:
    return delete(table).where(table.c.sid == bindparam("sid_"))


def _columns(table: Table, record: Hashable) -> Select[Any]:
    return select(table.c.seq, *(table.c[name] for name in _names(record)))


@lru_cache(maxsize=64)
def _by_sid(table: Table, record: Hashable, locking: bool) -> Any:
    statement = _columns(table, record).where(table.c.sid == bindparam("sid_"))
    return statement.with_for_update() if locking else statement


def _shape(where: Mapping[str, Any]) -> tuple[tuple[str, bool], ...]:
    """Which columns are asked for, and which of them with several values."""
    return tuple((name, isinstance(value, tuple)) for name, value in where.items())


def _parameters(where: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"w_{name}": list(value) if isinstance(value, tuple) else value
        for name, value in where.items()
    }


@lru_cache(maxsize=512)
def _listing(table: Table, record: Hashable, *shape: tuple[str, bool]) -> Select[Any]:
    statement = _columns(table, record)
    for name, several in shape:
        parameter: Any = bindparam(f"w_{name}", expanding=several)
        column = table.c[name]
        statement = statement.where(column.in_(parameter) if several else column == parameter)
    return statement


@lru_cache(maxsize=512)
def _oldest(
    table: Table, record: Hashable, limit: int | None, *shape: tuple[str, bool]
) -> Select[Any]:
    return _listing(table, record, *shape).order_by(table.c.seq).limit(limit)


@lru_cache(maxsize=512)
def _paged(table: Table, record: Hashable, direction: str, *shape: tuple[str, bool]) -> Any:
    statement = _listing(table, record, *shape)
    seq = table.c.seq
    if direction == _AFTER:
        statement = statement.where(seq < bindparam("position_"))
    elif direction == _BEFORE:
        statement = statement.where(seq > bindparam("position_"))
    order = seq.asc() if direction == _BEFORE else seq.desc()
    return statement.order_by(order).limit(bindparam("limit_"))
