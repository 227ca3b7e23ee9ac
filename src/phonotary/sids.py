"""The only place that mints identifiers: two letters and 32 hexadecimal digits.

The prefixes are Twilio's (``BU`` bundle, ``IT`` end user, ``RD`` supporting document, ``BV`` and
``RA`` assignments, ``EL`` evaluation, ``AC`` account, ``SK`` key, ``AD`` address, ``PN`` number).

The first 12 digits are the milliseconds of the minting, the other 20 are random: identifiers made
one after the other lie side by side in an index, so that the millionth costs what the tenth did.
"""

from __future__ import annotations

import os
import random
import re
import secrets
from collections import deque
from collections.abc import Callable
from itertools import count

from phonotary import clock

_SID = re.compile(r"^[a-zA-Z]{2}[0-9a-fA-F]{32}$")

# Asking the system costs as much as reading a whole request, so it is asked for many at once.
_AT_ONCE = 256
_WIDE = 16


class _System:
    """The system's random numbers, of 128 bits at most; no two threads or processes get the same
    ones."""

    def __init__(self) -> None:
        self._kept: deque[bytes] = deque()
        # A child would go on with what its parent has kept.
        os.register_at_fork(after_in_child=self._kept.clear)

    def getrandbits(self, bits: int) -> int:
        """As :meth:`random.Random.getrandbits`."""
        while True:
            try:
                # Two threads never take the same one.
                taken = self._kept.popleft()
            except IndexError:
                more = os.urandom(_AT_ONCE * _WIDE)
                self._kept.extend([more[at : at + _WIDE] for at in range(0, len(more), _WIDE)])
            else:
                return int.from_bytes(taken) >> (8 * _WIDE - bits)


_SYSTEM = _System()
_random: random.Random | _System = _SYSTEM
_moment: Callable[[], int] = clock.milliseconds


def seed(number: int | None) -> None:
    """Make every later :func:`mint` repeatable (sandbox only); ``None`` returns to true random."""
    global _moment, _random
    if number is None:
        _random, _moment = _SYSTEM, clock.milliseconds
    else:
        # What is to repeat cannot hold the time: it counts instead.
        _random, _moment = random.Random(number), count(1).__next__


def mint(prefix: str) -> str:
    """A new identifier, 34 characters long."""
    return f"{prefix}{_moment():012x}{_random.getrandbits(80):020x}"


def uuid() -> str:
    """A random UUID (RFC 4122 version 4): the form of an ``origid`` and of a request's id."""
    digits = f"{_random.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def secret() -> str:
    """A new secret of 32 hexadecimal digits, always unpredictable.

    Only letters and digits: twilio-go refuses any other character in a user name or password.
    """
    return secrets.token_hex(16)


def is_sid(text: str, prefix: str = "") -> bool:
    """Whether ``text`` has the form of an identifier, with this prefix if one is given."""
    return bool(_SID.fullmatch(text)) and text.startswith(prefix)
