"""The SIP Identity header of RFC 8224 section 4: one PASSporT and where its certificate is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from phonotary.errors import Reason, Refused

# A PASSporT of the largest size we read (16 KiB) plus a URI and room to spare.
MAX_HEADER = 20_480
MAX_HEADERS = 16
"""Identity headers of one request; our own bound: a call diverted five times carries a dozen."""

# An absolute URI without the characters that would end it inside <...> (RFC 3261 section 25.1).
_URI = re.compile(r"https?://[\x21\x23-\x3b\x3d\x3f-\x7e]+")
_PASSPORT = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
_SIP_TOKEN = r"[A-Za-z0-9.!%*_+`'~-]+"
# Space, tab and the line break of a folded header (RFC 3261 section 25.1).
_BLANK = " \t\r\n"
_PARAMETER = re.compile(
    rf"[{_BLANK}]*;[{_BLANK}]*({_SIP_TOKEN})(?:[{_BLANK}]*=[{_BLANK}]*"
    rf'(?:<([^<>"]*)>|"((?:[^"\\]|\\.)*)"|({_SIP_TOKEN}|\[[0-9A-Fa-f:.]*\])))?[{_BLANK}]*',
    re.DOTALL,
)
# One header of several joined by commas: a comma inside <...> or "..." is part of its value.
_ELEMENT = re.compile(r'(?:[^,<"]++|<[^<>]*+>|"(?:[^"\\]|\\.)*+")*+', re.DOTALL)
# Longer parameters are read afresh each time, so that what is kept stays under a few megabytes.
_USUAL_PARAMETERS = 512


class IdentityHeader(msgspec.Struct, frozen=True):
    """An Identity header value taken apart."""

    token: str
    """The PASSporT, full or compact, unread."""
    info: str
    """Where the certificate is; must equal the PASSporT's ``x5u``."""
    alg: str
    ppt: str | None
    """None when absent: a base PASSporT."""


def emit(token: str, info: str, ppt: str | None = "shaken") -> str:
    """The header's value: ``<token>;info=<url>;alg=ES256;ppt=shaken``.

    ``ppt`` is written bare, as deployed verifiers expect; RFC 8224 section 4 allows both. None
    leaves it out, for a base PASSporT. Raises Refused (INVALID_PARAMETER) for a value that could
    break out of the header.
    """
    if not token or token.encode("ascii", "replace").translate(None, _PASSPORT):
        raise _refused("the PASSporT holds characters outside base64url")
    return token + _written(info, ppt)


def parse(value: str) -> IdentityHeader:
    """Take a header value apart: parameters in any order, quoted or bare, unknown ones ignored.

    Whitespace (and so folding) around ``;`` and ``=`` is allowed. ``alg`` absent means ES256.
    Raises Refused (INVALID_PARAMETER) when it is too long, malformed, repeats a parameter, or
    lacks ``info``, which RFC 8224 section 4 requires.
    """
    if len(value) > MAX_HEADER:
        raise _refused(f"it is longer than {MAX_HEADER} characters")
    token, semicolon, rest = value.partition(";")
    token = token.strip(_BLANK)
    if not token or token.encode("ascii", "replace").translate(None, _PASSPORT):
        raise _refused("it does not begin with a PASSporT")
    read = _kept_parameters if len(rest) <= _USUAL_PARAMETERS else _parameters
    return IdentityHeader(token, *read(semicolon + rest))


def split(values: Iterable[str]) -> tuple[str, ...]:
    """The values of a request's Identity headers, one PASSporT each, in order and unread.

    A proxy may join several headers of a name into one with commas (RFC 3261 section 7.3.1).
    Empty ones are dropped. Raises Refused (INVALID_PARAMETER) for more than ``MAX_HEADERS`` or
    one that is too long or ends inside a quotation.
    """
    found: list[str] = []
    for value in values:
        if len(value) > MAX_HEADER * MAX_HEADERS:
            raise _refused("the headers joined into one are too long")
        for one in _elements(value) if "," in value else (value,):
            one = one.strip(_BLANK)
            if len(one) > MAX_HEADER:
                raise _refused(f"it is longer than {MAX_HEADER} characters")
            if one:
                found.append(one)
            if len(found) > MAX_HEADERS:
                raise _refused(f"there are more than {MAX_HEADERS}")
    return tuple(found)


def _elements(value: str) -> Iterable[str]:
    at = 0
    while at <= len(value):
        one = _ELEMENT.match(value, at)
        assert one is not None, "the pattern matches the empty text"
        if one.end() < len(value) and value[one.end()] != ",":
            raise _refused("a quotation or an address in it is not closed")
        yield one[0]
        at = one.end() + 1


@lru_cache(maxsize=1024)
def _written(info: str, ppt: str | None) -> str:
    """What follows the token: the same for every call under one certificate."""
    if not _URI.fullmatch(info):
        raise _refused("info is not an absolute http or https URI")
    if ppt is None:
        return f";info=<{info}>;alg=ES256"
    if not re.fullmatch(_SIP_TOKEN, ppt):
        raise _refused("ppt is not a token")
    return f";info=<{info}>;alg=ES256;ppt={ppt}"


def _parameters(text: str) -> tuple[str, str, str | None]:
    """``info``, ``alg`` and ``ppt``."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        one = _PARAMETER.match(text, at)
        if not one:
            raise _refused(f"the parameters cannot be read from their character {at + 1}")
        name, uri, quoted, bare = one.groups()
        name = name.lower()
        if name in found:
            raise _refused(f"the {name} parameter is repeated")
        unquoted = re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if quoted is not None else None
        found[name] = next((x for x in (uri, unquoted, bare) if x is not None), "").strip(_BLANK)
        at = one.end()
    if not found.get("info"):
        raise _refused("the info parameter is missing")
    return found["info"], found.get("alg", "ES256"), found.get("ppt")


# The parameters are the same for every call under one certificate.
_kept_parameters = lru_cache(maxsize=4096)(_parameters)


def _refused(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The Identity header is not usable: {what}.")
