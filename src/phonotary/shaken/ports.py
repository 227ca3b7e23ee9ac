"""What the signing room asks of the rest of the house: one question about one number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Standing:
    """What KYC says, at this moment, of one number for one calling account.

    Every flag answers "do we know this to be so?": what cannot be established is False, because
    an unknown must never raise an attestation.
    """

    tn: str
    """The number asked about, ``+`` and digits (a service number stays as dialled)."""
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
    business_name: str | None
    """The verified name of the business, for the sentence shown to people; None if unknown."""


class StandingOf(Protocol):
    """Answers for one number and one calling account, from memory when it can."""

    def __call__(self, tn: str, account_sid: str) -> Standing:
        """``tn`` is ``+`` and digits, or a service number as dialled; ``account_sid`` the caller.

        Must answer about exactly that ``tn``. A number nobody knows is a Standing whose facts
        are False, not an exception.
        """
        ...
