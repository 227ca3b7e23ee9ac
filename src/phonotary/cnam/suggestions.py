"""Shorter spellings of a business's name, each of which the guide's rules take.

Cutting "Smith & Sons Plumbing" after fifteen characters says "Smith & Sons Pl", with a character
that is not allowed and a word that is none. What is proposed instead keeps whole words before
shortened ones, and those before initials; as USPS Publication 28 (section 35) compresses names, the
last words are shortened first, by a table, then by their vowels, and not at all where all fit.
Nothing here is registered by itself: the customer chooses.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from itertools import product

from phonotary.cnam import names

_TOLD = 3
"""How many a refusal proposes."""
MOST = 5
"""Candidates that are given unless more are asked for."""
LONGEST_INPUT = 256
"""Characters of a business's name that are looked at."""

# Three spellings of each of eight words are some thousand names; of more words none would fit.
_MOST_WORDS = 8
_FORMS = frozenset(
    {"CO", "COMPANY", "CORP", "CORPORATION", "INC", "INCORPORATED", "LIMITED", "LLC", "LLLP"}
    | {"LLP", "LP", "LTD", "PC", "PLLC"}
)
_ARTICLES = frozenset({"THE", "A", "AN"})
_JOINING = frozenset({"AND", "OF", "FOR", "AT", "IN", "ON", "BY"})
_VOWELS = frozenset("AEIOU")
# One letter names nobody.
_SHORTEST = 2


def findings(name: str) -> list[names.Finding]:
    """What :func:`names.findings` says of a display name; the last sentence goes on to say what
    would do instead, for whoever is only told "no" cuts blindly."""
    found = names.findings(name)
    instead = suggest(name) if found else []
    if instead:
        said = f"{found[-1].sentence} It could be {', '.join(instead[:_TOLD])}."
        found[-1] = replace(found[-1], sentence=said)
    return found


def suggest(business_name: str, most: int = MOST) -> list[str]:
    """Names of at most 15 characters for a business, best first, upper case; the same every time.
    None for a name that is generic or prohibited as a whole: a short spelling would only hide it.
    """
    words = _words(business_name)
    whole = [*names.findings(business_name), *names.findings(" ".join(words))]
    if not words or any(each.rule in ("generic", "prohibited") for each in whole):
        return []
    found: list[str] = []
    for candidate in _candidates(words):
        if len(found) >= most:
            break
        if len(candidate) >= _SHORTEST and candidate not in found:
            found += [] if names.findings(candidate) else [candidate]
    return found


def _words(text: str) -> list[str]:
    """Words in capitals without accents; ``&`` is AND, and apostrophes vanish (``JOE'S``)."""
    letters = unicodedata.normalize("NFKD", text[:LONGEST_INPUT].replace("&", " AND "))
    plain = "".join(each for each in letters if not unicodedata.combining(each)).upper()
    plain = re.sub("['\u2019.]", "", plain)
    found = re.findall("[A-Z0-9]+", plain)
    # A name begins with a letter: what stands before the first word that does is left out.
    while found and not found[0][0].isalpha():
        del found[0]
    return found


def _candidates(words: list[str]) -> Iterator[str]:
    """Best first; what breaks a rule is still among them."""
    plain = _without_articles(_without_forms(words))
    telling = [word for word in plain if word not in _JOINING] or plain
    whole = [" ".join(each) for each in (words, plain, telling)]
    yield from whole
    if any(len(each) <= names.LONGEST for each in whole):
        # Fewer words than fit are still a choice, shorter words than fit are none.
        yield from _beginnings(plain)
        return
    yield from _shortened(telling, _by_table)
    yield from _beginnings(plain, least=2)
    yield from _shortened(telling, _by_vowels)
    for count in range(len(telling) - 1, 1, -1):
        yield from _shortened(telling[:count], _by_vowels)
    yield from _initials(telling)
    yield from _beginnings(telling)
    # Only now the word that says which business it is: without its vowels, and cut at last.
    first, rest = _unvowelled(telling[0]), telling[1:]
    for count in range(len(rest), -1, -1):
        yield " ".join([first, *rest[:count]])
        yield from _shortened([first, *rest[:count]], _by_vowels)
    yield telling[0][: names.LONGEST]


def _without_forms(words: list[str]) -> list[str]:
    kept = list(words)
    while len(kept) > 1 and kept[-1] in _FORMS:
        kept.pop()
    # "Smith & Co": what joined the form goes with it.
    while len(kept) > 1 and kept[-1] in _JOINING and len(kept) < len(words):
        kept.pop()
    return kept


def _without_articles(words: list[str]) -> list[str]:
    kept = [word for at, word in enumerate(words) if at != 0 or word not in _ARTICLES]
    return kept or words


def _shortened(words: list[str], spellings: Callable[[str], tuple[str, ...]]) -> Iterator[str]:
    """All words, some of them shorter; those that change least first. The first word has no other
    short form than the table's. Nothing, where the words fit as they are."""
    if len(words) > _MOST_WORDS or len(" ".join(words)) <= names.LONGEST:
        return
    each = [_by_table(words[0]), *map(spellings, words[1:])]
    fitting = []
    for way in product(*(range(len(forms)) for forms in each)):
        text = " ".join(forms[at] for forms, at in zip(each, way, strict=True))
        if len(text) <= names.LONGEST:
            fitting.append((_cost(way), -len(text), text))
    yield from (text for _, _, text in sorted(fitting))


def _cost(way: tuple[int, ...]) -> int:
    """A short form of the table costs less than one without vowels; and the last word, which says
    what kind of business it is, is shortened before the first, which says which one."""
    return sum(kind * kind * 10 + (len(way) - at if kind else 0) for at, kind in enumerate(way))


def _by_table(word: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((word, _abbreviations().get(word, word))))


def _by_vowels(word: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*_by_table(word), _unvowelled(word))))


def _beginnings(words: list[str], least: int = 1) -> Iterator[str]:
    """The first words, as many as fit."""
    for count in range(len(words) - 1, least - 1, -1):
        if words[count - 1] not in _JOINING:
            yield " ".join(words[:count])


def _initials(words: list[str]) -> Iterator[str]:
    """``IBM``, and ``IB MACHINES`` with its last word."""
    if len(words) < 3:
        return
    yield "".join(word[0] for word in words)
    for spelling in _by_vowels(words[-1]):
        yield f"{''.join(word[0] for word in words[:-1])} {spelling}"


def _unvowelled(word: str) -> str:
    """``PLMBNG``: without the vowels after the first letter; short words stay as they are."""
    if len(word) < 5:
        return word
    return word[0] + "".join(each for each in word[1:] if each not in _VOWELS)


@lru_cache(maxsize=1)
def _abbreviations() -> dict[str, str]:
    text = (files(__package__) / "data" / "abbreviations.txt").read_text("ascii")
    rows = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {word: short for word, short in rows}
