"""What a standing rests on, written down whenever it changes, in the transaction that changes it.

Every change of a row that may raise or lower an attestation adds one row to ``standing_changes``.
Nodes hear of it from there (:mod:`phonotary.storage.feed`), and it is the history of every number:
who had it when, and what it was assigned to. Rows are only ever added.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, insert, select

from phonotary.access.accounts import Account
from phonotary.clock import Instant
from phonotary.storage import direct, schema
from phonotary.storage.collections import Rows
from phonotary.trusthub import display, lifecycle, policies, privacy
from phonotary.trusthub import records as r

T = TypeVar("T")

EVERYTHING = "*"
"""The subject of a change that touched any number of rows: a state loaded, an account reset."""
OF_NUMBERS = frozenset({"bought", "released", "moved", "assigned", "unassigned"})
"""Kinds of change that end the standing of one number and of no other."""
# ``linked``: a profile to a product, which then speaks for the profile's numbers as well.
# ``supported``: a profile to another profile, which changes nothing for the one that supports.
_JOINED = {
    r.TRUST_PRODUCT: ("linked", "unlinked"),
    r.CUSTOMER_PROFILE: ("supported", "unsupported"),
}
_ONE_WAY = frozenset({"supported", "unsupported"})

_INSERT = insert(schema.standing_changes).inline()
_KIND = select(schema.bundles.c.kind).where(schema.bundles.c.sid == bindparam("sid_"))
_PHONE = select(schema.numbers.c.phone_number).where(schema.numbers.c.sid == bindparam("sid_"))


@dataclass(frozen=True, slots=True)
class Change:
    """One row of ``standing_changes``, without its place and its time."""

    kind: str
    subject: str
    """The SID of the bundle, number, account or end user that changed, or ``*``."""
    about: str | None
    """The other SID: the number assigned, the profile linked, the account a number came from; of
    a primary profile the account it stands for."""
    account_sid: str
    """Whose row it is; of a number, who holds it now. Empty where it is everybody's."""
    phone_number: str | None

    @property
    def subjects(self) -> frozenset[str]:
        """What a standing may rest on that is not what it was: SIDs, and numbers with a ``+``."""
        if self.kind in OF_NUMBERS:
            return frozenset({self.phone_number} if self.phone_number else ())
        if self.about is None or self.kind in _ONE_WAY:
            return frozenset({self.subject})
        return frozenset({self.subject, self.about})


class Changes:
    """The changes of one transaction. ``now`` is the hub's clock."""

    def __init__(self, connection: Connection, now: Callable[[], Instant]) -> None:
        self._connection = connection
        self._now = now
        self.subjects: set[str] = set()
        """What to tell everybody who keeps standings, once the transaction is committed."""

    def add(
        self,
        kind: str,
        subject: str,
        account_sid: str,
        about: str | None = None,
        phone_number: str | None = None,
    ) -> None:
        change = Change(kind, subject, about, account_sid, phone_number)
        values = {
            "kind": kind,
            "subject": subject,
            "about": about,
            "account_sid": account_sid,
            "phone_number": phone_number,
            "at": self._now(),
        }
        direct.change(self._connection, _INSERT, values)
        self.subjects |= change.subjects

    def everything(self, account_sid: str = "") -> None:
        """Rows were put in place in bulk: whatever was known before may be wrong now."""
        self.add("replaced", EVERYTHING, account_sid)

    def one(self, statement: Any, sid: str) -> str | None:
        found = direct.rows(self._connection, statement, {"sid_": sid})
        return found[0][0] if found else None


class Watched(Rows[T], ABC):
    """A collection that standings rest on: it says what each change of a record means to them."""

    table: Any
    """The subclass's own."""

    def __init__(
        self, connection: Connection, record: type[T], changes: Changes, locking: bool
    ) -> None:
        super().__init__(connection, self.table, record, locking)
        self._changes = changes

    def add(self, record: T) -> None:
        super().add(record)
        self._became(None, record)

    def replace(self, record: T) -> None:
        before = self._one(_sid(record), locking=False)
        super().replace(record)
        if before is not None:
            self._became(before, record)

    def replace_if(self, record: T, **held: Any) -> bool:
        before = self._one(_sid(record), locking=False)
        done = super().replace_if(record, **held)
        if done:
            self._became(before, record)
        return done

    def remove(self, sid: str) -> None:
        before = self._one(sid, locking=False)
        super().remove(sid)
        if before is not None:
            self._became(before, None)

    @abstractmethod
    def _became(self, before: T | None, after: T | None) -> None:
        """A record was added (none before), replaced, or removed (none after)."""


