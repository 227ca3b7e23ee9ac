"""Where a number is: what a phone shows where the number has no name.

The guide: "If no Caller Name (CNAM) is set for the number, the City and State of the number is the
default display". A number's place is that of its prefix: the area code and exchange, and in tables
that tell it, the block of a thousand. A ported number keeps the place it came from.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from phonotary.cnam.geography import STATES, TERRITORIES, data, plain
from phonotary.cnam.names import LONGEST
from phonotary.errors import Reason, Refused

_STATES = {**STATES, **TERRITORIES}
# Territories are one area code each, and libphonenumber knows no places there.
_AREAS = {"340": "VI", "670": "MP", "671": "GU", "684": "AS", "787": "PR", "939": "PR"}
_US_SHAPE = re.compile(r"\+1([2-9][0-9]{2}[2-9][0-9]{6})")

LONGEST_PREFIX = 7
MOST_ROWS = 2_000_000
"""More than the North American plan has blocks of a thousand in service."""
COLUMNS = ("npa", "nxx", "state", "ratecenter")
"""What a table must have; ``block`` may be there, and whatever else is there is passed over."""
CITY = LONGEST - 3
"""Characters that are left for the city, with a space and two letters for the state."""

Prefixes = Mapping[str, str]
"""From the digits after ``+1``, as many as three to seven, to what is shown."""


def shown(city: str, state: str) -> str:
    """``SAN FRANCISC CA``: at most 15 characters. Without a city it is the state's name."""
    kept = plain(city)[:CITY].rstrip()
    return f"{kept} {state}" if kept else _STATES[state][:LONGEST]


class Places:
    """What is shown for numbers without a name: from an imported table, else from libphonenumber's
    data, by the longest prefix of each."""

    def __init__(self, imported: Prefixes | None = None) -> None:
        self._imported = imported or {}

    def of(self, number: str) -> str | None:
        """The place of a number in E.164; None for toll-free and foreign ones, and for those of
        areas that no table knows."""
        matched = _US_SHAPE.fullmatch(number)
        if matched is None:
            return None
        digits = matched[1]
        found = _longest(self._imported, digits) if self._imported else None
        if found is None:
            found = _longest(built_in(), digits)
        if found is None and digits[:3] in _AREAS:
            return shown("", _AREAS[digits[:3]])
        return found


def _longest(table: Prefixes, digits: str) -> str | None:
    for length in range(LONGEST_PREFIX, 2, -1):
        found = table.get(digits[:length])
        if found is not None:
            return found
    return None


@lru_cache(maxsize=1)
def built_in() -> Prefixes:
    """libphonenumber's places of the United States; loaded when first asked for, in 0.05 s and
    5 MB (the library's own geocoder, which holds the world, takes 0.8 s and 130 MB)."""
    return table_of(data().splitlines())


def table_of(lines: Iterable[str]) -> Prefixes:
    """A table as it is kept: ``CITY, ST|prefix prefix`` or ``ST|prefix``, comments after ``#``."""
    table: dict[str, str] = {}
    for line in lines:
        if line.startswith("#") or not line:
            continue
        place, _, prefixes = line.partition("|")
        city, _, state = place.rpartition(", ")
        if state not in _STATES:
            raise Refused(Reason.UNREADABLE_BODY, f"The table of places has no state {state!r}")
        text = shown(city, state)
        for prefix in prefixes.split():
            table[prefix] = text
    return table


# The importer


@dataclass(frozen=True, slots=True)
class Table:
    """What was read from somebody's NPA-NXX table."""

    places: Mapping[str, list[str]]
    """``CITY, ST`` to the prefixes there."""
    left_out: int
    """Rows of other countries, which have no names here."""

    def lines(self) -> Iterator[str]:
        """As it is kept, for :func:`table_of`."""
        for place, prefixes in sorted(self.places.items()):
            yield f"{place}|{' '.join(sorted(prefixes))}\n"

    @property
    def prefixes(self) -> int:
        return sum(map(len, self.places.values()))


Overrides = Mapping[tuple[str, str], str]
"""From rate centre and state, both upper case, to the city that is shown: rate centres are
abbreviated (``SNFC CNTRL``)."""


def read_overrides(lines: Iterable[str]) -> Overrides:
    """Rows ``ratecenter,state,display`` under that header."""
    rows = _rows(lines, ("ratecenter", "state", "display"))
    return {(plain(row["ratecenter"]), row["state"].upper()): row["display"] for _, row in rows}


def read_npa_nxx(lines: Iterable[str], overrides: Overrides | None = None) -> Table:
    """A table under a header with :data:`COLUMNS`, one row for each exchange or, with ``block``
    from 0 to 9, block of a thousand. Refused, with the line, for a row that is none: half a table
    would show wrong places."""
    known = overrides or {}
    places: dict[str, list[str]] = {}
    seen: set[str] = set()
    left_out = 0
    for line, row in _rows(lines, COLUMNS):
        prefix = _prefix(line, row)
        state, centre = row["state"].upper(), plain(row["ratecenter"])
        if state not in _STATES:
            left_out += 1
            continue
        city = plain(known.get((centre, state), centre))
        if not city:
            raise _unreadable(line, "it names no rate centre")
        if prefix in seen:
            raise _unreadable(line, f"{prefix} is there twice")
        seen.add(prefix)
        places.setdefault(f"{city}, {state}", []).append(prefix)
    if not places:
        raise Refused(Reason.UNREADABLE_BODY, "The table holds no prefix of the United States")
    return Table(places, left_out)


def _prefix(line: int, row: Mapping[str, str]) -> str:
    npa, nxx, block = row["npa"], row["nxx"], row.get("block", "")
    if not re.fullmatch("[2-9][0-9]{2}", npa) or not re.fullmatch("[2-9][0-9]{2}", nxx):
        raise _unreadable(line, "npa and nxx are not three digits each")
    # Tables of blocks write A where the exchange as a whole is meant.
    if block.upper() not in ("", "A") and not re.fullmatch("[0-9]", block):
        raise _unreadable(line, "block is neither a digit, nor A, nor empty")
    return npa + nxx + (block if block.isdigit() else "")


def _rows(lines: Iterable[str], wanted: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(lines, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        missing = [name for name in wanted if name not in header]
        if missing:
            raise _unreadable(1, f"the header lacks {', '.join(missing)}")
        for count, cells in enumerate(reader):
            if count >= MOST_ROWS:
                raise _unreadable(reader.line_num, f"there are more than {MOST_ROWS} rows")
            if not cells:
                continue
            if len(cells) != len(header):
                raise _unreadable(reader.line_num, f"it has {len(cells)} of {len(header)} cells")
            yield reader.line_num, dict(zip(header, map(str.strip, cells), strict=True))
    except csv.Error as error:
        raise _unreadable(reader.line_num, str(error)) from error


def _unreadable(line: int, why: str) -> Refused:
    return Refused(Reason.UNREADABLE_BODY, f"Line {line} of the table cannot be used: {why}")
