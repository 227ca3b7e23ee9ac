"""How much a provider may vouch for one call: a table, read from the top, first match wins.

The levels are ATIS-1000074's. A: an authenticated, identified customer with a verified
association to the number. B: the customer is known and vouched for, the association is missing.
C: nothing is vouched for. The name of the row that matched is the reason, and its sentence tells
the customer how to reach A.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, auto
from hashlib import blake2b

from phonotary.errors import Reason, Refused
from phonotary.shaken.ports import Standing


class Level(StrEnum):
    """RFC 8588 section 4: the values of the ``attest`` claim, strongest first."""

    A = "A"
    B = "B"
    C = "C"


class Fact(StrEnum):
    """What a row may depend on. A fact that does not hold, or is not known, is absent."""

    CALLER_AUTHENTICATED = auto()
    ACCOUNT_KNOWN = auto()
    BUSINESS_VOUCHED_FOR = auto()
    NUMBER_OURS = auto()
    NUMBER_RIGHT_VALID = auto()
    PROFILE_FOUND = auto()
    PROFILE_VOUCHING = auto()
    NUMBER_ON_PROFILE = auto()
    PRODUCT_FOUND = auto()
    PRODUCT_VOUCHING = auto()
    PRODUCT_LINKED = auto()
    NUMBER_ON_PRODUCT = auto()
    STANDING_FRESH = auto()


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: it matches when it has all of ``holds`` and none of ``lacks``."""

    name: str
    outcome: Level | Reason
    explanation: str
    holds: frozenset[Fact] = frozenset()
    lacks: frozenset[Fact] = frozenset()

    def matches(self, facts: frozenset[Fact]) -> bool:
        return self.holds <= facts and self.lacks.isdisjoint(facts)


@dataclass(frozen=True, slots=True)
class Decision:
    """The level to sign with, and why."""

    level: Level
    reason: str
    """The name of the row that settled the level, or of the ceiling that lowered it."""
    explanation: str
    """For people: what was missing and how to get to A."""
    justified: Level
    """What the facts alone would have allowed, before the requested level capped it."""


def _b(name: str, missing: Fact, explanation: str) -> Row:
    """A vouched-for customer whose association with the number lacks one thing."""
    vouched = frozenset({Fact.BUSINESS_VOUCHED_FOR})
    return Row(name, Level.B, explanation, holds=vouched, lacks=frozenset({missing}))


# B rows stand in the order in which a customer would mend them, so the reason named is always the
# next thing to do. Refusals come first: nobody unidentified is ever vouched for, not even with C.
TABLE: tuple[Row, ...] = (
    Row(
        "caller-not-authenticated",
        Reason.NOT_AUTHENTICATED,
        "The caller did not prove who it is; sign in with the account's credentials.",
        lacks=frozenset({Fact.CALLER_AUTHENTICATED}),
    ),
    Row(
        "account-not-known",
        Reason.ACCOUNT_NOT_ACTIVE,
        "The calling account does not exist or is not active; no call of it is signed.",
        lacks=frozenset({Fact.ACCOUNT_KNOWN}),
    ),
    Row(
        "number-verified",
        Level.A,
        "The business is approved and the number is on its profile and its SHAKEN/STIR product.",
        holds=frozenset(Fact),
    ),
    _b(
        "number-not-ours",
        Fact.NUMBER_OURS,
        "The number is not in this provider's inventory, so the right to use it is not verified; "
        "for A, call from a number obtained or ported here.",
    ),
    _b(
        "number-right-missing",
        Fact.NUMBER_RIGHT_VALID,
        "The number is not held by the calling account, or the right to it has ended; for A, "
        "call from a number that the account or one of its subaccounts holds.",
    ),
    _b(
        "number-without-profile",
        Fact.PROFILE_FOUND,
        "No customer profile speaks for the number; for A, assign it to an approved profile and "
        "then to a SHAKEN/STIR trust product linked to that profile.",
    ),
    _b(
        "profile-not-vouching",
        Fact.PROFILE_VOUCHING,
        "The customer profile is not approved, or its approval has run out; for A, submit it "
        "and have it approved.",
    ),
    _b(
        "number-not-on-profile",
        Fact.NUMBER_ON_PROFILE,
        "The number is not assigned to the approved customer profile; for A, assign it there "
        "and then to the SHAKEN/STIR trust product.",
    ),
    _b(
        "number-without-product",
        Fact.PRODUCT_FOUND,
        "No SHAKEN/STIR trust product speaks for the number; for A, create one, link it to the "
        "profile, assign the number and have it approved.",
    ),
    _b(
        "product-not-linked",
        Fact.PRODUCT_LINKED,
        "The SHAKEN/STIR trust product is not linked to the number's customer profile; for A, "
        "assign the profile to the product.",
    ),
    _b(
        "product-not-vouching",
        Fact.PRODUCT_VOUCHING,
        "The SHAKEN/STIR trust product is not approved, or its approval has run out; for A, "
        "submit it and have it approved.",
    ),
    _b(
        "number-not-on-product",
        Fact.NUMBER_ON_PRODUCT,
        "The number is not assigned to the SHAKEN/STIR trust product; for A, assign it there.",
    ),
    # Nothing a customer can mend, so it is named only where nothing else is missing.
    _b(
        "standing-not-fresh",
        Fact.STANDING_FRESH,
        "This node has lost touch with the database and would not hear of a suspension; for A, "
        "call again once it hears of changes, or call through another node.",
    ),
    Row(
        "no-profile",
        Level.C,
        "Nothing says who the business is; for A, create a customer profile, have it approved, "
        "and assign the number to it and to a SHAKEN/STIR trust product linked to it.",
        lacks=frozenset({Fact.PROFILE_FOUND}),
    ),
    Row(
        "business-not-approved",
        Level.C,
        "The customer profile is not approved, or its approval has run out; for A, have it "
        "approved, then assign the number to it and to a linked SHAKEN/STIR trust product.",
        lacks=frozenset({Fact.PROFILE_VOUCHING}),
    ),
    Row(
        "profile-does-not-cover-call",
        Level.C,
        "The approved profile does not speak for this account calling from this number; for A, "
        "call from a number the account holds and assign it to the profile and to a linked "
        "SHAKEN/STIR trust product.",
    ),
)


