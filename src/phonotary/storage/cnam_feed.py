"""Which numbers a change may give a registration, or take it from.

``standing_changes`` is read on from a place kept in the settings. On SQLite its order is the order
of commits. On PostgreSQL a lower ``seq`` may commit after a higher one, so the kept place follows
only once every transaction that was open then is over; what comes late is found by looking back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select, text

from phonotary.cnam.registry import REGISTERED
from phonotary.storage import schema, schema_names
from phonotary.storage.changes import EVERYTHING, Change
from phonotary.storage.store import SqlStore
from phonotary.trusthub import policies
from phonotary.trusthub.records import TRUST_PRODUCT

SETTING = "cnam_feed_2"
"""The setting that holds the place; this hub's own, and no part of a sandbox's state. Its number
counts the rules of what is registered: with new ones a hub finds no place, and looks at all its
numbers once. 2: whatever is not public is private."""
_AT_ONCE = 500
# Above so many sets of numbers it is simpler to look through all of them.
_MOST_PENDING = 64

_CHANGES = schema.standing_changes
_REG = schema_names.cnam_registrations
_RA, _BV = schema.endpoint_assignments, schema.entity_assignments
_PN, _BU, _AC = schema.numbers, schema.bundles, schema.accounts
_ROW = (
    _CHANGES.c.seq,
    _CHANGES.c.kind,
    _CHANGES.c.subject,
    _CHANGES.c.about,
    _CHANGES.c.account_sid,
    _CHANGES.c.phone_number,
    _CHANGES.c.at,
)
_HORIZON = text(
    "SELECT pg_snapshot_xmin(pg_current_snapshot())::text,"
    " pg_snapshot_xmax(pg_current_snapshot())::text"
)

# What each kind of change touches; a kind that is not here touches no registration: a number just
# bought is on no product, and a business name is not the name that is shown.
_NUMBER, _BUNDLE, _ACCOUNT, _ALL = "number", "bundle", "account", "all"
TOUCHES = {
    "assigned": _NUMBER,
    "unassigned": _NUMBER,
    "released": _NUMBER,
    "moved": _NUMBER,
    "status": _BUNDLE,
    "deleted": _BUNDLE,
    "linked": _BUNDLE,
    "unlinked": _BUNDLE,
    "supported": _BUNDLE,
    "unsupported": _BUNDLE,
    "account": _ACCOUNT,
    "replaced": _ALL,
}


def _registered(where: ColumnElement[bool]) -> Any:
    standing = (_REG.c.state == REGISTERED) & (_REG.c.seq > bindparam("after_"))
    return (
        select(_REG.c.seq, _REG.c.phone_number)
        .where(standing, where)
        .order_by(_REG.c.seq)
        .limit(bindparam("limit_"))
    )


def _assigned(where: ColumnElement[bool]) -> Any:
    return (
        select(_RA.c.seq, _PN.c.phone_number)
        .join_from(_RA, _PN, _PN.c.sid == _RA.c.channel_endpoint_sid, isouter=True)
        .where(_RA.c.seq > bindparam("after_"), where)
        .order_by(_RA.c.seq)
        .limit(bindparam("limit_"))
    )


_SID: Any = bindparam("sid_")
_HOLDERS = select(_BV.c.bundle_sid).where(_BV.c.object_sid == _SID)
_PRODUCTS = select(_BU.c.sid).where(_BU.c.policy_sid == policies.CNAM)
# A subaccount is nothing without its parent.
_FAMILY = select(_AC.c.sid).where((_AC.c.sid == _SID) | (_AC.c.owner_account_sid == _SID))
# The numbers of each scope, each query a page of it by ``seq``: first those that may lose theirs.
# A bundle speaks for its own numbers; a profile also for those of the profiles that stand on it.
PHASES: dict[str, tuple[Any, ...]] = {
    _BUNDLE: (
        _registered(_REG.c.product_sid == _SID),
        _registered(_REG.c.profile_sid == _SID),
        _assigned(_RA.c.bundle_sid == _SID),
        _assigned(_RA.c.bundle_sid.in_(_HOLDERS)),
    ),
    _ACCOUNT: (
        _registered(_REG.c.account_sid.in_(_FAMILY)),
        _assigned(_RA.c.holder_sid.in_(_FAMILY)),
    ),
    _ALL: (
        _registered(_REG.c.seq == _REG.c.seq),
        _assigned(_RA.c.bundle_sid.in_(_PRODUCTS)),
    ),
}


@dataclass(slots=True)
class Scope:
    """A set of numbers that is being looked through, and how far that has come."""

    kind: str
    sid: str = ""
    phase: int = 0
    after: int = 0

    @property
    def begun(self) -> bool:
        return self.phase > 0 or self.after > 0


@dataclass(slots=True)
class Place:
    """How far the changes are followed. The change itself is named, not only its number: a place
    in another hub's changes is none in these."""

    seq: int = 0
    at: int = 0
    subject: str = ""
    pending: list[Scope] = field(default_factory=list)

    def add(self, kind: str, sid: str = "") -> None:
        """Look through these numbers too; from the start, where that has begun already."""
        if kind == _ALL or len(self.pending) >= _MOST_PENDING:
            self.pending = [Scope(_ALL)]
        elif not any(
            not each.begun and (each.kind, each.sid) in ((kind, sid), (_ALL, ""))
            for each in self.pending
        ):
            self.pending.append(Scope(kind, sid))


