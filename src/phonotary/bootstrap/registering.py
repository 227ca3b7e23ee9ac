"""Names on their way to the databases: what is wanted is followed, sent, asked about, looked up.

Every step is written down before it is taken. An order has its key before it is sent and is sent
again with the same key and the same lines until it is known that it arrived; what a database says
is kept in one transaction. So a crash at any instant loses nothing that was acknowledged, and what
is sent twice is recognised by its key.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from phonotary import clock, report, sids
from phonotary.bootstrap.aside import aside
from phonotary.bootstrap.vouching import Vouching
from phonotary.clock import Clock, Instant
from phonotary.cnam import delivery as life
from phonotary.cnam import registry
from phonotary.cnam.delivery import Delivery, Wanted
from phonotary.cnam.moves import State
from phonotary.cnam.orders import (
    Action,
    Line,
    LineOutcome,
    LineState,
    Order,
    OrderUnknown,
    Outcome,
    Registrar,
    Unavailable,
    Visibility,
)
from phonotary.cnam.registry import Registration, Withheld
from phonotary.cnam.store import Observation, OpenOrder
from phonotary.cnam.terms import TERMS, Terms
from phonotary.errors import Reason, Refused
from phonotary.storage import cnam_feed
from phonotary.storage.cnam import LEASE, CnamStore, Entry
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore

T = TypeVar("T")

LOCAL = "local"
"""Our own dips, as one more database: the only one whose word is ours."""
PAGE = 100
"""Numbers looked at in one transaction; a hub answers calls between two of them."""
_PAUSE = 0.25
"""Seconds that calls are let in for between two transactions, at most."""
_ORDERS_AT_ONCE = 8
_LOOKS_AT_ONCE = 16
# Seconds one exchange may take: the lease must not run out while it is under way.
_PATIENCE = LEASE * 3 // 4
_DAY = 86_400


class Local:
    """The registrar of our own dips. It takes every name at once; that a name is shown only after
    its propagation is a matter of the clock, see ``Terms.propagation``."""

    name = LOCAL
    most = 500

    def __init__(self, database: Database) -> None:
        self._database = database

    async def submit(self, order: Order) -> Outcome:
        taken = LineState.ACCEPTED if order.action is Action.REGISTER else LineState.DONE
        return Outcome(order.idempotency_key, done=True, others=LineOutcome(taken))

    async def poll(self, order_ref: str, numbers: Collection[str] | None = None) -> Outcome:
        raise OrderUnknown(self.name)

    async def observe(self, number: str) -> str | None:
        def work(store: SqlStore) -> str | None:
            return CnamStore(store, False).shown_name(number)

        return await aside(self._database, self._database.read, work)


@dataclass(frozen=True, slots=True)
class Account:
    """All there is to tell of a number's name."""

    registration: Registration | None
    """The one that stands."""
    withheld: Withheld | None
    """Why none does, or why the one that stands is about to end."""
    deliveries: tuple[Entry, ...]


