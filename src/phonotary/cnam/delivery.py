"""Bringing a name to one database: what is wanted and what is answered, as moves of a delivery.

Approved is not displayed: some twenty companies keep names, and each says yes or no for itself, in
hours or days. So there is one delivery for each number and database, and an order, which carries
many of them, is a thing of its own with a key by which a repetition is recognised.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from phonotary.clock import Instant
from phonotary.cnam.moves import ANSWERS, TOLD, UNWANTED, Because, State, step
from phonotary.cnam.orders import LineOutcome, LineState
from phonotary.cnam.terms import Terms

S = State


@dataclass(frozen=True, slots=True)
class Wanted:
    """The name that is to be in the databases."""

    account_sid: str
    version: int
    name: str
    since: Instant
    private: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One number and one database."""

    phone_number: str
    database: str
    account_sid: str
    state: State
    since: Instant
    """When this state began."""
    version: int
    """Of the registration whose name this is."""
    name: str
    private: bool = False
    held: bool = False
    """Whether the database holds a name for the number, or may: what it once had to remove."""
    due: Instant | None = None
    """When to act next; None while an order is under way, and where nothing is to be done."""
    attempts: int = 0
    order_key: str | None = None
    """The order that is under way; none where none is."""
    order_ref: str | None = None
    """What the database calls the last order."""
    code: str | None = None
    text: str | None = None
    """What the database said last, where it was not simply yes."""
    look_due: Instant | None = None
    looks: int = 0

    @property
    def key(self) -> str:
        """The same for each repetition, another one for each version and for its removal."""
        removal = ":remove" if self.state is S.REMOVING else ""
        return f"{self.phone_number}:{self.database}:{self.version}{removal}"


def _free(delivery: Delivery, terms: Terms) -> bool:
    """Nothing of it is under way, or what is can be taken back."""
    if delivery.state is S.ACCEPTED:
        return terms.recalls
    return delivery.order_key is None


def _moved(
    delivery: Delivery, action: str, now: Instant, terms: Terms, later: bool = False, said: str = ""
) -> Delivery:
    because = Because(delivery.held, _free(delivery, terms), later, bool(said))
    target = step(delivery.state, action, because)
    since = delivery.since if target is delivery.state else now
    return replace(delivery, state=target, since=since)


def begin(phone_number: str, terms: Terms, wanted: Wanted, now: Instant) -> Delivery:
    """The first name for this number in this database."""
    return Delivery(
        phone_number=phone_number,
        database=terms.database,
        account_sid=wanted.account_sid,
        state=S.QUEUED,
        since=now,
        version=wanted.version,
        name=wanted.name,
        private=wanted.private,
        due=now,
    )


def follow(delivery: Delivery, wanted: Wanted | None, terms: Terms, now: Instant) -> Delivery:
    """The delivery once it is known what is wanted now; itself where it can stay as it is."""
    if wanted is None:
        action = UNWANTED[delivery.state]
        if action == "cancel" and delivery.held:
            action = "remove"
        if action is None or (action == "recall" and not terms.recalls):
            return delivery
        moved = _moved(delivery, action, now, terms)
        due = now if moved.state is S.REMOVING else None
        return replace(_cleared(moved), due=due)
    if wanted.version <= delivery.version or not _free(delivery, terms):
        return delivery
    return replace(
        _cleared(_moved(delivery, "renew", now, terms, later=True)),
        account_sid=wanted.account_sid,
        version=wanted.version,
        name=wanted.name,
        private=wanted.private,
        since=now,
        due=now,
    )


def _cleared(delivery: Delivery) -> Delivery:
    return replace(
        delivery, attempts=0, order_key=None, code=None, text=None, look_due=None, looks=0
    )


def submitted(delivery: Delivery, order_key: str, terms: Terms, now: Instant) -> Delivery:
    """It is in this order from now on, which may be on its way at any moment."""
    action = "submit-removal" if delivery.state is S.REMOVING else "submit"
    moved = _moved(delivery, action, now, terms)
    return replace(
        moved, order_key=order_key, order_ref=None, due=None, attempts=delivery.attempts + 1
    )


def answered(
    delivery: Delivery, outcome: LineOutcome, terms: Terms, now: Instant, since: Instant
) -> Delivery:
    """The delivery after its order's answer; ``since`` is its registration's."""
    registers, removes = ANSWERS[outcome.state]
    action = removes if delivery.state is S.REMOVING else registers
    if action is None:
        return replace(delivery, code=outcome.code, text=outcome.text)
    return _brought(delivery, action, outcome, terms, now, since)


def late(delivery: Delivery, terms: Terms, now: Instant) -> Delivery:
    """The database's time is up without a last word."""
    action = "keep" if delivery.state is S.REMOVING else "time-out"
    text = delivery.text or "The database has not answered in time"
    said = LineOutcome(LineState.SUBMITTED, delivery.code, text)
    return _brought(delivery, action, said, terms, now, now)


def unmentioned(delivery: Delivery, terms: Terms, now: Instant) -> Delivery:
    """The order is done; what became of this number, nobody said."""
    action = "keep" if delivery.state is S.REMOVING else "part"
    said = LineOutcome(LineState.SUBMITTED, None, "The order is done and left this number open")
    return _brought(delivery, action, said, terms, now, now)


def _brought(
    delivery: Delivery,
    action: str,
    outcome: LineOutcome,
    terms: Terms,
    now: Instant,
    since: Instant,
) -> Delivery:
    text = outcome.text or outcome.code
    if action in TOLD and not text:
        text = f"The database says {outcome.state}"
    moved = _moved(delivery, action, now, terms, said=text or "")
    return _settled(replace(moved, code=outcome.code, text=text), action, terms, now, since)


def _settled(moved: Delivery, action: str, terms: Terms, now: Instant, since: Instant) -> Delivery:
    """What is next to be done about it, and when."""
    if action == "accept":
        if terms.propagation is None:
            return moved
        ready = since + terms.propagation(moved.phone_number)
        return replace(moved, order_key=None, due=ready)
    due = None
    if action in ("keep", "postpone") or (
        action == "time-out" and moved.attempts <= len(terms.waits)
    ):
        due = now + terms.wait(moved.attempts)
    held = {"activate": True, "part": True, "time-out": True, "removed": False}
    shown = action in ("activate", "part")
    return replace(
        moved,
        order_key=None,
        due=due,
        held=held.get(action, moved.held),
        look_due=now + terms.looks[0] if shown and terms.looks else None,
    )


def ripened(delivery: Delivery, terms: Terms, now: Instant) -> Delivery:
    """Its time of propagation is over."""
    return _settled(_moved(delivery, "activate", now, terms), "activate", terms, now, now)


def again(delivery: Delivery, terms: Terms, now: Instant) -> Delivery:
    """Queued once more: by the clock after a timeout, by a person after a rejection."""
    moved = _moved(delivery, "retry", now, terms)
    return replace(moved, order_key=None, due=now)


def looked(delivery: Delivery, terms: Terms, now: Instant) -> Delivery:
    """It was looked up; when it is to be looked up next."""
    looks = delivery.looks + 1
    due = now + terms.looks[looks] - terms.looks[looks - 1] if looks < len(terms.looks) else None
    return replace(delivery, looks=looks, look_due=due)
