"""What is asked of a database that stores calling names, and what it answered.

One order speaks for many numbers and is sent under one key, however often it has to be repeated.
The forms it takes on the wire are next door: Bandwidth's XML in ``orders_lidb``, a JSON template
in ``orders_template``, files in ``orders_delta`` and a person's ticket in ``orders_ticket``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, runtime_checkable

from phonotary.clock import Instant
from phonotary.cnam import names
from phonotary.errors import Reason, Refused

MOST_TEXT = 500
"""Characters kept of what a database says; it is shown to people and stored with each number."""

# Bandwidth takes 40 letters, digits, dashes and spaces; without the spaces it is a file name too.
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")
_LONGEST_KEY = 80
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class Action(StrEnum):
    REGISTER = "register"
    REMOVE = "remove"


class UseType(StrEnum):
    BUSINESS = "BUSINESS"
    RESIDENTIAL = "RESIDENTIAL"


class Visibility(StrEnum):
    PUBLIC = "PUBLIC"
    PRIVATE = "PRIVATE"
    """Stored, but not shown on a standard call."""


class LineState(StrEnum):
    """Where one number of an order stands at the database."""

    QUEUED = "queued"
    """Not taken, and nothing is wrong with it: send it again later, in an order of a new key."""
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    """The database works on it."""
    DONE = "done"
    """The database holds what the order asked: the name, or no name after a removal."""
    REJECTED = "rejected"


SETTLED = frozenset({LineState.QUEUED, LineState.DONE, LineState.REJECTED})
"""States that polling the same order does not change."""


@dataclass(frozen=True, slots=True)
class Line:
    """One number of an order."""

    number: str
    """E.164 with the plus sign."""
    name: str
    """At most 15 characters; in a removal the name to be removed, which may be empty."""
    use_type: UseType = UseType.BUSINESS
    visibility: Visibility = Visibility.PUBLIC
    key: str = ""
    """The sender's own reference for this number."""

    def __post_init__(self) -> None:
        if not _E164.fullmatch(self.number):
            raise _invalid("A line's number is not in E.164 form.")
        if len(self.name) > names.LONGEST or not (self.name.isascii() and self.name.isprintable()):
            raise _invalid(f"A line's name is not {names.LONGEST} printable ASCII characters.")
        if len(self.key) > _LONGEST_KEY or not (self.key.isascii() and self.key.isprintable()):
            raise _invalid("A line's key is not printable ASCII, or too long.")

    @property
    def national(self) -> str:
        """The ten digits that North American databases key on; all digits of other numbers."""
        digits = self.number[1:]
        return digits[1:] if len(digits) == 11 and digits[0] == "1" else digits


@dataclass(frozen=True, slots=True)
class Order:
    """Made once and then repeated unchanged until the database has answered."""

    idempotency_key: str
    """At most 40 letters, digits and dashes."""
    action: Action
    lines: tuple[Line, ...]
    at: Instant = 0
    """When the order was made, not when it is sent: a repeated file keeps its name."""
    sequence: int = 0
    """Of the orders to one database; for those whose file names carry it."""

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.idempotency_key):
            raise _invalid("An order's key is not 1 to 40 letters, digits and dashes.")
        if not self.lines:
            raise _invalid("An order has no lines.")
        if len(self.numbers) != len(self.lines):
            raise _invalid("An order names a number twice.")
        if self.action == Action.REGISTER and not all(line.name.strip() for line in self.lines):
            raise _invalid("An order registers a number without a name.")

    @property
    def numbers(self) -> frozenset[str]:
        return frozenset(line.number for line in self.lines)


@dataclass(frozen=True, slots=True)
class LineOutcome:
    state: LineState
    code: str | None = None
    """The database's own."""
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a database said of an order."""

    order_ref: str
    """The database's name for the order, to poll it by; the order's key where it gives none."""
    per_number: Mapping[str, LineOutcome] = field(default_factory=dict)
    """By number, in E.164 form."""
    done: bool = False
    """Whether polling again would bring nothing new."""
    others: LineOutcome = LineOutcome(LineState.SUBMITTED)
    """What holds for the order's numbers that ``per_number`` does not name."""

    def of(self, number: str) -> LineOutcome:
        return self.per_number.get(number, self.others)


class Unavailable(Refused):
    """The database did not answer, or not so that it can be told what it did. Try again later,
    with the same order and the same key."""

    def __init__(self, because: str, retry_after: int | None = None) -> None:
        super().__init__(Reason.UNAVAILABLE, because)
        self.retry_after = retry_after
        """Seconds, as the database asked; None when it did not say."""


class Unreadable(Unavailable):
    """The answer is not in the form that was agreed, so nothing in it is believed."""


class OrderUnknown(Refused):
    """The database knows no order by this reference; its lines must be ordered anew."""

    def __init__(self, database: str) -> None:
        super().__init__(Reason.NOT_FOUND, f"{database} does not know this order.")


class Registrar(Protocol):
    """One database that stores calling names."""

    name: str
    most: int
    """Lines an order to it may have."""

    async def submit(self, order: Order) -> Outcome:
        """Hand the order in, or find it where it already is. Raises Unavailable."""

    async def poll(self, order_ref: str, numbers: Collection[str] | None = None) -> Outcome:
        """How the order stands. ``numbers`` are those of its numbers that are still open, where
        the caller has them; what is said of others is left out. Raises Unavailable and
        OrderUnknown."""

    async def observe(self, number: str) -> str | None:
        """The name the database itself gives for a number; None when it gives none, or cannot be
        asked. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Which order a database says to have moved; what it says of how is not kept, for only the
    answer to a poll is believed."""

    order_ref: str | None
    """What the database calls the order."""
    key: str | None
    """What we called it."""


@runtime_checkable
class Notifying(Protocol):
    """A registrar whose database sends word of its orders by itself."""

    notices_by: tuple[str, str] | None
    """User and password the database gives with them; None: it is not listened to."""

    def notice(self, body: bytes) -> Notice:
        """Raises Unreadable."""


def said(text: str | None) -> str | None:
    """A database's words as they may be kept: one line, printable, bounded."""
    if text is None:
        return None
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line[:MOST_TEXT] or None


def require_known(found: Collection[str], numbers: Collection[str] | None, database: str) -> None:
    """Raises Unreadable when an answer speaks of a number that the order has not."""
    if numbers is not None and not set(found) <= set(numbers):
        raise Unreadable(f"{database} answers for a number that is not in the order.")


def only(outcome: Outcome, numbers: Collection[str] | None) -> Outcome:
    """The outcome without what it says of other numbers."""
    if numbers is None:
        return outcome
    kept = {number: each for number, each in outcome.per_number.items() if number in numbers}
    return replace(outcome, per_number=kept)


def _invalid(because: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, because)