class Following:
    """One worker's reading of the changes. What is in memory holds for what was committed: a
    transaction works on a copy (:mod:`copy`), which is kept once it is over."""

    def __init__(self) -> None:
        self._high = 0
        self._seen: set[int] = set()
        self._mark: tuple[int, int] | None = None
        self._begun = False

    def load(self, store: SqlStore) -> Place:
        """Where the last one stopped, or, where that place is none, with everything to look at."""
        kept = store.setting(SETTING)
        if kept is not None:
            raw = json.loads(kept)
            raw["pending"] = [Scope(*each) for each in raw["pending"]]
            place = Place(**raw)
            if place.seq == 0 or _change_at(store, place.seq) == (place.at, place.subject):
                self._high = max(self._high, place.seq) if self._begun else place.seq
                self._begun = True
                return place
        return self._from_now(store)

    def _from_now(self, store: SqlStore) -> Place:
        if store.connection.dialect.name == "postgresql":
            # Once in a hub's life: whoever is writing changes now is waited for.
            store.connection.execute(text("LOCK TABLE standing_changes IN SHARE MODE"))
        newest = store.connection.execute(select(func.max(_CHANGES.c.seq))).scalar() or 0
        at, subject = _change_at(store, newest) or (0, "")
        self._high, self._seen, self._mark, self._begun = newest, set(), None, True
        return Place(newest, at, subject, [Scope(_ALL)])

    @staticmethod
    def save(store: SqlStore, place: Place) -> None:
        pending = [[each.kind, each.sid, each.phase, each.after] for each in place.pending]
        value = {"seq": place.seq, "at": place.at, "subject": place.subject, "pending": pending}
        store.put_setting(SETTING, json.dumps(value))

    def read_on(self, store: SqlStore, place: Place) -> list[Change]:
        """What has changed since; the place moves as far as nothing can be missed."""
        late = self._late(store, place)
        fresh = self._rows(store, _CHANGES.c.seq > self._high)
        if store.connection.dialect.name != "postgresql":
            _move(place, fresh)
        elif fresh:
            self._seen = self._seen | {row.seq for row in fresh}
            if self._mark is None:
                horizon = store.connection.execute(_HORIZON).one()
                self._mark = fresh[-1].seq, int(horizon[1])
        if fresh:
            self._high = fresh[-1].seq
        return [Change(*row[1:6]) for row in (*late, *fresh)]

    def _late(self, store: SqlStore, place: Place) -> list[Any]:
        """PostgreSQL: rows below the mark that were not committed when it was passed."""
        if self._mark is None:
            return []
        upto, horizon = self._mark
        if int(store.connection.execute(_HORIZON).one()[0]) < horizon:
            return []
        between = (_CHANGES.c.seq > place.seq) & (_CHANGES.c.seq <= upto)
        seqs = store.connection.execute(select(_CHANGES.c.seq).where(between)).scalars()
        missed = [seq for seq in seqs if seq not in self._seen]
        found = self._rows(store, _CHANGES.c.seq.in_(missed[:_AT_ONCE])) if missed else []
        self._seen = self._seen | {row.seq for row in found}
        if len(missed) <= _AT_ONCE:
            _move(place, self._rows(store, _CHANGES.c.seq == upto))
            self._seen = {seq for seq in self._seen if seq > upto}
            self._mark = None
        return found

    @staticmethod
    def _rows(store: SqlStore, where: ColumnElement[bool]) -> list[Any]:
        statement = select(*_ROW).where(where).order_by(_CHANGES.c.seq).limit(_AT_ONCE)
        return list(store.connection.execute(statement))


def touched(store: SqlStore, changes: Sequence[Change], place: Place) -> list[str]:
    """The numbers these changes name; whole sets of numbers are added to the place."""
    others = _other_products(store, {change.subject for change in changes})
    numbers: dict[str, None] = {}
    for change in changes:
        what = _ALL if change.subject == EVERYTHING else TOUCHES.get(change.kind)
        if what is None or change.subject in others:
            continue
        if what == _NUMBER:
            if change.phone_number:
                numbers[change.phone_number] = None
        else:
            place.add(what, change.subject if what != _ALL else "")
    return list(numbers)


def _other_products(store: SqlStore, sids: set[str]) -> set[str]:
    """Which of these are products of another policy: they touch no name."""
    other = (_BU.c.kind == TRUST_PRODUCT) & (_BU.c.policy_sid != policies.CNAM)
    statement = select(_BU.c.sid).where(_BU.c.sid.in_(sids), other)
    return set(store.connection.execute(statement).scalars()) if sids else set()


def page(store: SqlStore, place: Place, limit: int) -> list[str]:
    """The next numbers to look at; the place moves on."""
    if not place.pending:
        return []
    scope = place.pending[0]
    statement = PHASES[scope.kind][scope.phase]
    values: dict[str, Any] = {"after_": scope.after, "limit_": limit}
    if scope.kind != _ALL:
        values["sid_"] = scope.sid
    rows = list(store.connection.execute(statement, values))
    if len(rows) == limit:
        scope.after = rows[-1][0]
    else:
        scope.phase, scope.after = scope.phase + 1, 0
        if scope.phase == len(PHASES[scope.kind]):
            place.pending.pop(0)
    return list(dict.fromkeys(row[1] for row in rows if row[1] is not None))


def _move(place: Place, rows: Sequence[Any]) -> None:
    if rows:
        place.seq, place.at, place.subject = rows[-1].seq, rows[-1].at, rows[-1].subject


def _change_at(store: SqlStore, seq: int) -> tuple[int, str] | None:
    row = store.connection.execute(
        select(_CHANGES.c.at, _CHANGES.c.subject).where(_CHANGES.c.seq == seq)
    ).first()
    return (row[0], row[1]) if row else None
