"""Dips over a database: names come and go with what vouches for them, and every dip is counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from phonotary.bootstrap.dipping import Dips, named_in
from phonotary.bootstrap.standing import Standings
from phonotary.clock import monotonic
from phonotary.cnam.clients import DAY, SANDBOX, Client, OverQuota
from phonotary.cnam.dips import Answer, Status
from phonotary.errors import Reason, Refused
from phonotary.storage import dip_counts
from phonotary.storage.database import Database
from phonotary.storage.faults import Unsure
from phonotary.storage.feed import LOST_AFTER
from phonotary.storage.store import SqlStore
from phonotary.trusthub import assignments, bundles, numbers, policies, review
from phonotary.trusthub.filing import Vetting
from phonotary.trusthub.records import TRUST_PRODUCT, Party
from tests.rooms import office
from tests.rooms.office import NOW

PBX = Client("pbx", key_digest="0")


@dataclass(frozen=True, slots=True)
class Scene:
    """Two numbers named by one product, and one that nobody named."""

    party: Party
    profile: str
    product: str
    assignment: str
    number: str
    first: str
    second: str
    bare: str


def scene(store: SqlStore, **more: str) -> Scene:
    party = office.party_of(office.opened(store))
    primary = office.approved(store, office.profile(store, party))
    cnam = office.draft(store, party, policies.CNAM)
    name = {"cnam_display_name": "ACME  PLUMBING", **more}
    user = office.end_user(store, party, "cnam_information", name)
    office.assigned(store, party, cnam, primary.sid, user)
    held = [office.number(store, party, last) for last in (0, 1, 2)]
    made = [
        office.on(store, party, bundle, number) for number in held[:2] for bundle in (primary, cnam)
    ]
    office.approved(store, cnam)
    first, second, bare = (each.phone_number for each in held)
    return Scene(party, primary.sid, cnam.sid, made[1], held[0].sid, first, second, bare)


class Time:
    def __init__(self) -> None:
        self.now = NOW
        self.monotonic = monotonic

    def __call__(self) -> int:
        return self.now


@dataclass
class Process:
    database: Database
    standings: Standings
    dips: Dips
    time: Time

    def status(self, number: str) -> Status:
        return self.dips.now(number, PBX).status


def process(
    database: Database, vetting: str = "instant", time: Time | None = None, **more: object
) -> Process:
    now = time or Time()
    standings = Standings(database, now, 1000, lambda: now.monotonic())
    dips = Dips(database, standings, Vetting(vetting), now, capacity=1000, **more)  # type: ignore[arg-type]
    standings.start()
    return Process(database, standings, dips, now)


@pytest.fixture
def known(database: Database) -> Scene:
    return database.write(scene)


@pytest.fixture
def here(database: Database, known: Scene) -> Iterator[Process]:
    made = process(database)
    yield made
    made.standings.stop()


def no_reading(here: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(work: object) -> None:
        raise AssertionError("the database is asked")

    for name in ("read", "glance"):
        monkeypatch.setattr(here.database, name, read)


def test_a_name_is_told_and_then_from_memory(
    here: Process, known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = here.dips.now(known.first, PBX)
    assert told == Answer(Status.PRESENT, "ACME PLUMBING", "registered", 300)
    assert here.status(known.bare) is Status.ABSENT
    assert here.status("+14152369999") is Status.ABSENT
    no_reading(here, monkeypatch)
    assert here.dips.now(known.first[2:], PBX) is told
    assert here.status(known.bare) is here.status("14152369999") is Status.ABSENT
    assert here.status("+16042360000") is Status.FOREIGN
    assert here.status("anonymous") is here.status("+18002360000") is Status.ABSENT
    assert here.dips.now(known.first, PBX, private=True).status is Status.PRIVATE
    assert here.dips.name_of(known.first) == "ACME PLUMBING"
    assert here.dips.name_of("anonymous") is None


def test_numbers_named_alike_share_what_is_kept(here: Process, known: Scene) -> None:
    assert here.dips.now(known.first, PBX) is here.dips.now(known.second, PBX)
    for last in range(100):
        assert here.status(f"+1212236{last:04}") is Status.ABSENT
    assert len(here.dips.directory) == 2


def _unassign(store: SqlStore, known: Scene) -> None:
    assignments.unassign_number(store, known.party, TRUST_PRODUCT, known.product, known.assignment)


def _delete(store: SqlStore, known: Scene) -> None:
    bundles.delete(store, known.party, TRUST_PRODUCT, known.product)


def _release(store: SqlStore, known: Scene) -> None:
    numbers.release(store, known.party, known.number)


def _suspend(which: str) -> Callable[[SqlStore, Scene], None]:
    def act(store: SqlStore, known: Scene) -> None:
        bundle = store.bundles.get(getattr(known, which))
        assert bundle is not None
        review.suspend(store, NOW, bundle, "rita", "it is not who it says")

    return act


ENDINGS = {
    "unassigned": _unassign,
    "deleted": _delete,
    "released": _release,
    "product suspended": _suspend("product"),
    "profile suspended": _suspend("profile"),
}


@pytest.mark.parametrize("act", ENDINGS.values(), ids=list(ENDINGS))
def test_a_name_that_is_withdrawn_is_gone_at_once_here_and_soon_elsewhere(
    database: Database, here: Process, known: Scene, act: Callable[[SqlStore, Scene], None]
) -> None:
    elsewhere = process(Database(database.url))
    try:
        assert here.status(known.first) is elsewhere.status(known.first) is Status.PRESENT
        database.write(lambda store: act(store, known))
        assert here.status(known.first) is Status.ABSENT
        began = time.monotonic()
        while elsewhere.status(known.first) is not Status.ABSENT:
            assert time.monotonic() - began < 2
            time.sleep(0.01)
    finally:
        elsewhere.standings.stop()
        elsewhere.database.close()


def test_a_name_that_is_given_is_there_at_once(
    database: Database, here: Process, known: Scene
) -> None:
    assert here.status(known.bare) is Status.ABSENT

    def assign(store: SqlStore) -> None:
        number = store.numbers.first(phone_number=known.bare)
        assert number is not None
        for sid in (known.profile, known.product):
            bundle = store.bundles.get(sid)
            assert bundle is not None
            office.on(store, known.party, bundle, number)

    database.write(assign)
    assert here.status(known.bare) is Status.PRESENT


def test_an_approval_runs_out_by_the_clock(here: Process, known: Scene) -> None:
    ends = here.database.read(lambda s: named_in(s, known.first, NOW)).until
    assert ends is not None
    here.time.now = ends - 20
    assert here.dips.now(known.first, PBX).ttl == 20
    here.time.now = ends
    assert here.status(known.first) is Status.ABSENT


def test_a_name_arrives_by_the_clock(database: Database, known: Scene) -> None:
    here = process(database, "delayed")
    try:
        hour = 3600
        for at, status in (
            (0, "absent"),
            (47 * hour, "absent"),
            (73 * hour, "present"),
            (0, "absent"),
        ):
            here.time.now = NOW + at
            assert here.status(known.first) == status, at
    finally:
        here.standings.stop()


def test_a_name_that_is_private_is_not_told(database: Database) -> None:
    known = database.write(lambda store: scene(store, cnam_visibility="PRIVATE"))
    here = process(database)
    try:
        assert here.dips.now(known.first, PBX) == Answer(Status.PRIVATE, ttl=300)
        assert here.dips.name_of(known.first) is None
    finally:
        here.standings.stop()


def test_a_process_that_lost_its_feed_tells_no_name(here: Process, known: Scene) -> None:
    assert here.status(known.first) is Status.PRESENT
    here.time.monotonic = lambda: monotonic() + LOST_AFTER + 1
    with pytest.raises(Refused) as refused:
        here.dips.now(known.first, PBX)
    assert refused.value.reason is Reason.UNAVAILABLE
    assert here.dips.name_of(known.first) is None
    # What no name can change is told nevertheless.
    assert here.status("+16042360000") is Status.FOREIGN
    here.time.monotonic = monotonic
    assert here.status(known.first) is Status.PRESENT


def test_the_place_is_looked_up_where_no_name_is_and_it_is_wanted(
    database: Database, known: Scene
) -> None:
    looked: list[str] = []

    def place_of(number: str) -> str:
        looked.append(number)
        return "SAN FRANCISC CA"

    here = process(database, place_of=place_of)
    try:
        carrier = Client("carrier", key_digest="0", fallback="place")
        assert here.dips.now(known.first, carrier).source == "registered"
        assert here.dips.now(known.bare, PBX).name is None
        assert here.dips.now("+16042360000", carrier).name is None
        assert looked == []
        assert here.dips.now(known.bare, carrier).name == "SAN FRANCISC CA"
        assert looked == [known.bare]
    finally:
        here.standings.stop()


def test_dips_are_counted_by_client_and_day(here: Process, known: Scene) -> None:
    for number in (known.first, known.second, known.bare, "+16042360000"):
        here.dips.now(number, PBX)
    here.dips.now(known.first, here.dips.account("AC1"), private=True)
    assert here.dips.flush()
    here.time.now += DAY
    here.dips.now(known.first, PBX)
    assert here.dips.flush()
    today = NOW // DAY * DAY
    assert [(c.client, c.day, c.status, c.dips) for c in here.dips.counts()] == [
        ("AC1", today, "private", 1),
        ("pbx", today, "absent", 1),
        ("pbx", today, "foreign", 1),
        ("pbx", today, "present", 2),
        ("pbx", today + DAY, "present", 1),
    ]
    assert len(here.dips.counts("pbx", today + DAY)) == 1


def test_what_could_not_be_written_is_counted_later(
    here: Process, known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.dips.now(known.first, PBX)
    with monkeypatch.context() as broken:

        def add(store: object, counts: object) -> None:
            raise OSError("the disk is full")

        broken.setattr(dip_counts, "add", add)
        assert not here.dips.flush()
    assert here.dips.flush()
    assert here.dips.flush()
    assert [each.dips for each in here.dips.counts()] == [1]


def test_what_may_be_counted_already_is_not_counted_twice(
    here: Process, known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.dips.now(known.first, PBX)
    write = here.dips._database.write

    def kept_without_an_answer(work: Any) -> None:
        write(work)
        raise Unsure

    with monkeypatch.context() as broken:
        broken.setattr(here.dips._database, "write", kept_without_an_answer)
        assert not here.dips.flush()
    assert here.dips.flush()
    assert [each.dips for each in here.dips.counts()] == [1]


def test_a_days_quota_is_one_for_all_processes(
    database: Database, here: Process, known: Scene
) -> None:
    elsewhere = process(Database(database.url))
    client = Client("small", key_digest="0", per_day=10)
    try:
        for each in (here, elsewhere):
            for _ in range(4):
                each.dips.now(known.first, client)
        assert here.dips.flush()
        assert elsewhere.dips.flush()
        assert here.dips.flush()
        for each in (here, elsewhere):
            each.time.now += 1
            each.dips.now(known.first, client)
            each.dips.now(known.first, client)
            with pytest.raises(OverQuota):
                each.dips.now(known.first, client)
    finally:
        elsewhere.standings.stop()
        elsewhere.database.close()


def test_counts_are_written_while_it_runs_and_when_it_stops(here: Process, known: Scene) -> None:
    here.dips.start()
    here.dips.now(known.first, PBX)
    here.dips.stop()
    assert [each.dips for each in here.dips.counts()] == [1]


def test_a_client_is_found_by_address_and_by_key(database: Database, known: Scene) -> None:
    standings = Standings(database, lambda: NOW)
    dips = Dips(database, standings, Vetting(), lambda: NOW, clients=[SANDBOX])
    assert dips.client_of("127.0.0.1") is SANDBOX
    assert dips.client_of("192.0.2.1") is None
    assert dips.client_of("127.0.0.1", "no key") is None
    assert dips.account("AC1") is dips.account("AC1")
