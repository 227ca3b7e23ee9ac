"""Whatever a worker waits for, its other work goes on."""

from __future__ import annotations

import asyncio
import time

from phonotary.bootstrap.logos import Logos
from phonotary.bootstrap.work import Worker
from phonotary.clock import Clock
from phonotary.storage import jobs
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.trusthub import filing
from tests.bootstrap.looks import Slow, at_work, filed, looks_ended, plain, status, until
from tests.rooms import office
from tests.simulators import lying_repository as lies


def test_while_a_logos_server_hangs_others_are_vetted_and_told(database: Database) -> None:
    clock = Clock()

    async def story() -> None:
        async with lies.running() as there:
            logo = there.at("/logo.bmp", lies.never())
            hook = there.at("/hook", lies.serves(b""))
            logos = Logos(lab=frozenset({there.origin}))
            worker = Worker(database, clock, sandbox=True, logos=logos)
            async with at_work(worker):
                hung = database.write(lambda store: filed(store, clock.now(), url=logo))
                worker.wake()
                await until(lambda: "/logo.bmp" in there.requests)
                begun = time.monotonic()
                well = database.write(lambda store: plain(store, clock.now(), hook))
                worker.wake()
                await until(lambda: there.requests.count("/hook") == 3)
                assert time.monotonic() - begun < 3
                assert status(database, well) == "twilio-approved"
                assert status(database, hung) == "pending-review"
            # Broken off by the end: nothing was decided by that, and no look was used up.
            assert status(database, hung) == "pending-review"
            assert looks_ended(database) == {hung: 0}

    asyncio.run(story())


def test_while_a_callback_hangs_others_are_vetted_and_told(database: Database) -> None:
    clock = Clock()

    async def story() -> None:
        async with lies.running() as there:
            stuck, hook = there.at("/stuck", lies.never()), there.at("/hook", lies.serves(b""))
            worker = Worker(database, clock, sandbox=True)
            async with at_work(worker):
                database.write(lambda store: plain(store, clock.now(), stuck))
                worker.wake()
                await until(lambda: "/stuck" in there.requests)
                well = database.write(lambda store: plain(store, clock.now(), hook))
                worker.wake()
                await until(lambda: there.requests.count("/hook") == 3)
                assert status(database, well) == "twilio-approved"
                # Its own wait for it: they are told in order.
                assert there.requests.count("/stuck") == 1

    asyncio.run(story())


def test_a_callback_whose_turn_comes_late_is_no_other_process_s(database: Database) -> None:
    clock = Clock()
    now = clock.wall()
    clock.wall = lambda: now  # type: ignore[method-assign]

    async def story() -> None:
        nonlocal now
        async with lies.running() as there:
            quick, let = lies.serves(b""), asyncio.Event()

            async def slow(writer: asyncio.StreamWriter) -> None:
                await let.wait()
                await quick(writer)

            hook = there.at("/hook", slow)
            worker = Worker(database, clock, sandbox=True)
            async with at_work(worker):
                sid = database.write(lambda store: plain(store, clock.now(), hook))
                worker.vet_due()
                worker.wake()
                await until(lambda: there.requests == ["/hook"])
                now += 45  # All three were claimed before that.
                there.at("/hook", lies.never())
                let.set()
                await until(lambda: there.requests == ["/hook"] * 2)
                taken = database.write(
                    lambda store: jobs.claim(store, clock.now(), now + 59, 9, filing.CALLBACK)
                )
                assert [each.job.subject for each in taken] == []
                assert status(database, sid) == "twilio-approved"

    asyncio.run(story())


def test_while_a_database_of_names_hangs_bundles_are_vetted(database: Database) -> None:
    class Hanging:
        asked = 0

        async def work_once(self) -> bool:
            self.asked += 1
            await asyncio.Event().wait()
            return True

    async def story() -> None:
        clock, names = Clock(), Hanging()
        worker = Worker(database, clock, sandbox=False, logos=Slow())  # type: ignore[arg-type]
        worker.registering = names  # type: ignore[assignment]
        async with at_work(worker):
            await until(lambda: names.asked == 1)
            sid = database.write(lambda store: filed(store, clock.now()))
            worker.wake()
            await until(lambda: status(database, sid) == "twilio-approved")

    asyncio.run(story())


def test_one_customers_servers_that_hang_leave_room_for_others(database: Database) -> None:
    clock = Clock()
    hanging = "https://hang.example/logo.bmp"

    def hang(store: SqlStore) -> None:
        parent = office.opened(store)
        for account in (parent, office.opened(store, parent)):
            for _ in range(10):
                filed(store, clock.now(), url=hanging, account=account)

    async def story() -> None:
        eyes = Slow(hanging)
        worker = Worker(database, clock, sandbox=False, logos=eyes)  # type: ignore[arg-type]
        async with at_work(worker):
            database.write(hang)
            worker.wake()
            await until(lambda: eyes.looks == 4)
            well = database.write(lambda store: filed(store, clock.now()))
            worker.wake()
            await until(lambda: status(database, well) == "twilio-approved")
            assert eyes.looks == 4 + 1
            eyes.let.set()
            await until(lambda: not looks_ended(database))
            assert eyes.looks == 20 + 1

    asyncio.run(story())
