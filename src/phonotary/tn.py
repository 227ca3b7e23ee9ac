"""Telephone numbers: one parser for every room and edge.

E.164 form (``+14155550100``) is what the store keeps; STIR's canonical form (RFC 8224 section
8.3) is the same digits without the plus sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType

# NANP toll-free service access codes. phonenumbers knows them too, but the prefix test needs no
# metadata and these are the seven in service.
TOLL_FREE = frozenset({"800", "833", "844", "855", "866", "877", "888"})

_TYPES = {
    PhoneNumberType.TOLL_FREE: "toll-free",
    PhoneNumberType.MOBILE: "mobile",
}


# Numbers of US territories are US numbers of the North American plan; our choice, as the CNAM
# guide names only Canada among those it leaves out.
_UNITED_STATES = frozenset({"US", "PR", "VI", "GU", "AS", "MP"})


@dataclass(frozen=True, slots=True)
class Tn:
    """One valid telephone number."""

    e164: str
    """``+`` and digits."""
    country: str
    """ISO 3166-1 alpha-2 of the number's plan; NANP numbers are told apart by area code."""
    kind: str
    """``local``, ``toll-free`` or ``mobile``; NANP does not tell mobile from local."""
    national: str
    """``(415) 555-0100``."""
    calling_code: str = "1"
    """The country calling code, without plus."""

    @property
    def in_united_states(self) -> bool:
        """The United States and its territories, whose names are in the US databases."""
        return self.country in _UNITED_STATES


@lru_cache(maxsize=65536)
def parse(text: str) -> Tn | None:
    """The number ``text`` denotes, or None when it is not one. Without ``+`` it is read as NANP."""
    if len(text) > 32:
        return None
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    country = phonenumbers.region_code_for_number(number) or ""
    if number.country_code == 1 and e164[2:5] in TOLL_FREE:
        kind, country = "toll-free", "US"
    else:
        kind = _TYPES.get(phonenumbers.number_type(number), "local")
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return Tn(e164, country, kind, national, str(number.country_code))


def canonical(text: str) -> str:
    """RFC 8224 section 8.3: only digits, ``#`` and ``*`` are kept."""
    return "".join(c for c in text if c in "0123456789#*")
