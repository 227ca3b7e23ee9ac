"""States and territories, and the places in them that libphonenumber's data knows."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib.resources import files

_TEXT = """
AL ALABAMA|AK ALASKA|AZ ARIZONA|AR ARKANSAS|CA CALIFORNIA|CO COLORADO|CT CONNECTICUT
DE DELAWARE|DC DISTRICT OF COLUMBIA|FL FLORIDA|GA GEORGIA|HI HAWAII|ID IDAHO|IL ILLINOIS
IN INDIANA|IA IOWA|KS KANSAS|KY KENTUCKY|LA LOUISIANA|ME MAINE|MD MARYLAND|MA MASSACHUSETTS
MI MICHIGAN|MN MINNESOTA|MS MISSISSIPPI|MO MISSOURI|MT MONTANA|NE NEBRASKA|NV NEVADA
NH NEW HAMPSHIRE|NJ NEW JERSEY|NM NEW MEXICO|NY NEW YORK|NC NORTH CAROLINA|ND NORTH DAKOTA
OH OHIO|OK OKLAHOMA|OR OREGON|PA PENNSYLVANIA|PR PUERTO RICO|RI RHODE ISLAND
SC SOUTH CAROLINA|SD SOUTH DAKOTA|TN TENNESSEE|TX TEXAS|UT UTAH|VT VERMONT|VA VIRGINIA
WA WASHINGTON|WV WEST VIRGINIA|WI WISCONSIN|WY WYOMING
"""
STATES: dict[str, str] = {
    pair[:2]: pair[3:] for line in _TEXT.split("\n") if line for pair in line.split("|")
}
"""Postal codes and names, upper case; with Puerto Rico, whose cities tables of prefixes name."""

TERRITORIES = {
    "AS": "AMERICAN SAMOA",
    "GU": "GUAM",
    "MP": "N MARIANA IS",
    "VI": "VIRGIN ISLANDS",
}
"""The other territories, as a phone shows them."""


def data() -> str:
    """The table of built-in places, see ``places.table_of``."""
    return (files(__package__) / "data" / "places.txt").read_text("ascii")


@lru_cache(maxsize=1)
def cities() -> frozenset[str]:
    """``SEATTLE WA``: every city of the data with its state, without punctuation, and as it is cut
    to 12 characters where it has more."""
    found = set()
    for line in data().splitlines():
        city, _, state = line.partition("|")[0].rpartition(", ")
        if city and not line.startswith("#"):
            words = " ".join(re.sub("[.,]", " ", city).split())
            for each in {words, re.sub("^SAINT ", "ST ", words), re.sub("^ST ", "SAINT ", words)}:
                found |= {f"{each} {state}", f"{each[:12].rstrip()} {state}"}
    return frozenset(found)


def plain(text: str) -> str:
    """Upper case without accents, and only what a phone can show and a kept table can hold."""
    letters = unicodedata.normalize("NFKD", text)
    kept = "".join(each for each in letters if not unicodedata.combining(each)).upper()
    return " ".join(re.sub(r"[^ -~]|[,|]", " ", kept).split())
