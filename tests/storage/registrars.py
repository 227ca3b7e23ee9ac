"""A customer with a name, and a database elsewhere that remembers orders by their keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from phonotary.bootstrap.registering import Registering
from phonotary.cnam.orders import (
    Action,
    LineOutcome,
    LineState,
    Order,
    Outcome,
    Unavailable,
)
from phonotary.cnam.terms import Terms
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.trusthub import policies
from phonotary.trusthub.records import Bundle, Party
from tests.rooms import office
from tests.rooms.office import NOW
from tests.storage.feeding import Family

TERMS = Terms("elsewhere", timeout=3 * 86_400, looks=(3_600,))


def product(store: SqlStore, party: Party, profile: Bundle, name: str, **more: str) -> Bundle:
    made = office.draft(store, party, policies.CNAM)
    attributes = {"cnam_display_name": name, **more}
    information = office.end_user(store, party, "cnam_information", attributes)
    office.assigned(store, party, made, profile.sid, information)
    return made


def named(store: SqlStore, name: str = "ACME PLUMBING", **more: str) -> Family:
    """As ``feeding.vouched``, with a CNAM product."""
    account = office.opened(store)
    parent, child = office.party_of(account), office.party_of(office.opened(store, account))
    primary = office.approved(store, office.profile(store, parent))
    profile = office.profile(store, parent, policies.SECONDARY, "direct_customer")
    office.assigned(store, parent, profile, primary.sid)
    office.approved(store, profile)
    cnam = office.approved(store, product(store, parent, profile, name, **more))
    number = office.number(store, parent)
    office.number(store, parent, 9)
    return Family(
        parent=parent,
        child=child,
        stranger=office.party_of(office.opened(store)),
        primary=primary.sid,
        profile=profile.sid,
        product=cnam.sid,
        on_profile=office.on(store, parent, profile, number),
        on_product=office.on(store, parent, cnam, number),
        number=number.sid,
        tn=number.phone_number,
    )


class Elsewhere:
    """Takes an order once for each key; holds names; says what it is told to say."""

    name = "elsewhere"
    most = 500

    def __init__(self, says: LineState = LineState.DONE) -> None:
        self.says = says
        self.outcomes: dict[str, LineOutcome] = {}
        self.orders: dict[str, Order] = {}
        self.sent: list[str] = []
        self.polled: list[str] = []
        self.names: dict[str, str] = {}
        self.down = False
        self.crash_after_submit = False
        self.done = True

    async def submit(self, order: Order) -> Outcome:
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("it is down")
        self.sent.append(order.idempotency_key)
        known = self.orders.setdefault(order.idempotency_key, order)
        assert known == order, "one key, one order"
        for line in order.lines:
            if order.action is Action.REGISTER:
                self.names[line.number] = line.name
            else:
                self.names.pop(line.number, None)
        if self.crash_after_submit:
            raise KeyboardInterrupt
        return self._outcome(order)

    async def poll(self, order_ref: str, numbers: Collection[str] | None = None) -> Outcome:
        self.polled.append(order_ref)
        return self._outcome(self.orders[order_ref.removeprefix("ref ")])

    async def observe(self, number: str) -> str | None:
        return self.names.get(number)

    def _outcome(self, order: Order) -> Outcome:
        others = LineOutcome(self.says)
        return Outcome(f"ref {order.idempotency_key}", self.outcomes, self.done, others)


class Clock:
    def __init__(self) -> None:
        self.now = NOW
        self.wall = NOW


def worker(
    database: Database,
    clock: Clock,
    elsewhere: Any = None,
    wait: Callable[[str], int] | None = None,
) -> Registering:
    registrars = {"elsewhere": elsewhere} if elsewhere is not None else {}
    return Registering(
        database,
        registrars,
        lambda: clock.now,
        propagation=wait or (lambda number: 0),
        terms={"elsewhere": TERMS},
        wall=lambda: clock.wall,
    )


def work(registering: Registering) -> int:
    """All that is due; how many rounds that took."""

    async def rounds() -> int:
        count = 0
        while await registering.work_once():
            count += 1
            assert count < 2_000, "there is no end to it"
        return count

    return asyncio.run(rounds())


def states(registering: Registering, tn: str) -> dict[str, str]:
    return {e.delivery.database: e.delivery.state.value for e in registering.deliveries_of(tn)}
