"""Which ``origid`` a call gets: the one word in a PASSporT that only its signer understands.

RFC 8588 section 5 recommends a value unique to each call, so that nobody else can tell two calls
of one customer apart from two customers. ATIS-1000088 would have it stand for what a traceback
asks about, a customer or a trunk; that document was remembered and not re-read, so it is a
setting and not the rule.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from enum import StrEnum

UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class OrigidPolicy(StrEnum):
    """Who chooses the value."""

    AS_GIVEN = "as-given"
    """The caller's own where it gives one, else one for this call."""
    PER_CALL = "per-call"
    """Always one for this call; the caller's is not used."""
    PER_CUSTOMER = "per-customer"
    """Always the same for one calling account, and meaningless to everybody else."""


def origid_for(
    policy: OrigidPolicy,
    given: str | None,
    account_sid: str,
    secret: str,
    mint: Callable[[], str],
) -> str:
    """The UUID to sign. ``given`` is used as it is, fit or not: the signer judges its form."""
    if policy is OrigidPolicy.PER_CUSTOMER:
        return _of_customer(account_sid, secret)
    if given is not None and policy is OrigidPolicy.AS_GIVEN:
        return given
    return mint()


def _of_customer(account_sid: str, secret: str) -> str:
    """Keyed, for an account's SID alone would let anybody who knows it find its calls. Version 8
    is RFC 9562's for values made in a way of one's own."""
    digits = hmac.new(secret.encode(), account_sid.encode(), hashlib.sha256).hexdigest()[:32]
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
