"""The only place that mints identifiers: two letters and 32 hexadecimal digits.

The prefixes are Twilio's (``BU`` bundle, ``IT`` end user, ``RD`` supporting document, ``BV`` and
``RA`` assignments, ``EL`` evaluation, ``AC`` account, ``SK`` key, ``AD`` address, ``PN`` number).
"""

from __future__ import annotations

import random
import re
import secrets

_SID = re.compile(r"^[a-zA-Z]{2}[0-9a-fA-F]{32}$")

_random: random.Random = random.SystemRandom()


def seed(number: int | None) -> None:
    """Make every later :func:`mint` repeatable (sandbox only); ``None`` returns to true random."""
    global _random
    _random = random.SystemRandom() if number is None else random.Random(number)


def mint(prefix: str) -> str:
    """A new identifier, 34 characters long."""
    return f"{prefix}{_random.getrandbits(128):032x}"


def secret() -> str:
    """A new secret of 32 hexadecimal digits, always unpredictable.

    Only letters and digits: twilio-go refuses any other character in a user name or password.
    """
    return secrets.token_hex(16)


def is_sid(text: str, prefix: str = "") -> bool:
    """Whether ``text`` has the form of an identifier, with this prefix if one is given."""
    return bool(_SID.fullmatch(text)) and text.startswith(prefix)
