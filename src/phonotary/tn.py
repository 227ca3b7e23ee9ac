"""Telephone numbers: one parser for every room and edge.

E.164 form (``+14155550100``) is what the store keeps; STIR's canonical form (RFC 8224 section
8.3) is the same digits without the plus sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

# NANP toll-free service access codes. phonenumbers knows them too, but the prefix test needs no
# metadata and these are the seven in service.
TOLL_FREE = frozenset({"800", "833", "844", "855", "866", "877", "888"})

_TYPES = {
    PhoneNumberType.TOLL_FREE: "toll-free",
    PhoneNumberType.MOBILE: "mobile",
}


# E.164 section 6.2: at most fifteen digits; here with the plus sign before them.
_E164_LENGTH = 16

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
    if len(e164) > _E164_LENGTH:
        return None
    country = phonenumbers.region_code_for_number(number) or ""
    if number.country_code == 1 and e164[2:5] in TOLL_FREE:
        kind, country = "toll-free", "US"
    else:
        kind = _TYPES.get(phonenumbers.number_type(number), "local")
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return Tn(e164, country, kind, national, str(number.country_code))


_NO_COUNTRY = NumberParseException.INVALID_COUNTRY_CODE
_TOO_SHORT = (NumberParseException.TOO_SHORT_AFTER_IDD, NumberParseException.TOO_SHORT_NSN)
_IMPOSSIBLE = {
    ValidationResult.INVALID_COUNTRY_CODE: "INVALID_COUNTRY_CODE",
    ValidationResult.TOO_SHORT: "TOO_SHORT",
    ValidationResult.TOO_LONG: "TOO_LONG",
    ValidationResult.INVALID_LENGTH: "INVALID_LENGTH",
}


def fault(text: str) -> str:
    """What is wrong with a text that :func:`parse` refuses, in the words of Twilio's Lookup."""
    try:
        number = phonenumbers.parse(text[:251], "US")
    except NumberParseException as error:
        if error.error_type == _NO_COUNTRY:
            return "INVALID_COUNTRY_CODE"
        if error.error_type == NumberParseException.TOO_LONG:
            return "TOO_LONG"
        return "TOO_SHORT" if error.error_type in _TOO_SHORT else "NOT_A_NUMBER"
    return _IMPOSSIBLE.get(phonenumbers.is_possible_number_with_reason(number), "NOT_A_NUMBER")


def canonical(text: str) -> str:
    """RFC 8224 section 8.3: only digits, ``#`` and ``*`` are kept."""
    return "".join(c for c in text if c in "0123456789#*")
