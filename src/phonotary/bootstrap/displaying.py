"""How a number is shown, from what the Trust Hub approved to what a call may say.

``trusthub`` knows who approved what, ``cnam`` the rules of a display identity, ``shaken`` signs it;
this is where they meet.
"""

from __future__ import annotations

from phonotary.cnam import display
from phonotary.cnam.display import DisplayIdentity, Finding
from phonotary.shaken.ports import ShownAs
from phonotary.trusthub.display import Displayed, Filed


def findings(filed: Filed) -> list[Finding]:
    """What is wrong with what a Branded Calling product files, but for the logo's bytes."""
    beside = filed.name if filed.long_name else None
    return [
        *(display.no_text(field) for field in filed.unread),
        *(display.beside_findings(beside) if beside else ()),
        *display.findings(_identity(None, filed)),
    ]


def identity(displayed: Displayed) -> DisplayIdentity | None:
    """The one identity that the databases of names and rich call data are told of."""
    if displayed.name15 is None and displayed.filed is None:
        return None
    return _identity(displayed.name15, displayed.filed)


def shown_as(displayed: Displayed, business_name: str | None) -> ShownAs | None:
    """What a call may say. Where no identity was approved, the verified name of the business; where
    the customer keeps its name from being shown, nothing."""
    if displayed.private:
        return None
    found = identity(displayed)
    name = (found.shown if found else "") or business_name
    if not name:
        return None
    if found is None:
        return ShownAs(name)
    # A logo that nothing pins could be another one tomorrow.
    logo = found.logo_url if found.logo_digest else None
    return ShownAs(name, logo, found.logo_digest if logo else None, found.reasons)


def _identity(name15: str | None, filed: Filed | None) -> DisplayIdentity:
    if filed is None:
        return DisplayIdentity(name15)
    return DisplayIdentity(
        name15, filed.longest_name, filed.logo_url, filed.logo_digest, filed.reasons
    )
