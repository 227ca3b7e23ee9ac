"""An order that a person carries to a database which has no interface."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from phonotary.clock import Instant
from phonotary.cnam.orders import (
    SETTLED,
    Action,
    Line,
    LineOutcome,
    LineState,
    Order,
    Outcome,
    UseType,
    Visibility,
    said,
)
from phonotary.errors import Reason, Refused


@dataclass(frozen=True, slots=True)
class Ticket:
    order: Order
    outcomes: tuple[tuple[str, LineOutcome], ...]
    """By number, in the order's order."""
    words: tuple[tuple[Instant, str, str], ...] = ()
    """When, who, and what they decided, oldest first."""

    @property
    def ref(self) -> str:
        return f"ticket-{self.order.idempotency_key}"

    @property
    def waiting(self) -> list[str]:
        """The numbers that nobody has settled."""
        return [number for number, each in self.outcomes if each.state not in SETTLED]

    @property
    def outcome(self) -> Outcome:
        found = dict(self.outcomes)
        return Outcome(self.ref, found, all(each.state in SETTLED for each in found.values()))


# What a person may decide of a ticket that registers names, and of one that removes them.
DECISIONS: dict[Action, dict[str, LineState]] = {
    Action.REGISTER: {
        "accepted": LineState.ACCEPTED,
        "active": LineState.DONE,
        "rejected": LineState.REJECTED,
    },
    Action.REMOVE: {"removed": LineState.DONE, "rejected": LineState.REJECTED},
}


def decision(action: Action, word: str, because: str = "") -> LineOutcome:
    """A person's word as an outcome. Raises Refused: a word that this kind of ticket has not, or a
    rejection that nobody could learn from."""
    state = DECISIONS[action].get(word)
    if state is None:
        known = ", ".join(DECISIONS[action])
        raise Refused(Reason.INVALID_PARAMETER, f"A ticket to {action} names is {known}.")
    if state is LineState.REJECTED and not said(because):
        raise Refused(Reason.MISSING_PARAMETER, "Say why it is rejected.")
    return LineOutcome(state, None, said(because))


def opened(order: Order) -> Ticket:
    waiting = LineOutcome(LineState.SUBMITTED)
    return Ticket(order, tuple((line.number, waiting) for line in order.lines))


def decided(
    ticket: Ticket, numbers: Collection[str], outcome: LineOutcome, *, by: str, at: Instant
) -> Ticket:
    """The ticket after a person's word about some of its numbers, or all where none is given; the
    ticket as it was where the word says nothing new.

    Raises Refused: a number that is not the ticket's, or one that is settled already.
    """
    standing = dict(ticket.outcomes)
    chosen = list(numbers) or list(standing)
    if not set(chosen) <= set(standing):
        raise Refused(Reason.INVALID_PARAMETER, "The ticket does not have that number.")
    if any(standing[each].state in SETTLED for each in chosen):
        raise Refused(Reason.CONFLICT, "That number of the ticket is already settled.")
    if not by.strip():
        raise Refused(Reason.MISSING_PARAMETER, "Say who decides.")
    kept = LineOutcome(outcome.state, said(outcome.code), said(outcome.text))
    if all(standing[each] == kept for each in chosen):
        return ticket
    standing.update(dict.fromkeys(chosen, kept))
    why = f"; {kept.text}" if kept.text else ""
    word = (at, said(by) or "", f"{kept.state}: {', '.join(chosen)}{why}")
    return replace(ticket, outcomes=tuple(standing.items()), words=(*ticket.words, word))


def written(ticket: Ticket) -> str:
    """JSON, as :func:`read` takes it."""
    order = ticket.order
    return json.dumps(
        {
            "key": order.idempotency_key,
            "action": order.action,
            "at": order.at,
            "sequence": order.sequence,
            "lines": [
                [line.number, line.name, line.use_type, line.visibility, line.key]
                for line in order.lines
            ],
            "outcomes": [[n, each.state, each.code, each.text] for n, each in ticket.outcomes],
            "words": ticket.words,
        },
        indent=1,
    )


def read(text: str) -> Ticket:
    """Raises Refused when the text is not a ticket's."""
    try:
        return _read(json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused(Reason.UNREADABLE_BODY, "The ticket cannot be read.") from None


def _read(found: Any) -> Ticket:
    lines = tuple(
        Line(number, name, UseType(use_type), Visibility(visibility), key)
        for number, name, use_type, visibility, key in found["lines"]
    )
    order = Order(found["key"], Action(found["action"]), lines, found["at"], found["sequence"])
    outcomes = tuple(
        (number, LineOutcome(LineState(state), code, text))
        for number, state, code, text in found["outcomes"]
    )
    return Ticket(order, outcomes, tuple((at, by, word) for at, by, word in found["words"]))
