"""A name reaches every database once, whoever crashes, and leaves it when it ends."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from phonotary.bootstrap.registering import LOCAL, PAGE
from phonotary.bootstrap.vouching import Vouching
from phonotary.cnam import registry
from phonotary.cnam.orders import Action, LineOutcome, LineState, Visibility
from phonotary.storage import cnam_feed, schema
from phonotary.storage.cnam import LEASE, CnamStore
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.trusthub import numbers, standing
from phonotary.trusthub.records import ChannelEndpointAssignment, Number
from tests.rooms import office
from tests.rooms.office import NOW
from tests.storage import registrars
from tests.storage.feeding import ENDINGS, Family, bundle_of
from tests.storage.registrars import Clock, Elsewhere, states, work, worker

DAY = 86_400


def of(database: Database, tn: str) -> list[registry.Registration]:
    return database.read(lambda store: CnamStore(store, False).history(tn))


def shown(database: Database, tn: str) -> str | None:
    return database.read(lambda store: CnamStore(store, False).shown_name(tn))


def wish(store: SqlStore, family: Family, visibility: str) -> None:
    """Written into the record as it stands, as no door lets it be written now."""
    for held in store.entity_assignments.all(bundle_sid=bundle_of(store, family.product).sid):
        end_user = store.end_users.get(held.object_sid)
        if end_user is not None:
            attributes = {**end_user.attributes, "cnam_visibility": visibility}
            store.end_users.replace(replace(end_user, attributes=attributes))


def renamed(store: SqlStore, family: Family, name: str) -> None:
    """Rejected, changed, approved again."""
    bundle = office.forced(store, bundle_of(store, family.product), "twilio-rejected")
    for held in store.entity_assignments.all(bundle_sid=bundle.sid):
        end_user = store.end_users.get(held.object_sid)
        if end_user is not None:
            attributes = {**end_user.attributes, "cnam_display_name": name}
            store.end_users.replace(replace(end_user, attributes=attributes))
    office.approved(store, bundle)


def test_an_approved_name_reaches_every_database_and_is_looked_up_there(
    database: Database,
) -> None:
    family = database.write(registrars.named)
    clock, elsewhere = Clock(), Elsewhere()
    registering = worker(database, clock, elsewhere)
    work(registering)
    assert states(registering, family.tn) == {LOCAL: "active", "elsewhere": "active"}
    assert shown(database, family.tn) == "ACME PLUMBING"
    (order,) = elsewhere.orders.values()
    (line,) = order.lines
    assert (line.number, line.name) == (family.tn, "ACME PLUMBING")
    assert line.key == f"{family.tn}:elsewhere:1"
    assert database.read(lambda s: registering.next_due(s, clock.now)) == NOW + 3_600
    clock.now += 3_600
    elsewhere.names[family.tn] = "OLD NAME"
    work(registering)
    entry = next(e for e in registering.deliveries_of(family.tn) if e.observed)
    assert entry.observed is not None
    seen = (entry.observed.observed_name, entry.observed.observed_at, entry.observed.database)
    assert seen == ("OLD NAME", NOW + 3_600, "elsewhere")
    assert entry.delivery.order_ref == f"ref {order.idempotency_key}"
    assert work(registering) == 0


@pytest.mark.parametrize("how", ENDINGS)
def test_whatever_ends_what_vouches_takes_the_name_away(database: Database, how: str) -> None:
    family = database.write(registrars.named)
    clock, elsewhere = Clock(), Elsewhere()
    registering = worker(database, clock, elsewhere)
    work(registering)
    database.write(lambda store: ENDINGS[how](store, family))
    work(registering)
    assert states(registering, family.tn) == {LOCAL: "removed", "elsewhere": "removed"}
    assert shown(database, family.tn) is None
    assert elsewhere.names == {}
    (registration,) = of(database, family.tn)
    assert registration.state == "withdrawn" and registration.because
    account = database.read(lambda s: registering.account_of(s, family.tn))
    assert account.registration is None
    assert account.withheld == registration.because


@pytest.mark.parametrize("how", ["nothing", *ENDINGS])
def test_a_registration_stands_exactly_where_the_trust_hub_has_a_name(
    database: Database, how: str
) -> None:
    family = database.write(registrars.named)
    with database.writing() as store:
        if how != "nothing":
            ENDINGS[how](store, family)
        for tn in family.tns[:2]:
            facts = Vouching(store, NOW).facts(tn)
            name = standing.display_name(store, tn, NOW)  # type: ignore[arg-type]
            assert (registry.withheld(facts) is None) is (name is not None)
            assert facts.name == name


def test_a_name_ends_by_the_clock(database: Database) -> None:
    family = database.write(registrars.named)
    ends = database.read(lambda store: bundle_of(store, family.product).valid_until)
    assert ends is not None
    clock, elsewhere = Clock(), Elsewhere()
    registering = worker(database, clock, elsewhere)
    work(registering)
    clock.now = ends - 1
    work(registering)
    assert shown(database, family.tn) == "ACME PLUMBING"
    assert database.read(lambda s: registering.next_due(s, clock.now)) == ends
    clock.now = ends
    work(registering)
    assert states(registering, family.tn) == {LOCAL: "removed", "elsewhere": "removed"}


def test_ours_shows_a_name_when_its_propagation_is_over(database: Database) -> None:
    family = database.write(registrars.named)
    clock = Clock()
    registering = worker(database, clock, wait=lambda number: 50 * 3_600)
    work(registering)
    assert states(registering, family.tn) == {LOCAL: "accepted"}
    due = database.read(lambda s: registering.next_due(s, clock.now))
    assert due == NOW + 50 * 3_600
    clock.now = due - 1
    work(registering)
    assert shown(database, family.tn) is None
    clock.now = due
    work(registering)
    assert shown(database, family.tn) == "ACME PLUMBING"


def test_a_name_that_ends_while_it_propagates_is_never_shown(database: Database) -> None:
    family = database.write(registrars.named)
    clock = Clock()
    registering = worker(database, clock, wait=lambda number: 50 * 3_600)
    work(registering)
    database.write(lambda store: ENDINGS["unassigned from the product"](store, family))
    work(registering)
    assert states(registering, family.tn) == {LOCAL: "removing"} or states(
        registering, family.tn
    ) == {LOCAL: "removed"}
    clock.now += 90 * 3_600
    work(registering)
    assert shown(database, family.tn) is None


def test_another_name_is_another_version_and_replaces_the_first(database: Database) -> None:
    family = database.write(registrars.named)
    clock, elsewhere = Clock(), Elsewhere()
    registering = worker(database, clock, elsewhere)
    work(registering)
    database.write(lambda store: renamed(store, family, "ACME PIPES"))
    work(registering)
    assert shown(database, family.tn) == "ACME PIPES"
    assert elsewhere.names == {family.tn: "ACME PIPES"}
    assert [each.version for each in of(database, family.tn)] == [2, 1]
    assert all(o.action is Action.REGISTER for o in elsewhere.orders.values())


def test_what_changes_while_an_order_is_under_way_is_sent_once_it_is_over(
    database: Database,
) -> None:
    family = database.write(registrars.named)
    clock, elsewhere = Clock(), Elsewhere(LineState.ACCEPTED)
    elsewhere.done = False
    registering = worker(database, clock, elsewhere)
    work(registering)
    database.write(lambda store: renamed(store, family, "ACME PIPES"))
    work(registering)
    assert len(elsewhere.orders) == 1, "never two under way"
    elsewhere.says, clock.now = LineState.DONE, clock.now + 3_600
    work(registering)
    assert elsewhere.names == {family.tn: "ACME PIPES"}
    elsewhere.says, clock.now = LineState.ACCEPTED, clock.now + 3_600
    database.write(lambda store: ENDINGS["released"](store, family))
    work(registering)
    assert states(registering, family.tn)["elsewhere"] == "removing"
    elsewhere.says, clock.now = LineState.DONE, clock.now + 3_600
    work(registering)
    assert states(registering, family.tn)["elsewhere"] == "removed"


def test_one_bad_number_in_a_good_order(database: Database) -> None:
    family = database.write(registrars.named)
    other = family.tns[1]

    def both(store: SqlStore) -> None:
        number = store.numbers.first(phone_number=other)
        assert number is not None
        for sid in (family.profile, family.product):
            office.on(store, family.parent, bundle_of(store, sid), number)

    database.write(both)
    clock, elsewhere = Clock(), Elsewhere()
    elsewhere.outcomes[other] = LineOutcome(LineState.REJECTED, "11014", "not your number")
    registering = worker(database, clock, elsewhere)
    work(registering)
    assert len(elsewhere.orders) == 1
    assert states(registering, family.tn)["elsewhere"] == "active"
    rejected = next(
        e.delivery for e in registering.deliveries_of(other) if e.delivery.code is not None
    )
    assert (rejected.state, rejected.code, rejected.text) == (
        "rejected",
        "11014",
        "not your number",
    )
    elsewhere.outcomes.clear()
    database.write(lambda store: registering.retry(store, other, "elsewhere"))
    work(registering)
    assert states(registering, other)["elsewhere"] == "active"


def test_a_database_that_is_down_gets_the_same_order_later(database: Database) -> None:
    family = database.write(registrars.named)
    clock, elsewhere = Clock(), Elsewhere()
    elsewhere.down = True
    registering = worker(database, clock, elsewhere)
    work(registering)
    assert states(registering, family.tn)["elsewhere"] == "submitted"
    elsewhere.down = False
    assert work(registering) == 0, "not before its time"
    clock.now += 60
    work(registering)
    assert states(registering, family.tn)["elsewhere"] == "active"
    assert len(elsewhere.orders) == 1


def test_a_database_without_a_last_word_times_out_and_is_tried_again(database: Database) -> None:
    family = database.write(registrars.named)
    clock, elsewhere = Clock(), Elsewhere(LineState.SUBMITTED)
    elsewhere.done = False
    registering = worker(database, clock, elsewhere)
    work(registering)
    while clock.now < NOW + 3 * DAY:
        due = database.read(lambda s: registering.next_due(s, clock.now))
        assert due is not None
        clock.now = due
        work(registering)
    assert clock.now == NOW + 3 * DAY, "the deadline is a stop of the clock"
    assert states(registering, family.tn)["elsewhere"] == "timed_out"
    elsewhere.says, clock.now = LineState.DONE, clock.now + 60
    work(registering)
    assert states(registering, family.tn)["elsewhere"] == "active"
    assert len(elsewhere.orders) == 2


def test_a_crash_after_the_submit_is_reconciled_by_the_key(database: Database) -> None:
    family = database.write(registrars.named)
    clock, elsewhere = Clock(), Elsewhere()
    elsewhere.crash_after_submit = True
    with pytest.raises(KeyboardInterrupt):
        work(worker(database, clock, elsewhere))
    elsewhere.crash_after_submit = False
    registering = worker(database, clock, elsewhere)
    work(registering)
    assert len(elsewhere.sent) == 1, "its lease is not over"
    assert states(registering, family.tn)["elsewhere"] == "submitted"
    clock.wall += LEASE
    work(registering)
    assert len(elsewhere.sent) == 2 and len(elsewhere.orders) == 1
    assert states(registering, family.tn)["elsewhere"] == "active"


def test_two_workers_never_send_the_same(database: Database) -> None:
    database.write(lambda store: many(store, 300))
    clock, elsewhere = Clock(), Elsewhere()
    elsewhere.most = 20
    workers = [worker(database, clock, elsewhere) for _ in range(2)]

    async def both() -> None:
        async def one(registering: object) -> None:
            for _ in range(60):
                await registering.work_once()  # type: ignore[attr-defined]
                await asyncio.sleep(0)

        await asyncio.gather(*(one(each) for each in workers))

    asyncio.run(both())
    for each in workers:
        work(each)
    ordered = [line.number for order in elsewhere.orders.values() for line in order.lines]
    assert len(ordered) == len(set(ordered)) == 301
    assert len(elsewhere.sent) == len(set(elsewhere.sent))
    assert all(len(order.lines) <= 20 for order in elsewhere.orders.values())


def test_a_private_name_is_registered_as_one(database: Database) -> None:
    family = database.write(lambda store: registrars.named(store, cnam_visibility="private"))
    elsewhere = Elsewhere()
    work(worker(database, Clock(), elsewhere))
    (order,) = elsewhere.orders.values()
    assert order.lines[0].visibility is Visibility.PRIVATE
    assert order.numbers == {family.tn}


def test_a_wish_that_nobody_understands_is_private_also_where_it_was_shown(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = database.write(registrars.named)
    elsewhere = Elsewhere()
    # A hub of the rules before had looked at every number and shown this one.
    monkeypatch.setattr(cnam_feed, "SETTING", "cnam_feed")
    work(worker(database, Clock(), elsewhere))
    database.write(lambda store: wish(store, family, "hidden"))
    work(worker(database, Clock(), elsewhere))
    assert [each.private for each in of(database, family.tn)] == [False]
    monkeypatch.undo()
    work(worker(database, Clock(), elsewhere))
    assert [each.private for each in of(database, family.tn)] == [True, False]
    last = list(elsewhere.orders.values())[-1]
    assert last.lines[0].visibility is Visibility.PRIVATE


def test_a_place_in_another_hubs_changes_is_none_in_these(database: Database) -> None:
    family = database.write(registrars.named)
    database.write(
        lambda store: store.put_setting(
            cnam_feed.SETTING, '{"seq": 1, "at": 5, "subject": "BU0", "pending": []}'
        )
    )
    registering = worker(database, Clock())
    work(registering)
    assert states(registering, family.tn) == {LOCAL: "active"}


def test_a_change_that_commits_late_is_not_missed(database: Database) -> None:
    """PostgreSQL: the row of a lower place is there after that of a higher one."""
    if database.is_sqlite:
        # One writer at a time: whoever comes later has a higher place.
        first = database.write(registrars.named)
        registering = worker(database, Clock())
        work(registering)
        assert states(registering, first.tn) == {LOCAL: "active"}
        return
    family = database.write(registrars.named)
    registering = worker(database, Clock())
    work(registering)
    with database.writing() as slow:
        ENDINGS["unassigned from the product"](slow, family)
        database.write(lambda store: office.opened(store))
        work(registering)
        assert states(registering, family.tn) == {LOCAL: "active"}
    work(registering)
    assert states(registering, family.tn) == {LOCAL: "removed"}


def test_a_change_of_another_product_touches_no_name(database: Database) -> None:
    def two(store: SqlStore) -> tuple[Family, str]:
        family = registrars.named(store)
        profile = bundle_of(store, family.profile)
        return family, office.approved(store, office.product(store, family.parent, profile)).sid

    _, shaken = database.write(two)
    registering = worker(database, Clock())
    work(registering)
    database.write(lambda store: office.forced(store, bundle_of(store, shaken), "twilio-rejected"))
    place = cnam_feed.Place()
    with database.reading() as store:
        change = cnam_feed.Change("status", shaken, None, "", None)
        assert cnam_feed.touched(store, [change], place) == []
    assert place.pending == []


def many(store: SqlStore, count: int) -> Family:
    """The family with so many numbers more, put there in bulk."""
    family = registrars.named(store)
    party = family.parent
    template = store.numbers.get(family.number)
    assert template is not None
    found: list[Number] = []
    for n in range(count):
        number = replace(
            template, sid=office.nobody("PN"), phone_number=f"+1212{2_000_000 + n:07d}"
        )
        found.append(number)
    store.connection.execute(
        schema.numbers.insert(),
        [{name: getattr(each, name) for name in Number.__slots__} for each in found],
    )
    made = [
        ChannelEndpointAssignment(
            office.nobody("RA"), party.sid, bundle, each.sid, "phone-number", party.sid, NOW
        )
        for each in found
        for bundle in (family.profile, family.product)
    ]
    store.connection.execute(
        schema.endpoint_assignments.insert(),
        [{n: getattr(each, n) for n in ChannelEndpointAssignment.__slots__} for each in made],
    )
    return family


def test_ten_thousand_numbers_of_one_product_go_in_bounded_batches(
    database: Database, record_property: object
) -> None:
    count = 10_000 if database.is_sqlite else 2_000
    family = database.write(lambda store: many(store, count))
    clock, elsewhere = Clock(), Elsewhere()
    registering = worker(database, clock, elsewhere)
    began = time.perf_counter()
    rounds = work(registering)
    took = time.perf_counter() - began
    print(f"{count} numbers registered in {took:.1f} s, {rounds} rounds")
    assert len(elsewhere.names) == count + 1
    assert all(len(order.lines) <= 500 for order in elsewhere.orders.values())
    assert rounds >= count // PAGE
    database.write(lambda store: ENDINGS["the product is suspended"](store, family))
    began = time.perf_counter()
    work(registering)
    print(f"and withdrawn in {time.perf_counter() - began:.1f} s")
    assert elsewhere.names == {}


def test_a_released_number_that_somebody_else_buys_starts_anew(database: Database) -> None:
    family = database.write(registrars.named)
    registering = worker(database, Clock(), Elsewhere())
    work(registering)
    database.write(lambda store: numbers.release(store, family.parent, family.number))
    database.write(lambda s: numbers.buy(s, family.stranger, NOW, phone_number=family.tn))
    work(registering)
    assert states(registering, family.tn) == {LOCAL: "removed", "elsewhere": "removed"}
    with database.writing() as store:
        CnamStore(store).forget()
    assert registering.deliveries_of(family.tn) == ()
