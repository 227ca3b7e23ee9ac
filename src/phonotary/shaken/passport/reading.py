"""Reading a PASSporT and checking who signed it."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from phonotary.errors import Reason, Refused
from phonotary.shaken.passport.contents import Passport, unfit
from phonotary.shaken.passport.es256 import RANDOM, b64url, to_der, unb64url

# A real shaken token is under 700 characters; an rcd one with an inline jCard stays under 8 KiB.
MAX_TOKEN = 16_384
# The deepest registered claim is an inline jCard, seven levels down; more only costs the reader.
MAX_DEPTH = 32
# An ES256 signature is 64 bytes, which is 86 base64url characters (RFC 7518 section 3.4). The last
# one carries two bits, so only these four letters end it: a signature has one spelling.
_FULL_FORM = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{85}[AQgw])")
# The bytes of writing.canonical for less, save that a fraction may be spelt otherwise and NaN
# becomes null.
_FAST_WRITER = msgspec.json.Encoder(order="sorted")
_READER = msgspec.json.Decoder()
# Longer headers are read afresh each time, so that what is kept stays under a few megabytes.
_USUAL_HEADER = 512
_COMPACT_CLAIMS = frozenset({"dest", "iat", "mky", "orig"})


class SignatureMismatch(Refused):
    """The token was readable, but this key did not sign it."""

    def __init__(self) -> None:
        super().__init__(Reason.INVALID_PARAMETER, "The PASSporT was not signed with this key.")


def read(token: str) -> Passport:
    """Take a full form token apart without believing it.

    The compact form is refused, see :func:`expand`. Raises Refused (INVALID_PARAMETER) with a
    sentence that names the part at fault.
    """
    if len(token) > MAX_TOKEN:
        raise _unreadable(f"it is longer than {MAX_TOKEN} characters")
    # What is not ASCII becomes a question mark, which no base64url holds.
    text = token.encode("ascii", "replace")
    found = _FULL_FORM.fullmatch(text)
    if not found:
        raise _unreadable("it is not header.payload.signature in base64url with an ES256 signature")
    header, payload, signature = found.groups()
    known = len(header) <= _USUAL_HEADER
    return Passport(
        dict(_kept_header(header)) if known else _object(header, "header"),
        _object(payload, "payload"),
        unb64url(signature),
        text[: found.end(2)],
    )


def check(passport: Passport, public_key: ec.EllipticCurvePublicKey) -> None:
    """The signature alone: this P-256 key signed these bytes as an ES256 PASSporT.

    Whether the key may speak for the number, and whether ``iat`` is fresh, is not decided here.
    Raises SignatureMismatch, or Refused when the header says it is something else.
    """
    if passport.header.get("typ") != "passport":
        raise _unreadable("its typ is not passport")
    if passport.header.get("alg") != "ES256":
        raise _unreadable("its alg is not ES256")
    if "crit" in passport.header:
        raise _unreadable("its header demands an extension that is not understood")
    try:
        public_key.verify(to_der(passport.signature), passport.signed, RANDOM)
    except InvalidSignature:
        raise SignatureMismatch from None


def verify(token: str, public_key: ec.EllipticCurvePublicKey) -> Passport:
    """The token's contents, once its signature holds: :func:`read` and :func:`check` in one."""
    passport = read(token)
    check(passport, public_key)
    return passport


def compact(token: str) -> str:
    """``..signature`` of a full form token (RFC 8225 section 7).

    Raises Refused for a token with an extension or a claim that SIP does not carry: there the
    other side could not write the missing parts (RFC 8588 section 4, RFC 8946 section 3).
    """
    passport = read(token)
    if passport.ppt is not None or not passport.payload.keys() <= _COMPACT_CLAIMS:
        raise unfit("only a base PASSporT has a compact form")
    return f"..{token.rpartition('.')[2]}"


def expand(token: str, header: bytes, payload: bytes) -> str:
    """The full form of a compact token, from the canonical bytes the reader has worked out."""
    full = f"{b64url(header).decode()}.{b64url(payload).decode()}.{token[2:]}"
    if not token.startswith("..") or not _FULL_FORM.fullmatch(full.encode("ascii", "replace")):
        raise _unreadable("it is not in compact form")
    return full


@lru_cache(maxsize=1024)
def _kept_header(part: bytes) -> dict[str, Any]:
    """A provider's calls all come under one header; its readers get copies of what is kept."""
    return _object(part, "header")


def _object(part: bytes, name: str) -> dict[str, Any]:
    try:
        text = unb64url(part)
        value = _READER.decode(text)
        # Canonical text cannot repeat a key, so writing it again and finding the same bytes is
        # proof enough; anything else takes the slower reader, which sees the pairs.
        if _FAST_WRITER.encode(value) != text:
            value = json.loads(text.decode(), object_pairs_hook=no_twins)
    except (ValueError, msgspec.MsgspecError, RecursionError) as fault:
        raise _unreadable(f"its {name} is not JSON") from fault
    if not isinstance(value, dict):
        raise _unreadable(f"its {name} is not a JSON object")
    # Every level opens one bracket, so few brackets need no closer look.
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and _deeper(value, MAX_DEPTH):
        raise _unreadable(f"its {name} is nested deeper than {MAX_DEPTH} levels")
    return value


def no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For ``json.loads``: of a name that stands twice another reader may take the other (RFC 7515
    section 4), and see another call, so it is not JSON to us. Raises ValueError."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is repeated")
    return found


def _deeper(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return False
    return levels == 0 or any(_deeper(one, levels - 1) for one in value)


def _unreadable(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The PASSporT cannot be read: {what}.")