class Registering:
    """One worker. Any number of them may run on one database."""

    def __init__(
        self,
        database: Database,
        registrars: Mapping[str, Registrar],
        now: Callable[[], Instant],
        *,
        propagation: Callable[[str], int] = lambda number: 0,
        terms: Mapping[str, Terms] | None = None,
        wall: Callable[[], Instant] = Clock.wall,
    ) -> None:
        """``registrars`` are the other databases by name; ours is always there. ``propagation``
        is ``Vetting.propagation``; ``terms`` by the same names, else those of the manual kind."""
        self._database = database
        self._now = now
        self._wall = wall
        self._registrars: dict[str, Registrar] = {LOCAL: Local(database), **registrars}
        known = terms or {}
        self._terms = {name: known.get(name, TERMS["manual"]) for name in registrars}
        self._terms = {name: replace(each, database=name) for name, each in self._terms.items()}
        self._terms[LOCAL] = replace(TERMS[LOCAL], propagation=propagation, batch=PAGE)
        self._following = cnam_feed.Following()
        self._databases = tuple(self._registrars)

    @property
    def databases(self) -> tuple[str, ...]:
        """Those that names are delivered to now; deliveries to others may be left from before."""
        return self._databases

    # What is wanted

    async def work_once(self) -> bool:
        """Do some of what is due; whether there was anything. Call it until there is not."""
        followed = await self._write(self._follow)
        gathered = await self._write(self._gather)
        claimed = await self._write(self._claim)
        await asyncio.gather(*(self._carry_out(order) for order in claimed))
        looks = await self._write(self._claim_looks)
        await asyncio.gather(*(self._look(each) for each in looks))
        return bool(followed or gathered or claimed or looks)

    def next_due(self, store: SqlStore, after: Instant = -1) -> Instant | None:
        """When something is due next, later than ``after``, by the hub's clock."""
        return CnamStore(store, False).next_due(after, self._databases)

    def account_of(self, store: SqlStore, phone_number: str) -> Account:
        rows = CnamStore(store, False)
        return Account(
            rows.standing([phone_number]).get(phone_number),
            registry.withheld(Vouching(store, self._now()).facts(phone_number)),
            tuple(rows.ledger(phone_number)),
        )

    def deliveries_of(self, phone_number: str) -> tuple[Entry, ...]:
        """Where the name is, database by database, and what was last seen there."""
        return self._database.read(
            lambda store: tuple(CnamStore(store, False).ledger(phone_number))
        )

    def hurry(
        self, store: SqlStore, database: str, order_ref: str | None, key: str | None = None
    ) -> bool:
        """Somebody says that an order has moved: it is asked about at once, and only what is
        answered then is believed. Whether there is such an order, by what the database calls it or
        by our key for it."""
        return CnamStore(store).hurry(database, order_ref, key)

    def retry(self, store: SqlStore, phone_number: str, database: str) -> Delivery:
        """A person has a delivery that ended badly sent again. Refused where it did not."""
        rows = CnamStore(store)
        for each in rows.deliveries([phone_number]):
            if each.database == database and database in self._terms:
                after = life.again(each, self._terms[database], self._now())
                rows.put_deliveries([after])
                return after
        raise Refused(Reason.NOT_FOUND, f"{phone_number} was never delivered to {database}")

    def _follow(self, store: SqlStore) -> Callable[[], bool]:
        rows = CnamStore(store)
        rows.alone()
        following = copy.copy(self._following)
        place = following.load(store)
        before = copy.deepcopy(place)
        changes = following.read_on(store, place)
        numbers = cnam_feed.touched(store, changes, place)
        numbers += rows.expired(self._now(), PAGE)
        if len(numbers) < PAGE:
            numbers += cnam_feed.page(store, place, PAGE)
        self._reconcile(store, rows, list(dict.fromkeys(numbers)))
        if place != before or store.setting(cnam_feed.SETTING) is None:
            following.save(store, place)

        def committed() -> bool:
            self._following = following
            return bool(changes or numbers or place.pending)

        return committed

    def _reconcile(self, store: SqlStore, rows: CnamStore, numbers: Sequence[str]) -> None:
        if not numbers:
            return
        now = self._now()
        standing, newest = rows.standing(numbers), rows.newest(numbers)
        changes = [
            registry.reconcile(standing.get(tn), facts, newest.get(tn, 0), now)
            for tn, facts in zip(numbers, Vouching(store, now).all_facts(numbers), strict=True)
        ]
        # First the ends: a number has one registration that stands.
        rows.replace_registrations([each.ended for each in changes if each.ended])
        rows.replace_registrations([each.kept for each in changes if each.kept])
        rows.add_registrations([each.begun for each in changes if each.begun])
        self._plan(rows, numbers, now)

    def _plan(self, rows: CnamStore, numbers: Sequence[str], now: Instant) -> None:
        """What is to be done at each database, now that it is known what is wanted."""
        found = {(each.phone_number, each.database): each for each in rows.deliveries(numbers)}
        standing = rows.standing(numbers)
        changed = []
        for number in numbers:
            wanted = _wanted(standing.get(number))
            for database, terms in self._terms.items():
                before = found.get((number, database))
                if before is None:
                    if wanted is not None:
                        changed.append(life.begin(number, terms, wanted, now))
                    continue
                after = life.follow(before, wanted, terms, now)
                if after is not before:
                    changed.append(after)
        rows.put_deliveries(changed)

    # Orders

    def _gather(self, store: SqlStore) -> Callable[[], int]:
        """Make orders of what is due, one of each kind for each database."""
        rows, now = CnamStore(store), self._now()
        made = 0
        for database, terms in self._terms.items():
            for each in rows.due(database, State.TIMED_OUT, now, PAGE):
                rows.put_deliveries([life.again(each, terms, now)])
            ripe = rows.due(database, State.ACCEPTED, now, terms.batch)
            self._keep(rows, [life.ripened(each, terms, now) for each in ripe], now)
            made += len(ripe)
            most = min(terms.batch, self._registrars[database].most)
            for state, action in ((State.REMOVING, Action.REMOVE), (State.QUEUED, Action.REGISTER)):
                due = rows.due(database, state, now, most)
                if due:
                    key = sids.mint("CO")
                    rows.add_order(OpenOrder(key, database, str(action), now, now))
                    rows.put_deliveries([life.submitted(each, key, terms, now) for each in due])
                    made += len(due)
        return lambda: made

    def _claim(self, store: SqlStore) -> Callable[[], list[tuple[OpenOrder, list[Delivery]]]]:
        rows = CnamStore(store)
        orders = rows.claim_orders(self._databases, self._now(), self._wall(), _ORDERS_AT_ONCE)
        reading = CnamStore(store, holding=False)
        claimed = [(order, reading.in_order(order.key)) for order in orders]
        return lambda: claimed

    async def _carry_out(self, claimed: tuple[OpenOrder, list[Delivery]]) -> None:
        """Send the order, or ask about it, and keep what came of it."""
        order, lines = claimed
        outcome, error, wait = Outcome(order.order_ref or order.key), None, 0
        try:
            if lines:
                outcome = await asyncio.wait_for(self._exchange(order, lines), _PATIENCE)
        except OrderUnknown as unknown:
            anew = LineOutcome(LineState.QUEUED, None, unknown.because)
            outcome = replace(outcome, others=anew, done=True)
        except Unavailable as unavailable:
            error, wait = unavailable.because, unavailable.retry_after or 0
        except Exception as failed:
            # Whatever a database brings about: its orders wait, and no other's do.
            _log().exception("an order failed", database=order.database, key=order.key)
            error = type(failed).__name__
        await self._write(lambda store: self._keep_outcome(store, order, outcome, error, wait))

    async def _exchange(self, order: OpenOrder, lines: Sequence[Delivery]) -> Outcome:
        registrar = self._registrars[order.database]
        if order.order_ref is not None:
            return await registrar.poll(order.order_ref, [each.phone_number for each in lines])
        return await registrar.submit(
            Order(
                order.key,
                Action(order.action),
                tuple(_line(each) for each in lines),
                order.since,
                order.seq,
            )
        )

    def _keep_outcome(
        self, store: SqlStore, order: OpenOrder, outcome: Outcome, error: str | None, wait: int
    ) -> Callable[[], None]:
        rows, now = CnamStore(store), self._now()
        terms = self._terms[order.database]
        lines = rows.in_order(order.key)
        if error is None:
            order = replace(order, order_ref=outcome.order_ref)
            since = {n: each.since for n, each in rows.standing(_numbers(lines)).items()}
            lines = [self._answered(each, order, outcome, terms, since) for each in lines]
        end = None if terms.timeout is None else order.since + terms.timeout
        if end is not None and now >= end:
            lines = [life.late(e, terms, now) if e.order_key else e for e in lines]
        self._keep(rows, lines, now)
        is_open = any(each.order_key for each in lines)
        after = terms.poll(order.attempts) if error is None else terms.wait(order.attempts)
        due = now + max(after, wait)
        due = due if end is None else min(due, max(end, now + 1))
        rows.settle_order(replace(order, due=due), is_open, error)
        return lambda: None

    def _answered(
        self,
        before: Delivery,
        order: OpenOrder,
        outcome: Outcome,
        terms: Terms,
        since: Mapping[str, Instant],
    ) -> Delivery:
        now, number = self._now(), before.phone_number
        said = outcome.of(number)
        after = life.answered(before, said, terms, now, since.get(number, now))
        if outcome.done and after.order_key:
            after = life.unmentioned(after, terms, now)
        return replace(after, order_ref=order.order_ref)

    def _keep(self, rows: CnamStore, moved: Sequence[Delivery], now: Instant) -> None:
        """Store deliveries that an order or the clock has moved, and are held: only these, for two
        that each wait for what the other holds would wait for ever."""
        rows.show(e for e in moved if e.database == LOCAL and e.state is State.ACTIVE)
        # What is wanted may have changed while the order was under way.
        standing = rows.standing(_numbers(moved))
        rows.put_deliveries(
            life.follow(e, _wanted(standing.get(e.phone_number)), self._terms[e.database], now)
            for e in moved
        )

    # Verification dips

    def _claim_looks(self, store: SqlStore) -> Callable[[], list[Delivery]]:
        """The next look is set before this one: one that fails is made up for by the next."""
        rows, now = CnamStore(store), self._now()
        due = rows.looks_due(self._databases, now, _LOOKS_AT_ONCE)
        rows.put_deliveries([life.looked(each, self._terms[each.database], now) for each in due])
        return lambda: due

    async def _look(self, looked: Delivery) -> None:
        try:
            registrar = self._registrars[looked.database]
            name = await asyncio.wait_for(registrar.observe(looked.phone_number), _PATIENCE)
        except Exception as error:
            because = type(error).__name__
            _log().warning("a look-up failed", database=looked.database, because=because)
            return
        seen = Observation(
            looked.phone_number, looked.database, looked.name, name or "", self._now()
        )

        def keep(store: SqlStore) -> Callable[[], None]:
            CnamStore(store).observe([seen])
            return lambda: None

        await self._write(keep)

    async def _write(self, work: Callable[[SqlStore], Callable[[], T]]) -> T:
        """One transaction, then what it says once it is committed. SQLite in line, as the hub
        does, and then as much time for calls and dips as it has taken; PostgreSQL, which is waited
        for, in a thread."""
        begun = clock.monotonic()
        done = (await aside(self._database, self._database.write, work))()
        if self._database.is_sqlite:
            await asyncio.sleep(min(clock.monotonic() - begun, _PAUSE))
        return done


def _wanted(registration: Registration | None) -> Wanted | None:
    if registration is None:
        return None
    return Wanted(
        registration.account_sid,
        registration.version,
        registration.name,
        registration.since,
        registration.private,
    )


def _line(delivery: Delivery) -> Line:
    visibility = Visibility.PRIVATE if delivery.private else Visibility.PUBLIC
    return Line(delivery.phone_number, delivery.name, visibility=visibility, key=delivery.key)


def _numbers(deliveries: Sequence[Delivery]) -> list[str]:
    return [each.phone_number for each in deliveries]


def _log() -> Any:
    return report.to("phonotary.registering")
