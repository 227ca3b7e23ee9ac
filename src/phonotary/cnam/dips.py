"""One dip: what a client may be told of a number, whichever door it asked by.

Only a registered name is ever told as such: it is at most 15 characters of the guide's alphabet, so
that no door can be made to say more than a name. Everything else is the absence of one, and the
reason for it (GR-1188 has the same: available, unavailable, private).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from phonotary import tn
from phonotary.clock import Instant
from phonotary.cnam import names
from phonotary.cnam.clients import Client

TTL = 300
"""Seconds for which a client may keep a name. FreeSWITCH keeps what it was told for as long."""
TTL_NONE = 60
"""Seconds for which it may keep that there is none: one may be registered at any time."""
TTL_FOREIGN = 86_400


class Status(StrEnum):
    PRESENT = "present"
    ABSENT = "absent"
    PRIVATE = "private"
    FOREIGN = "foreign"
    """No number of the United States: the databases we register with know none of these."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: Status
    name: str | None = None
    """At most 15 printable ASCII characters. There with PRESENT, and with nothing else."""
    source: str | None = None
    """``registered``, or ``place``: the city and state that a client is told where no name is."""
    ttl: int = TTL_NONE
    """Seconds for which the client may keep it."""


@dataclass(frozen=True, slots=True)
class Named:
    """What stands for a number; numbers of one product that are named alike share it."""

    name: str | None
    private: bool = False
    until: Instant | None = None
    """The instant at which the clock alone may change it, None for never."""
    depends_on: frozenset[str] = frozenset()
    """The SIDs of all that was read for it; a change of any of them ends it."""
    answers: list[Answer] = field(default_factory=list, init=False, repr=False, compare=False)
    """The answer while it is far from its end, made with the first dip."""


class Where(StrEnum):
    US = "us"
    FOREIGN = "foreign"
    NOWHERE = "nowhere"
    """No number, or one that can have no name here: toll-free, or of an area that is nobody's."""


ABSENT = Answer(Status.ABSENT)
PRIVATE = Answer(Status.PRIVATE, ttl=TTL)
FOREIGN = Answer(Status.FOREIGN, ttl=TTL_FOREIGN)

_SHOWN = re.compile(r"[A-Za-z][A-Za-z0-9., ]{0,14}")
_PRINTABLE = re.compile(r"[ -~]{1,15}")
_WRITTEN = re.compile(r"\+?[0-9]{3,15}")
_FILLING = str.maketrans("", "", " -.()\u00a0")
_NANP = 10**10
# Region of a number of the North American plan by its first six digits, 0 until it is asked for:
# a number there is told apart by no more of them, and reading each anew costs twenty dips.
_REGIONS = bytearray(10**6)
_CODES = (Where.NOWHERE, Where.NOWHERE, Where.US, Where.FOREIGN)


def asked(text: str) -> tuple[int, Where]:
    """The digits (E.164, as an integer) of a number as written on a wire, and where it is.

    Ten digits are of the North American plan, ``1`` and ten as well, and so is ``+1``; more digits,
    or others after ``+``, are another country's. Whatever is no number is NOWHERE, with 0.
    """
    length = len(text)
    try:
        key = int(text) if length < 16 else 0
    except ValueError:
        return _otherwise(text)
    # Written back it must be the very same text, for int() reads more than digits.
    if length == 12:
        if f"+{key}" != text:
            return _otherwise(text)
    elif str(key) != text:
        return _otherwise(text)
    elif length == 10:
        key += _NANP
    area = key // 10_000 - 1_000_000
    if not 0 <= area < 1_000_000:
        return _otherwise(text)
    return key, _CODES[_REGIONS[area] or _first(key, area)]


def where(number: str) -> Where:
    return asked(number)[1]


def answer(
    number: str | None,
    named: Named | None,
    place: str | None,
    client: Client,
    now: Instant = 0,
    *,
    private: bool = False,
) -> Answer:
    """What ``client`` is told of ``number`` (as written), of which ``named`` is known and which
    lies in ``place``. ``private``: the call itself asks for privacy."""
    return judged(asked(number or "")[1], named, place, client, now, private)


def judged(
    at: Where,
    named: Named | None,
    place: str | None,
    client: Client,
    now: Instant,
    private: bool = False,
) -> Answer:
    """The same for a number that has been read."""
    if private:
        return PRIVATE
    if at is not Where.US:
        return FOREIGN if at is Where.FOREIGN else ABSENT
    if named is not None:
        if named.answers and (named.until is None or named.until - now >= TTL):
            return named.answers[0]
        if named.private:
            return PRIVATE
        if named.name is not None:
            return _present(named, now)
    if place is not None and client.fallback == "place" and _PRINTABLE.fullmatch(place):
        return Answer(Status.PRESENT, place, "place", _lasting(TTL_NONE, named, now))
    left = _lasting(TTL_NONE, named, now)
    return ABSENT if left == TTL_NONE else Answer(Status.ABSENT, ttl=left)


def shown(name: str | None) -> str | None:
    """A registered name as every door shows it; None for one that breaks the guide's form, however
    it came to be approved: it is not cut, for half a name is another one's."""
    text = names.normal(name or "")
    return text if _SHOWN.fullmatch(text) else None


def _present(named: Named, now: Instant) -> Answer:
    left = _lasting(TTL, named, now)
    found = Answer(Status.PRESENT, named.name, "registered", left)
    if left == TTL:
        named.answers.append(found)
    return found


def _lasting(ttl: int, named: Named | None, now: Instant) -> int:
    if named is None or named.until is None:
        return ttl
    return max(0, min(ttl, named.until - now))


def _otherwise(text: str) -> tuple[int, Where]:
    """What is not written as most numbers are."""
    if len(text) > 32:
        return 0, Where.NOWHERE
    bare = text.translate(_FILLING)
    if not _WRITTEN.fullmatch(bare):
        return 0, Where.NOWHERE
    found = tn.parse(bare)
    if found is None and not bare.startswith("+"):
        # Dialplans drop the plus sign: more digits than the plan has are another country's.
        found = tn.parse(f"+{bare}")
    return (0, Where.NOWHERE) if found is None else (int(found.e164), _place_of(found))


def _first(key: int, area: int) -> int:
    found = tn.parse(f"+{key}")
    place = Where.NOWHERE if found is None else _place_of(found)
    _REGIONS[area] = _CODES.index(place, 1)
    return _REGIONS[area]


def _place_of(number: tn.Tn) -> Where:
    if number.calling_code == "1" and (not number.country or number.kind == "toll-free"):
        return Where.NOWHERE
    return Where.US if number.in_united_states else Where.FOREIGN
