"""The Store protocol over plain dicts, so that a room's tests need no database.

It keeps the same promises as ``storage``: ``tests/storage/test_contract.py`` runs over it as well.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from phonotary.access import accounts
from phonotary.access.accounts import Account, Key
from phonotary.errors import Reason, Refused
from phonotary.events import Job, StatusChanged
from phonotary.trusthub import records as r
from phonotary.trusthub.store import Ask, Page

T = TypeVar("T")
R = TypeVar("R")

_TOKEN = re.compile(r"(PA|PB)-(\d+)-(-?\d+)", re.ASCII)


class Kept(Generic[T]):
    """The records of one kind, by the order in which they came."""

    def __init__(self, *unique: tuple[str, ...]) -> None:
        self.rows: dict[int, T] = {}
        self._by_sid: dict[str, int] = {}
        self._next = 1
        self._unique = unique

    def add(self, record: Any) -> None:
        if record.sid in self._by_sid or any(
            _same(record, other, names) for names in self._unique for other in self.rows.values()
        ):
            raise Refused(Reason.CONFLICT, "Somebody else has just made the same change")
        self._by_sid[record.sid] = self._next
        self.rows[self._next] = copy.deepcopy(record)
        self._next += 1

    def get(self, sid: str) -> T | None:
        seq = self._by_sid.get(sid)
        return None if seq is None else self.rows[seq]

    def replace(self, record: Any) -> None:
        if record.sid in self._by_sid:
            self.rows[self._by_sid[record.sid]] = copy.deepcopy(record)

    def remove(self, sid: str) -> None:
        seq = self._by_sid.pop(sid, None)
        if seq is not None:
            del self.rows[seq]

    def all(self, **where: Any) -> list[T]:
        return [row for row in self.rows.values() if _fits(row, where)]

    def first(self, **where: Any) -> T | None:
        return next((row for row in self.rows.values() if _fits(row, where)), None)

    def page(self, ask: Ask, where: Mapping[str, Any]) -> Page[T]:
        mark = hash((id(self), repr(sorted(where.items()))))
        direction, position = _read(ask.cursor, mark)
        fitting = [seq for seq, row in self.rows.items() if _fits(row, where)]
        if direction == "PB":
            found = [seq for seq in fitting if seq > position]
            chosen, more = found[: ask.size][::-1], len(found) > ask.size
        else:
            found = [seq for seq in reversed(fitting) if not direction or seq < position]
            chosen, more = found[: ask.size], len(found) > ask.size
        first, last = (chosen[0], chosen[-1]) if chosen else (max(position - 1, 0), position + 1)
        has_next = direction == "PB" or more
        has_previous = more if direction == "PB" else bool(direction)
        return Page(
            [self.rows[seq] for seq in chosen],
            f"PA-{last}-{mark}" if has_next else None,
            f"PB-{first}-{mark}" if has_previous else None,
        )

    def snapshot(self) -> tuple[Any, ...]:
        return dict(self.rows), dict(self._by_sid), self._next

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        self.rows, self._by_sid, self._next = snapshot


class MemoryStore:
    """Implements ``trusthub.store.Store`` and ``access.accounts.Accounts``."""

    def __init__(self) -> None:
        self.bundles: Kept[r.Bundle] = Kept()
        self.end_users: Kept[r.EndUser] = Kept()
        self.documents: Kept[r.SupportingDocument] = Kept()
        self.entity_assignments: Kept[r.EntityAssignment] = Kept(("bundle_sid", "object_sid"))
        self.endpoint_assignments: Kept[r.ChannelEndpointAssignment] = Kept(
            ("bundle_sid", "channel_endpoint_sid")
        )
        self.evaluations: Kept[r.StoredEvaluation] = Kept()
        self.addresses: Kept[r.Address] = Kept()
        self.numbers: Kept[r.Number] = Kept(("phone_number",))
        self.caller_ids: Kept[r.OutgoingCallerId] = Kept(("account_sid", "phone_number"))
        self.inquiries: Kept[r.Inquiry] = Kept()
        self.accounts: Kept[Account] = Kept()
        self.keys: Kept[Key] = Kept()
        self.events: list[StatusChanged] = []
        self.filed: dict[str, Mapping[str, Any]] = {}
        self.jobs: dict[str, Job] = {}
        self.settings: dict[str, str] = {}

    def account(self, sid: str) -> Account | None:
        return self.accounts.get(sid)

    hold_account = account

    def add_account(self, account: Account) -> None:
        self.accounts.add(account)

    def replace_account(self, account: Account) -> None:
        self.accounts.replace(account)

    def key(self, sid: str) -> Key | None:
        return self.keys.get(sid)

    def add_key(self, key: Key) -> None:
        self.keys.add(key)

    def replace_key(self, key: Key) -> None:
        self.keys.replace(key)

    def remove_key(self, sid: str) -> None:
        self.keys.remove(sid)

    def is_active(self, account_sid: str) -> bool:
        account = self.account(account_sid)
        if account is None:
            return False
        return accounts.is_active(account, self.account(account.owner_account_sid))

    def owner_of(self, account_sid: str) -> str | None:
        account = self.accounts.get(account_sid)
        return account.owner_account_sid if account else None

    def move(self, before: r.Bundle, after: r.Bundle) -> bool:
        kept = self.bundles.get(after.sid)
        if kept is None or kept.status != before.status:
            return False
        self.bundles.replace(after)
        return True

    def record(self, event: StatusChanged, filed: Mapping[str, Any] | None = None) -> None:
        self.events.append(event)
        if filed is not None:
            self.filed[event.bundle_sid] = filed

    def history(self, bundle_sid: str) -> list[StatusChanged]:
        return [event for event in self.events if event.bundle_sid == bundle_sid]

    def enqueue(self, job: Job) -> None:
        self.jobs.setdefault(job.key, job)

    def setting(self, name: str) -> str | None:
        return self.settings.get(name)

    def put_setting(self, name: str, value: str) -> None:
        self.settings[name] = value


class MemoryDatabase:
    """Transactions: what a refused or failed ``work`` wrote is taken back."""

    def __init__(self) -> None:
        self.store = MemoryStore()

    def read(self, work: Callable[[MemoryStore], R]) -> R:
        return work(self.store)

    def write(self, work: Callable[[MemoryStore], R]) -> R:
        kept = {name: each for name, each in vars(self.store).items() if isinstance(each, Kept)}
        rows = {name: each.snapshot() for name, each in kept.items()}
        events, jobs = list(self.store.events), dict(self.store.jobs)
        settings = dict(self.store.settings)
        try:
            return work(self.store)
        except BaseException:
            for name, each in kept.items():
                each.restore(rows[name])
            self.store.events, self.store.jobs, self.store.settings = events, jobs, settings
            raise


def _same(one: Any, other: Any, names: tuple[str, ...]) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _fits(row: Any, where: Mapping[str, Any]) -> bool:
    return all(
        getattr(row, name) in value if isinstance(value, tuple) else getattr(row, name) == value
        for name, value in where.items()
    )


def _read(cursor: str | None, mark: int) -> tuple[str, int]:
    if not cursor:
        return "", 0
    found = _TOKEN.fullmatch(cursor)
    if found is None or int(found[3]) != mark:
        raise Refused(Reason.INVALID_PAGE_TOKEN, "Invalid PageToken; use the paging URLs")
    return found[1], int(found[2])
