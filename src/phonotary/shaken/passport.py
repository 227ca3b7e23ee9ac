"""PASSporTs: the signed token of RFC 8225, and its ``shaken`` kind of RFC 8588.

No general JWT library is used: RFC 8225 section 9 fixes every byte of the header and the claims,
and a library that writes JSON its own way would break the signature's meaning.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused

# A real shaken token is under 700 characters; an rcd one with an inline jCard stays under 8 KiB.
MAX_TOKEN = 16_384

# An ES256 signature is 64 bytes, which is 86 base64url characters (RFC 7518 section 3.4).
_FULL_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{86})")
_RANDOM = ec.ECDSA(SHA256())
_DETERMINISTIC = ec.ECDSA(SHA256(), deterministic_signing=True)
_WRITER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


class SignatureMismatch(Refused):
    """The token was readable, but this key did not sign it."""

    def __init__(self) -> None:
        super().__init__(Reason.INVALID_PARAMETER, "The PASSporT was not signed with this key.")


@dataclass(frozen=True, slots=True)
class Passport:
    """A token taken apart; nothing about it is believed yet."""

    header: dict[str, Any]
    payload: dict[str, Any]
    signature: bytes
    """Raw r and s, 32 bytes each."""
    signed: bytes
    """``header.payload`` as received: RFC 8225 verifies these bytes, never a rewritten form."""


def canonical(claims: object) -> bytes:
    """RFC 8225 section 9: keys in code point order at every level, no whitespace, UTF-8."""
    return _WRITER.encode(claims).encode()


def shaken_payload(
    attest: str, dest_tns: Sequence[str], iat: Instant, orig_tn: str, origid: str
) -> bytes:
    """The claims of RFC 8588 section 4, canonical.

    Numbers are in RFC 8224 section 8.3 form (no ``+``); the array of ``dest`` is sorted, as RFC
    8225 asks; ``iat`` is a JSON number of seconds.
    """
    return canonical(
        {
            "attest": attest,
            "dest": {"tn": sorted(dest_tns)},
            "iat": iat,
            "orig": {"tn": orig_tn},
            "origid": origid,
        }
    )


def sign(
    payload: bytes,
    key: ec.EllipticCurvePrivateKey,
    x5u: str,
    *,
    ppt: str | None = "shaken",
    deterministic: bool = False,
) -> str:
    """The full form token ``header.payload.signature`` over a canonical payload, ES256.

    ``deterministic`` chooses RFC 6979 nonces: the same bytes each time, about a tenth slower.
    ``ppt`` None leaves the extension out (RFC 8225 base PASSporT). The key must be on P-256.
    """
    signed = _header(x5u, ppt) + b"." + _b64url(payload)
    der = key.sign(signed, _DETERMINISTIC if deterministic else _RANDOM)
    r, s = decode_dss_signature(der)
    return (signed + b"." + _b64url(r.to_bytes(32) + s.to_bytes(32))).decode("ascii")


def read(token: str) -> Passport:
    """Take a full form token apart without believing it.

    The compact form is refused: ``shaken`` exists in full form only (RFC 8588). Raises Refused
    (INVALID_PARAMETER) with a sentence that names the part at fault.
    """
    if len(token) > MAX_TOKEN:
        raise _unreadable(f"it is longer than {MAX_TOKEN} characters")
    found = _FULL_FORM.fullmatch(token)
    if not found:
        raise _unreadable("it is not header.payload.signature in base64url with an ES256 signature")
    header, payload = _object(found[1], "header"), _object(found[2], "payload")
    return Passport(header, payload, _unb64url(found[3]), f"{found[1]}.{found[2]}".encode())


def verify(token: str, public_key: ec.EllipticCurvePublicKey) -> Passport:
    """The token's contents, once its ES256 signature by this P-256 key holds.

    Whether the key may speak for the number, and whether ``iat`` is fresh, is not decided here.
    Raises Refused for a token that is unreadable or not an ES256 PASSporT, SignatureMismatch for
    one that is readable but signed by another key or altered.
    """
    passport = read(token)
    if passport.header.get("typ") != "passport":
        raise _unreadable("its typ is not passport")
    if passport.header.get("alg") != "ES256":
        raise _unreadable("its alg is not ES256")
    r, s = (int.from_bytes(half) for half in (passport.signature[:32], passport.signature[32:]))
    try:
        public_key.verify(encode_dss_signature(r, s), passport.signed, _RANDOM)
    except InvalidSignature:
        raise SignatureMismatch from None
    return passport


@lru_cache(maxsize=256)
def _header(x5u: str, ppt: str | None) -> bytes:
    """One provider signs millions of calls under the same header, so its bytes are kept."""
    kind = {} if ppt is None else {"ppt": ppt}
    return _b64url(canonical({"alg": "ES256", "typ": "passport", "x5u": x5u, **kind}))


def _b64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _unb64url(text: str) -> bytes:
    """ValueError for a length no encoder produces; padding is never sent (RFC 7515 section 2)."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _object(part: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(_unb64url(part), object_pairs_hook=_no_twins, parse_constant=_no_nan)
    except (ValueError, RecursionError) as fault:
        raise _unreadable(f"its {name} is not JSON") from fault
    if not isinstance(value, dict):
        raise _unreadable(f"its {name} is not a JSON object")
    return value


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A repeated key means two readers may see two different calls, so it is not JSON to us."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is repeated")
    return found


def _no_nan(literal: str) -> Any:
    raise ValueError(f"{literal} is not JSON")


def _unreadable(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The PASSporT cannot be read: {what}.")
