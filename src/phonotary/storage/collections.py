"""One table as a collection of records: the whole mapping between rows and values."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Connection, Row, Select, Table, bindparam, delete, insert, select, update

from phonotary.errors import Reason, Refused
from phonotary.trusthub.store import Ask, Page

T = TypeVar("T")

# A page token: where to go on, and in which direction. It is opaque to clients, and holds only a
# position, which means nothing outside the list (and so the account) it is used on.
_AFTER, _BEFORE = "PA", "PB"


def _token(direction: str, seq: int) -> str:
    return f"{direction}{seq:032x}"


def _read_token(token: str) -> tuple[str, int]:
    direction, digits = token[:2], token[2:]
    if direction not in (_AFTER, _BEFORE) or len(digits) != 32:
        raise Refused(Reason.INVALID_PAGE_TOKEN, "Invalid PageToken; use the paging URLs")
    try:
        return direction, min(int(digits, 16), 2**62)
    except ValueError as error:
        raise Refused(
            Reason.INVALID_PAGE_TOKEN, "Invalid PageToken; use the paging URLs"
        ) from error


class Rows(Generic[T]):
    """The records of one table within one transaction.

    ``locking`` makes :meth:`get` take the row for the rest of the transaction (PostgreSQL); a
    SQLite writer has the whole database to itself already.
    """

    def __init__(
        self, connection: Connection, table: Table, record: type[T], locking: bool = False
    ) -> None:
        self._connection = connection
        self._table = table
        self._record: Any = record
        self._locking = locking

    def add(self, record: T) -> None:
        self._connection.execute(_insert(self._table), self._values(record))

    def get(self, sid: str) -> T | None:
        found = self._connection.execute(
            _by_sid(self._table, self._record, self._locking), {"sid_": sid}
        ).first()
        return None if found is None else self._read(found)

    def replace(self, record: T) -> None:
        self._connection.execute(_update(self._table), self._bound(record))

    def replace_if(self, record: T, **held: Any) -> bool:
        """Replace only while these columns hold these values; whether it did."""
        statement = _update(self._table)
        for name, value in held.items():
            statement = statement.where(self._table.c[name] == value)
        return self._connection.execute(statement, self._bound(record)).rowcount == 1

    def remove(self, sid: str) -> None:
        self._connection.execute(_delete(self._table), {"sid_": sid})

    def all(self, **where: Any) -> list[T]:
        found = self._connection.execute(
            _listing(self._table, self._record, *_shape(where)).order_by(self._table.c.seq),
            _parameters(where),
        )
        return [self._read(row) for row in found]

    def first(self, **where: Any) -> T | None:
        found = self._connection.execute(
            _listing(self._table, self._record, *_shape(where))
            .order_by(self._table.c.seq)
            .limit(1),
            _parameters(where),
        ).first()
        return None if found is None else self._read(found)

    def page(self, ask: Ask, where: Mapping[str, Any]) -> Page[T]:
        """Newest first. One row more than asked for tells whether there is a next page."""
        direction, position = _read_token(ask.cursor) if ask.cursor else ("", 0)
        rows = list(
            self._connection.execute(
                _paged(self._table, self._record, direction, *_shape(where)),
                {**_parameters(where), "position_": position, "limit_": ask.size + 1},
            )
        )
        more, rows = len(rows) > ask.size, rows[: ask.size]
        if direction == _BEFORE:
            rows.reverse()
        has_next = more if direction != _BEFORE else True
        has_previous = more if direction == _BEFORE else bool(direction)
        return Page(
            rows=[self._read(row) for row in rows],
            next_cursor=_token(_AFTER, rows[-1][0]) if rows and has_next else None,
            previous_cursor=_token(_BEFORE, rows[0][0]) if rows and has_previous else None,
        )

    def _read(self, row: Row[Any]) -> T:
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
def _paged(table: Table, record: Hashable, direction: str, *shape: tuple[str, bool]) -> Any:
    statement = _listing(table, record, *shape)
    seq = table.c.seq
    if direction == _AFTER:
        statement = statement.where(seq < bindparam("position_"))
    elif direction == _BEFORE:
        statement = statement.where(seq > bindparam("position_"))
    order = seq.asc() if direction == _BEFORE else seq.desc()
    return statement.order_by(order).limit(bindparam("limit_"))
