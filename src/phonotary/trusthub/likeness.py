"""Whether a display name may stand for a business: generous, because names get shortened.

Fifteen characters seldom hold a registered name. Initials ("IBM"), cut or vowel-less words
("PLMBG") and one shared word are all in honest use; a name with none of them is somebody else's.
"""

from __future__ import annotations

import re

from rapidfuzz import fuzz

# Legal forms say nothing of who a business is, and two strangers often share one.
_FORMS = frozenset(
    {"CO", "COMPANY", "CORP", "CORPORATION", "INC", "INCORPORATED", "LIMITED", "LLC", "LLP", "LP"}
    | {"LTD", "PA", "PC", "PLLC", "WWW"}
)
_FILLERS = frozenset({"A", "AND", "AT", "FOR", "IN", "OF", "ON", "THE"})

# Percent of rapidfuzz's ratios. Measured on two dozen made-up pairs, legal forms left out: honest
# spellings scored 58 and above, strangers 55 and below.
_ALIKE = 57
# Each word is held against each of the other name, so what is looked at is bounded; no host name
# and no name of a business is longer.
_LONGEST = 256


def resembles(name: str, *known: str) -> bool:
    """Whether ``name`` resembles any of the known names: a legal name or a host name."""
    shown = _words(name[:_LONGEST])
    return any(_alike(shown, words) for each in known if (words := _words(each[:_LONGEST])))


def _words(text: str) -> list[str]:
    words = re.findall(r"[A-Z0-9]+", re.sub(r"['\u2019]", "", text.upper()))
    return [word for word in words if word not in _FORMS] or words


def _alike(shown: list[str], known: list[str]) -> bool:
    if _is_initials("".join(shown), known):
        return True
    mine, theirs = _telling(shown), _telling(known)
    if any(_abbreviates(word, other) for word in mine for other in theirs):
        return True
    joined = fuzz.ratio("".join(mine), "".join(theirs))
    return max(joined, fuzz.token_set_ratio(" ".join(mine), " ".join(theirs))) >= _ALIKE


def _telling(words: list[str]) -> list[str]:
    return [word for word in words if word not in _FILLERS] or words


def _is_initials(shown: str, known: list[str]) -> bool:
    initials = ["".join(word[0] for word in words) for words in (known, _telling(known))]
    return len(shown) > 1 and shown in initials


def _abbreviates(word: str, whole: str) -> bool:
    """Three letters or more of the whole word, in its order, from its first letter on."""
    if len(word) < 3 or word[0] != whole[0] or len(word) * 3 < len(whole):
        return False
    rest = iter(whole)
    return all(letter in rest for letter in word)
