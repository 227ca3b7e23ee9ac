"""The SIP Identity header of RFC 8224 section 4: one PASSporT and where its certificate is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from phonotary.errors import Reason, Refused

# A PASSporT of the largest size we read (16 KiB) plus a URI and room to spare.
MAX_HEADER = 20_480

# An absolute URI without the characters that would end it inside <...> (RFC 3261 section 25.1).
_URI = re.compile(r"https?://[\x21\x23-\x3b\x3d\x3f-\x7e]+")
_TOKEN = re.compile(r"[A-Za-z0-9._-]+")
_SIP_TOKEN = r"[A-Za-z0-9.!%*_+`'~-]+"
_PARAMETER = re.compile(
    rf'\s*;\s*({_SIP_TOKEN})(?:\s*=\s*(?:<([^<>"]*)>|"((?:[^"\\]|\\.)*)"|({_SIP_TOKEN})))?\s*',
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class IdentityHeader:
    """An Identity header value taken apart."""

    token: str
    """The PASSporT, full or compact, unread."""
    info: str
    """Where the certificate is; must equal the PASSporT's ``x5u``."""
    alg: str
    ppt: str | None
    """None when absent: a base PASSporT."""


def emit(token: str, info: str, ppt: str = "shaken") -> str:
    """The header's value: ``<token>;info=<url>;alg=ES256;ppt=shaken``.

    ``ppt`` is written bare, as deployed verifiers expect; RFC 8224 section 4 allows both. Raises
    Refused (INVALID_PARAMETER) for a value that could break out of the header.
    """
    if not _TOKEN.fullmatch(token):
        raise _refused("the PASSporT holds characters outside base64url")
    if not _URI.fullmatch(info):
        raise _refused("info is not an absolute http or https URI")
    if not re.fullmatch(_SIP_TOKEN, ppt):
        raise _refused("ppt is not a token")
    return f"{token};info=<{info}>;alg=ES256;ppt={ppt}"


def parse(value: str) -> IdentityHeader:
    """Take a header value apart: parameters in any order, quoted or bare, unknown ones ignored.

    Whitespace (and so folding) around ``;`` and ``=`` is allowed. ``alg`` absent means ES256.
    Raises Refused (INVALID_PARAMETER) when it is too long, malformed, repeats a parameter, or
    lacks ``info``, which RFC 8224 section 4 requires.
    """
    if len(value) > MAX_HEADER:
        raise _refused(f"it is longer than {MAX_HEADER} characters")
    value = value.strip()
    start = _TOKEN.match(value)
    if not start:
        raise _refused("it does not begin with a PASSporT")
    found = _parameters(value, start.end())
    if not found.get("info"):
        raise _refused("the info parameter is missing")
    return IdentityHeader(start[0], found["info"], found.get("alg", "ES256"), found.get("ppt"))


def _parameters(value: str, at: int) -> dict[str, str]:
    found: dict[str, str] = {}
    while at < len(value):
        one = _PARAMETER.match(value, at)
        if not one:
            raise _refused(f"the parameters cannot be read from character {at + 1}")
        name, uri, quoted, bare = one.groups()
        name = name.lower()
        if name in found:
            raise _refused(f"the {name} parameter is repeated")
        unquoted = re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if quoted is not None else None
        found[name] = next((x for x in (uri, unquoted, bare) if x is not None), "").strip()
        at = one.end()
    return found


def _refused(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The Identity header is not usable: {what}.")
