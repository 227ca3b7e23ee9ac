"""What a PASSporT says, taken apart: its identities and times, each with a form of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused

MAX_DESTS = 64
"""Identities in one ``dest``; our own bound, RFC 8225 has none."""
_LATEST = 2**53
"""NumericDates beyond this are not exact in a JSON reader that keeps doubles (RFC 8259)."""
_KINDS = frozenset({"tn", "uri"})


class Identity(NamedTuple):
    """One identity of ``orig``, ``dest`` or ``div`` (RFC 8225 section 5.2.1)."""

    kind: str
    """``tn`` or ``uri``."""
    value: str


class Finding(NamedTuple):
    """Something to report about readable claims; ``code`` is for programs."""

    code: str
    because: str


class Passport(msgspec.Struct, frozen=True):
    """A token taken apart; nothing about it is believed yet.

    The accessors raise Refused (INVALID_PARAMETER) when what they name is absent or malformed.
    """

    header: dict[str, Any]
    payload: dict[str, Any]
    signature: bytes
    """Raw r and s, 32 bytes each."""
    signed: bytes
    """``header.payload`` as received: RFC 8225 verifies these bytes, never a rewritten form."""

    @property
    def ppt(self) -> str | None:
        """The extension; None for a base PASSporT."""
        found = self.header.get("ppt")
        if found is None and "ppt" not in self.header:
            return None
        return _text(found, "ppt")

    @property
    def x5u(self) -> str:
        """Where the certificate is said to be; not yet checked to be a URL."""
        return _text(self.header.get("x5u"), "x5u")

    @property
    def iat(self) -> Instant:
        """Whole seconds since 1970; a NumericDate may hold a fraction, which is cut off."""
        return instant(self.payload.get("iat"))

    @property
    def orig(self) -> Identity:
        """The calling identity: exactly one (RFC 8225 section 5.2.1)."""
        return identity(self.payload.get("orig"), "orig")

    @property
    def dest(self) -> tuple[Identity, ...]:
        """The called identities, at least one.

        A string in place of an array counts as one identity: RFC 8946's own example has it so.
        """
        return identities(self.payload.get("dest"))


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise unfit(f"its {name} is not a text")
    return value


def instant(value: object) -> Instant:
    """What ``iat`` says. Raises Refused, as all readers here do, for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise unfit("its iat is not a number")
    # What is no number at all compares with nothing, and an integer may be too large for a float.
    if not 0 <= value <= _LATEST:
        raise unfit("its iat is not a time")
    return int(value)


def identity(value: object, claim: str) -> Identity:
    """The one identity that ``orig`` or ``div`` holds."""
    if not isinstance(value, Mapping) or len(value) != 1:
        raise unfit(f"its {claim} does not hold exactly one identity")
    ((kind, name),) = value.items()
    if kind not in _KINDS or not isinstance(name, str) or not name:
        raise unfit(f"its {claim} is neither a tn nor a uri")
    return Identity(kind, name)


def identities(value: object) -> tuple[Identity, ...]:
    """Those that ``dest`` holds, MAX_DESTS at most."""
    if not isinstance(value, Mapping) or not value.keys() <= _KINDS:
        raise unfit("its dest does not hold tn or uri")
    found = []
    for kind, names in value.items():
        for name in (names,) if isinstance(names, str) else _array(names, kind):
            if not isinstance(name, str) or not name:
                raise unfit(f"a {kind} of its dest is not a text")
            found.append(Identity(kind, name))
            if len(found) > MAX_DESTS:
                raise unfit(f"its dest holds more than {MAX_DESTS} identities")
    if not found:
        raise unfit("its dest names nobody")
    return tuple(found)


def _array(value: object, kind: str) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise unfit(f"the {kind} of its dest is not an array")
    return value


def unfit(what: str) -> Refused:
    """What is raised for a PASSporT that can be read and still is none."""
    return Refused(Reason.INVALID_PARAMETER, f"The PASSporT is not usable: {what}.")
