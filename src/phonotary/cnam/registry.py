"""Which numbers are registered with which name, decided from what the Trust Hub says of each.

A number is registered while an approved CNAM product, the business profile it is linked to and the
number itself agree, and for no longer: the guide removes a name "by unassigning Phone Number from
CNAM Trust Product or by deleting the CNAM Trust Product", and whatever else ends the agreement
(suspension, expiry, release, a move, a suspended account) ends the registration as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from phonotary import sids, tn
from phonotary.clock import Instant
from phonotary.cnam import names

REGISTERED = "registered"
WITHDRAWN = "withdrawn"


class Withheld(StrEnum):
    """Why a number has no registration: the first row of :data:`TABLE` that applies."""

    UNKNOWN_NUMBER = "unknown-number"
    NOT_ELIGIBLE = "not-eligible"
    ACCOUNT_NOT_ACTIVE = "account-not-active"
    NOT_ON_PRODUCT = "not-on-product"
    PRODUCT_NOT_VOUCHING = "product-not-vouching"
    NO_PROFILE = "no-profile"
    PROFILE_NOT_VOUCHING = "profile-not-vouching"
    NOT_ON_PROFILE = "not-on-profile"
    NO_NAME = "no-name"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the Trust Hub says of one number at one instant."""

    phone_number: str
    """E.164."""
    number_sid: str | None = None
    """None where nobody here holds the number."""
    account_sid: str = ""
    """Who holds it."""
    account_active: bool = False
    product_sid: str | None = None
    """The CNAM product it is on."""
    product_vouching: bool = False
    profile_sid: str | None = None
    """The business profile the product is linked to."""
    profile_vouching: bool = False
    number_on_profile: bool = False
    name: str | None = None
    """The approved display name, as it was written."""
    private: bool = False
    """Kept by the databases, but not to be shown."""
    since: Instant = 0
    """The later of the product's approval and the number's assignment to it."""
    until: Instant | None = None
    """When the clock may end this; it is to be asked again then."""


class Hub(Protocol):
    """The Trust Hub, as far as registrations need it."""

    def facts(self, phone_number: str) -> Facts: ...


# Twilio's rule for who may join at all (CNAM guide): a US number that is not toll-free. Numbers of
# other kinds are refused earlier, when they are assigned.
def eligible(phone_number: str) -> bool:
    """Whether a number of this kind may have a name: US long codes only."""
    found = tn.parse(phone_number)
    return found is not None and found.in_united_states and found.kind != "toll-free"


def shown(name: str) -> str:
    """The name as it is registered: trimmed, each run of spaces one space."""
    return names.normal(name)


def _nameless(facts: Facts) -> bool:
    return not facts.name or not 0 < len(shown(facts.name)) <= names.LONGEST


TABLE: tuple[tuple[Withheld, Callable[[Facts], bool]], ...] = (
    (Withheld.UNKNOWN_NUMBER, lambda facts: facts.number_sid is None),
    (Withheld.NOT_ELIGIBLE, lambda facts: not eligible(facts.phone_number)),
    (Withheld.ACCOUNT_NOT_ACTIVE, lambda facts: not facts.account_active),
    (Withheld.NOT_ON_PRODUCT, lambda facts: facts.product_sid is None),
    (Withheld.PRODUCT_NOT_VOUCHING, lambda facts: not facts.product_vouching),
    (Withheld.NO_PROFILE, lambda facts: facts.profile_sid is None),
    (Withheld.PROFILE_NOT_VOUCHING, lambda facts: not facts.profile_vouching),
    (Withheld.NOT_ON_PROFILE, lambda facts: not facts.number_on_profile),
    (Withheld.NO_NAME, _nameless),
)


def withheld(facts: Facts) -> Withheld | None:
    """Why this number is not to be registered; None where it is."""
    return next((why for why, applies in TABLE if applies(facts)), None)


@dataclass(frozen=True, slots=True)
class Registration:
    """One name of one number, from its beginning to its end. The next name is another version."""

    sid: str
    """``CR`` and 32 hexadecimal digits."""
    account_sid: str
    phone_number: str
    enum_name: str
    """The digits reversed, with dots between: what DNS asks by (RFC 6116 section 3.2)."""
    version: int
    """Counts the registrations of this number, from 1."""
    number_sid: str
    product_sid: str
    profile_sid: str
    name: str
    private: bool
    state: str
    since: Instant
    """The later of approval and assignment, from which propagation counts."""
    began: Instant
    until: Instant | None
    ended: Instant | None = None
    because: str | None = None
    """Why it was withdrawn; of :class:`Withheld`, or ``renamed``."""
    shown: bool = False
    """Whether our own dips answer with it: it stands, and its propagation is over."""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a number's registration; nothing where all are None."""

    ended: Registration | None = None
    kept: Registration | None = None
    """The same registration, resting on something else than before."""
    begun: Registration | None = None


def reconcile(current: Registration | None, facts: Facts, newest: int, now: Instant) -> Change:
    """``current`` is the registration that stands, ``newest`` the number's latest version so far,
    0 where it never had one."""
    why = withheld(facts)
    if current is None:
        return Change() if why else Change(begun=_begin(facts, newest + 1, now))
    if why is not None:
        return Change(ended=_end(current, why, now))
    assert facts.name is not None and facts.product_sid and facts.profile_sid
    same = (current.number_sid, current.account_sid, current.name, current.private)
    if same != (facts.number_sid, facts.account_sid, shown(facts.name), facts.private):
        ended = _end(current, "renamed", now)
        return Change(ended=ended, begun=_begin(facts, newest + 1, now))
    kept = replace(
        current, product_sid=facts.product_sid, profile_sid=facts.profile_sid, until=facts.until
    )
    return Change(kept=kept) if kept != current else Change()


def _begin(facts: Facts, version: int, now: Instant) -> Registration:
    assert facts.name and facts.number_sid and facts.product_sid and facts.profile_sid
    return Registration(
        sid=sids.mint("CR"),
        account_sid=facts.account_sid,
        phone_number=facts.phone_number,
        enum_name=".".join(reversed(facts.phone_number.removeprefix("+"))),
        version=version,
        number_sid=facts.number_sid,
        product_sid=facts.product_sid,
        profile_sid=facts.profile_sid,
        name=shown(facts.name),
        private=facts.private,
        state=REGISTERED,
        since=facts.since,
        began=now,
        until=facts.until,
    )


def _end(current: Registration, because: str, now: Instant) -> Registration:
    return replace(
        current, state=WITHDRAWN, ended=now, until=None, because=str(because), shown=False
    )
