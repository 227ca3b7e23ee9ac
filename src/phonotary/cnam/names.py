"""Display names and the numbers that may carry one, by the rules of the CNAM guide.

A name has at most 15 characters, begins with a letter, holds only letters, digits, periods, commas
and spaces, and is no generic value such as a city and state. Everything that is wrong is said at
once. Whether the name resembles the business is for the Trust Hub's vetting to ask (11007).

"Must be a unique name or value, cannot be a generic value such as a City/State", says the guide,
and that is read as one rule: the name tells its business from others, so it is no place, no
category and no placeholder. It is not read as "nobody else has it": two businesses of two towns
may have one name, a business gives its name to all its numbers, and no database compares them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from phonotary.cnam.geography import STATES, cities

LONGEST = 15
"""Characters. The PSTN's name field is that wide (GR-1188), and the guide says the same."""

# Twilio's error dictionary: "display name does not meet requirements" and "contains prohibited
# content". The terms are the dictionary's examples; the last is the only part of the second that
# fits a display name, and is ours.
UNFIT = 11009
PROHIBITED = 11008
PROHIBITED_TERMS = (
    "FBI",
    "SOCIAL SECURITY ADMINISTRATION",
    "GOVERNMENT",
    "POLICE",
    "MEDICARE",
    "SOCIAL SECURITY",
)


def _phrases(text: str) -> frozenset[str]:
    return frozenset(each.strip() for line in text.splitlines() for each in line.split("|")) - {""}


# What databases and switches put where no name is known, and what PBX software discards on sight
# (FreePBX superfecta's default filters, OpenCNAM, telephone companies' reports).
GENERIC = _phrases(
    """
    ANONYMOUS|CALLER|CALLER ID|CELL PHONE|INCOMING CALL|NAME|NAME UNAVAILABLE|NO NAME|NONE
    NOT AVAILABLE|OUT OF AREA|PRIVATE|PRIVATE CALLER|PRIVATE NUMBER|RESTRICTED|SALES TEAM
    TOLL FREE|TOLL FREE CALL|TOLL FREE NUMBER|UNAVAILABLE|UNKNOWN|UNKNOWN CALLER|UNKNOWN NAME
    UNKNOWN NUMBER|UNLISTED|USA|UNITED STATES|WIRELESS|WIRELESS CALLER
    """
)

_STATE_NAMES = frozenset(STATES.values())

# Large US cities, generic also without a state, and cut off as carriers cut them. A list, because
# thousands of small towns have a family's or a brand's name. With a state every known city there
# is generic, and no other word: "SMITH, MD" is a doctor, and "COLUMBIA, MD" is a place.
_CITIES = _phrases(
    """
    NEW YORK|NEW YORK CITY|LOS ANGELES|CHICAGO|HOUSTON|PHOENIX|PHILADELPHIA|SAN ANTONIO|SAN DIEGO
    DALLAS|JACKSONVILLE|AUSTIN|FORT WORTH|SAN JOSE|COLUMBUS|CHARLOTTE|INDIANAPOLIS|SAN FRANCISCO
    SEATTLE|DENVER|OKLAHOMA CITY|NASHVILLE|EL PASO|LAS VEGAS|BOSTON|PORTLAND|LOUISVILLE|DETROIT
    MEMPHIS|BALTIMORE|MILWAUKEE|ALBUQUERQUE|TUCSON|FRESNO|SACRAMENTO|MESA|KANSAS CITY|ATLANTA
    OMAHA|RALEIGH|MIAMI|LONG BEACH|VIRGINIA BEACH|OAKLAND|MINNEAPOLIS|TULSA|TAMPA|ARLINGTON
    WICHITA|BAKERSFIELD|NEW ORLEANS|CLEVELAND|ANAHEIM|HONOLULU|RIVERSIDE|STOCKTON|CORPUS CHRISTI
    LEXINGTON|IRVINE|NEWARK|ORLANDO|SANTA ANA|CINCINNATI|PITTSBURGH|ST. LOUIS|ST LOUIS|SAINT LOUIS
    SAINT PAUL|ST. PAUL|ST PAUL|GREENSBORO|JERSEY CITY|LINCOLN|PLANO|ANCHORAGE|DURHAM|BUFFALO
    CHANDLER|TOLEDO|MADISON|RENO|FORT WAYNE|LUBBOCK|BOISE|BATON ROUGE|SPOKANE|RICHMOND|DES MOINES
    TACOMA|ROCHESTER|SALT LAKE CITY|BIRMINGHAM|BROOKLYN|MANHATTAN|LITTLE ROCK|PROVIDENCE|SPRINGFIELD
    WASHINGTON
    """
)
_CUT_CITIES = _CITIES | {city[:12].rstrip() for city in _CITIES}


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule a display name breaks."""

    rule: str
    """``empty``, ``length``, ``first-letter``, ``characters``, ``generic`` or ``prohibited``."""
    sentence: str
    """One sentence for the customer."""
    code: int
    """Of Twilio's error dictionary."""


def normal(name: str) -> str:
    """The name as it is checked and shown: trimmed, each run of spaces one space."""
    return re.sub(" +", " ", name.strip())


def findings(name: str) -> list[Finding]:
    """Every rule of the CNAM guide that a display name breaks; empty for a good one."""
    text = normal(name)
    if not text:
        return [Finding("empty", "The display name is empty.", UNFIT)]
    found = []
    if len(text) > LONGEST:
        sentence = f"The display name has {len(text)} characters; {LONGEST} are allowed."
        found.append(Finding("length", sentence, UNFIT))
    if not re.match("[A-Za-z]", text):
        found.append(Finding("first-letter", "The display name must begin with a letter.", UNFIT))
    if not re.fullmatch("[A-Za-z0-9., ]*", text):
        sentence = "The display name may hold only letters, digits, periods, commas and spaces."
        found.append(Finding("characters", sentence, UNFIT))
    if _is_generic(text):
        sentence = "The display name is generic; it must be the business's own name."
        found.append(Finding("generic", sentence, UNFIT))
    if _is_prohibited(text):
        sentence = "The display name contains a term that may suggest a public authority."
        found.append(Finding("prohibited", sentence, PROHIBITED))
    return found


def _words(text: str) -> str:
    return normal(re.sub("[.,]", " ", text)).upper()


def _is_prohibited(text: str) -> bool:
    words = f" {_words(text)} "
    # Full stops between letters do not hide an abbreviation: "F.B.I." reads as FBI.
    joined = f" {normal(text.replace('.', '')).upper()} "
    return any(f" {term} " in each for term in PROHIBITED_TERMS for each in (words, joined))


def _is_generic(text: str) -> bool:
    upper, words = text.upper(), _words(text)
    return bool({upper, words} & (GENERIC | _STATE_NAMES | _CITIES)) or _is_city_and_state(words)


def _is_city_and_state(words: str) -> bool:
    """``SEATTLE WA`` or ``Miami, Florida``, cut-off cities included as carriers cut them."""
    for code, name in STATES.items():
        for state in (code, name):
            city = words.removesuffix(f" {state}")
            if city == words:
                continue
            # The default display when no name is set is a city cut to 12 characters and its state.
            if f"{city} {code}" in cities() or city in _CUT_CITIES:
                return True
    return False
