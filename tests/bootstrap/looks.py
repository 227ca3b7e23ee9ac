"""Bundles with a logo and without, eyes that see what a test says, and a worker at its work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from phonotary.access.accounts import Account
from phonotary.bootstrap.work import Worker
from phonotary.storage import jobs
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.trusthub import filing
from phonotary.trusthub.display import Logo
from phonotary.trusthub.filing import Vetting
from tests.rooms import office

URL = "https://acme.example/logo.bmp"
SEEN = Logo(URL, "sha256-" + "A" * 43)
NOWHERE = Logo(URL, None, "Nothing answers.", reached=False)
INSTANT = Vetting("instant")


class Eyes:
    """What is seen, one look after the other; the last of it from then on."""

    def __init__(self, *seen: Logo) -> None:
        self.seen = list(seen)
        self.looks = 0

    async def look(self, url: str) -> Logo:
        assert url == URL
        self.looks += 1
        return self.seen.pop(0) if len(self.seen) > 1 else self.seen[0]


def filed(
    store: SqlStore,
    now: int,
    vetting: Vetting = INSTANT,
    url: str = URL,
    account: Account | None = None,
) -> str:
    """A bundle with a logo, submitted by a customer of its own."""
    party = office.party_of(account or office.opened(store))
    profile = office.approved(store, office.profile(store, party))
    bundle = office.branded(store, party, profile, branded_calls_logo_url=url)
    return filing.submit(store, now, bundle, vetting).sid


def plain(store: SqlStore, now: int, callback: str) -> str:
    """A bundle without a logo, whose customer is told of it."""
    party = office.party_of(office.opened(store))
    profile = office.approved(store, office.profile(store, party))
    bundle = replace(office.product(store, party, profile), status_callback=callback)
    store.bundles.replace(bundle)
    return filing.submit(store, now, bundle, INSTANT).sid


def status(database: Database, sid: str) -> str:
    found = database.read(lambda store: store.bundles.get(sid))
    assert found is not None
    return found.status


class Slow(Eyes):
    """Shows nothing of some logos until it is let; every other one comes at once."""

    def __init__(self, *hanging: str) -> None:
        super().__init__(SEEN)
        self.hanging = hanging
        self.let = asyncio.Event()
        self.looking: list[str] = []
        self.broken_off = 0

    async def look(self, url: str) -> Logo:
        self.looks += 1
        self.looking.append(url)
        try:
            if url in self.hanging:
                await self.let.wait()
        except asyncio.CancelledError:
            self.broken_off += 1
            raise
        return Logo(url, SEEN.digest)

    async def close(self) -> None:
        """There is nothing to put away."""


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def at_work(worker: Worker) -> AsyncIterator[None]:
    """It runs, and is stopped at the end within a moment."""
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        running.cancel()
        begun = time.monotonic()
        with suppress(asyncio.CancelledError):
            await running
        assert time.monotonic() - begun < 1
        left = [repr(task) for task in asyncio.all_tasks()]
        assert not [each for each in left if "phonotary/bootstrap" in each]


def looks_ended(database: Database) -> dict[str, int]:
    """Of the looks that are still to be made, by bundle."""
    table = jobs.jobs
    wanted = table.select().where(table.c.kind == filing.LOOK, table.c.state == "waiting")
    rows = database.read(lambda store: store.connection.execute(wanted).mappings().all())
    return {row["subject"]: row["attempts"] for row in rows}
