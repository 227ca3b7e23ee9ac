"""Who is calling and who is called, from what SIP carries (RFC 8224 sections 8.1, 8.3, 8.5).

Two parties compare identities only in canonical form: a telephone number is digits, ``#`` and
``*``; any other identity is a SIP URI without what routing adds to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from phonotary import tn
from phonotary.errors import Reason, Refused
from phonotary.shaken.passport import Identity

MAX_URI = 1024
"""Characters; our own bound."""

_LONGEST = 15
# The characters people write between digits (RFC 3966 section 3): they carry no meaning.
_NUMBER = re.compile(r"\+?[0-9*#().-]{1,32}")
_GLOBAL = re.compile(r"\+[0-9().-]{1,31}")
_URI = re.compile(r"(sips?|tel):(.+)", re.IGNORECASE)
# userinfo@hostport, then parameters and headers; a user part may hold ; and ? (RFC 3261 25.1).
_SIP = re.compile(
    r"(?:([A-Za-z0-9%_.!~*'()&=+$,;?/-]+)(?::[^@;?]*)?@)?"
    r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?((?:[;?][\x21-\x7e]*)?)"
)
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def identity(written: str, *, digits_are_numbers: bool = True) -> Identity:
    """The canonical identity in a bare number, a ``tel:`` URI or a ``sip(s):`` URI.

    The user part of a SIP URI is a telephone number when the URI says ``user=phone`` or it begins
    with ``+``; ``digits_are_numbers`` is the local policy of RFC 8224 section 8.1 for one that is
    digits and nothing else, as it is between carriers. Raises Refused (INVALID_PARAMETER) for
    what is neither a number nor such a URI.
    """
    text = written.strip()
    if len(text) > MAX_URI:
        raise _refused(f"it is longer than {MAX_URI} characters")
    if _NUMBER.fullmatch(text):
        return Identity("tn", _canonical(text, ""))
    scheme, rest = _taken_apart(text)
    if scheme == "tel":
        user, _, parameters = rest.partition(";")
        return Identity("tn", _canonical(user, parameters))
    user, host, parameters = _sip(rest)
    name, _, inside = user.partition(";")
    plain = unquote(name)
    says_phone = "user=phone" in parameters.lower().split("?")[0].split(";")
    if says_phone or (_NUMBER.fullmatch(plain) and (plain[0] == "+" or digits_are_numbers)):
        return Identity("tn", _canonical(name, inside))
    return Identity("uri", _normal(scheme, user, host))


def number(user: str, parameters: str = "") -> str | None:
    """The telephone number that is the user of a ``sip(s):`` URI or stands in a ``tel:`` URI, as
    it is written there; None when it is none.

    ``parameters`` are those beside the number, parted by ``;``. A number without ``+`` is given
    with its ``phone-context`` before it, where that is a global one.
    """
    try:
        written = _written(user, parameters)
    except Refused:
        return None
    return written if 1 <= len(tn.canonical(written)) <= _LONGEST else None


def normal(uri: str) -> str:
    """RFC 8224 section 8.5: ``sip:user@host`` in lower case.

    Password, port, parameters and headers are dropped, and escapes that stand for unreserved
    characters are undone. Raises Refused (INVALID_PARAMETER) for another scheme than sip or sips.
    """
    if len(uri) > MAX_URI:
        raise _refused(f"it is longer than {MAX_URI} characters")
    scheme, rest = _taken_apart(uri.strip())
    if scheme == "tel":
        raise _refused("it is a telephone number")
    user, host, _ = _sip(rest)
    return _normal(scheme, user, host)


def canonical(one: Identity) -> Identity:
    """An identity of a PASSporT in the form two of them are compared in."""
    if one.kind == "tn":
        return Identity("tn", tn.canonical(one.value))
    try:
        return Identity("uri", normal(one.value))
    except Refused:
        # A URI of another scheme is nobody's to rewrite; it equals itself.
        return one


def claim(identities: Iterable[Identity]) -> dict[str, list[str]]:
    """The ``dest`` claim of RFC 8225 section 5.2.1: arrays by kind, sorted, each value once."""
    found: dict[str, set[str]] = {}
    for one in identities:
        found.setdefault(one.kind, set()).add(one.value)
    return {kind: sorted(values) for kind, values in sorted(found.items())}


def _taken_apart(text: str) -> tuple[str, str]:
    found = _URI.fullmatch(text)
    if not found:
        raise _refused("it is neither a number nor a sip, sips or tel URI")
    return found[1].lower(), found[2]


def _sip(rest: str) -> tuple[str, str, str]:
    found = _SIP.fullmatch(rest)
    if not found or _BROKEN_ESCAPE.search(found[1] or ""):
        raise _refused("it is not a SIP URI")
    return found[1] or "", found[2], found[3]


def _normal(scheme: str, user: str, host: str) -> str:
    # RFC 3986 section 6.2.2: what stays escaped has its hexadecimal digits in capitals.
    plain = _ESCAPED.sub(lambda one: one[0].upper(), _decoded(user).lower())
    return f"{scheme}:{plain}@{host.lower()}" if plain else f"{scheme}:{host.lower()}"


def _decoded(text: str) -> str:
    def plain(one: re.Match[str]) -> str:
        letter = chr(int(one[1], 16))
        return letter if letter in _UNRESERVED else one[0]

    return _ESCAPED.sub(plain, text)


def _canonical(user: str, parameters: str) -> str:
    """RFC 8224 section 8.3."""
    digits = tn.canonical(_written(user, parameters))
    if not 1 <= len(digits) <= _LONGEST:
        raise _refused(f"a telephone number has 1 to {_LONGEST} digits")
    return digits


def _written(user: str, parameters: str) -> str:
    """The number in a URI, escapes undone: some escape the plus sign and ``#``.

    A global ``phone-context`` (RFC 3966 section 5.1.5) is the country code that RFC 8224 section
    8.3 asks for. A service number has none: 911 is dialled in +1 and is not +1911.
    """
    plain = unquote(user) if "%" in user else user
    if not _NUMBER.fullmatch(plain):
        raise _refused("it holds characters a telephone number does not have")
    if plain[0] == "+" or "phone-context" not in parameters.lower():
        return plain
    whole = _context(parameters) + plain
    return whole if _GLOBAL.fullmatch(whole) and tn.parse(whole) else plain


def _context(parameters: str) -> str:
    """The ``phone-context``; empty when there are several, of which others may read another."""
    found = [one for one in parameters.split(";") if one.lower().startswith("phone-context=")]
    return unquote(found[0][14:]) if len(found) == 1 else ""


def _refused(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The identity is not usable: {what}.")
