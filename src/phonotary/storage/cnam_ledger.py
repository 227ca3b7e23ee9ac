"""The deliveries as people look through them: newest first, by number, database, state, account.

Each question is a few ranges of one index that has all that is asked for, so that a page costs the
same at ten million deliveries: one range where the state and the database are named or do not
matter, one for each state or each database of the account where they do. A number has one delivery
in each database: these few are read whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

from sqlalchemy import select

from phonotary.cnam.delivery import Delivery
from phonotary.cnam.moves import State
from phonotary.cnam.store import Observation
from phonotary.storage import schema_names
from phonotary.storage.store import SqlStore

PAGE = 50
"""Deliveries on one page."""

_DEL, _OBS, _ORD = (
    schema_names.cnam_deliveries,
    schema_names.cnam_observations,
    schema_names.cnam_orders,
)
_DELIVERY = tuple(each.name for each in fields(Delivery))
_OBSERVATION = tuple(each.name for each in fields(Observation))


@dataclass(frozen=True, slots=True)
class Asked:
    """Which deliveries; None asks for any."""

    phone_number: str | None = None
    """E.164."""
    database: str | None = None
    state: State | None = None
    account_sid: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    delivery: Delivery
    observed: Observation | None
    """What was last seen in that database."""
    error: str | None
    """What the database said last where it was not simply yes, else why its order waits."""


@dataclass(frozen=True, slots=True)
class Page:
    rows: tuple[Row, ...]
    after: int | None
    """Where the next page begins; None: there is none."""


def page(store: SqlStore, asked: Asked, before: int | None = None, most: int = PAGE) -> Page:
    """The deliveries asked for, newest first, ``most`` of them; ``before`` is ``Page.after``."""
    found = _of_number(store, asked) if asked.phone_number else _newest(store, asked, before, most)
    found = sorted((seq for seq in found if before is None or seq < before), reverse=True)
    shown = found[:most]
    return Page(tuple(_rows(store, shown)), shown[-1] if len(found) > most else None)


def databases(store: SqlStore, account_sid: str | None = None) -> list[str]:
    """Every database there is a delivery to, of this account where one is named; also those that
    the settings no longer name. One short step of an index for each."""
    found: list[str] = []
    first = select(_DEL.c.database).order_by(_DEL.c.database).limit(1)
    if account_sid is not None:
        first = first.where(_DEL.c.account_sid == account_sid)
    statement = first
    while name := store.connection.execute(statement).scalar():
        found.append(name)
        statement = first.where(_DEL.c.database > name)
    return found


def _of_number(store: SqlStore, asked: Asked) -> list[int]:
    """Chosen here and not by the statement, for SQLite would follow a longer index of the state or
    the account and walk everybody's deliveries."""
    wanted = _wanted(asked)
    statement = select(_DEL.c.seq, *(_DEL.c[name] for name in wanted)).where(
        _DEL.c.phone_number == asked.phone_number
    )
    return [
        row.seq
        for row in store.connection.execute(statement)
        if tuple(row)[1:] == tuple(wanted.values())
    ]


def _newest(store: SqlStore, asked: Asked, before: int | None, most: int) -> list[int]:
    found: list[int] = []
    for where in _ranges(store, asked):
        statement = select(_DEL.c.seq).order_by(_DEL.c.seq.desc()).limit(most + 1)
        statement = statement.where(*(_DEL.c[name] == value for name, value in where.items()))
        if before is not None:
            statement = statement.where(_DEL.c.seq < before)
        found += store.connection.execute(statement).scalars()
    return found


def _ranges(store: SqlStore, asked: Asked) -> Iterator[dict[str, str]]:
    """What is equal in each range: all of an index but ``seq``, which it ends with."""
    where = _wanted(asked)
    if asked.database and not asked.state:
        for state in State:
            yield {**where, "state": str(state)}
    elif asked.account_sid and asked.state and not asked.database:
        for database in databases(store, asked.account_sid):
            yield {**where, "database": database}
    else:
        yield where


def _wanted(asked: Asked) -> dict[str, str]:
    """What is asked for besides a number."""
    given = {
        "account_sid": asked.account_sid,
        "database": asked.database,
        "state": str(asked.state) if asked.state else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _rows(store: SqlStore, seqs: Sequence[int]) -> Iterator[Row]:
    of_it = (_OBS.c.phone_number == _DEL.c.phone_number) & (_OBS.c.database == _DEL.c.database)
    newest = select(_OBS.c.seq).where(of_it).order_by(_OBS.c.seq.desc()).limit(1)
    statement = (
        select(
            *(_DEL.c[name] for name in _DELIVERY),
            *(_OBS.c[name] for name in _OBSERVATION),
            _ORD.c.last_error,
        )
        .select_from(
            _DEL.outerjoin(_OBS, _OBS.c.seq == newest.correlate(_DEL).scalar_subquery()).outerjoin(
                _ORD, _ORD.c.key == _DEL.c.order_key
            )
        )
        .where(_DEL.c.seq.in_(seqs))
        .order_by(_DEL.c.seq.desc())
    )
    end = len(_DELIVERY)
    for row in store.connection.execute(statement):
        values = tuple(row)
        delivery = Delivery(*values[:end])
        observed = Observation(*values[end:-1]) if values[end] is not None else None
        said = " ".join(each for each in (delivery.code, delivery.text) if each)
        yield Row(replace(delivery, state=State(delivery.state)), observed, said or values[-1])