def digest(table: tuple[Row, ...]) -> str:
    """Twelve hexadecimal digits that differ whenever a row, or the order of the rows, does."""
    text = repr(
        [(r.name, r.outcome, r.explanation, sorted(r.holds), sorted(r.lacks)) for r in table]
    )
    return blake2b(text.encode(), digest_size=6).hexdigest()


policy_version = digest(TABLE)
"""Which table decided."""

_READ: tuple[tuple[Fact, Callable[[Standing], bool | str | None]], ...] = (
    (Fact.ACCOUNT_KNOWN, lambda s: s.account_known),
    (Fact.NUMBER_OURS, lambda s: s.number_ours),
    (Fact.NUMBER_RIGHT_VALID, lambda s: s.number_right_valid),
    (Fact.PROFILE_FOUND, lambda s: bool(s.profile_sid)),
    (Fact.PROFILE_VOUCHING, lambda s: bool(s.profile_sid) and s.profile_vouching),
    (Fact.NUMBER_ON_PROFILE, lambda s: s.number_on_profile),
    (Fact.PRODUCT_FOUND, lambda s: bool(s.product_sid)),
    (Fact.PRODUCT_VOUCHING, lambda s: bool(s.product_sid) and s.product_vouching),
    (Fact.PRODUCT_LINKED, lambda s: s.product_linked),
    (Fact.NUMBER_ON_PRODUCT, lambda s: s.number_on_product),
    (Fact.STANDING_FRESH, lambda s: s.fresh),
    (Fact.BUSINESS_VOUCHED_FOR, lambda s: _business_vouched_for(s)),
)


def _business_vouched_for(standing: Standing) -> bool:
    """Whether the *calling* customer's business is vouched for, whatever number it calls from.

    A number's profile speaks for the caller only while the caller holds the number; otherwise a
    stranger calling from somebody's approved number would inherit that somebody's good name.
    """
    through_the_number = (
        bool(standing.profile_sid)
        and standing.profile_vouching is True
        and standing.number_on_profile is True
        and standing.number_right_valid is True
    )
    return standing.account_vouched is True or through_the_number


def facts_of(standing: Standing, *, caller_authenticated: bool) -> frozenset[Fact]:
    """The facts that are known to hold; only a plain True counts, never a truthy guess."""
    held = {fact for fact, read in _READ if read(standing) is True}
    if caller_authenticated is True:
        held.add(Fact.CALLER_AUTHENTICATED)
    return frozenset(held)


def row_for(facts: frozenset[Fact]) -> Row:
    """The first row that matches; the last row matches everything, so there always is one."""
    return next(row for row in TABLE if row.matches(facts))


def decide(standing: Standing, *, caller_authenticated: bool, requested: Level | None) -> Decision:
    """The level this call may carry.

    ``requested`` is a ceiling: it can lower the level, never raise it, and None (no level was
    asked for) gives C, so that A is never given unasked. Ask for ``Level.A`` to learn what the
    facts justify. Raises Refused: NOT_AUTHENTICATED or ACCOUNT_NOT_ACTIVE.

    The table is walked once for each standing and question; the calls after it read the outcome.
    """
    asked = (caller_authenticated is True, requested)
    found = standing.decided.get(asked)
    if found is None:
        found = standing.decided[asked] = _decide(standing, *asked)
    if isinstance(found, Decision):
        return found
    reason, because = found
    raise Refused(reason, because)


def _decide(
    standing: Standing, authenticated: bool, requested: Level | None
) -> Decision | tuple[Reason, str]:
    row = row_for(facts_of(standing, caller_authenticated=authenticated))
    if isinstance(row.outcome, Reason):
        return row.outcome, row.explanation
    if requested is None:
        lowered = f"No level was asked for, so the lowest is given. {row.explanation}"
        return Decision(Level.C, "level-not-requested", lowered, row.outcome)
    # The letters sort strongest first, so the weaker of two levels is the greater letter.
    level = max(row.outcome, requested)
    if level is row.outcome:
        return Decision(level, row.name, row.explanation, row.outcome)
    lowered = f"{requested} was asked for where {row.outcome} is justified. {row.explanation}"
    return Decision(level, "requested-lower", lowered, row.outcome)
