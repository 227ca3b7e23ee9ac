"""How many dips each client had each day: what it is billed by. Counts are only ever added to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Insert, func, select
from sqlalchemy.dialects import postgresql, sqlite

from phonotary.clock import Instant
from phonotary.cnam.clients import KINDS, LIMITED, Count
from phonotary.storage.schema_names import cnam_dip_counts as table
from phonotary.storage.store import SqlStore

_SERVED = KINDS[:LIMITED]


def add(store: SqlStore, counts: Sequence[Count]) -> None:
    """Add to what is kept. In the same order everywhere, so that two processes never wait for each
    other's rows in a circle."""
    kind = sqlite.insert if store.connection.dialect.name == "sqlite" else postgresql.insert
    for count in sorted(counts, key=lambda each: (each.client, each.day, each.status)):
        statement = kind(table).values(
            client=count.client, day=count.day, status=count.status, dips=count.dips
        )
        added: Insert = statement.on_conflict_do_update(
            index_elements=["client", "day", "status"],
            set_={"dips": table.c.dips + statement.excluded.dips},
        )
        store.connection.execute(added)


def served(store: SqlStore, clients: Iterable[str], day: Instant) -> dict[str, int]:
    """Dips that were answered on one day, by client; those that a quota refused are not."""
    found = store.connection.execute(
        select(table.c.client, func.sum(table.c.dips))
        .where(table.c.client.in_(list(clients)), table.c.day == day, table.c.status.in_(_SERVED))
        .group_by(table.c.client)
    )
    return {client: int(dips) for client, dips in found}


def of(store: SqlStore, client: str | None = None, since: Instant = 0) -> list[Count]:
    """The counts of one client, or of all, from a day on, in order."""
    asked = select(table.c.client, table.c.day, table.c.status, table.c.dips).where(
        table.c.day >= since
    )
    if client is not None:
        asked = asked.where(table.c.client == client)
    rows = store.connection.execute(asked.order_by(table.c.client, table.c.day, table.c.status))
    return [Count(*row) for row in rows]
