"""Telling a customer's server what became of a bundle: one callback at a time, and its retries."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from phonotary import report
from phonotary.bootstrap.aside import aside
from phonotary.bootstrap.errands import Ending
from phonotary.clock import Clock, Instant
from phonotary.outbound import callbacks
from phonotary.storage import jobs
from phonotary.storage.database import Database
from phonotary.storage.jobs import Claimed

if TYPE_CHECKING:
    import httpx


class Telling:
    """Entered by all who may run a callback; the last who leaves closes the connections."""

    def __init__(self, database: Database, clock: Clock, *, sandbox: bool) -> None:
        self._database, self._clock, self._sandbox = database, clock, sandbox
        self._made: httpx.AsyncClient | None = None
        self._inside = 0

    async def __aenter__(self) -> Telling:
        self._inside += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self._inside -= 1
        if not self._inside and self._made is not None:
            made, self._made = self._made, None
            await made.aclose()

    @property
    def _client(self) -> httpx.AsyncClient:
        """Made for the first callback: to load httpx is a tenth of a start."""
        if self._made is None:
            import httpx

            self._made = httpx.AsyncClient(trust_env=False)
        return self._made

    async def tell(self, claimed: Claimed) -> Ending:
        """Deliver once."""
        import httpx

        message = json.loads(claimed.job.body)
        account = await aside(
            self._database, self._database.read, lambda store: store.account(message["account_sid"])
        )
        try:
            await callbacks.post(
                self._client,
                message["url"],
                message["params"],
                account.auth_token if account else "",
                claimed.job.key,
                allow_loopback=self._sandbox,
            )
        except callbacks.Blocked as blocked:
            because = str(blocked)
            _log().warning("callback refused", subject=claimed.job.subject, because=because)
            return partial(jobs.failed, seq=claimed.seq, error=because)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return self._retry(claimed, type(error).__name__)
        except Exception as error:
            # An address that not even an error was foreseen for must not hold up all the others.
            _log().exception("callback failed", subject=claimed.job.subject)
            return self._retry(claimed, type(error).__name__)
        return partial(jobs.done, seq=claimed.seq)

    def _retry(self, claimed: Claimed, because: str) -> Ending:
        waits, before = callbacks.RETRY_AFTER, claimed.job.attempts
        if before >= len(waits):
            return partial(jobs.failed, seq=claimed.seq, error=because)
        # A sandbox's clock may have leapt, and the retry must not be late by that as well. A
        # service that was down must not make all its attempts within a moment.
        start = claimed.job.due if self._sandbox else self._clock.now()
        due: Instant = start + waits[before]
        return partial(jobs.again, seq=claimed.seq, due=due, error=because)


def _log() -> Any:
    return report.to("phonotary.work")
