"""What a signed call says of its caller: the approved identity as claims of Rich Call Data."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from phonotary.errors import Refused
from phonotary.shaken import rcd
from phonotary.shaken.ports import ShownAs
from phonotary.shaken.signing import InvalidClaim


def claims(shown: ShownAs, reason: str | None) -> dict[str, Any]:
    """``rcd`` and ``rcdi``, and ``crn`` where the caller gives a reason (RFC 9795).

    None of them for a name that cannot be written, and no ``crn`` for such a reason, for the
    customer's call is not to fail over how its name was filed. Raises InvalidClaim for the caller's
    own reason.
    """
    said = None if reason is None else _reason(shown, reason)
    for reason_or_none in (said, None):
        with suppress(Refused):
            display = rcd.Display(shown.name, shown.icon_url, shown.icon_digest, reason_or_none)
            return rcd.rcd_claims(display)
    return {}


def _reason(shown: ShownAs, asked: str) -> str:
    """The approved reason in its approved writing, whatever the case and spaces it is asked in; any
    reason that can be written where none was approved."""
    if shown.reasons:
        for each in shown.reasons:
            if _plain(each) == _plain(asked):
                return each
        raise InvalidClaim("crn", "it is none of the reasons that were approved for the number")
    try:
        rcd.rcd_claims(rcd.Display(name="-", reason=asked))
    except Refused as refused:
        raise InvalidClaim("crn", refused.because) from refused
    return asked


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
