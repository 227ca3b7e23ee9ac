"""Hiding the numbers by which businesses and people are registered.

They are hidden wherever they may stand: under a name that says so, and, as anybody may write one
into any text, wherever six digits follow each other. A number too many is hidden rather than one
too few: whoever may see them asks for them unmasked.
"""

from __future__ import annotations

import re
from typing import Any

# ``business_registration_number`` is the catalogue's name; the others are those people make up.
_REGISTRATION = re.compile(
    r"registration_?(number|no$)|company_?(number|no$)|tax|(^|_)(ein|vat|ssn|tin|duns)(_|$)"
    r"|passport|licen[cs]e|(government|national)_?id|social(?!_media)",
)
# What these two names hold is shown, when it has the form.
_PHONE = re.compile(r"\+\d{8,15}", re.ASCII)
_POSTAL = re.compile(r"\d{5}-\d{4}|\d{6}", re.ASCII)

# In order: what only looks like a number, runs of digits with at most two marks between them and
# letters before them, and words of letters and digits such as a passport's number.
_RUNS = re.compile(
    r"(?P<plain>\b[A-Z]{2}[0-9a-f]{32}\b|\b(?:19|20)\d\d-[01]\d-[0-3]\d(?![\d-]))"
    r"|[A-Za-z]{0,4}\d(?:[\s./_\-\u2010-\u2015]{0,2}\d){5,}[A-Za-z]?"
    r"|(?P<word>[A-Za-z0-9]{7,})"
)
_DIGITS_OF_A_WORD = 5


def masked(value: Any, unmasked: bool = False) -> Any:
    """JSON values with registration numbers hidden but for their last four characters; the value
    itself when ``unmasked``."""
    return value if unmasked else _masked(value, "", False)


def _masked(value: Any, name: str, hide: bool) -> Any:
    if isinstance(value, dict):
        return {
            _free(str(key)): _masked(each, str(key).lower(), hide or _is_registration(str(key)))
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_masked(each, name, hide) for each in value]
    if value is None or isinstance(value, bool):
        return value
    text = str(value)
    if hide:
        return _hidden(text)
    if ("phone" in name and _PHONE.fullmatch(text)) or (
        name == "postal_code" and _POSTAL.fullmatch(text)
    ):
        return value
    told = _free(text)
    return value if told == text else told


def _is_registration(name: str) -> bool:
    """Also in ``companyNumber`` and ``Company Number``."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9]+", "_", name)
    return _REGISTRATION.search(parted.lower()) is not None


def _free(text: str) -> str:
    return _RUNS.sub(_one, text)


def _one(found: re.Match[str]) -> str:
    word = found["word"]
    few = word is not None and sum(each.isdigit() for each in word) < _DIGITS_OF_A_WORD
    return found[0] if found["plain"] or few else _hidden(found[0])


def _hidden(text: str) -> str:
    shown = 4 if len(text) > 8 else 0
    return "*" * (len(text) - shown) + text[len(text) - shown :]
