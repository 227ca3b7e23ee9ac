"""The life of a delivery, as tables and one pure step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from phonotary.cnam.orders import LineState
from phonotary.errors import Reason, Refused


class State(StrEnum):
    """Where a delivery stands."""

    QUEUED = "queued"
    SUBMITTED = "submitted"
    """In an order that is on its way, or may be."""
    ACCEPTED = "accepted"
    ACTIVE = "active"
    REJECTED = "rejected"
    PARTIAL = "partial"
    """The order is done, and said nothing of this number."""
    TIMED_OUT = "timed_out"
    REMOVING = "removing"
    """Waits to be sent while it is in no order."""
    REMOVED = "removed"


S = State


@dataclass(frozen=True, slots=True)
class Move:
    action: str
    sources: tuple[State, ...]
    target: State
    needs: tuple[str, ...] = ()


_SENT = (S.SUBMITTED, S.ACCEPTED)

MOVES = (
    # Ours: what is wanted has changed.
    Move(
        "renew",
        (S.QUEUED, S.ACCEPTED, S.ACTIVE, S.REJECTED, S.PARTIAL, S.TIMED_OUT, S.REMOVING, S.REMOVED),
        S.QUEUED,
        ("later", "free"),
    ),
    Move("cancel", (S.QUEUED, S.REJECTED), S.REMOVED, ("nothing-held",)),
    Move("remove", (S.QUEUED, S.REJECTED, S.ACTIVE, S.PARTIAL, S.TIMED_OUT), S.REMOVING, ("held",)),
    Move("recall", (S.ACCEPTED,), S.REMOVING, ("free",)),
    Move("retry", (S.REJECTED, S.PARTIAL, S.TIMED_OUT), S.QUEUED),
    # An order's.
    Move("submit", (S.QUEUED,), S.SUBMITTED),
    Move("submit-removal", (S.REMOVING,), S.REMOVING, ("free",)),
    Move("postpone", _SENT, S.QUEUED, ("said",)),
    Move("accept", _SENT, S.ACCEPTED),
    Move("activate", _SENT, S.ACTIVE),
    Move("part", _SENT, S.PARTIAL, ("said",)),
    Move("reject", _SENT, S.REJECTED, ("said",)),
    Move("time-out", _SENT, S.TIMED_OUT, ("said",)),
    Move("removed", (S.REMOVING,), S.REMOVED, ("in-order",)),
    Move("keep", (S.REMOVING,), S.REMOVING, ("in-order", "said")),
)

# What to do in each state once no name is wanted any more, and once a later one is. Nothing, where
# an order is under way: what it brings is waited for, and then this is asked again.
UNWANTED: dict[State, str | None] = {
    S.QUEUED: "cancel",
    S.SUBMITTED: None,
    S.ACCEPTED: "recall",
    S.ACTIVE: "remove",
    S.REJECTED: "cancel",
    S.PARTIAL: "remove",
    S.TIMED_OUT: "remove",
    S.REMOVING: None,
    S.REMOVED: None,
}
# What the database says of a number: then this, in an order that registers, or that removes. A
# removal that was refused stays one, for the database holds what nobody wants.
ANSWERS: dict[LineState, tuple[str | None, str | None]] = {
    LineState.QUEUED: ("postpone", "keep"),
    LineState.SUBMITTED: (None, None),
    LineState.ACCEPTED: ("accept", None),
    LineState.DONE: ("activate", "removed"),
    LineState.REJECTED: ("reject", "keep"),
}

TOLD = frozenset(move.action for move in MOVES if "said" in move.needs)
"""Actions that nobody takes without saying why."""

_NEEDS = {
    "later": "Only a later version replaces another one",
    "free": "An order for this number is under way at this database",
    "in-order": "No order for this number is under way at this database",
    "held": "The database holds no name for this number",
    "nothing-held": "The database may hold a name for this number; it has to be removed",
    "said": "Nothing says why",
}


@dataclass(frozen=True, slots=True)
class Because:
    """What must be true for some moves."""

    held: bool = False
    free: bool = True
    later: bool = False
    said: bool = False

    def hold(self, need: str) -> bool:
        return {
            "later": self.later,
            "free": self.free,
            "in-order": not self.free,
            "held": self.held,
            "nothing-held": not self.held,
            "said": self.said,
        }[need]


def step(state: State, action: str, because: Because) -> State:
    """The state after ``action``, or Refused: the one gate every change of state passes."""
    for move in MOVES:
        if move.action == action and state in move.sources:
            for need in move.needs:
                if not because.hold(need):
                    raise Refused(Reason.CONFLICT, _NEEDS[need])
            return move.target
    raise Refused(Reason.CONFLICT, f"A delivery that is {state} cannot {action}")
