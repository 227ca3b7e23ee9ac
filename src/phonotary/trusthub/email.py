"""Whether an e-mail address is well formed; its domain is not looked up."""

from __future__ import annotations

import re

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from phonotary.errors import Reason, Refused

# What nearly every address looks like. The library, which knows all others, would accept these and
# takes a tenth of a create to say so; a test holds the one against the other.
_PLAIN = re.compile(
    r"(?=.{6,254}\Z)(?=[^@]{1,64}@)"
    r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*"
    r"@((?:[a-z0-9](?:[a-z0-9]|-(?!-)){0,61}(?<!-)\.)+[a-z]{2,24})"
)
_SPECIAL = tuple(f".{name}" for name in SPECIAL_USE_DOMAIN_NAMES)


def required(text: str) -> str:
    """The address itself; Refused(INVALID_PARAMETER) with the reason when it is none."""
    if is_plain(text):
        return text
    try:
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise Refused(Reason.INVALID_PARAMETER, f"Email is not valid: {error}") from error
    return text


def is_plain(text: str) -> bool:
    """Whether it is an address of the common kind, on no special-use domain (RFC 6761)."""
    found = _PLAIN.fullmatch(text)
    return found is not None and not f".{found[1]}".endswith(_SPECIAL)
