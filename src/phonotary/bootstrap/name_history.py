"""Every name a number has had, and from when until when, read from what the hub wrote down.

``trusthub.standing.display_name`` says what stands now; this is its past. It is put together from
the histories of the bundles and of what the number was assigned to, and its last word is that of
``display_name``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

from sqlalchemy import func, select

from phonotary.clock import Instant
from phonotary.cnam import names
from phonotary.cnam.propagation import Spell
from phonotary.storage import changes, schema
from phonotary.storage.cnam import CnamStore
from phonotary.storage.store import SqlStore
from phonotary.trusthub import assignments, lifecycle, policies, review
from phonotary.trusthub import standing as kyc
from phonotary.trusthub.privacy import is_private
from phonotary.trusthub.records import CUSTOMER_PROFILE, Number
from phonotary.trusthub.store import Store

_ROWS = schema.standing_changes
_EVER = 1 << 60
Span = tuple[Instant, Instant]
"""From the first instant to before the second."""


def spells_of(store: SqlStore, phone_number: str, now: Instant) -> tuple[Spell, ...]:
    """All names of a number, oldest first. A name whose text nobody knows any more, because its
    product is deleted and it was never registered, is left out."""
    number = store.numbers.first(phone_number=phone_number)
    past = _Past(store, phone_number, number)
    found = sorted(past.spells(), key=lambda each: max(each.since, each.began))
    open_ended = found and (found[-1].until is None or found[-1].until > now)
    if open_ended and _name_now(store, phone_number, now) is None:
        found[-1] = _ended(found[-1], past.last_account_change() or now)
    return tuple(found)


def _name_now(store: SqlStore, phone_number: str, now: Instant) -> str | None:
    return kyc.display_name(cast(Store, store), phone_number, now)


def _ended(spell: Spell, at: Instant) -> Spell:
    return replace(spell, until=max(at, spell.since, spell.began))


class _Past:
    def __init__(self, store: SqlStore, phone_number: str, number: Number | None) -> None:
        self._store = store
        self._phone_number = phone_number
        self._number = number
        # A state that was put in place has no past before it: its phones are those of then.
        self._floor = self._last_replaced()
        self._registered = CnamStore(store, False).history(phone_number)
        self._assigned = self._assignments()

    def spells(self) -> Iterable[Spell]:
        for sid, assigned in self._assigned.items():
            bundle = self._store.bundles.get(sid)
            if bundle is not None and bundle.policy_sid != policies.CNAM:
                continue
            profiles = self._linked(sid)
            if bundle is None and not profiles:
                continue
            carrying = _union(
                _both(self._vouching(each), self._assigned.get(each, [])) for each in profiles
            )
            for since, until in _both(self._approved(sid), assigned):
                name = self._name(sid, since)
                private = self._private(sid, since)
                for began, ended in _both([(since, until)], carrying):
                    if name is not None:
                        end = None if ended == _EVER else ended
                        yield Spell(name, since, end, began, private)

    def last_account_change(self) -> Instant | None:
        """What ends a name besides: its account was suspended."""
        account = self._number and self._store.account(self._number.account_sid)
        if not account:
            return None
        sids = (account.sid, account.owner_account_sid)
        rows = self._changes(_ROWS.c.kind == "account", _ROWS.c.subject.in_(sids))
        return rows[-1].at if rows else None

    def _last_replaced(self) -> int:
        whose = ["", self._number.account_sid if self._number else ""]
        statement = select(func.max(_ROWS.c.seq)).where(
            _ROWS.c.subject == changes.EVERYTHING, _ROWS.c.account_sid.in_(whose)
        )
        return self._store.connection.execute(statement).scalar() or 0

    def _changes(self, *where: Any) -> list[Any]:
        statement = select(_ROWS).where(*where, _ROWS.c.seq > self._floor).order_by(_ROWS.c.seq)
        return list(self._store.connection.execute(statement))

    def _assignments(self) -> dict[str, list[Span]]:
        """When the number was on which bundle, by the bundle's SID."""
        number = self._number
        counting = assignments.of_number(cast(Store, self._store), number) if number else []
        opened = {each.bundle_sid: each.date_created for each in counting}
        found: dict[str, list[Span]] = {}
        begun: dict[str, Instant] = {}
        for row in self._changes(_ROWS.c.phone_number == self._phone_number):
            if row.kind == "assigned":
                begun.setdefault(row.subject, row.at)
            elif row.kind == "unassigned":
                # One that a loaded state brought along has no row that says when it began.
                found.setdefault(row.subject, []).append((begun.pop(row.subject, 0), row.at))
            elif row.kind in ("released", "moved"):
                for sid, at in begun.items():
                    found.setdefault(sid, []).append((at, row.at))
                begun.clear()
        for sid, at in opened.items():
            found.setdefault(sid, []).append((begun.get(sid, at), _EVER))
        return found

    def _linked(self, sid: str) -> set[str]:
        """The profiles a bundle is linked to, or was, if it is gone."""
        present = assignments.profiles_of(cast(Store, self._store), sid)
        if present or self._store.bundles.get(sid) is not None:
            return {each.sid for each in present}
        rows = self._changes(_ROWS.c.kind == "linked", _ROWS.c.subject == sid)
        return {row.about for row in rows}

    def _vouching(self, sid: str) -> list[Span]:
        """When a profile vouched: it was approved, and so was what it stands on."""
        approved = self._approved(sid)
        bundle = self._store.bundles.get(sid)
        policy = policies.find(bundle.policy_sid) if bundle else None
        if bundle is None or bundle.kind != CUSTOMER_PROFILE or policy is None:
            return approved
        if not policy.supporting_profiles:
            return approved
        return _both(approved, _union(self._approved(each) for each in self._linked(sid)))

    def _approved(self, sid: str) -> list[Span]:
        bundle = self._store.bundles.get(sid)
        events = [(each.at, each.after) for each in self._store.history(sid)]
        if bundle is None:
            gone = self._changes(_ROWS.c.kind == "deleted", _ROWS.c.subject == sid)
            events += [(row.at, "deleted") for row in gone[-1:]]
        found = []
        ends = [at for at, _ in events[1:]] + [_EVER]
        for (at, status), end in zip(events, ends, strict=False):
            if status == lifecycle.APPROVED:
                current = end == _EVER and bundle is not None
                runs_out = bundle.valid_until if current and bundle else at + review.VALIDITY
                found.append((at, min(end, runs_out or _EVER)))
        return found

    def _name(self, sid: str, since: Instant) -> str | None:
        """What the product said then: as it was registered, else as it says now."""
        of_product = [each for each in self._registered if each.product_sid == sid]
        for each in of_product:
            if each.since == since:
                return each.name
        for assignment in self._store.entity_assignments.all(bundle_sid=sid):
            end_user = self._store.end_users.get(assignment.object_sid)
            if end_user and end_user.type == "cnam_information":
                return names.normal(str(end_user.attributes.get("cnam_display_name") or "")) or None
        return of_product[0].name if of_product else None

    def _private(self, sid: str, since: Instant) -> bool:
        """Whether the name was kept from being shown then; the same way."""
        for each in self._registered:
            if each.product_sid == sid and each.since == since:
                return each.private
        return is_private(cast(Store, self._store), self._phone_number)


def _both(one: Iterable[Span], other: Iterable[Span]) -> list[Span]:
    others = list(other)
    shared = ((max(a, c), min(b, d)) for a, b in one for c, d in others)
    return sorted((start, end) for start, end in shared if start < end)


def _union(several: Iterable[Iterable[Span]]) -> list[Span]:
    """What any of them covers, joined where they touch."""
    found: list[Span] = []
    for start, end in sorted(span for each in several for span in each):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
