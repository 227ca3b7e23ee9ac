"""A bundle with a logo is decided when the logo was looked at, and a service looks again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from phonotary.bootstrap.work import Worker
from phonotary.clock import Clock
from phonotary.events import Job
from phonotary.storage import jobs
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.trusthub import filing
from phonotary.trusthub.display import Logo
from phonotary.trusthub.filing import Vetting
from phonotary.trusthub.records import Bundle
from tests.bootstrap.looks import (
    NOWHERE,
    SEEN,
    URL,
    Eyes,
    Slow,
    at_work,
    filed,
    looks_ended,
    status,
    until,
)

UNFIT = Logo(URL, None, "The logo is not a BMP image.")


def decided(database: Database, eyes: Eyes, seconds: int, *, sandbox: bool) -> Bundle:
    """The bundle after so many seconds of the hub's clock."""
    clock = Clock()
    sid = database.write(lambda store: filed(store, clock.now()))
    worker = Worker(database, clock, sandbox=sandbox, logos=eyes)  # type: ignore[arg-type]
    asyncio.run(worker.advance(seconds))
    found = database.read(lambda store: store.bundles.get(sid))
    assert found is not None
    return found


@pytest.mark.parametrize("sandbox", [True, False])
def test_it_is_approved_once_its_logo_was_seen(database: Database, sandbox: bool) -> None:
    eyes = Eyes(SEEN)
    assert decided(database, eyes, 0, sandbox=sandbox).status == "twilio-approved"
    assert eyes.looks == 1


def test_a_sandbox_says_at_once_that_it_saw_nothing(database: Database) -> None:
    eyes = Eyes(NOWHERE)
    found = decided(database, eyes, 0, sandbox=True)
    assert (found.status, found.errors, eyes.looks) == ("twilio-rejected", (11015,), 1)


@pytest.mark.parametrize(
    ("seen", "sandbox", "excused"),
    [(NOWHERE, True, True), (NOWHERE, False, False), (UNFIT, True, False), (SEEN, True, False)],
)
def test_only_a_sandbox_that_cannot_see_is_excused(
    database: Database, seen: Logo, sandbox: bool, excused: bool
) -> None:
    sid = database.write(lambda store: filed(store, Clock().now(), Vetting("manual")))
    worker = Worker(database, Clock(), sandbox=sandbox, logos=Eyes(seen))  # type: ignore[arg-type]
    assert asyncio.run(worker.look_at(sid)) == replace(seen, excused=excused)


def test_a_service_looks_three_times_in_eleven_minutes(database: Database) -> None:
    eyes = Eyes(NOWHERE)
    found = decided(database, eyes, 600, sandbox=False)
    assert (found.status, eyes.looks) == ("pending-review", 2)
    eyes = Eyes(NOWHERE)
    found = decided(database, eyes, 660, sandbox=False)
    assert (found.status, found.errors) == ("twilio-rejected", (11015,))


def test_a_service_approves_a_logo_that_came_back(database: Database) -> None:
    eyes = Eyes(NOWHERE, SEEN)
    assert decided(database, eyes, 60, sandbox=False).status == "twilio-approved"
    assert eyes.looks == 2


def test_what_was_filed_with_a_version_that_did_not_look_is_looked_at(database: Database) -> None:
    clock, eyes = Clock(), Eyes(SEEN)

    def file(store: SqlStore) -> str:
        sid = filed(store, clock.now(), Vetting("manual"))
        store.enqueue(Job(filing.VET, f"vet:{sid}", sid, clock.now()))
        return sid

    sid = database.write(file)
    worker = Worker(database, clock, sandbox=False, logos=eyes)  # type: ignore[arg-type]
    asyncio.run(worker.advance(0))
    assert (status(database, sid), eyes.looks) == ("twilio-approved", 1)


def test_what_is_there_and_no_logo_is_not_looked_at_again(database: Database) -> None:
    eyes = Eyes(UNFIT)
    assert decided(database, eyes, 0, sandbox=False).errors == (11015,)
    assert eyes.looks == 1


def test_logos_that_hang_delay_no_other_logo_while_there_is_room(database: Database) -> None:
    clock = Clock()
    hanging = [f"https://acme.example/{n}.bmp" for n in range(20)]

    async def story() -> None:
        eyes = Slow(*hanging)
        worker = Worker(database, clock, sandbox=False, logos=eyes)  # type: ignore[arg-type]
        async with at_work(worker):
            for url in hanging[:15]:
                database.write(lambda store, url=url: filed(store, clock.now(), url=url))
            well = database.write(lambda store: filed(store, clock.now()))
            worker.wake()
            await until(lambda: status(database, well) == "twilio-approved")
            for url in hanging[15:]:
                database.write(lambda store, url=url: filed(store, clock.now(), url=url))
            worker.wake()
            await until(lambda: eyes.looks == 17)
            worker.wake()
            await asyncio.sleep(0.02)
            # Sixteen at once; when they are done, the rest.
            assert eyes.looks == 17
            eyes.let.set()
            await until(lambda: not looks_ended(database))
            assert eyes.looks == 21

    asyncio.run(story())


