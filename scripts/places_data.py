"""Make ``src/phonotary/cnam/data/places.txt`` from the geographic data of ``phonenumbers``.

The geocoder of that library holds the whole world: it costs 130 MB and a second to load. What
names need of it is the United States, which is a thirtieth of it. Run it after an update of the
library, from the project's directory: ``.venv/bin/python scripts/places_data.py``.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import phonenumbers
from phonenumbers.geodata import GEOCODE_DATA

from phonotary.cnam.geography import STATES

TARGET = Path("src/phonotary/cnam/data/places.txt")
HEADER = f"""\
# Places of the United States by the digits after +1: "CITY, ST", or "ST" alone, then prefixes.
# Source: the geocoding data of libphonenumber (https://github.com/google/libphonenumber,
# resources/geocoding/en/1.txt), Apache License 2.0, as packaged in phonenumbers
# {phonenumbers.__version__}. Made by scripts/places_data.py.
"""
STATE_OF = {name: code for code, name in STATES.items()} | {
    "WASHINGTON STATE": "WA",
    "WASHINGTON D.C.": "DC",
}


def upper(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("\u02bb", "'"))
    return "".join(c for c in plain if not unicodedata.combining(c)).upper()


def read() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for prefix, texts in sorted(GEOCODE_DATA.items()):
        if not prefix.startswith("1") or "en" not in texts:
            continue
        place = upper(texts["en"])
        # "EAST & SOUTHERN, COLUMBIA, SC": the part of a city says less than the city.
        parted = re.fullmatch(r"(?:.+, )?([^,]+), ([A-Z]{2})", place)
        if parted and parted[2] in STATES:
            found.setdefault(f"{parted[1]}, {parted[2]}", []).append(prefix[1:])
        elif place in STATE_OF:
            found.setdefault(STATE_OF[place], []).append(prefix[1:])
    return found


def main() -> None:
    rows = (f"{place}|{' '.join(prefixes)}\n" for place, prefixes in sorted(read().items()))
    TARGET.write_text(HEADER + "".join(rows), encoding="ascii")


if __name__ == "__main__":
    main()
