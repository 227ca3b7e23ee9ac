"""Finished orders and old observations go after their time, and nothing else goes with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from phonotary.bootstrap.retention import DAY, Retention
from phonotary.bootstrap.work import Worker
from phonotary.clock import Clock
from phonotary.cnam.delivery import Delivery
from phonotary.cnam.moves import State
from phonotary.cnam.store import Observation, OpenOrder
from phonotary.storage import cnam_retention, schema_names
from phonotary.storage.cnam import CnamStore
from phonotary.storage.cnam_retention import Place, Swept
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from tests.rooms.office import NOW
from tests.storage import registrars
from tests.web.consoles import hub_with

TN = "+14155550100"
KEEP = 90 * DAY
Sweep = Callable[[SqlStore, int, Place], Swept]


def order(at: int, due: int = NOW, database: str = "east") -> OpenOrder:
    return OpenOrder(f"CO{at:032}", database, "register", NOW - 900 * DAY, due, f"ref {at}")


def keep(store: SqlStore, each: OpenOrder, is_open: bool = False) -> None:
    rows = CnamStore(store)
    rows.add_order(each)
    rows.settle_order(each, is_open)


def named_by(each: OpenOrder, state: State = State.ACTIVE, number: str = TN) -> Delivery:
    return Delivery(
        number, each.database, "AC" + "1" * 32, state, NOW, 1, "ACME", order_ref=each.order_ref
    )


def keys(database: Database) -> set[str]:
    with database.reading() as store:
        return set(store.connection.execute(select(schema_names.cnam_orders.c.key)).scalars())


def swept(database: Database, sweep: Sweep, before: int, most: int = 500) -> int:
    """A whole sweep; how many rows went."""
    place: Place | None = Place()
    deleted = 0
    while place is not None:
        found = database.write(partial(_once, sweep, before, place, most))
        deleted, place = deleted + found.deleted, found.place
    return deleted


def _once(sweep: Sweep, before: int, place: Place, most: int, store: SqlStore) -> Swept:
    return sweep(store, before, place, most)  # type: ignore[call-arg]


@pytest.mark.parametrize("most", [1, 2, 500])
def test_finished_orders_go_by_when_they_were_finished(database: Database, most: int) -> None:
    old = [order(at) for at in range(5)]
    newer, still_open = order(5, NOW + 1), order(6)

    def make(store: SqlStore) -> None:
        for each in (*old, newer):
            keep(store, each)
        keep(store, still_open, is_open=True)

    database.write(make)
    assert swept(database, cnam_retention.orders, NOW - 1, most) == 0
    assert swept(database, cnam_retention.orders, NOW, most) == 5
    assert keys(database) == {newer.key, still_open.key}


@pytest.mark.parametrize("most", [1, 2, 500])
def test_an_order_that_a_live_delivery_names_stays(database: Database, most: int) -> None:
    orders = [order(at) for at in range(4)]
    alike = order(9, database="west")

    def make(store: SqlStore) -> None:
        for each in (*orders, replace(alike, order_ref=orders[2].order_ref)):
            keep(store, each)
        CnamStore(store).put_deliveries(
            [
                named_by(orders[0]),
                named_by(orders[1], State.REMOVED, "+14155550101"),
                # Not finished as far as the delivery knows.
                replace(
                    named_by(orders[3], State.SUBMITTED, "+14155550102"),
                    order_ref=None,
                    order_key=orders[3].key,
                ),
                # The same reference, of another database.
                replace(named_by(orders[2], State.ACTIVE, "+14155550103"), database="west"),
            ]
        )

    database.write(make)
    assert swept(database, cnam_retention.orders, NOW, most) == 2
    assert keys(database) == {orders[0].key, orders[3].key, alike.key}
    database.write(
        lambda store: CnamStore(store).put_deliveries([named_by(orders[0], State.REMOVED)])
    )
    assert swept(database, cnam_retention.orders, NOW, most) == 1


def test_a_step_of_a_sweep_begins_where_the_one_before_it_ended(
    migrated_sqlite: Database,
) -> None:
    found: list[tuple[str, Any]] = []

    def note(*told: Any) -> None:
        found.append((told[2], told[3]))

    with migrated_sqlite.writing() as store:
        event.listen(store.connection, "before_cursor_execute", note)
        cnam_retention.orders(store, NOW, Place(NOW - 5, 7))
        cnam_retention.observations(store, NOW, Place(seq=7))
        event.remove(store.connection, "before_cursor_execute", note)
        plans = [
            "; ".join(
                row[3]
                for row in store.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
            )
            for sql, values in found
            if "LIMIT" in sql
        ]
    (orders,) = (plan for plan in plans if "cnam_orders" in plan)
    assert "state=? AND due>? AND due<?" in orders and "TEMP B-TREE" not in orders
    (observations,) = (plan for plan in plans if "cnam_observations" in plan)
    assert "rowid>?" in observations and "TEMP B-TREE" not in observations


def test_word_that_comes_with_the_last_answer_does_not_age_the_order(database: Database) -> None:
    each = order(1)

    def close(store: SqlStore) -> None:
        rows = CnamStore(store)
        rows.add_order(each)
        rows.settle_order(each, True)
        assert rows.hurry(each.database, each.order_ref, None)
        rows.settle_order(each, False)

    database.write(close)
    assert swept(database, cnam_retention.orders, NOW - 1) == 0


def seen(name: str, at: int, number: str = TN, database: str = "east") -> Observation:
    return Observation(number, database, "ACME", name, at)


@pytest.mark.parametrize("most", [1, 2, 500])
def test_observations_go_but_for_the_newest_of_each_number_and_database(
    database: Database, most: int
) -> None:
    other = "+14155550101"
    database.write(
        lambda store: CnamStore(store).observe(
            [
                seen("A", NOW - 9),
                seen("B", NOW - 8, database="west"),
                seen("C", NOW - 7),
                seen("D", NOW - 6, other),
                seen("E", NOW - 5),
                seen("F", NOW + 1),
                seen("G", NOW + 2, other),
            ]
        )
    )

    def left() -> str:
        with database.reading() as store:
            rows = [*CnamStore(store, False).observations(TN)]
            rows += CnamStore(store, False).observations(other)
            return "".join(sorted(each.observed_name for each in rows))

    assert swept(database, cnam_retention.observations, NOW - 8, most) == 1
    assert left() == "BCDEFG"
    assert swept(database, cnam_retention.observations, NOW, most) == 3
    assert left() == "BFG"
    assert swept(database, cnam_retention.observations, NOW + 9, most) == 0


def test_the_work_loop_sweeps_once_a_day_by_the_hubs_clock(database: Database) -> None:
    clock = registrars.Clock()

    def make(store: SqlStore) -> None:
        for at in range(1_203):
            keep(store, order(at, NOW + at % 2 * DAY))

    database.write(make)
    retention = Retention(database, lambda: clock.now, KEEP)
    worker = Worker(database, Clock(), sandbox=False)
    worker.retention = retention

    def work() -> int:
        asyncio.run(worker.advance(0))
        return len(keys(database))

    clock.now = NOW + KEEP - 1
    assert work() == 1_203
    clock.now += 1
    assert work() == 1_203, "the sweep of today is over"
    clock.now = NOW + KEEP - 1 + DAY
    assert work() == 601
    clock.now += DAY
    assert work() == 0


@pytest.mark.parametrize(("days", "left"), [(None, 1), (90, 0)])
def test_a_hub_deletes_only_where_its_settings_say_so(
    tmp_path: Path, days: int | None, left: int
) -> None:
    with hub_with(tmp_path, keep_days=days) as hub:
        hub.database.write(lambda store: keep(store, order(1, hub.now() - KEEP)))
        asyncio.run(hub.worker.advance(0))
        assert len(keys(hub.database)) == left
