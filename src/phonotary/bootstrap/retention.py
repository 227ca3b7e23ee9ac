"""Forgetting, a little at a time and once a day, what need not be kept of names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from phonotary import report
from phonotary.bootstrap.aside import aside
from phonotary.clock import Instant
from phonotary.storage import cnam_retention
from phonotary.storage.cnam_retention import Place, Swept
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore

DAY = 86_400
_SWEEPS = (cnam_retention.orders, cnam_retention.observations)


class Retention:
    """One sweep through finished orders and then through observations, a batch at each call. Any
    number of processes may sweep one database."""

    def __init__(self, database: Database, now: Callable[[], Instant], keep: int) -> None:
        """``keep`` is in seconds by the hub's clock ``now``."""
        self._database, self._now, self._keep = database, now, keep
        self._next: Instant = 0
        self._sweep, self._place = 0, Place()
        self._deleted = 0

    async def work_once(self) -> bool:
        """Look through one batch, if a sweep is due; whether it is not over by that."""
        now = self._now()
        if now < self._next:
            return False
        sweep, place = _SWEEPS[self._sweep], self._place

        def work(store: SqlStore) -> Swept:
            return sweep(store, now - self._keep, place)

        swept = await aside(self._database, self._database.write, work)
        # What waits for this loop, a call for one, goes first.
        await asyncio.sleep(0)
        self._deleted += swept.deleted
        return self._went_on(swept, now)

    def _went_on(self, swept: Swept, now: Instant) -> bool:
        if swept.place is not None:
            self._place = swept.place
            return True
        self._sweep, self._place = (self._sweep + 1) % len(_SWEEPS), Place()
        if self._sweep:
            return True
        self._next = now + DAY
        if self._deleted:
            report.to("phonotary.retention").info("swept", deleted=self._deleted)
        self._deleted = 0
        return False
