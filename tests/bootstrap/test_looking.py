"""A bundle with a logo is decided when the logo was looked at, and a service looks again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from phonotary.bootstrap.work import Worker
from phonotary.clock import Clock
from phonotary.events import Job
from phonotary.storage import migrate
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.trusthub import filing
from phonotary.trusthub.display import Logo
from phonotary.trusthub.filing import Vetting
from phonotary.trusthub.records import Bundle
from tests.rooms import office

URL = "https://acme.example/logo.bmp"
SEEN = Logo(URL, "sha256-" + "A" * 43)
NOWHERE = Logo(URL, None, "Nothing answers.", reached=False)
INSTANT = Vetting("instant")
UNFIT = Logo(URL, None, "The logo is not a BMP image.")


class Eyes:
    """What is seen, one look after the other; the last of it from then on."""

    def __init__(self, *seen: Logo) -> None:
        self.seen = list(seen)
        self.looks = 0

    async def look(self, url: str) -> Logo:
        assert url == URL
        self.looks += 1
        return self.seen.pop(0) if len(self.seen) > 1 else self.seen[0]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    migrate.upgrade(made)
    yield made
    made.close()


def filed(store: SqlStore, now: int, vetting: Vetting = INSTANT) -> str:
    """A bundle with a logo, submitted by a customer of its own."""
    party = office.party_of(office.opened(store))
    profile = office.approved(store, office.profile(store, party))
    bundle = office.branded(store, party, profile, branded_calls_logo_url=URL)
    return filing.submit(store, now, bundle, vetting).sid


def status(database: Database, sid: str) -> str:
    found = database.read(lambda store: store.bundles.get(sid))
    assert found is not None
    return found.status


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
