"""Statements run on SQLite's own driver: SQLAlchemy writes the SQL, once for each statement.

Passing through SQLAlchemy's execution costs some fifteen times what SQLite itself needs to find a
row. PostgreSQL, which is waited for anyway, keeps the ordinary way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError

_Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Prepared:
    sql: str
    binds: tuple[tuple[str, _Convert | None], ...]
    literals: dict[str, Any]
    reads: tuple[tuple[int, _Convert], ...]

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        found = []
        for name, convert in self.binds:
            value = parameters[name] if name in parameters else self.literals[name]
            found.append(value if convert is None else convert(value))
        return found

    def row(self, row: Sequence[Any]) -> Sequence[Any]:
        values = list(row)
        for index, convert in self.reads:
            values[index] = convert(values[index])
        return values


def rows(
    connection: Connection, statement: Any, parameters: Mapping[str, Any]
) -> Sequence[Sequence[Any]]:
    """All that a SELECT finds, with every value in its column's Python type."""
    prepared = _for(connection, statement, parameters)
    if prepared is None:
        return connection.execute(statement, parameters).all()
    found = _execute(connection, prepared.sql, prepared.values(parameters)).fetchall()
    return [prepared.row(row) for row in found] if prepared.reads else found


def change(connection: Connection, statement: Any, parameters: Mapping[str, Any]) -> int:
    """Run an INSERT, UPDATE or DELETE; how many rows it changed."""
    prepared = _for(connection, statement, parameters)
    if prepared is None:
        return connection.execute(statement, parameters).rowcount
    return _execute(connection, prepared.sql, prepared.values(parameters)).rowcount


def tell(connection: Connection, sql: str) -> None:
    """Plain words to SQLite, such as BEGIN and COMMIT."""
    _execute(connection, sql, ())


def driver(connection: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.driver_connection)


def _execute(connection: Connection, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
    try:
        return driver(connection).execute(sql, values)
    except sqlite3.Error as error:
        # Callers know SQLAlchemy's errors, whichever way a statement went.
        raise DBAPIError.instance(
            sql,
            cast(Any, values),
            error,
            sqlite3.Error,
            hide_parameters=True,
            dialect=connection.dialect,
        ) from error


def _for(connection: Connection, statement: Any, parameters: Mapping[str, Any]) -> _Prepared | None:
    dialect = connection.dialect
    if dialect.name != "sqlite":
        return None
    return _prepared(statement, dialect, tuple(parameters))


@lru_cache(maxsize=1024)
def _prepared(statement: Any, dialect: Dialect, names: tuple[str, ...]) -> _Prepared | None:
    """None for an IN, whose SQL depends on how many values it is given."""
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    if compiled.literal_execute_params or compiled.post_compile_params:
        return None
    binds = {compiled.bind_names[bind]: bind for bind in compiled.bind_names}
    columns = statement.selected_columns if statement.is_select else ()
    reads = [(index, _reader(column.type, dialect)) for index, column in enumerate(columns)]
    return _Prepared(
        compiled.string,
        tuple((name, _binder(binds[name].type, dialect)) for name in compiled.positiontup or ()),
        dict(compiled.params),
        tuple((index, convert) for index, convert in reads if convert),
    )


def _binder(kind: Any, dialect: Dialect) -> _Convert | None:
    return cast("_Convert | None", kind.dialect_impl(dialect).bind_processor(dialect))


def _reader(kind: Any, dialect: Dialect) -> _Convert | None:
    return cast("_Convert | None", kind.dialect_impl(dialect).result_processor(dialect, None))
