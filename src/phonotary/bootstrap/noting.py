"""What an answer rests on: all that was read for it, noted while it is read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar, cast

from phonotary.clock import Instant
from phonotary.directory import EVERYTHING
from phonotary.events import StatusChanged
from phonotary.storage.store import SqlStore
from phonotary.trusthub import lifecycle
from phonotary.trusthub.records import Bundle
from phonotary.trusthub.store import Collection, Store

T = TypeVar("T")

# What rests on more than this is forgotten at any change, rather than remembered by all it rests
# on.
_MOST_SUBJECTS = 64


class Noted:
    """A store that notes what is read through it, found or not: that, and nothing else, is what
    the answer rests on. A rule that reads something new is thereby followed from its first day."""

    def __init__(self, store: SqlStore, now: Instant) -> None:
        self.subjects: set[str] = set()
        self.bundles: set[str] = set()
        self.until: Instant | None = None
        self.now = now
        self.store = cast(Store, _Reading(store, self))

    @property
    def depends_on(self) -> frozenset[str]:
        if len(self.subjects) > _MOST_SUBJECTS:
            return frozenset({EVERYTHING})
        return frozenset(self.subjects)

    def add(self, other: Noted) -> None:
        """What another answer rests on, which this one makes use of."""
        self.subjects |= other.subjects
        self.bundles |= other.bundles
        ends = [each for each in (self.until, other.until) if each is not None]
        self.until = min(ends, default=None)

    def found(self, record: Any) -> None:
        """The record's own SID, unless the number asked about stands for it: that one is not
        noted, so that all numbers of a customer rest on the same."""
        if record.sid.startswith(_WITH_STATE):
            self.subjects.add(record.sid)
        if isinstance(record, Bundle):
            self.bundles.add(record.sid)
        if isinstance(record, Bundle) and lifecycle.vouches(record, self.now):
            ends = [each for each in (self.until, record.valid_until) if each is not None]
            self.until = min(ends, default=None)


# Assignments are told of by what they assign; numbers by their digits.
_WITH_STATE = ("AC", "BU", "IT")


class _Reading:
    """The reading half of ``trusthub.store.Store``, as far as a standing needs it."""

    def __init__(self, store: SqlStore, noted: Noted) -> None:
        self._store = store
        self._noted = noted
        self.numbers = _NotedRows(store.numbers, noted)
        self.bundles = _NotedRows(store.bundles, noted)
        self.end_users = _NotedRows(store.end_users, noted)
        self.entity_assignments = _NotedRows(store.entity_assignments, noted)
        self.endpoint_assignments = _NotedRows(store.endpoint_assignments, noted)

    def owner_of(self, account_sid: str) -> str | None:
        self._noted.subjects.add(account_sid)
        return self._store.owner_of(account_sid)

    def is_active(self, account_sid: str) -> bool:
        self._noted.subjects.add(account_sid)
        return self._store.is_active(account_sid)

    def history(self, bundle_sid: str) -> list[StatusChanged]:
        self._noted.subjects.add(bundle_sid)
        return self._store.history(bundle_sid)


class _NotedRows(Generic[T]):
    def __init__(self, rows: Collection[T], noted: Noted) -> None:
        self._rows = rows
        self._noted = noted

    def get(self, sid: str) -> T | None:
        return next(iter(self._note({"sid": sid}, [self._rows.get(sid)])), None)

    def first(self, **where: Any) -> T | None:
        return next(iter(self._note(where, [self._rows.first(**where)])), None)

    def all(self, **where: Any) -> list[T]:
        return self._note(where, self._rows.all(**where))

    def _note(self, where: dict[str, Any], found: Iterable[T | None]) -> list[T]:
        records = [record for record in found if record is not None]
        for value in where.values():
            # Of a list of candidates only those found count: the others are of other kinds.
            if isinstance(value, str) and value.startswith(_WITH_STATE):
                self._noted.subjects.add(value)
        for record in records:
            self._noted.found(record)
        return records
