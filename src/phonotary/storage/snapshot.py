"""The whole state as plain JSON values: dumped, loaded, and put back in milliseconds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, Integer, String, Table, delete, insert, select, text
from sqlalchemy.exc import StatementError

from phonotary.errors import Reason, Refused
from phonotary.storage import schema
from phonotary.storage.store import SqlStore

# The hub's own secrets stay where they are: a snapshot is shared, a token's key is not.
_OURS = frozenset(
    (
        "token_secret reviewer_password stir_credential stir_laboratory cnam_feed cnam_feed_2 "
        "pristine starts ledger_witnessed"
    ).split()
)

# Of the year 9987: beyond the next twelve there is no date to show.
_LATEST = 253_000_000_000

SCHEMA = "0001"
"""The migration that last changed a table of the state; later ones leave dumps as they are."""

State = dict[str, Any]


def dump(store: SqlStore) -> State:
    """``{"schema": …, "tables": {name: [row, …]}}``; a row is an object by column name."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for table in schema.STATE:
        rows = store.connection.execute(select(table)).mappings()
        tables[table.name] = [
            dict(row) for row in rows if table is not schema.settings or row["name"] not in _OURS
        ]
    return {"schema": SCHEMA, "tables": tables}


def load(store: SqlStore, state: State) -> None:
    """Make the state this one and no other. Refused when it is not a dump of this schema."""
    tables = state.get("tables") if isinstance(state, dict) else None
    if not isinstance(tables, dict) or state.get("schema") != SCHEMA:
        raise Refused(Reason.INVALID_PARAMETER, f"This is not a state of schema {SCHEMA}")
    clear(store)
    for table in schema.STATE:
        put(store, table, tables.get(table.name, []))
    _renumber(store)
    store.changes.everything()


def put(store: SqlStore, table: Table, rows: Any) -> None:
    """Add dumped rows to a table; Refused when they are none, or clash."""
    if not isinstance(rows, list):
        raise Refused(Reason.INVALID_PARAMETER, f"{table.name} is not a list of rows")
    try:
        if rows:
            store.connection.execute(insert(table), [_row(table, row) for row in rows])
    except StatementError as error:
        raise Refused(
            Reason.INVALID_PARAMETER, f"The rows of {table.name} cannot be kept together"
        ) from error


def clear(store: SqlStore) -> None:
    """Forget everything but the hub's own secrets."""
    for table in schema.STATE:
        if table is schema.settings:
            store.connection.execute(delete(table).where(table.c.name.not_in(_OURS)))
        else:
            store.connection.execute(delete(table))


def _row(table: Any, row: Any) -> dict[str, Any]:
    if not isinstance(row, dict) or not set(row) <= set(table.c.keys()):
        raise Refused(Reason.INVALID_PARAMETER, f"A row of {table.name} is not one")
    for column in table.c:
        if not _fits(column, row.get(column.name)):
            raise Refused(
                Reason.INVALID_PARAMETER, f"{column.name} of a row of {table.name} is not one"
            )
    return {
        name: bool(value) if isinstance(table.c[name].type, Boolean) else value
        for name, value in row.items()
    }


def _fits(column: Column[Any], value: Any) -> bool:
    """SQLite keeps anything in any column; what is of another type fails whoever reads it."""
    if value is None:
        # A number left out is counted on from the rows before.
        return bool(column.nullable) or column.name == "seq"
    if isinstance(column.type, schema.Codes):
        return isinstance(value, list) and all(type(code) is int for code in value)
    if isinstance(column.type, Boolean):
        return value in (True, False)
    if isinstance(column.type, Integer):
        return type(value) is int and 0 <= value <= _LATEST
    if isinstance(column.type, String):
        return isinstance(value, str) and "\x00" not in value
    return True


def _renumber(store: SqlStore) -> None:
    """PostgreSQL counts ``seq`` beside the table; its counters must pass the loaded rows."""
    if store.connection.dialect.name != "postgresql":
        return
    for table in schema.STATE:
        if "seq" in table.c:
            store.connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'seq'), "
                    f"COALESCE((SELECT MAX(seq) FROM {table.name}), 1))"
                )
            )
