"""Registrations, deliveries, orders and observations, the same over SQLite and PostgreSQL.

Whoever changes deliveries holds their rows first and reads what is wanted afterwards; so of two
that meet, the second sees what the first has written, and nothing is decided on what is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import bindparam, case, delete, func, insert, or_, select, text, update

from phonotary.clock import Instant
from phonotary.cnam.delivery import Delivery
from phonotary.cnam.moves import State
from phonotary.cnam.registry import REGISTERED, Registration
from phonotary.cnam.store import Observation, OpenOrder
from phonotary.storage import schema_names
from phonotary.storage.store import SqlStore

LEASE = 120
"""Seconds of real time an order is one worker's; sending it must be over by then."""
HURRIED = 0
"""``due`` of an order that is to be asked about at once: what was said of it while a worker was
asking may be newer than that worker's answer, so settling it by an answer does not put this off."""

_REG, _DEL = schema_names.cnam_registrations, schema_names.cnam_deliveries
_ORD, _OBS = schema_names.cnam_orders, schema_names.cnam_observations
_TABLES = (_OBS, _ORD, _DEL, _REG)
_REGISTRATION = tuple(each.name for each in fields(Registration))
_DELIVERY = tuple(each.name for each in fields(Delivery))
_ORDER = tuple(each.name for each in fields(OpenOrder))
# How many values one statement names: SQLite and PostgreSQL both take many more.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger for people: a delivery, and what was last seen in that database."""

    delivery: Delivery
    observed: Observation | None


