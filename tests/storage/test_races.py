"""Writers who want the same thing at the same instant: one has it, the others are told no.

Threads are how one hub meets itself over PostgreSQL, processes are how two hubs meet; both run
against both databases.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from phonotary.storage import jobs
from phonotary.storage.database import Database
from phonotary.storage.jobs import Claimed
from phonotary.trusthub import lifecycle, numbers, policies
from phonotary.trusthub.records import CUSTOMER_PROFILE, TRUST_PRODUCT, Bundle, Party
from tests.rooms import office
from tests.storage import racing
from tests.storage.racing import WON
from tests.storage.test_jobs import NOW, claim, enqueue, job

Race = Callable[..., list[str]]
FORM = "+1415236%04d"


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """Two other processes, started once: starting them is what takes time."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        yield pool


@pytest.fixture(params=["threads", "processes"])
def race(request: pytest.FixtureRequest, database: Database) -> Race:
    """Runs attempts side by side and says what became of each."""
    if request.param == "processes":
        pool = request.getfixturevalue("processes")

        def in_processes(*attempts: Sequence[Any]) -> list[str]:
            started = [pool.submit(racing.attempt, database.url, *each) for each in attempts]
            return [each.result() for each in started]

        return in_processes

    def in_threads(*attempts: Sequence[Any]) -> list[str]:
        together = threading.Barrier(len(attempts))

        def run(each: Sequence[Any]) -> str:
            together.wait()
            return racing.attempt(database.url, *each)

        with ThreadPoolExecutor(len(attempts)) as pool:
            return list(pool.map(run, attempts))

    return in_threads


@pytest.fixture(autouse=True, scope="module")
def closed_afterwards() -> Iterator[None]:
    """This process's own databases of the races, closed before their cluster stops."""
    yield
    for url in URLS:
        racing.opened(url).close()
    racing.opened.cache_clear()


URLS: set[str] = set()


@pytest.fixture
def party(database: Database) -> Party:
    URLS.add(database.url)
    return office.party_of(database.write(office.opened))


def only_one(outcomes: list[str], *losers: str) -> None:
    counted = Counter(outcomes)
    assert counted.pop(WON, 0) == 1, counted
    assert set(counted) <= set(losers), counted


def test_of_twenty_submits_one_wins(database: Database, race: Race, party: Party) -> None:
    bundle = database.write(lambda store: office.draft(store, party))
    outcomes = race(*[("submit", party, TRUST_PRODUCT, bundle.sid)] * 20)
    only_one(outcomes, "lost_race", "status_not_yours")
    assert len(database.read(lambda store: store.history(bundle.sid))) == 1


def test_a_bundle_is_approved_or_rejected_but_not_both(
    database: Database, race: Race, party: Party
) -> None:
    def filed(store: Any) -> Bundle:
        made = office.profile(store, party)
        racing.filing.submit(store, NOW, made, office.MANUAL)
        return made

    for _ in range(3):
        bundle = database.write(filed)
        outcomes = race(*[("decide", party, bundle.sid, n % 2 == 0) for n in range(6)])
        only_one(outcomes, "lost_race", "status_not_yours")
        after = database.read(lambda store, sid=bundle.sid: store.bundles.get(sid))
        history = database.read(lambda store, sid=bundle.sid: store.history(sid))
        assert [e.after for e in history] == ["pending-review", "in-review", after.status]
        assert (after.status == lifecycle.APPROVED) == (after.errors == ())


def test_a_number_joins_a_bundle_once(database: Database, race: Race, party: Party) -> None:
    bundle = database.write(lambda store: office.draft(store, party, policies.PRIMARY))
    number = bought(database, party, 1)
    outcomes = race(*[("assign number", party, CUSTOMER_PROFILE, bundle.sid, number)] * 8)
    only_one(outcomes, "already_assigned", "conflict")


def test_a_number_joins_one_product_of_a_policy(
    database: Database, race: Race, party: Party
) -> None:
    def products(store: Any) -> tuple[Bundle, list[Bundle]]:
        primary = office.draft(store, party, policies.PRIMARY)
        return primary, [office.product(store, party, primary) for _ in range(6)]

    primary, several = database.write(products)
    for n in range(3):
        number = bought(database, party, n)
        on = ("assign number", party, CUSTOMER_PROFILE, primary.sid, number)
        assert racing.attempt(database.url, *on) == WON
        outcomes = race(
            *[("assign number", party, TRUST_PRODUCT, each.sid, number) for each in several]
        )
        only_one(outcomes, "already_assigned")


