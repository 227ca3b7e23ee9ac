"""What is forgotten of names: finished orders and old observations, some at a time.

Nothing goes that somebody may still ask for: the last order of a name that is, or may be, in a
database, and what was last seen of each number in each database.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, delete, or_, select

from phonotary.clock import Instant
from phonotary.cnam.moves import State
from phonotary.storage import schema_names
from phonotary.storage.store import SqlStore

MOST = 500
"""Rows that one transaction looks at; a hub answers calls between two of them."""

_DEL, _ORD, _OBS = (
    schema_names.cnam_deliveries,
    schema_names.cnam_orders,
    schema_names.cnam_observations,
)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a sweep has come: what stays is stepped over, and not looked at again."""

    due: Instant = -1
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Swept:
    deleted: int
    place: Place | None
    """Where to go on; None: there is no more."""


def orders(store: SqlStore, before: Instant, place: Place, most: int = MOST) -> Swept:
    """Delete some of the orders that were finished at ``before`` or earlier, unless a delivery that
    is not removed names it as its last."""
    later = or_(_ORD.c.due > place.due, and_(_ORD.c.due == place.due, _ORD.c.seq > place.seq))
    statement = (
        # Settling an order leaves it due at the end of its last wait, a day later at most: this is
        # when it was finished, or a little after.
        select(_ORD.c.seq, _ORD.c.due, _ORD.c.database, _ORD.c.order_ref, _ORD.c.key)
        # The place's ``due`` by itself, for what is within an OR bounds no range of the index: each
        # step would walk again over all that those before it have left standing.
        .where(_ORD.c.state == "done", _ORD.c.due <= before, _ORD.c.due >= place.due, later)
        .order_by(_ORD.c.due, _ORD.c.seq)
        .limit(most)
    )
    found = store.connection.execute(statement).all()
    spoken_of = set(_spoken_of(store, [each.order_ref for each in found if each.order_ref]))
    under_way = set(
        store.connection.execute(
            select(_DEL.c.order_key).where(_DEL.c.order_key.in_([each.key for each in found]))
        ).scalars()
    )
    gone = [
        each.seq
        for each in found
        if (each.database, each.order_ref) not in spoken_of and each.key not in under_way
    ]
    if gone:
        store.connection.execute(delete(_ORD).where(_ORD.c.seq.in_(gone)))
    more = len(found) == most
    return Swept(len(gone), Place(found[-1].due, found[-1].seq) if more else None)


def _spoken_of(store: SqlStore, references: list[str]) -> list[tuple[str, str]]:
    statement = select(_DEL.c.database, _DEL.c.order_ref).where(
        _DEL.c.order_ref.in_(references), _DEL.c.state != str(State.REMOVED)
    )
    return [(row.database, row.order_ref) for row in store.connection.execute(statement)]


def observations(store: SqlStore, before: Instant, place: Place, most: int = MOST) -> Swept:
    """Delete some of what was seen at ``before`` or earlier, unless nothing was seen of that number
    in that database since."""
    statement = (
        select(_OBS.c.seq, _OBS.c.observed_at)
        .where(_OBS.c.seq > place.seq)
        .order_by(_OBS.c.seq)
        .limit(most)
    )
    found = store.connection.execute(statement).all()
    old = [each.seq for each in found if each.observed_at <= before]
    deleted = 0
    if old:
        later = _OBS.alias()
        newer = select(later.c.seq).where(
            later.c.phone_number == _OBS.c.phone_number,
            later.c.database == _OBS.c.database,
            later.c.seq > _OBS.c.seq,
        )
        statement_ = delete(_OBS).where(_OBS.c.seq.in_(old), newer.exists())
        deleted = store.connection.execute(statement_).rowcount
    # They are kept in the order they were seen in, so behind new ones there are no old ones.
    more = len(found) == most and bool(old)
    return Swept(deleted, Place(seq=found[-1].seq) if more else None)