class CnamStore:
    """Implements ``cnam.store.Store`` within one transaction of ``store``."""

    def __init__(self, store: SqlStore, holding: bool = True) -> None:
        """``holding``: rows of deliveries that are read are held, for they are to be changed."""
        self._connection = store.connection
        self._holding = holding
        self._is_postgres = store.connection.dialect.name == "postgresql"

    def alone(self) -> None:
        """One at a time decides what is registered; SQLite's one writer is alone already."""
        if self._is_postgres:
            self._connection.execute(text("SELECT pg_advisory_xact_lock(8268)"))

    # registrations

    def standing(self, numbers: Sequence[str]) -> dict[str, Registration]:
        found = self._in(_REG, _REGISTRATION, numbers, _REG.c.state == REGISTERED)
        return {row.phone_number: Registration(*row) for row in found}

    def newest(self, numbers: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for some in _chunks(numbers):
            statement = (
                select(_REG.c.phone_number, func.max(_REG.c.version))
                .where(_REG.c.phone_number.in_(some))
                .group_by(_REG.c.phone_number)
            )
            found |= {number: version for number, version in self._connection.execute(statement)}
        return found

    def history(self, phone_number: str) -> list[Registration]:
        """All registrations of a number, newest first."""
        found = self._in(_REG, _REGISTRATION, [phone_number])
        return sorted((Registration(*row) for row in found), key=lambda r: -r.version)

    def add_registrations(self, registrations: Sequence[Registration]) -> None:
        if registrations:
            self._connection.execute(insert(_REG), [_values(each) for each in registrations])

    def replace_registrations(self, registrations: Sequence[Registration]) -> None:
        if registrations:
            columns: dict[str, Any] = {
                name: bindparam(name) for name in _REGISTRATION if name != "sid"
            }
            self._connection.execute(
                update(_REG).where(_REG.c.sid == bindparam("sid_")).values(columns),
                [{**_values(each), "sid_": each.sid} for each in registrations],
            )

    def show(self, deliveries: Iterable[Delivery]) -> None:
        """These are active in our own database: its dips answer with them from now on."""
        by_version: dict[int, list[str]] = {}
        for each in deliveries:
            by_version.setdefault(each.version, []).append(each.phone_number)
        for version, numbers in by_version.items():
            for some in _chunks(numbers):
                this = (_REG.c.version == version) & (_REG.c.state == REGISTERED)
                statement = update(_REG).where(_REG.c.phone_number.in_(some), this)
                self._connection.execute(statement.values(shown=True))

    def shown_name(self, phone_number: str) -> str | None:
        found: str | None = self._connection.execute(
            select(_REG.c.name).where(_REG.c.phone_number == phone_number, _REG.c.shown)
        ).scalar()
        return found

    def expired(self, now: Instant, limit: int) -> list[str]:
        """Numbers whose registration the clock may have ended."""
        statement = (
            select(_REG.c.phone_number)
            .where(_REG.c.state == REGISTERED, _REG.c.until <= now)
            .order_by(_REG.c.until)
            .limit(limit)
        )
        return list(self._connection.execute(statement).scalars())

    # deliveries

    def deliveries(self, numbers: Sequence[str]) -> list[Delivery]:
        return _deliveries(self._in(_DEL, _DELIVERY, numbers, holding=True))

    def in_order(self, key: str) -> list[Delivery]:
        """All that is under way in this order, held."""
        return self._some(_DEL.c.order_key == key)

    def due(self, database: str, state: State, now: Instant, limit: int) -> list[Delivery]:
        """What is to be done next in this state, oldest first; what another holds is left out."""
        due = (_DEL.c.database == database) & (_DEL.c.state == str(state)) & (_DEL.c.due <= now)
        statement = select(*(_DEL.c[name] for name in _DELIVERY)).where(due)
        statement = statement.order_by(_DEL.c.due, _DEL.c.seq).limit(limit)
        return _deliveries(self._connection.execute(statement.with_for_update(skip_locked=True)))

    def looks_due(self, databases: Sequence[str], now: Instant, limit: int) -> list[Delivery]:
        due = (_DEL.c.look_due <= now) & _DEL.c.database.in_(databases)
        statement = select(*(_DEL.c[name] for name in _DELIVERY)).where(due)
        statement = statement.order_by(_DEL.c.look_due).limit(limit)
        return _deliveries(self._connection.execute(statement.with_for_update(skip_locked=True)))

    def put_deliveries(self, deliveries: Iterable[Delivery]) -> None:
        rows = [_values(each) for each in deliveries]
        if not rows:
            return
        statement = self._insert(_DEL)
        key = ["phone_number", "database"]
        changed = {name: statement.excluded[name] for name in _DELIVERY if name not in key}
        statement = statement.on_conflict_do_update(index_elements=key, set_=changed)
        if self._is_postgres:
            # Whoever wants something back has many rows sent in one statement.
            statement = statement.returning(_DEL.c.seq)
        self._connection.execute(statement, rows)

    def ledger(self, phone_number: str) -> list[Entry]:
        """The number in every database it is or was delivered to, and what was last seen there."""
        statement = (
            select(_OBS)
            .where(_OBS.c.phone_number == phone_number)
            .order_by(_OBS.c.seq.desc())
            .limit(_AT_ONCE)
        )
        last: dict[str, Observation] = {}
        for row in self._connection.execute(statement):
            last.setdefault(row.database, Observation(*row[1:]))
        found = _deliveries(self._in(_DEL, _DELIVERY, [phone_number]))
        return [Entry(each, last.get(each.database)) for each in found]

    # observations

    def observe(self, observations: Sequence[Observation]) -> None:
        if observations:
            self._connection.execute(insert(_OBS), [_values(each) for each in observations])

    def observations(self, phone_number: str) -> list[Observation]:
        """Oldest first."""
        statement = select(_OBS).where(_OBS.c.phone_number == phone_number).order_by(_OBS.c.seq)
        return [Observation(*row[1:]) for row in self._connection.execute(statement)]

    # orders

    def add_order(self, order: OpenOrder) -> None:
        self._connection.execute(
            insert(_ORD).values(
                {name: value for name, value in _values(order).items() if name != "seq"}
                | {"state": "open", "leased_until": 0}
            )
        )

    def claim_orders(
        self, databases: Sequence[str], now: Instant, wall: Instant, limit: int
    ) -> list[OpenOrder]:
        """Open orders that are due, for one worker until its lease runs out."""
        ready = (
            select(_ORD.c.seq)
            .where(
                _ORD.c.state == "open",
                _ORD.c.due <= now,
                _ORD.c.leased_until <= wall,
                _ORD.c.database.in_(databases),
            )
            .order_by(_ORD.c.due, _ORD.c.seq)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        taken = list(self._connection.execute(ready).scalars())
        if not taken:
            return []
        statement = (
            update(_ORD)
            .where(_ORD.c.seq.in_(taken))
            .values(
                leased_until=wall + LEASE,
                # Whoever sends word must not use up the short waits between our own questions.
                attempts=case((_ORD.c.due == HURRIED, _ORD.c.attempts), else_=_ORD.c.attempts + 1),
                due=now,
            )
            .returning(*(_ORD.c[name] for name in _ORDER))
        )
        found = [OpenOrder(*row) for row in self._connection.execute(statement)]
        return sorted(found, key=lambda order: order.seq)

    def settle_order(self, order: OpenOrder, is_open: bool, error: str | None = None) -> None:
        """Keep the order's reference and when it is next due, and let go of it. What another
        worker has closed stays closed.

        Word that came meanwhile has the order asked about again at once, but not where asking
        failed: a database that is in trouble, or asks to be left alone, is not hurried."""
        hurried = order.due if error else case((_ORD.c.due == HURRIED, HURRIED), else_=order.due)
        self._connection.execute(
            update(_ORD)
            .where(_ORD.c.key == order.key, _ORD.c.state == "open")
            .values(
                state="open" if is_open else "done",
                due=hurried if is_open else order.due,
                order_ref=func.coalesce(order.order_ref, _ORD.c.order_ref),
                leased_until=0,
                last_error=error[:500] if error else None,
            )
        )

    def hurry(self, database: str, order_ref: str | None, key: str | None) -> bool:
        """Ask about this open order at once, by what the database calls it or by our own key;
        whether there is one."""
        named = [_ORD.c.order_ref == order_ref] if order_ref else []
        named += [_ORD.c.key == key] if key else []
        if not named:
            return False
        open_ones = (_ORD.c.state == "open") & (_ORD.c.database == database)
        statement = update(_ORD).where(open_ones, or_(*named)).values(due=HURRIED)
        return self._connection.execute(statement).rowcount > 0

    def open_orders(
        self, databases: Sequence[str], after: int = 0, limit: int = 50
    ) -> list[OpenOrder]:
        """Orders that these databases have and have not finished, oldest first; ``after`` is the
        ``seq`` of the last one that is known."""
        statement = (
            select(*(_ORD.c[name] for name in _ORDER))
            .where(_ORD.c.state == "open", _ORD.c.database.in_(databases), _ORD.c.seq > after)
            .where(_ORD.c.order_ref.is_not(None))
            .order_by(_ORD.c.seq)
            .limit(limit)
        )
        return [OpenOrder(*row) for row in self._connection.execute(statement)]

    # the clock

    def next_due(self, after: Instant, databases: Sequence[str]) -> Instant | None:
        """When anything is due next, later than ``after``."""
        ours = _DEL.c.database.in_(databases)
        asked = (
            select(func.min(_DEL.c.due)).where(_DEL.c.due > after, ours),
            select(func.min(_DEL.c.look_due)).where(_DEL.c.look_due > after, ours),
            select(func.min(_ORD.c.due)).where(
                _ORD.c.state == "open", _ORD.c.due > after, _ORD.c.database.in_(databases)
            ),
            select(func.min(_REG.c.until)).where(_REG.c.state == REGISTERED, _REG.c.until > after),
        )
        found = (self._connection.execute(statement).scalar() for statement in asked)
        return min((due for due in found if due is not None), default=None)

    def release(self) -> None:
        """End every lease: for a sandbox that starts, where all workers before it are dead."""
        self._connection.execute(update(_ORD).where(_ORD.c.state == "open").values(leased_until=0))

    def forget(self) -> None:
        """Everything: for a sandbox that is put back to what it was."""
        for table in _TABLES:
            self._connection.execute(delete(table))

    def _some(self, where: Any) -> list[Delivery]:
        statement = (
            select(*(_DEL.c[name] for name in _DELIVERY))
            .where(where)
            .order_by(_DEL.c.phone_number, _DEL.c.seq)
        )
        return _deliveries(self._connection.execute(self._held(statement)))

    def _held(self, statement: Any) -> Any:
        # A reader holds nothing, and on PostgreSQL must not.
        return statement.with_for_update() if self._holding else statement

    def _in(
        self,
        table: Any,
        names: Sequence[str],
        numbers: Sequence[str],
        *where: Any,
        holding: bool = False,
    ) -> list[Any]:
        found: list[Any] = []
        # Always in one order, so that two who hold rows do not wait for each other.
        for some in _chunks(sorted(numbers)):
            statement = select(*(table.c[name] for name in names))
            statement = statement.where(table.c.phone_number.in_(some), *where)
            statement = statement.order_by(table.c.phone_number, table.c.seq)
            found += self._connection.execute(self._held(statement) if holding else statement)
        return found

    def _insert(self, table: Any) -> Any:
        """An INSERT that may say ON CONFLICT: each dialect has its own, spelled alike."""
        if self._is_postgres:
            from sqlalchemy.dialects import postgresql

            return postgresql.insert(table)
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)


def _deliveries(rows: Iterable[Any]) -> list[Delivery]:
    return [replace(Delivery(*row), state=State(row.state)) for row in rows]


def _values(record: Any) -> dict[str, Any]:
    values = {each.name: getattr(record, each.name) for each in fields(record)}
    if "state" in values:
        # A driver must not have to know what an enumeration is.
        values["state"] = str(values["state"])
    return values


def _chunks(values: Sequence[str]) -> Iterable[list[str]]:
    for start in range(0, len(values), _AT_ONCE):
        yield list(values[start : start + _AT_ONCE])
