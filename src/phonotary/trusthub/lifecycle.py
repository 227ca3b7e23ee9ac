"""The life of a bundle, as two tables and one pure step.

Twilio's statuses (Trust Hub v1, ``status``): who acts next is the customer in ``draft`` and
``twilio-rejected``, the reviewer in ``pending-review`` and ``in-review``, nobody in
``twilio-approved``. An approved bundle past ``valid_until`` keeps its status and stops vouching.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.trusthub.records import Bundle

DRAFT = "draft"
PENDING = "pending-review"
IN_REVIEW = "in-review"
REJECTED = "twilio-rejected"
APPROVED = "twilio-approved"
STATUSES = (DRAFT, PENDING, IN_REVIEW, REJECTED, APPROVED)


class By(StrEnum):
    """Who may act."""

    CUSTOMER = "customer"
    VETTING = "vetting"
    REVIEWER = "reviewer"


@dataclass(frozen=True, slots=True)
class Move:
    action: str
    sources: tuple[str, ...]
    target: str
    by: frozenset[By]
    needs: tuple[str, ...] = ()


_DECIDERS = frozenset({By.VETTING, By.REVIEWER})

MOVES = (
    Move("submit", (DRAFT, REJECTED), PENDING, frozenset({By.CUSTOMER})),
    Move("claim", (PENDING,), IN_REVIEW, _DECIDERS),
    Move("release", (IN_REVIEW,), PENDING, _DECIDERS),
    Move("approve", (IN_REVIEW,), APPROVED, _DECIDERS, ("compliant", "not-own-filing")),
    Move("reject", (IN_REVIEW,), REJECTED, _DECIDERS, ("code",)),
    Move("suspend", (APPROVED,), REJECTED, frozenset({By.REVIEWER}), ("reason",)),
)

# What a status permits. Numbers may join and leave a bundle in every status: the guides say
# "before or after submitting", and users run reconcile jobs on approved bundles.
PERMITS: dict[str, frozenset[str]] = {
    DRAFT: frozenset({"edit", "assign-entities", "assign-numbers", "delete"}),
    PENDING: frozenset({"assign-numbers"}),
    IN_REVIEW: frozenset({"assign-numbers"}),
    REJECTED: frozenset({"edit", "assign-entities", "assign-numbers", "delete"}),
    APPROVED: frozenset({"assign-numbers", "delete", "vouch"}),
}

_NEEDS: dict[str, tuple[Reason, str]] = {
    "compliant": (
        Reason.NOT_COMPLIANT,
        "The bundle has no compliant evaluation; it cannot be approved",
    ),
    "not-own-filing": (Reason.OWN_FILING, "Whoever filed a bundle cannot approve it"),
    "code": (Reason.CODE_REQUIRED, "A rejection needs at least one code of the catalogue"),
    "reason": (Reason.CODE_REQUIRED, "A suspension needs a written reason"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What must be true for some moves."""

    compliant: bool = False
    own_filing: bool = False
    codes: tuple[int, ...] = ()
    because: str = ""

    def hold(self, need: str) -> bool:
        held = {
            "compliant": self.compliant,
            "not-own-filing": not self.own_filing,
            "code": bool(self.codes),
            "reason": bool(self.because.strip()),
        }
        return held[need]


def step(status: str, action: str, by: By, facts: Facts) -> str:
    """The status after ``action``, or Refused: the one gate every change of status passes."""
    for move in MOVES:
        if move.action != action:
            continue
        if status not in move.sources or by not in move.by:
            break
        for need in move.needs:
            if not facts.hold(need):
                reason, sentence = _NEEDS[need]
                raise Refused(reason, sentence)
        return move.target
    # Twilio's own sentence, seen on an approved profile sent back to pending-review.
    raise Refused(Reason.STATUS_NOT_YOURS, "User cannot perform this status update")


def permits(bundle: Bundle, what: str) -> bool:
    """Whether the bundle's status permits this; the words are those of ``PERMITS``."""
    return what in PERMITS[bundle.status]


def vouches(bundle: Bundle, now: Instant) -> bool:
    """Only an approved bundle vouches, and only until its ``valid_until``."""
    if not permits(bundle, "vouch"):
        return False
    return bundle.valid_until is None or now < bundle.valid_until
