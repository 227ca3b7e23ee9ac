"""Twilio's error codes that we may answer, each as the dictionary words it. None is our own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the dictionary."""

    code: int
    message: str
    uses: frozenset[str]
    """``rejection``, ``evaluation``, ``trust-hub``, ``platform`` or ``voice``."""
    note: str
    source: str


_ROWS = json.loads((files(__package__) / "catalogue" / "codes.json").read_text("utf-8"))
_CODES = tuple(
    Code(row["code"], row["message"], frozenset(row["uses"]), row["note"], row["source"])
    for row in _ROWS
)
_BY_CODE = {each.code: each for each in _CODES}


def all_codes() -> tuple[Code, ...]:
    """Every code, in ascending order."""
    return _CODES


def find(code: int) -> Code | None:
    """The dictionary's row for this code, or None when there is no such code."""
    return _BY_CODE.get(code)


def rejections() -> tuple[Code, ...]:
    """The codes that may stand in a bundle's ``errors`` after a rejection."""
    return tuple(each for each in _CODES if "rejection" in each.uses)
