"""The ledger of deliveries by page, and orders that somebody asks about out of turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from phonotary.bootstrap.registering import Registering
from phonotary.cnam.delivery import Delivery
from phonotary.cnam.moves import State
from phonotary.cnam.orders import LineState, Outcome, Unavailable
from phonotary.cnam.store import Observation, OpenOrder
from phonotary.storage import cnam_ledger, schema_names
from phonotary.storage.cnam import CnamStore
from phonotary.storage.cnam_ledger import Asked
from phonotary.storage.database import Database
from tests.rooms.office import NOW
from tests.storage import registrars
from tests.storage.registrars import Clock, Elsewhere, work, worker

ONE, OTHER = "AC" + "1" * 32, "AC" + "2" * 32
DATABASES = ("east", "west")
STATES = (State.ACTIVE, State.REJECTED, State.REMOVED)


def delivered(at: int) -> Delivery:
    """The ``at``-th delivery: databases take turns, states and accounts in longer ones."""
    return Delivery(
        f"+1415555{at // 2:04}",
        DATABASES[at % 2],
        (ONE, OTHER)[at // 6 % 2],
        STATES[at // 2 % 3],
        NOW + at,
        1,
        "ACME",
    )


EVERY = [delivered(at) for at in range(24)]


@pytest.fixture
def full(database: Database) -> Database:
    database.write(lambda store: CnamStore(store).put_deliveries(EVERY))
    return database


@pytest.mark.parametrize("number", [None, EVERY[7].phone_number])
@pytest.mark.parametrize("name", [None, *DATABASES])
@pytest.mark.parametrize("state", [None, *STATES, State.QUEUED])
@pytest.mark.parametrize("account", [None, OTHER])
def test_pages_hold_what_is_asked_for_newest_first_each_once(
    full: Database,
    number: str | None,
    name: str | None,
    state: State | None,
    account: str | None,
) -> None:
    asked = Asked(number, name, state, account)
    wanted = {
        "phone_number": number,
        "database": name,
        "state": state,
        "account_sid": account,
    }
    right = [
        each
        for each in reversed(EVERY)
        if all(value in (None, getattr(each, key)) for key, value in wanted.items())
    ]
    found: list[Delivery] = []
    after: int | None = None
    while True:
        page = full.read(lambda store, at=after: cnam_ledger.page(store, asked, at, most=5))
        assert len(page.rows) <= 5
        found += [row.delivery for row in page.rows]
        after = page.after
        if after is None:
            break
    assert found == right


@pytest.mark.parametrize("before", [None, 20])
@pytest.mark.parametrize("number", [None, EVERY[7].phone_number])
@pytest.mark.parametrize("name", [None, "east", "nowhere"])
@pytest.mark.parametrize("state", [None, State.ACTIVE, State.QUEUED])
@pytest.mark.parametrize("account", [None, OTHER, "AC" + "9" * 32])
def test_sqlite_walks_nobody_elses_deliveries(
    migrated_sqlite: Database,
    number: str | None,
    name: str | None,
    state: State | None,
    account: str | None,
    before: int | None,
) -> None:
    asked = Asked(number, name, state, account)
    wanted = {"phone_number": number, "database": name, "state": state, "account_sid": account}
    named = {"phone_number"} if number else {key for key, value in wanted.items() if value}
    statements = asking(migrated_sqlite, lambda store: cnam_ledger.page(store, asked, before))
    assert statements
    for statement, values in statements:
        plan = plan_of(migrated_sqlite, statement, values)
        if "cnam_observations" in statement:
            assert "rowid=?" in plan and "SCAN cnam" not in plan
        elif named:
            assert "SCAN" not in plan and "TEMP B-TREE" not in plan, plan
            assert all(f"{key}=?" in plan for key in named - {"state", "database"}), plan
            if "ORDER BY cnam_deliveries.seq" in statement:
                assert all(f"{key}=?" in plan for key in named), plan


@pytest.mark.parametrize("account", [None, OTHER])
def test_sqlite_steps_from_database_to_database(
    migrated_sqlite: Database, account: str | None
) -> None:
    for statement, values in asking(
        migrated_sqlite, lambda store: cnam_ledger.databases(store, account)
    ):
        plan = plan_of(migrated_sqlite, statement, values)
        assert "TEMP B-TREE" not in plan and "COVERING INDEX" in plan
        assert account is None or "account_sid=?" in plan


def asking(
    database: Database, work: Callable[[registrars.SqlStore], object]
) -> list[tuple[str, Any]]:
    """The statements that the work has SQLite run over a full ledger."""
    found: list[tuple[str, Any]] = []

    def note(*told: Any) -> None:
        found.append((told[2], told[3]))

    with database.writing() as store:
        store.connection.execute(schema_names.cnam_deliveries.delete())
        CnamStore(store).put_deliveries(EVERY)
        event.listen(store.connection, "before_cursor_execute", note)
        try:
            work(store)
        finally:
            event.remove(store.connection, "before_cursor_execute", note)
    return found


def plan_of(database: Database, statement: str, values: Any) -> str:
    with database.reading() as store:
        rows = store.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        return "; ".join(row[3] for row in rows)


def test_a_row_has_what_was_last_seen_and_what_was_last_said(full: Database) -> None:
    first, second, third = EVERY[0], EVERY[2], EVERY[4]
    order = OpenOrder("CO" + "0" * 32, "east", "register", NOW, NOW)

    def say(store: registrars.SqlStore) -> None:
        rows = CnamStore(store)
        rows.observe(
            [
                Observation(first.phone_number, "east", "ACME", "OLD", NOW + 1),
                Observation(first.phone_number, "west", "ACME", "WEST", NOW + 3),
                Observation(first.phone_number, "east", "ACME", "NEW", NOW + 2),
            ]
        )
        rows.put_deliveries([replace(second, code="11014", text="not yours")])
        rows.add_order(order)
        rows.put_deliveries([replace(third, order_key=order.key, state=State.SUBMITTED)])
        rows.settle_order(order, True, "it is out of reach")

    full.write(say)

    def row(each: Delivery) -> cnam_ledger.Row:
        asked = Asked(each.phone_number, each.database)
        (found,) = full.read(lambda store: cnam_ledger.page(store, asked)).rows
        return found

    seen = row(first).observed
    assert seen is not None and (seen.observed_name, seen.observed_at) == ("NEW", NOW + 2)
    assert (row(first).error, row(second).error) == (None, "11014 not yours")
    assert row(third).error == "it is out of reach"
    assert row(second).observed is None


def test_the_databases_are_those_of_the_ledger(full: Database) -> None:
    assert full.read(cnam_ledger.databases) == list(DATABASES)


def test_an_accounts_databases_are_those_of_its_own_deliveries(full: Database) -> None:
    stranger = replace(EVERY[0], phone_number="+14155559999", account_sid="AC" + "9" * 32)
    full.write(lambda store: CnamStore(store).put_deliveries([stranger]))

    def of(account: str) -> list[str]:
        return full.read(lambda store: cnam_ledger.databases(store, account))

    assert (of(stranger.account_sid), of("AC" + "8" * 32)) == (["east"], [])
    assert of(ONE) == list(DATABASES)


class Asking(Elsewhere):
    """Whose staff sends word while it is being asked."""

    def __init__(self, database: Database) -> None:
        super().__init__(LineState.ACCEPTED)
        self.done = False
        self._database = database
        self.told = 0

    async def poll(self, order_ref: str, numbers: object = None) -> Outcome:
        outcome = await super().poll(order_ref)
        if not self.told:
            self.told += 1
            self.says, self.done = LineState.DONE, True
            assert self._database.write(
                lambda store: CnamStore(store).hurry(self.name, order_ref, None)
            )
        return outcome


def test_word_of_an_order_has_it_asked_about_again_even_while_it_is_asked_about(
    database: Database,
) -> None:
    family = database.write(registrars.named)
    clock, elsewhere = Clock(), Asking(database)
    registering = worker(database, clock, elsewhere)
    work(registering)
    assert elsewhere.polled == []
    ref = f"ref {next(iter(elsewhere.orders))}"
    assert database.write(lambda store: registering.hurry(store, "elsewhere", ref))
    work(registering)
    # The second time because word came while the first answer was on its way.
    assert elsewhere.polled == [ref, ref]
    assert registrars.states(registering, family.tn)["elsewhere"] == "active"


def test_word_does_not_hurry_a_database_that_asks_to_be_left_alone(database: Database) -> None:
    """It is told again and again while the database is asked, as by one that sends many notices."""
    database.write(registrars.named)
    clock, elsewhere = Clock(), Elsewhere(LineState.ACCEPTED)
    elsewhere.done = False
    registering = worker(database, clock, elsewhere)
    work(registering)
    asked: list[int] = []

    async def busy(order_ref: str, numbers: object = None) -> Outcome:
        asked.append(clock.now)
        database.write(lambda store: CnamStore(store).hurry(elsewhere.name, order_ref, None))
        raise Unavailable("too many requests", 3_600)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elsewhere, "poll", busy)
        clock.now += 60
        asyncio.run(limited(registering))
    assert asked == [clock.now]
    clock.now += 3_599
    work(registering)
    assert elsewhere.polled == []
    clock.now += 1
    work(registering)
    assert len(elsewhere.polled) == 1


async def limited(registering: Registering) -> None:
    for _ in range(10):
        if not await registering.work_once():
            return


def test_word_uses_up_none_of_the_short_waits_between_our_own_questions(
    database: Database,
) -> None:
    database.write(registrars.named)
    clock, elsewhere = Clock(), Elsewhere(LineState.ACCEPTED)
    elsewhere.done = False
    registering = worker(database, clock, elsewhere)
    work(registering)
    (key,) = elsewhere.orders
    for _ in range(5):
        assert database.write(lambda store: registering.hurry(store, "elsewhere", f"ref {key}"))
        work(registering)
    assert len(elsewhere.polled) == 5
    clock.now += registrars.TERMS.polls[0]
    work(registering)
    assert len(elsewhere.polled) == 6
    clock.now += registrars.TERMS.polls[1] - 1
    work(registering)
    assert len(elsewhere.polled) == 6, "our own question took the next step"


def test_word_of_an_order_is_of_its_own_database_and_of_open_orders_only(
    database: Database,
) -> None:
    database.write(registrars.named)
    clock, elsewhere = Clock(), Elsewhere(LineState.ACCEPTED)
    elsewhere.done = False
    registering = worker(database, clock, elsewhere)
    work(registering)
    (key,) = elsewhere.orders

    def hurry(where: str, ref: str | None = None, by_key: str | None = None) -> bool:
        return database.write(lambda store: registering.hurry(store, where, ref, by_key))

    assert not hurry("elsewhere") and not hurry("elsewhere", "ref unknown", "CO unknown")
    assert not hurry("local", f"ref {key}", key)
    work(registering)
    assert elsewhere.polled == []
    # Twice the same word is one question.
    assert hurry("elsewhere", None, key) and hurry("elsewhere", f"ref {key}", key)
    elsewhere.says, elsewhere.done = LineState.DONE, True
    asyncio.run(registering.work_once())
    work(registering)
    assert len(elsewhere.polled) == 1
    assert not hurry("elsewhere", f"ref {key}", key)


def test_open_orders_are_listed_oldest_first_by_page(database: Database) -> None:
    orders = [
        OpenOrder(f"CO{at:032}", "desk" if at % 3 else "other", "register", NOW, NOW)
        for at in range(6)
    ]

    def add(store: registrars.SqlStore) -> None:
        rows = CnamStore(store)
        for each in orders:
            rows.add_order(each)
        for each in orders[:5]:
            rows.settle_order(replace(each, order_ref=f"ref {each.key}"), each is not orders[1])

    database.write(add)
    found = database.read(lambda store: CnamStore(store, False).open_orders(["desk"]))
    # The first is done, the last not known to have arrived.
    assert [each.key for each in found] == [orders[2].key, orders[4].key]
    rest = database.read(lambda store: CnamStore(store, False).open_orders(["desk"], found[0].seq))
    assert [each.key for each in rest] == [orders[4].key]