class Bundles(Watched[r.Bundle]):
    table = schema.bundles

    def _became(self, before: r.Bundle | None, after: r.Bundle | None) -> None:
        changed = after or before
        assert changed is not None
        # A draft vouches for nothing, whether it is there or not; assigning to it is another row.
        was = _vouching(before) if before else (lifecycle.DRAFT, None)
        if after is not None and _vouching(after) == was:
            return
        policy = policies.find(changed.policy_sid)
        primary = policy is not None and policy.role == "primary"
        self._changes.add(
            "status" if after else "deleted",
            changed.sid,
            changed.account_sid,
            # Whether a primary stands for the account, nobody can tell from another bundle's SID.
            about=changed.account_sid if primary else None,
        )


class EntityAssignments(Watched[r.EntityAssignment]):
    """Only bundles that are joined matter here: whom an end user names, its own bundle's status
    says as well, for an approved bundle takes and loses none."""

    table = schema.entity_assignments

    def _became(self, before: r.EntityAssignment | None, after: r.EntityAssignment | None) -> None:
        for record, made in ((before, False), (after, True)):
            if record is None or not record.object_sid.startswith("BU"):
                continue
            holder = self._changes.one(_KIND, record.bundle_sid)
            joined, parted = _JOINED[holder or r.TRUST_PRODUCT]
            self._changes.add(
                joined if made else parted, record.bundle_sid, record.account_sid, record.object_sid
            )


class EndpointAssignments(Watched[r.ChannelEndpointAssignment]):
    table = schema.endpoint_assignments

    def _became(
        self,
        before: r.ChannelEndpointAssignment | None,
        after: r.ChannelEndpointAssignment | None,
    ) -> None:
        for record, kind in ((before, "unassigned"), (after, "assigned")):
            # Without a holder it counts no more: it was said when it became so.
            if record is None or not record.holder_sid:
                continue
            number = record.channel_endpoint_sid
            self._changes.add(
                kind,
                record.bundle_sid,
                record.account_sid,
                number,
                self._changes.one(_PHONE, number),
            )


class Numbers(Watched[r.Number]):
    table = schema.numbers

    def _became(self, before: r.Number | None, after: r.Number | None) -> None:
        if before is None and after is not None:
            self._say("bought", after)
        elif before is not None and after is None:
            self._say("released", before)
        elif before is not None and after is not None:
            if before.phone_number != after.phone_number:
                self._say("released", before)
                self._say("bought", after)
            elif before.account_sid != after.account_sid:
                self._say("moved", after, before.account_sid)

    def _say(self, kind: str, number: r.Number, about: str | None = None) -> None:
        self._changes.add(kind, number.sid, number.account_sid, about, number.phone_number)


class AccountRows(Watched[Account]):
    table = schema.accounts

    def _became(self, before: Account | None, after: Account | None) -> None:
        if before is not None and after is not None and _standing_of(before) == _standing_of(after):
            return
        changed = after or before
        assert changed is not None
        self._changes.add("account", changed.sid, changed.sid)


class EndUsers(Watched[r.EndUser]):
    table = schema.end_users

    def _became(self, before: r.EndUser | None, after: r.EndUser | None) -> None:
        changed = after or before
        # One that is new belongs to no bundle yet.
        if before is None or changed is None or _name(before) == (_name(after) if after else None):
            return
        self._changes.add("renamed", changed.sid, changed.account_sid)


def _sid(record: Any) -> str:
    sid: str = record.sid
    return sid


def _vouching(bundle: r.Bundle) -> tuple[Any, ...]:
    return bundle.status, bundle.valid_until


def _standing_of(account: Account) -> tuple[str, str]:
    return account.status, account.owner_account_sid


def _name(end_user: r.EndUser) -> Any:
    """All of it that a call may show, and what hides it."""
    if end_user.type == display.INFORMATION:
        return end_user.attributes
    # A product that is not approved may be edited, and hides its numbers' names all the same.
    return end_user.attributes.get("business_name"), end_user.attributes.get(privacy.VISIBILITY)