def bought(database: Database, party: Party, n: int) -> str:
    made = database.write(lambda store: numbers.buy(store, party, NOW, phone_number=FORM % n))
    return made.sid


def test_no_entity_joins_a_bundle_that_was_submitted(
    database: Database, race: Race, party: Party
) -> None:
    """Submitting marks every document in the bundle: one that came later would not be marked."""
    for _ in range(4):
        bundle = database.write(lambda store: office.draft(store, party))
        papers = [database.write(lambda store: office.document(store, party)) for _ in range(6)]
        joins = [("assign entity", party, TRUST_PRODUCT, bundle.sid, sid) for sid in papers]
        submit = ("submit", party, TRUST_PRODUCT, bundle.sid)
        submitted, *joined = race(submit, *joins)
        assert submitted == WON
        assert set(joined) <= {WON, "frozen"}
        held = database.read(
            lambda store, sid=bundle.sid: [
                store.documents.get(each.object_sid).status
                for each in store.entity_assignments.all(bundle_sid=sid)
            ]
        )
        assert held == ["PENDING_REVIEW"] * joined.count(WON)


def test_an_end_user_is_not_deleted_from_under_an_assignment(
    database: Database, race: Race, party: Party
) -> None:
    for _ in range(4):
        bundle = database.write(lambda store: office.draft(store, party))
        sid = database.write(lambda store: office.end_user(store, party, "cnam_information", {}))
        outcomes = race(
            ("delete end user", party, sid),
            ("assign entity", party, TRUST_PRODUCT, bundle.sid, sid),
        )
        assert sorted(outcomes) in ([["end_user_assigned", WON], ["object_unknown", WON]])


def test_two_changes_of_one_end_user_are_both_kept(
    database: Database, race: Race, party: Party
) -> None:
    for _ in range(4):
        sid = database.write(lambda store: office.end_user(store, party, "cnam_information", {}))
        name, attributes = {"friendly_name": "new"}, {"attributes": {"cnam_display_name": "ACME"}}
        changes = [("rename", party, sid, change) for change in (name, attributes)]
        assert race(*changes) == [WON, WON]
        after = database.read(lambda store, sid=sid: store.end_users.get(sid))
        assert (after.friendly_name, after.attributes) == ("new", attributes["attributes"])


def test_an_approved_bundle_is_copied_once(database: Database, race: Race, party: Party) -> None:
    bundle = database.write(
        lambda store: office.in_status(store, party, lifecycle.APPROVED, CUSTOMER_PROFILE)
    )
    only_one(race(*[("copy", party, CUSTOMER_PROFILE, bundle.sid)] * 4), "copy_exists")


def test_a_number_is_sold_once(race: Race, party: Party) -> None:
    only_one(race(*[("buy", party, FORM % 7)] * 6), "number_not_available", "conflict")


def test_a_setting_put_by_several_is_one_of_theirs(
    database: Database, race: Race, party: Party
) -> None:
    assert race(*[("set", party, "name", str(n)) for n in range(6)]) == [WON] * 6
    assert database.read(lambda store: store.setting("name")) in set("012345")


def test_two_claimers_never_share_a_job(database: Database) -> None:
    enqueue(database, *(job(str(n)) for n in range(60)))
    together = threading.Barrier(4)

    def work() -> list[Claimed]:
        together.wait()
        taken: list[Claimed] = []
        while found := claim(database, limit=4):
            taken += found
        return taken

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(work) for _ in range(4)]
        taken = [each.job.key for one in running for each in one.result()]
    # A claimer may pass by a job that another is just taking; none is taken twice or lost.
    assert len(taken) == len(set(taken))
    left = database.write(lambda store: jobs.claim(store, NOW, NOW, 100))
    assert len(taken) + len(left) == 60


def test_a_key_enqueued_by_several_at_once_is_one_job(database: Database) -> None:
    together = threading.Barrier(6)

    def add() -> None:
        together.wait()
        enqueue(database, job("the same"))

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(add) for _ in range(6)]:
            done.result()
    assert len(claim(database)) == 1
