"""Whoever does the jobs: automatic vetting and callbacks, when they are due.

Vetting is decided and marked done in one transaction, so it happens once. A callback is a call to
somebody else: it happens at least once, and carries a key that makes a repetition recognisable.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy.exc import SQLAlchemyError

from phonotary import report
from phonotary.bootstrap import displaying
from phonotary.bootstrap.logos import Logos
from phonotary.clock import Clock, Instant
from phonotary.cnam import suggestions
from phonotary.errors import Refused
from phonotary.events import Job
from phonotary.outbound import callbacks
from phonotary.storage import jobs
from phonotary.storage.database import Database
from phonotary.storage.faults import Away
from phonotary.storage.jobs import Claimed
from phonotary.storage.store import SqlStore
from phonotary.trusthub import display, filing, review
from phonotary.trusthub.display import Logo
from phonotary.trusthub.outcomes import Outcome
from phonotary.trusthub.store import Store

if TYPE_CHECKING:
    import httpx

    from phonotary.bootstrap.registering import Registering
    from phonotary.bootstrap.retention import Retention

T = TypeVar("T")

_POLL = 1.0
_CALLBACKS_AT_ONCE = 16
_LOGOS_AT_ONCE = 16
# Seconds of the hub's clock between looks at a logo that a service cannot reach.
_LOOK_AGAIN = (60, 600)


def _log() -> Any:
    return report.to("phonotary.work")


class _Client:
    """An HTTP client made for the first callback: to load httpx is a tenth of a start."""

    def __init__(self) -> None:
        self._made: httpx.AsyncClient | None = None

    def get(self) -> httpx.AsyncClient:
        if self._made is None:
            import httpx

            self._made = httpx.AsyncClient(trust_env=False)
        return self._made

    async def __aenter__(self) -> _Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._made is not None:
            await self._made.aclose()


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
        self._wake = asyncio.Event()
        self._busy = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._vetting = threading.Lock()

    def wake(self) -> None:
        """From any thread; before the loop runs there is nobody to wake."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self) -> None:
        """Until cancelled. One failing round is logged and does not end the work."""
        self._loop = asyncio.get_running_loop()
        try:
            async with _Client() as client:
                await self._until_cancelled(client)
        finally:
            # Not by whoever stops the hub: a look that is broken off must decide nothing.
            await self.logos.close()

    async def _until_cancelled(self, client: _Client) -> None:
        while True:
            try:
                await self._all_due(client)
            except Away:
                # The database has said so itself, once.
                pass
            except Exception:
                _log().exception("a round of work failed")
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), _POLL)
            except TimeoutError:
                continue

    async def advance(self, until: int) -> None:
        """Move the clock until it has advanced by so much, stopping wherever a job falls due: what
        that job brings about, a retry for one, may fall due on the way as well."""
        async with _Client() as client:
            try:
                await self._all_due(client)
                while (step := await self._next_step(until)) is not None:
                    self._clock.advance(step)
                    await self._all_due(client)
            finally:
                self._clock.advanced = until

    async def _run(self, run: Callable[..., T], *given: Any) -> T:
        """SQLite in line, as everywhere; a PostgreSQL that hangs holds up a thread and no call."""
        if self._database.is_sqlite:
            return run(*given)
        return await asyncio.to_thread(run, *given)

    async def _next_step(self, until: int) -> int | None:
        """Seconds to the next due job on the way; None when there is no other."""
        now = self._clock.now()
        due = await self._run(self._database.read, partial(self._first_due, now))
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

    async def _look_all(self) -> int:
        """Look at the logos of bundles whose vetting is due, and decide them; how many those were.
        Nothing is held while a logo is waited for."""
        claimed = await self._run(self._database.write, self._claim_looks)
        seen = await asyncio.gather(*(self.look_at(each.job.subject) for each in claimed))
        for each, logo in zip(claimed, seen, strict=True):
            await self._run(self._database.write, partial(self._seen, each, logo))
        return len(claimed)

    def _claim_looks(self, store: SqlStore) -> list[Claimed]:
        return jobs.claim(store, self._clock.now(), self._clock.wall(), _LOGOS_AT_ONCE, filing.LOOK)

    async def look_at(self, bundle_sid: str) -> Logo | None:
        """What is behind the URL of a bundle's logo; None where it names none."""
        url = await self._run(self._database.read, partial(_logo_url, bundle_sid))
        if url is None:
            return None
        logo = await self.logos.look(url)
        return replace(logo, excused=self._sandbox and not logo.reached)

    def _seen(self, claimed: Claimed, logo: Logo | None, store: SqlStore) -> None:
        attempt = claimed.job.attempts
        waits = () if self._sandbox else _LOOK_AGAIN
        if logo is not None and not logo.reached and attempt <= len(waits):
            due = self._clock.now() + waits[attempt - 1]
            jobs.again(store, claimed.seq, due, logo.because)
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

    async def _all_due(self, client: _Client) -> None:
        async with self._busy:
            while True:
                vetted = await self._run(self.vet_due) + await self._look_all()
                claimed = await self._run(self._database.write, self._claim_callbacks)
                sent = await self.registering.work_once() if self.registering else False
                if claimed:
                    await self._deliver_all(client.get(), claimed)
                swept = await self.retention.work_once() if self.retention else False
                if not (vetted or claimed or sent or swept):
                    return

    def _claim_callbacks(self, store: SqlStore) -> list[Claimed]:
        return jobs.claim(
            store, self._clock.now(), self._clock.wall(), _CALLBACKS_AT_ONCE, filing.CALLBACK
        )

    async def _deliver_all(self, client: httpx.AsyncClient, claimed: list[Claimed]) -> None:
        """Side by side for different subjects, one after the other for the same."""
        by_subject: dict[str, list[Claimed]] = {}
        for each in claimed:
            by_subject.setdefault(each.job.subject, []).append(each)

        async def in_order(several: list[Claimed]) -> None:
            for one in several:
                await self._deliver(client, one)

        await asyncio.gather(*(in_order(several) for several in by_subject.values()))

    async def _deliver(self, client: httpx.AsyncClient, claimed: Claimed) -> None:
        import httpx

        message = json.loads(claimed.job.body)
        account = await self._run(
            self._database.read, lambda store: store.account(message["account_sid"])
        )
        outcome: Callable[[SqlStore], None]
        try:
            await callbacks.post(
                client,
                message["url"],
                message["params"],
                account.auth_token if account else "",
                claimed.job.key,
                allow_loopback=self._sandbox,
            )
        except callbacks.Blocked as blocked:
            because = str(blocked)
            _log().warning("callback refused", subject=claimed.job.subject, because=because)
            outcome = partial(jobs.failed, seq=claimed.seq, error=because)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            because = type(error).__name__
            outcome = self._retry(claimed, because)
        except Exception as error:
            # An address that not even an error was foreseen for must not hold up all the others.
            _log().exception("callback failed", subject=claimed.job.subject)
            outcome = self._retry(claimed, type(error).__name__)
        else:
            outcome = partial(jobs.done, seq=claimed.seq)
        await self._run(self._database.write, outcome)

    def _retry(self, claimed: Claimed, because: str) -> Callable[[SqlStore], None]:
        waits = callbacks.RETRY_AFTER
        attempt = claimed.job.attempts
        if attempt > len(waits):
            return lambda store: jobs.failed(store, claimed.seq, because)
        # A sandbox's clock may have leapt, and the retry must not be late by that as well. A
        # service that was down must not make all its attempts within a moment.
        start = claimed.job.due if self._sandbox else self._clock.now()
        due: Instant = start + waits[attempt - 1]
        return lambda store: jobs.again(store, claimed.seq, due, because)


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
