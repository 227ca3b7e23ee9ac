"""Whoever does the jobs: automatic vetting, looks at logos and callbacks, when they are due.

Vetting is decided and marked done in one transaction, so it happens once. A callback is a call to
somebody else: it happens at least once, and carries a key that makes a repetition recognisable.
Each kind of work has a lane of its own, so that none waits for what another one waits for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.exc import SQLAlchemyError

from phonotary import report
from phonotary.bootstrap import displaying
from phonotary.bootstrap.aside import aside
from phonotary.bootstrap.errands import Ending, Errands
from phonotary.bootstrap.lane import Lane
from phonotary.bootstrap.logos import Logos
from phonotary.bootstrap.telling import Telling
from phonotary.clock import Clock, Instant
from phonotary.cnam import suggestions
from phonotary.errors import Refused
from phonotary.events import Job
from phonotary.storage import jobs
from phonotary.storage.database import Database
from phonotary.storage.jobs import Claimed
from phonotary.storage.store import SqlStore
from phonotary.trusthub import display, filing, review
from phonotary.trusthub.display import Logo
from phonotary.trusthub.outcomes import Outcome
from phonotary.trusthub.store import Store

if TYPE_CHECKING:
    from phonotary.bootstrap.registering import Registering
    from phonotary.bootstrap.retention import Retention

# Seconds of the hub's clock between looks at a logo that a service cannot reach.
_LOOK_AGAIN = (60, 600)


def _log() -> Any:
    return report.to("phonotary.work")


class Worker:
    """Does what is due, as soon as it is told or within a second."""

    def __init__(
        self, database: Database, clock: Clock, *, sandbox: bool, logos: Logos | None = None
    ) -> None:
        self.logos = logos or Logos()
        self._database = database
        self._clock = clock
        self._sandbox = sandbox
        self.outcome_for: Callable[[SqlStore, str], Outcome | None] = lambda store, sid: None
        """The sandbox's rule for a bundle; there is none anywhere else."""
        self.registering: Registering | None = None
        """Sends names to the databases; the hub gives it once it knows its own address."""
        self.retention: Retention | None = None
        """Deletes what is not kept for ever; given with ``registering``."""
        self._telling = Telling(database, clock, sandbox=sandbox)
        self._callbacks = Errands(
            database, clock, filing.CALLBACK, self._telling.tell, sandbox=sandbox
        )
        # A sandbox decides in order, so that a run can be repeated: rules may count decisions.
        self._looks = Errands(
            database,
            clock,
            filing.LOOK,
            self._look,
            ended=self._ring,
            sandbox=sandbox,
            in_order=sandbox,
        )
        self._lanes = (
            Lane(self._vet),
            self._looks.lane,
            self._callbacks.lane,
            Lane(self._name),
        )
        self._naming = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._vetting = threading.Lock()

    def wake(self) -> None:
        """From any thread; before the loop runs there is nobody to wake."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        for lane in self._lanes:
            lane.ring()

    async def run(self) -> None:
        """Until cancelled. What is under way then is broken off, and decides nothing."""
        self._loop = asyncio.get_running_loop()
        async with self._telling:
            try:
                await asyncio.gather(*(lane.run() for lane in self._lanes))
            finally:
                await self.break_off()
                await self.logos.close()

    async def break_off(self) -> None:
        """End what is under way with others' servers; it has decided nothing, and its jobs are
        taken again when their leases have run out."""
        await self._looks.break_off()
        await self._callbacks.break_off()

    async def advance(self, until: int) -> None:
        """Move the clock until it has advanced by so much, stopping wherever a job falls due: what
        that job brings about, a retry for one, may fall due on the way as well."""
        async with self._telling:
            try:
                await self._all_due()
                while (step := await self._next_step(until)) is not None:
                    self._clock.advance(step)
                    await self._all_due()
            finally:
                self._clock.advanced = until

    async def _all_due(self) -> None:
        """Until nothing is due, and nothing that was is under way in any lane."""
        while True:
            decided = await self._vet_aside() + await self._looks.all_due()
            named = await self._name()
            if not (decided + await self._callbacks.all_due() or named):
                return

    async def _vet(self) -> int:
        found = await self._vet_aside()
        if found:
            self._ring()
        return found

    async def _vet_aside(self) -> int:
        return await aside(self._database, self.vet_due)

    async def _name(self) -> bool:
        """Some of what is to be done about names; whether there was anything."""
        async with self._naming:
            sent = await self.registering.work_once() if self.registering else False
            swept = await self.retention.work_once() if self.retention else False
            return sent or swept

    async def _next_step(self, until: int) -> int | None:
        """Seconds to the next due job on the way; None when there is no other."""
        now = self._clock.now()
        due = await aside(self._database, self._database.read, partial(self._first_due, now))
        left = until - self._clock.advanced
        return due - now if due is not None and due - now <= left else None

    def _first_due(self, now: Instant, store: SqlStore) -> Instant | None:
        found = [jobs.next_due(store, after=now)]
        if self.registering is not None:
            found.append(self.registering.next_due(store, after=now))
        return min((each for each in found if each is not None), default=None)

    def vet_due(self) -> int:
        """Decide every bundle whose vetting is due; how many jobs that was.

        One thread at a time: whoever waited here finds its own bundle decided and committed.
        """
        with self._vetting:
            return self._database.write(self._vet_in)

    def _vet_in(self, store: SqlStore) -> int:
        now = self._clock.now()
        due = jobs.claim(store, now, self._clock.wall(), kind=filing.VET)
        for claimed in due:
            if (look := _look_instead(store, claimed.job)) is not None:
                store.enqueue(look)
                jobs.done(store, claimed.seq)
            else:
                self._vet_one(store, claimed)
        return len(due)

    async def _look(self, claimed: Claimed) -> Ending:
        """Look at the logo of a bundle whose vetting is due, and then decide it."""
        return partial(self._seen, claimed, await self.look_at(claimed.job.subject))

    async def look_at(self, bundle_sid: str) -> Logo | None:
        """What is behind the URL of a bundle's logo; None where it names none."""
        url = await aside(self._database, self._database.read, partial(_logo_url, bundle_sid))
        if url is None:
            return None
        logo = await self.logos.look(url)
        return replace(logo, excused=self._sandbox and not logo.reached)

    def _seen(self, claimed: Claimed, logo: Logo | None, store: SqlStore) -> None:
        before, waits = claimed.job.attempts, () if self._sandbox else _LOOK_AGAIN
        if logo is not None and not logo.reached and before < len(waits):
            jobs.again(store, claimed.seq, self._clock.now() + waits[before], logo.because)
        else:
            self._vet_one(store, claimed, logo)

    def _vet_one(self, store: SqlStore, claimed: Claimed, logo: Logo | None = None) -> None:
        """All of one decision or nothing of it; one that cannot be made stops no other."""
        try:
            with store.connection.begin_nested():
                review.vet(
                    store,
                    claimed.job.due,
                    claimed.job.subject,
                    name_findings=suggestions.findings,
                    display_findings=displaying.findings,
                    logo=logo,
                    rehearse=self._sandbox,
                    outcome=self.outcome_for(store, claimed.job.subject),
                )
        except Refused as refused:
            jobs.failed(store, claimed.seq, refused.because)
        except SQLAlchemyError:
            raise
        except Exception as error:
            _log().exception("vetting failed", subject=claimed.job.subject)
            jobs.failed(store, claimed.seq, type(error).__name__)
        else:
            jobs.done(store, claimed.seq)


def _look_instead(store: SqlStore, job: Job) -> Job | None:
    """For a bundle with a logo that was filed with a version which looked at none."""
    bundle = store.bundles.get(job.subject)
    if bundle is None:
        return None
    vetting = filing.vetting_job(cast(Store, store), bundle, job.due)
    return vetting if vetting.kind == filing.LOOK else None


def _logo_url(bundle_sid: str, store: SqlStore) -> str | None:
    bundle = store.bundles.get(bundle_sid)
    return display.logo_url(cast(Store, store), bundle) if bundle else None