def test_an_advance_waits_for_the_look_that_is_under_way(database: Database) -> None:
    clock = Clock()

    async def story() -> None:
        eyes = Slow(URL)
        worker = Worker(database, clock, sandbox=True, logos=eyes)  # type: ignore[arg-type]
        async with at_work(worker):
            sid = database.write(lambda store: filed(store, clock.now()))
            worker.wake()
            await until(lambda: eyes.looks == 1)
            advancing = asyncio.create_task(worker.advance(0))
            await asyncio.sleep(0.02)
            assert not advancing.done()
            eyes.let.set()
            await advancing
            assert (status(database, sid), eyes.looks) == ("twilio-approved", 1)

    asyncio.run(story())


@pytest.mark.parametrize("sandbox", [True, False])
def test_a_sandbox_decides_in_the_order_in_which_bundles_fell_due(
    database: Database, sandbox: bool
) -> None:
    clock = Clock()
    order: list[str] = []

    async def story() -> None:
        eyes = Slow(URL)
        worker = Worker(database, clock, sandbox=sandbox, logos=eyes)  # type: ignore[arg-type]
        worker.outcome_for = lambda store, sid: order.append(sid)
        first = database.write(lambda store: filed(store, clock.now()))
        quick = "https://acme.example/quick.bmp"
        second = database.write(lambda store: filed(store, clock.now(), url=quick))
        advancing = asyncio.create_task(worker.advance(0))
        await until(lambda: eyes.looks == 2)
        await asyncio.sleep(0.02)
        assert order == ([] if sandbox else [second])
        eyes.let.set()
        await advancing
        assert order == ([first, second] if sandbox else [second, first])

    asyncio.run(story())


def test_of_several_processes_one_looks(database: Database) -> None:
    clock = Clock()
    sid = database.write(lambda store: filed(store, clock.now()))

    async def story() -> None:
        eyes = Slow(URL)
        several = [
            Worker(database, clock, sandbox=False, logos=eyes)  # type: ignore[arg-type]
            for _ in range(3)
        ]
        advancing = [asyncio.create_task(each.advance(0)) for each in several]
        await until(lambda: sum(each.done() for each in advancing) == 2)
        assert status(database, sid) == "pending-review"
        eyes.let.set()
        await asyncio.gather(*advancing)
        assert (status(database, sid), eyes.looks) == ("twilio-approved", 1)

    asyncio.run(story())


def test_a_look_that_its_process_end_cut_off_is_no_look(database: Database) -> None:
    clock = Clock()
    sid = database.write(lambda store: filed(store, clock.now()))
    for start in range(5):  # Each is killed while it looks, and its lease runs out.
        wall = clock.wall() + start * jobs.LEASE
        taken = database.write(
            lambda store, wall=wall: jobs.claim(store, clock.now(), wall, 1, filing.LOOK)
        )
        assert [each.job.subject for each in taken] == [sid]
    database.write(jobs.release)
    eyes = Eyes(NOWHERE, SEEN)
    worker = Worker(database, clock, sandbox=False, logos=eyes)  # type: ignore[arg-type]
    asyncio.run(worker.advance(0))
    assert (status(database, sid), eyes.looks) == ("pending-review", 1)
    asyncio.run(worker.advance(60))
    assert (status(database, sid), eyes.looks) == ("twilio-approved", 2)


def test_a_look_that_fails_is_made_again_and_ends_no_other(database: Database) -> None:
    clock = Clock()

    class Failing(Slow):
        async def look(self, url: str) -> Logo:
            if url == URL:
                self.looks += 1
                raise OSError("nobody foresaw it")
            return await super().look(url)

    failed = database.write(lambda store: filed(store, clock.now()))
    other = "https://acme.example/other.bmp"
    well = database.write(lambda store: filed(store, clock.now(), url=other))
    eyes = Failing()
    asyncio.run(Worker(database, clock, sandbox=True, logos=eyes).advance(0))  # type: ignore[arg-type]
    assert (status(database, failed), status(database, well)) == (
        "pending-review",
        "twilio-approved",
    )
    assert eyes.looks == 2
    database.write(jobs.release)
    asyncio.run(Worker(database, clock, sandbox=True, logos=Eyes(SEEN)).advance(0))  # type: ignore[arg-type]
    assert status(database, failed) == "twilio-approved"
