"""What the signing room asks of the rest of the house: one question about one number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from phonotary.clock import Instant


@dataclass(frozen=True, slots=True)
class ShownAs:
    """How the caller of some numbers may be shown. One object serves all that stand alike."""

    name: str
    """``nam``: what was approved for screens, or else the verified name of the business."""
    icon_url: str | None = None
    """``icn``: an https URL. Never without the digest."""
    icon_digest: str | None = None
    """``sha256-`` and base64 of the icon's bytes as they were approved, for ``rcdi``."""
    reasons: tuple[str, ...] = ()
    """The approved reasons of calls, one of which may be ``crn``; none: any may be."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What KYC says, at this moment, of one number for one calling account.

    Every flag answers "do we know this to be so?": what cannot be established is False, because
    an unknown must never raise an attestation. The number itself is not in it, so that one object
    serves all numbers of a customer that stand alike: whoever finds a standing compares the number
    and the caller, digit for digit, with those it was kept for (:mod:`phonotary.directory`).
    """

    account_sid: str | None
    """The account that holds the number, or None when nobody here does."""
    account_known: bool
    """The *calling* account exists and is active."""
    number_ours: bool
    """The number is in this provider's inventory."""
    number_right_valid: bool
    """The calling account (or its subaccount) holds the number and its right is valid now."""
    profile_sid: str | None
    """The customer profile that speaks for the number, or None."""
    profile_vouching: bool
    """That profile is approved and not expired."""
    product_sid: str | None
    """The SHAKEN/STIR trust product that speaks for the number, or None."""
    product_vouching: bool
    """That product is approved and not expired."""
    product_linked: bool
    """The product is linked to that very profile."""
    number_on_profile: bool
    """The number is assigned to that profile."""
    number_on_product: bool
    """The number is assigned to that product."""
    account_vouched: bool
    """The parent account has an approved primary profile and an approved SHAKEN/STIR product
    linked to it."""
    display: ShownAs | None
    """What Rich Call Data may show; None where nothing is known or the customer wants nothing
    shown."""
    until: Instant | None = None
    """The instant at which the clock alone changes it (an approval runs out), None for never."""
    inputs: tuple[tuple[str, str], ...] = ()
    """What a ledger keeps of the evidence: (SID, version) of the profile and of the product."""
    depends_on: frozenset[str] = frozenset()
    """The SIDs of all that was read for it; a change of any of them ends it. ``*`` is anything."""
    fresh: bool = True
    """Changes made anywhere would be known here by now. False once a node hears of none."""
    decided: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What :func:`attestation.decide` has worked out for it, once for all its calls."""


class StandingOf(Protocol):
    """Answers for one number and one calling account, from memory when it can."""

    def __call__(self, tn: str, account_sid: str) -> Standing:
        """``tn`` is ``+`` and digits, or a service number as dialled; ``account_sid`` the caller.

        Must answer about exactly that ``tn`` and that caller. A number nobody knows is a Standing
        whose facts are False, not an exception.
        """
        ...
