"""Whether accounts are vouched for as a whole, remembered.

All profiles of a reseller's customers stand on its primary one, so to ask this of the store costs
as much as there are customers: tens of milliseconds at ten thousand of them. All numbers of the
reseller ask it, and the answer changes seldom.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

from phonotary.bootstrap.noting import Noted
from phonotary.clock import Instant
from phonotary.directory import EVERYTHING
from phonotary.storage.store import SqlStore
from phonotary.trusthub import standing as kyc
from phonotary.trusthub.records import Party
from phonotary.trusthub.store import Store

_MOST = 10_000
"""Accounts that are remembered; then all are forgotten."""

Ask = Callable[[SqlStore, Noted], kyc.Vouched]


class _Answer(NamedTuple):
    vouched: bool
    noted: Noted
    """What it rests on."""


def asked_anew(store: SqlStore, noted: Noted) -> kyc.Vouched:
    """Nothing is remembered."""
    return kyc.account_vouched


class Vouched:
    """Answers by account. Any thread may call it.

    An answer is kept only where no change was heard of since before it was read, by the count of
    changes that the caller gives, and it is dropped by any change that touches what it rests on.
    """

    def __init__(self, changes: Callable[[], int]) -> None:
        """``changes`` counts those heard of: it rises before :meth:`change` is called for one."""
        self._changes = changes
        self._lock = threading.Lock()
        self._kept: dict[str, _Answer] = {}

    def since(self, epoch: int) -> Ask:
        """For one reading that began when ``epoch`` was the count of changes."""

        def ask(store: SqlStore, noted: Noted) -> kyc.Vouched:
            def vouched(reading: Store, caller: Party, now: Instant) -> bool:
                found = self._kept.get(caller.owner_sid)
                if found is None or _is_over(found.noted, now):
                    mine = Noted(store, now)
                    found = _Answer(kyc.account_vouched(mine.store, caller, now), mine)
                    self._keep(caller.owner_sid, found, epoch)
                noted.add(found.noted)
                return found.vouched

            return vouched

        return ask

    def _keep(self, owner_sid: str, answer: _Answer, epoch: int) -> None:
        with self._lock:
            if self._changes() != epoch:
                return
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[owner_sid] = answer

    def change(self, subjects: Iterable[str]) -> None:
        """Forget what rests on these."""
        told = frozenset(subjects)
        with self._lock:
            if EVERYTHING in told:
                self._kept.clear()
                return
            over = [
                owner_sid
                for owner_sid, each in self._kept.items()
                if not told.isdisjoint(each.noted.subjects)
            ]
            for owner_sid in over:
                del self._kept[owner_sid]


def _is_over(noted: Noted, now: Instant) -> bool:
    return noted.until is not None and now >= noted.until
