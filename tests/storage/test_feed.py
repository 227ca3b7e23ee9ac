"""What standings rest on is told of whenever it changes: here, elsewhere, and never too late."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from phonotary.bootstrap.standing import Standings
from phonotary.clock import monotonic
from phonotary.errors import Reason, Refused
from phonotary.shaken.attestation import Level
from phonotary.shaken.ports import ShownAs
from phonotary.storage import direct, migrate, schema
from phonotary.storage.database import Database
from phonotary.storage.feed import LOST_AFTER, Feed
from phonotary.storage.store import SqlStore
from phonotary.trusthub import numbers, review
from tests.rooms import office
from tests.rooms.office import NOW
from tests.storage import feeding
from tests.storage.feeding import CHANGES, ENDINGS, Act, Family, level, read_anew

every_action = pytest.mark.parametrize(
    "act", [*ENDINGS.values(), *CHANGES.values()], ids=[*ENDINGS, *CHANGES]
)


@pytest.fixture
def family(database: Database) -> Family:
    return database.write(feeding.vouched)


@pytest.fixture
def standings(database: Database, family: Family) -> Iterator[Standings]:
    """Knows all numbers for all callers; it waits long enough to be sure to hear of nothing."""
    kept = Standings(database, lambda: NOW, capacity=1000)
    kept.start()
    for tn in family.tns:
        for caller in family.callers:
            kept(tn, caller)
    yield kept
    kept.stop()


@pytest.mark.parametrize("act", ENDINGS.values(), ids=list(ENDINGS))
def test_the_next_call_here_is_lower_at_once(
    database: Database, standings: Standings, family: Family, act: Act
) -> None:
    before = level(standings, family)
    assert (before.level, before.reason) == (Level.A, "number-verified")
    assert standings(family.tn, family.parent.sid) is standings(family.tn, family.parent.sid)
    database.write(lambda store: act(store, family))
    try:
        assert level(standings, family).level is not Level.A
    except Refused as refused:
        assert refused.reason is Reason.ACCOUNT_NOT_ACTIVE


@every_action
def test_what_is_kept_is_what_would_be_read(
    database: Database, standings: Standings, family: Family, act: Act
) -> None:
    database.write(lambda store: act(store, family))
    for tn in family.tns:
        for caller in family.callers:
            assert standings(tn, caller) == read_anew(database, tn, caller), (tn, caller)


@every_action
def test_another_process_is_told_the_same(database: Database, family: Family, act: Act) -> None:
    # Another Database on the same data hears through the feed alone, as another process does.
    elsewhere = Database(database.url)
    kept = Standings(elsewhere, lambda: NOW, capacity=1000)
    kept.start()
    try:
        asked = [(tn, caller) for tn in family.tns for caller in family.callers]
        for each in asked:
            kept(*each)
        database.write(lambda store: act(store, family))
        until(lambda: all(kept(*each) == read_anew(database, *each) for each in asked))
    finally:
        kept.stop()
        elsewhere.close()


@pytest.fixture
def file_database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    migrate.upgrade(database)
    yield database
    database.close()


def until(true: Callable[[], bool], patience: float = 2.0) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it did not become so within two seconds"
        time.sleep(0.02)


def test_what_writes_together_is_told_and_what_was_undone_is_not(
    database: Database, family: Family
) -> None:
    if not database.is_sqlite:
        return
    told: list[frozenset[str]] = []
    database.listeners.append(told.append)
    try:

        def suspend(store: SqlStore) -> None:
            ENDINGS["the product is suspended"](store, family)

        def fails(store: SqlStore) -> None:
            ENDINGS["released"](store, family)
            raise Refused(Reason.FROZEN, "no")

        database.write_each([suspend, fails])
    finally:
        database.listeners.clear()
    assert told == [frozenset({family.product})]


def test_a_change_is_told_only_once_it_is_committed(database: Database, family: Family) -> None:
    seen: list[bool] = []

    def look(_: frozenset[str]) -> None:
        seen.append(read_anew(database, family.tn, family.parent.sid).number_on_product)

    database.listeners.append(look)
    try:
        act = ENDINGS["unassigned from the product"]
        database.write(lambda store: act(store, family))
        with pytest.raises(RuntimeError):
            database.write(lambda store: _then_fail(store, family))
    finally:
        database.listeners.clear()
    assert seen == [False]


def _then_fail(store: SqlStore, family: Family) -> None:
    ENDINGS["released"](store, family)
    raise RuntimeError("a fault")


def test_a_reading_that_a_change_overtook_is_not_kept(
    database: Database, standings: Standings, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    standings.directory.forget_all()
    read = standings._read

    def slowly(*asked: Any) -> Any:
        found = read(*asked)
        act = ENDINGS["the product is suspended"]
        database.write(lambda store: act(store, family))
        return found

    monkeypatch.setattr(standings, "_read", slowly)
    assert level(standings, family).level is Level.A
    monkeypatch.undo()
    assert level(standings, family).reason == "product-not-vouching"


def test_an_approval_runs_out_by_the_clock_alone(database: Database, family: Family) -> None:
    now = [NOW]
    kept = Standings(database, lambda: now[0], capacity=1000)
    kept.start()
    try:
        assert level(kept, family).level is Level.A
        now[0] = NOW + review.VALIDITY - 1
        assert level(kept, family).level is Level.A
        now[0] += 1
        assert level(kept, family).level is not Level.A
        now[0] -= 60
        assert level(kept, family).level is Level.A
    finally:
        kept.stop()


def test_before_the_feed_is_started_every_answer_is_read_anew(
    database: Database, family: Family
) -> None:
    standings = Standings(database, lambda: NOW)
    first = standings(family.tn, family.parent.sid)
    assert first.fresh
    assert standings(family.tn, family.parent.sid) is not first


def test_numbers_of_one_customer_share_a_standing(
    database: Database, standings: Standings, family: Family
) -> None:
    database.write(lambda store: CHANGES["another number is assigned"](store, family))
    first, second = (standings(tn, family.parent.sid) for tn in family.tns[:2])
    assert first == second
    again = [standings(tn, family.parent.sid) for tn in family.tns[:2]]
    assert again[0] is again[1]
    # What speaks for the number, and the primary that the customer's profile stands on.
    assert set(dict(first.inputs)) == {family.profile, family.product, family.primary}


def test_the_evidence_tells_two_approvals_of_one_second_apart(
    database: Database, family: Family
) -> None:
    before = read_anew(database, family.tn, family.parent.sid)

    def suspend_and_approve(store: SqlStore) -> None:
        ENDINGS["the product is suspended"](store, family)
        office.approved(store, feeding.bundle_of(store, family.product))

    database.write(suspend_and_approve)
    after = read_anew(database, family.tn, family.parent.sid)
    assert replace(before, inputs=()) == replace(after, inputs=())
    assert dict(before.inputs)[family.product] != dict(after.inputs)[family.product]


def test_a_numbers_history_is_written_down(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "now", lambda: NOW + 7)
    family = database.write(feeding.vouched)
    for name in ("unassigned from the product", "moved to a subaccount"):
        database.write(partial(_do, name, family))
    database.write(lambda store: numbers.release(store, family.child, family.number))
    table = schema.standing_changes
    wanted = select(table).where(table.c.phone_number == family.tn).order_by(table.c.seq)
    with database.reading() as store:
        rows = store.connection.execute(wanted).all()
    parent, child = family.parent.sid, family.child.sid
    assert [(row.kind, row.subject, row.about, row.account_sid) for row in rows] == [
        ("bought", family.number, None, parent),
        ("assigned", family.profile, family.number, parent),
        ("assigned", family.product, family.number, parent),
        ("unassigned", family.product, family.number, parent),
        ("unassigned", family.profile, family.number, parent),
        ("moved", family.number, parent, child),
        ("released", family.number, None, child),
    ]
    assert {row.at for row in rows} == {NOW + 7}


def _do(name: str, family: Family, store: SqlStore) -> None:
    ENDINGS[name](store, family)


def test_making_a_draft_writes_no_change(database: Database, family: Family) -> None:
    table = schema.standing_changes

    def count(store: SqlStore) -> int:
        return len(store.connection.execute(select(table.c.seq)).all())

    before = database.read(count)
    database.write(lambda store: office.profile(store, family.parent))
    assert database.read(count) == before


def test_more_changes_than_one_message_holds_are_all_told(database: Database) -> None:
    heard: set[str] = set()
    feed = Feed(database, heard.update, lambda: None, monotonic)
    feed.start()
    sids = {f"BU{n:032x}" for n in range(1200)}

    def many(store: SqlStore) -> None:
        for sid in sids:
            store.changes.add("status", sid, "AC1")

    try:
        database.write(many)
        until(lambda: sids <= heard)
    finally:
        feed.stop()


def test_so_many_changes_that_they_are_not_told_one_by_one(database: Database) -> None:
    everything = threading.Event()
    feed = Feed(database, lambda _: None, everything.set, monotonic)
    feed.start()
    everything.clear()

    def many(store: SqlStore) -> None:
        for n in range(5001):
            store.changes.add("status", f"BU{n:032x}", "AC1")

    try:
        database.write(many)
        until(everything.is_set)
    finally:
        feed.stop()


class _Gone:
    """A database that answers until it does not."""

    def __init__(self, database: Database) -> None:
        self.gone = False
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def reading(self) -> Any:
        if self.gone:
            raise OperationalError("SELECT 1", {}, Exception("disk I/O error"))
        return self._database.reading()


def test_a_file_that_cannot_be_read_any_more_takes_the_a_away_and_gives_it_back(
    file_database: Database,
) -> None:
    family = file_database.write(feeding.vouched)
    elsewhere: Any = _Gone(Database(file_database.url))
    kept = Standings(elsewhere, lambda: NOW, capacity=1000)
    kept.start()
    try:
        assert level(kept, family).level is Level.A
        elsewhere.gone = True
        until(lambda: level(kept, family).level is Level.B)
        assert level(kept, family).reason == "standing-not-fresh"
        file_database.write(lambda store: ENDINGS["the product is suspended"](store, family))
        elsewhere.gone = False
        until(lambda: level(kept, family).reason == "product-not-vouching")
    finally:
        kept.stop()
        elsewhere.close()


def test_a_feed_is_lost_until_it_is_confirmed_and_when_it_was_not_for_long(
    file_database: Database,
) -> None:
    now = [100.0]
    feed = Feed(file_database, lambda _: None, lambda: None, lambda: now[0])
    assert feed.lost
    feed._confirm(100.0)
    now[0] += LOST_AFTER
    assert not feed.lost
    now[0] += 0.01
    assert feed.lost


def test_while_the_feed_is_lost_nothing_is_read_and_what_is_kept_is_worth_no_a(
    file_database: Database,
) -> None:
    family = file_database.write(feeding.vouched)
    kept = Standings(file_database, lambda: NOW, capacity=1000)
    kept.start()
    try:
        assert level(kept, family).level is Level.A
        kept.feed.stop()
        assert kept.trouble == (
            "Nothing is heard from the database, so nothing new can be known; try again"
        )
        for _ in range(2):
            assert level(kept, family).reason == "standing-not-fresh"
        with pytest.raises(Refused) as refused:
            kept(family.tns[1], family.parent.sid)
        assert refused.value.reason is Reason.UNAVAILABLE
    finally:
        kept.stop()
    # Whoever keeps nothing hears of nothing either, and reads.
    assert kept.trouble is None
    assert kept(family.tns[1], family.parent.sid).fresh


def test_without_a_database_a_number_that_is_not_kept_is_refused_and_not_guessed(
    file_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = file_database.write(feeding.vouched)
    standings = Standings(file_database, lambda: NOW)

    def fails() -> Any:
        raise OperationalError("SELECT 1", {}, Exception("disk I/O error"))

    monkeypatch.setattr(file_database, "_to_read", fails)
    with pytest.raises(Refused) as refused:
        standings(family.tn, family.parent.sid)
    assert refused.value.reason is Reason.UNAVAILABLE


def test_numbers_that_stand_alike_do_so_whatever_else_they_are(
    database: Database, standings: Standings, family: Family
) -> None:
    def another(store: SqlStore) -> tuple[str, str]:
        twin, bare = office.number(store, family.parent, 7), office.number(store, family.parent, 8)
        for sid in (family.profile, family.product):
            bundle = store.bundles.get(sid)
            assert bundle is not None
            office.on(store, family.parent, bundle, twin)
        store.numbers.replace(
            replace(twin, kind="toll-free", iso_country="CA", settings={"voice_url": "https://x"})
        )
        return twin.phone_number, bare.phone_number

    twin, bare = database.write(another)
    caller = family.parent.sid
    first = standings(family.tn, caller)
    # A number's own fields play no part, or `_alike` would have to hold them as well.
    assert standings(twin, caller) == first == read_anew(database, twin, caller)
    assert standings(bare, caller) == read_anew(database, bare, caller) != first


def test_a_number_like_one_read_before_costs_two_queries(
    database: Database, standings: Standings, family: Family
) -> None:
    if not database.is_sqlite:
        return

    def many(store: SqlStore) -> list[str]:
        return [office.number(store, family.parent, n).phone_number for n in (3, 4)]

    first, second = database.write(many)
    standings(first, family.parent.sid)
    asked: list[str] = []
    with database.reading() as store:
        driver = direct.driver(store.connection)
        driver.set_trace_callback(asked.append)
    standings(second, family.parent.sid)
    driver.set_trace_callback(None)
    assert len([one for one in asked if one.startswith("SELECT")]) == 2


def test_a_name_that_nobody_vetted_is_not_the_businesss(database: Database, family: Family) -> None:
    def spoof(store: SqlStore) -> None:
        profile = store.bundles.get(family.profile)
        assert profile is not None
        representative = next(
            found
            for each in store.entity_assignments.all(bundle_sid=profile.sid)
            if (found := store.end_users.get(each.object_sid))
            and found.type != "customer_profile_business_information"
        )
        attributes = {**representative.attributes, "business_name": "Bank of America"}
        store.end_users.replace(replace(representative, attributes=attributes))

    before = read_anew(database, family.tn, family.parent.sid).display
    database.write(spoof)
    assert read_anew(database, family.tn, family.parent.sid).display == before
    assert before not in (None, ShownAs("Bank of America"))


def test_a_subaccount_falls_with_its_parent(
    database: Database, standings: Standings, family: Family
) -> None:
    assert standings(family.tn, family.child.sid).account_known

    def suspend(store: SqlStore) -> None:
        account = store.account(family.parent.sid)
        assert account is not None
        store.replace_account(replace(account, status="suspended"))

    database.write(suspend)
    assert not standings(family.tn, family.child.sid).account_known
