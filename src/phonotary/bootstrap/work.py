"""Whoever does the jobs: automatic vetting and callbacks, when they are due.

Vetting is decided and marked done in one transaction, so it happens once. A callback is a call to
somebody else: it happens at least once, and carries a key that makes a repetition recognisable.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import httpx
import structlog

from phonotary.clock import Clock, Instant
from phonotary.cnam import names
from phonotary.errors import Refused
from phonotary.outbound import callbacks
from phonotary.storage import jobs
from phonotary.storage.database import Database
from phonotary.storage.jobs import Claimed
from phonotary.storage.store import SqlStore
from phonotary.trusthub import filing, review

log = structlog.get_logger("phonotary.work")

_POLL = 1.0
_CALLBACKS_AT_ONCE = 16


class Worker:
    """Does what is due, as soon as it is told or within a second."""

    def __init__(self, database: Database, clock: Clock, *, sandbox: bool) -> None:
        self._database = database
        self._clock = clock
        self._sandbox = sandbox
        self._wake = asyncio.Event()
        self._busy = asyncio.Lock()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. One failing round is logged and does not end the work."""
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                try:
                    await self._all_due(client)
                except Exception:
                    log.exception("a round of work failed")
                self._wake.clear()
                try:
                    await asyncio.wait_for(self._wake.wait(), _POLL)
                except TimeoutError:
                    continue

    async def drain(self) -> None:
        """Return once all that is due now has been done."""
        async with httpx.AsyncClient(trust_env=False) as client:
            await self._all_due(client)

    def vet_due(self) -> int:
        """Decide every bundle whose vetting is due; how many jobs that was."""
        return self._database.write(self._vet_in)

    def _vet_in(self, store: SqlStore) -> int:
        now = self._clock.now()
        due = jobs.claim(store, now, self._clock.wall(), kind=filing.VET)
        for claimed in due:
            try:
                review.vet(
                    store,
                    claimed.job.due,
                    claimed.job.subject,
                    name_findings=names.findings,
                    rehearse=self._sandbox,
                )
            except Refused as refused:
                jobs.failed(store, claimed.seq, refused.because)
            else:
                jobs.done(store, claimed.seq)
        return len(due)

    async def _all_due(self, client: httpx.AsyncClient) -> None:
        async with self._busy:
            while True:
                vetted = self.vet_due()
                claimed = self._database.write(self._claim_callbacks)
                if not vetted and not claimed:
                    return
                await self._deliver_all(client, claimed)

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
        message = json.loads(claimed.job.body)
        account = self._database.read(lambda store: store.account(message["account_sid"]))
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
            log.warning("callback refused", subject=claimed.job.subject, because=because)
            self._database.write(lambda store: jobs.failed(store, claimed.seq, because))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            because = type(error).__name__
            outcome = self._retry(claimed, because)
            self._database.write(outcome)
        else:
            self._database.write(lambda store: jobs.done(store, claimed.seq))

    def _retry(self, claimed: Claimed, because: str) -> Callable[[SqlStore], None]:
        waits = callbacks.RETRY_AFTER
        attempt = claimed.job.attempts
        if attempt > len(waits):
            return lambda store: jobs.failed(store, claimed.seq, because)
        due: Instant = self._clock.now() + waits[attempt - 1]
        return lambda store: jobs.again(store, claimed.seq, due, because)
