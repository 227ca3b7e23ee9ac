"""All that one account has, put back to what it was without touching what others have."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, delete, select

from phonotary.storage import schema, snapshot
from phonotary.storage.store import SqlStore

Rows = dict[str, list[dict[str, Any]]]

_OWNED = tuple(table for table in schema.STATE if "account_sid" in table.c)


def dump(store: SqlStore, sid: str) -> Rows:
    """The account's rows by table."""
    return {
        table.name: [
            dict(row)
            for row in store.connection.execute(
                select(table).where(table.c.account_sid == sid)
            ).mappings()
        ]
        for table in _OWNED
    }


def of(state: snapshot.State, sid: str) -> Rows:
    """The account's rows in a dump of everything."""
    return {
        table.name: [row for row in state["tables"][table.name] if row["account_sid"] == sid]
        for table in _OWNED
    }


def load(store: SqlStore, sid: str, rows: Rows) -> set[str]:
    """Make these the account's rows and no others; its subaccounts go, with what they have, for a
    number may have been moved there. The accounts and keys that asked until now."""
    accounts = schema.accounts
    below = (accounts.c.owner_account_sid == sid) & (accounts.c.sid != sid)
    sids = [sid, *store.connection.execute(select(accounts.c.sid).where(below)).scalars()]
    keys = select(schema.keys.c.sid).where(schema.keys.c.account_sid.in_(sids))
    asked = {*sids, *store.connection.execute(keys).scalars()}
    for table in _OWNED:
        _clear(store, table, sids)
    store.connection.execute(delete(accounts).where(below))
    for table in _OWNED:
        snapshot.put(store, table, rows[table.name])
    store.changes.everything(sid)
    return asked


def _clear(store: SqlStore, table: Table, sids: list[str]) -> None:
    theirs = table.c.account_sid.in_(sids)
    if "sid" in table.c:
        # What is still to be done about a record is not done about one that is gone.
        subjects = select(table.c.sid).where(theirs)
        store.connection.execute(delete(schema.jobs).where(schema.jobs.c.subject.in_(subjects)))
    store.connection.execute(delete(table).where(theirs))
