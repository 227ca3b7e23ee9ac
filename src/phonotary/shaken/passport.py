"""PASSporTs: the signed token of RFC 8225, and its kinds of RFC 8588, 8946 and 9795.

No general JWT library is used: RFC 8225 section 9 fixes every byte of the header and the claims,
and a library that writes JSON its own way would break the signature's meaning.
"""

from __future__ import annotations

import json
import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused

# A real shaken token is under 700 characters; an rcd one with an inline jCard stays under 8 KiB.
MAX_TOKEN = 16_384
# The deepest registered claim is an inline jCard, seven levels down; more only costs the reader.
MAX_DEPTH = 32
MAX_DESTS = 64
"""Identities in one ``dest``; our own bound, RFC 8225 has none."""

# An ES256 signature is 64 bytes, which is 86 base64url characters (RFC 7518 section 3.4). The last
# one carries two bits, so only these four letters end it: a signature has one spelling.
_FULL_FORM = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{85}[AQgw])")
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_RANDOM = ec.ECDSA(SHA256())
_DETERMINISTIC = ec.ECDSA(SHA256(), deterministic_signing=True)
# The longest DER signature P-256 yields: two integers of 33 bytes and their headers.
_LONGEST_DER = 72
_WRITER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
# The same bytes for less, save that a fraction may be spelt otherwise and NaN becomes null.
_FAST_WRITER = msgspec.json.Encoder(order="sorted")
_AS_DECLARED = msgspec.json.Encoder()
_READER = msgspec.json.Decoder()
# Longer headers are read afresh each time, so that what is kept stays under a few megabytes.
_USUAL_HEADER = 512
_LATEST = 2**53
"""NumericDates beyond this are not exact in a JSON reader that keeps doubles (RFC 8259)."""

_KINDS = frozenset({"tn", "uri"})
_COMPACT_CLAIMS = frozenset({"dest", "iat", "mky", "orig"})


class _Calling(msgspec.Struct):
    tn: str


class _Called(msgspec.Struct):
    tn: Sequence[str]


class _Shaken(msgspec.Struct):
    """The claims of RFC 8588, declared in canonical order: a shape written without sorting."""

    attest: str
    dest: _Called
    iat: Instant
    orig: _Calling
    origid: str


class SignatureMismatch(Refused):
    """The token was readable, but this key did not sign it."""

    def __init__(self) -> None:
        super().__init__(Reason.INVALID_PARAMETER, "The PASSporT was not signed with this key.")


class SigningKey(Protocol):
    """A P-256 private key, wherever it lives; cryptography's own key is one as it stands."""

    def sign(self, data: bytes, signature_algorithm: ec.ECDSA) -> bytes:
        """The DER ``Ecdsa-Sig-Value`` over SHA-256 of ``data``."""
        ...


class Identity(NamedTuple):
    """One identity of ``orig``, ``dest`` or ``div`` (RFC 8225 section 5.2.1)."""

    kind: str
    """``tn`` or ``uri``."""
    value: str


class Finding(NamedTuple):
    """Something to report about readable claims; ``code`` is for programs."""

    code: str
    because: str


class Passport(msgspec.Struct, frozen=True):
    """A token taken apart; nothing about it is believed yet.

    The accessors raise Refused (INVALID_PARAMETER) when what they name is absent or malformed.
    """

    header: dict[str, Any]
    payload: dict[str, Any]
    signature: bytes
    """Raw r and s, 32 bytes each."""
    signed: bytes
    """``header.payload`` as received: RFC 8225 verifies these bytes, never a rewritten form."""

    @property
    def ppt(self) -> str | None:
        """The extension; None for a base PASSporT."""
        found = self.header.get("ppt")
        if found is None and "ppt" not in self.header:
            return None
        return _text(found, "ppt")

    @property
    def x5u(self) -> str:
        """Where the certificate is said to be; not yet checked to be a URL."""
        return _text(self.header.get("x5u"), "x5u")

    @property
    def iat(self) -> Instant:
        """Whole seconds since 1970; a NumericDate may hold a fraction, which is cut off."""
        return _instant(self.payload.get("iat"))

    @property
    def orig(self) -> Identity:
        """The calling identity: exactly one (RFC 8225 section 5.2.1)."""
        return _one(self.payload.get("orig"), "orig")

    @property
    def dest(self) -> tuple[Identity, ...]:
        """The called identities, at least one.

        A string in place of an array counts as one identity: RFC 8946's own example has it so.
        """
        return _several(self.payload.get("dest"))


def canonical(claims: object) -> bytes:
    """RFC 8225 section 9: keys in code point order at every level, no whitespace, UTF-8."""
    return _WRITER.encode(claims).encode()


def payload(claims: Mapping[str, Any]) -> bytes:
    """The claims as canonical bytes, once they keep the rules of RFC 8225 section 5.2.

    ``orig`` holds one identity, ``dest`` at least one, ``iat`` is a number of whole seconds; the
    arrays of ``dest`` are written sorted, ``mky`` sorted by ``alg`` and ``dig``. Raises Refused
    (INVALID_PARAMETER) for anything else.
    """
    ready = dict(claims)
    _one(ready.get("orig"), "orig")
    if isinstance(ready.get("iat"), float):
        raise _unfit("its iat is not a whole number")
    _instant(ready.get("iat"))
    dest = ready.get("dest")
    _several(dest)
    assert isinstance(dest, Mapping)
    if any(isinstance(values, str) for values in dest.values()):
        raise _unfit("its dest does not hold arrays")
    ready["dest"] = {kind: sorted(values) for kind, values in dest.items()}
    if "mky" in ready:
        ready["mky"] = _sorted_keys(ready["mky"])
    try:
        return canonical(ready)
    except (TypeError, ValueError, RecursionError) as fault:
        raise _unfit("a claim is not JSON") from fault


def base_payload(
    orig: Mapping[str, str],
    dest: Mapping[str, Sequence[str]],
    iat: Instant,
    **claims: Any,
) -> bytes:
    """The claims of RFC 8225 section 5.2, and ``mky`` or others by name, canonical."""
    return payload({**claims, "dest": dest, "iat": iat, "orig": orig})


def shaken_payload(
    attest: str, dest_tns: Sequence[str], iat: Instant, orig_tn: str, origid: str
) -> bytes:
    """The claims of RFC 8588 section 4, canonical.

    Numbers are in RFC 8224 section 8.3 form (no ``+``); the array of ``dest`` is sorted, as RFC
    8225 asks; ``iat`` is a JSON number of seconds. The values are the caller's to check.
    """
    called = _Called(dest_tns if len(dest_tns) == 1 else sorted(dest_tns))
    return _AS_DECLARED.encode(_Shaken(attest, called, iat, _Calling(orig_tn), origid))


def div_payload(
    orig: Mapping[str, str],
    dest: Mapping[str, Sequence[str]],
    div: Mapping[str, str],
    iat: Instant,
) -> bytes:
    """The claims of RFC 8946 section 3: exactly these four. ``div`` may hold ``hi`` as well."""
    _one({kind: value for kind, value in div.items() if kind != "hi"}, "div")
    return payload({"dest": dest, "div": div, "iat": iat, "orig": orig})


def rcd_payload(
    orig: Mapping[str, str],
    dest: Mapping[str, Sequence[str]],
    iat: Instant,
    claims: Mapping[str, Any],
) -> bytes:
    """The claims of RFC 9795; ``claims`` is what :func:`rcd.rcd_claims` makes of a display."""
    return payload({**claims, "dest": dest, "iat": iat, "orig": orig})


def sign(
    payload: bytes,
    key: SigningKey,
    x5u: str,
    *,
    ppt: str | None = "shaken",
    deterministic: bool = False,
) -> str:
    """The full form token ``header.payload.signature`` over a canonical payload, ES256.

    ``deterministic`` chooses RFC 6979 nonces: the same bytes each time, about a tenth slower.
    ``ppt`` None leaves the extension out (RFC 8225 base PASSporT). The key must be on P-256;
    ValueError when its signature is too long to be.
    """
    signed = _header(x5u, ppt) + b2a_base64(payload, newline=False).translate(_TO_URL).rstrip(b"=")
    der = key.sign(signed, _DETERMINISTIC if deterministic else _RANDOM)
    signature = b2a_base64(_raw(der), newline=False).translate(_TO_URL)
    return f"{signed.decode()}.{signature[:86].decode()}"


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
        _unb64url(signature),
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
        public_key.verify(_der(passport.signature), passport.signed, _RANDOM)
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
        raise _unfit("only a base PASSporT has a compact form")
    return f"..{token.rpartition('.')[2]}"


def expand(token: str, header: bytes, payload: bytes) -> str:
    """The full form of a compact token, from the canonical bytes the reader has worked out."""
    full = f"{_b64url(header).decode()}.{_b64url(payload).decode()}.{token[2:]}"
    if not token.startswith("..") or not _FULL_FORM.fullmatch(full.encode("ascii", "replace")):
        raise _unreadable("it is not in compact form")
    return full


@lru_cache(maxsize=256)
def _header(x5u: str, ppt: str | None) -> bytes:
    """One provider signs millions of calls under the same header, so its bytes are kept."""
    kind = {} if ppt is None else {"ppt": ppt}
    return _b64url(canonical({"alg": "ES256", "typ": "passport", "x5u": x5u, **kind})) + b"."


@lru_cache(maxsize=1024)
def _kept_header(part: bytes) -> dict[str, Any]:
    """A provider's calls all come under one header; its readers get copies of what is kept."""
    return _object(part, "header")


def _b64url(data: bytes) -> bytes:
    return b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def _unb64url(text: bytes) -> bytes:
    """ValueError for a length no encoder produces; padding is never sent (RFC 7515 section 2)."""
    return a2b_base64(text.translate(_FROM_URL) + b"==")


def _raw(der: bytes) -> bytes:
    """r and s of a DER signature, 32 bytes each: DER drops leading zeros, ES256 keeps them."""
    if len(der) > _LONGEST_DER:
        raise ValueError("the signing key is not on P-256")
    end = 4 + der[3]
    if end >= 36 and len(der) >= end + 34:
        return der[end - 32 : end] + der[-32:]
    return der[4:end][-32:].rjust(32, b"\0") + der[end + 2 :][-32:].rjust(32, b"\0")


def _der(raw: bytes) -> bytes:
    r, s = raw[:32].lstrip(b"\0") or b"\0", raw[32:].lstrip(b"\0") or b"\0"
    if r[0] > 0x7F:
        r = b"\0" + r
    if s[0] > 0x7F:
        s = b"\0" + s
    return b"0%c\2%c%b\2%c%b" % (4 + len(r) + len(s), len(r), r, len(s), s)


def _object(part: bytes, name: str) -> dict[str, Any]:
    try:
        text = _unb64url(part)
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


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise _unfit(f"its {name} is not a text")
    return value


def _instant(value: object) -> Instant:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _unfit("its iat is not a number")
    # What is no number at all compares with nothing, and an integer may be too large for a float.
    if not 0 <= value <= _LATEST:
        raise _unfit("its iat is not a time")
    return int(value)


def _one(value: object, claim: str) -> Identity:
    if not isinstance(value, Mapping) or len(value) != 1:
        raise _unfit(f"its {claim} does not hold exactly one identity")
    ((kind, name),) = value.items()
    if kind not in _KINDS or not isinstance(name, str) or not name:
        raise _unfit(f"its {claim} is neither a tn nor a uri")
    return Identity(kind, name)


def _several(value: object) -> tuple[Identity, ...]:
    if not isinstance(value, Mapping) or not value.keys() <= _KINDS:
        raise _unfit("its dest does not hold tn or uri")
    found = []
    for kind, names in value.items():
        for name in (names,) if isinstance(names, str) else _array(names, kind):
            if not isinstance(name, str) or not name:
                raise _unfit(f"a {kind} of its dest is not a text")
            found.append(Identity(kind, name))
            if len(found) > MAX_DESTS:
                raise _unfit(f"its dest holds more than {MAX_DESTS} identities")
    if not found:
        raise _unfit("its dest names nobody")
    return tuple(found)


def _array(value: object, kind: str) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise _unfit(f"the {kind} of its dest is not an array")
    return value


def _sorted_keys(mky: object) -> list[Mapping[str, str]]:
    """RFC 8225 section 5.2.2: key fingerprints in the order of their algorithm, then digest."""
    if not isinstance(mky, list | tuple) or not mky:
        raise _unfit("its mky is not an array")
    for one in mky:
        if not isinstance(one, Mapping) or one.keys() != {"alg", "dig"}:
            raise _unfit("a member of its mky is not an alg and a dig")
    return sorted(mky, key=lambda one: (str(one["alg"]), str(one["dig"])))


def _unreadable(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The PASSporT cannot be read: {what}.")


def _unfit(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The PASSporT is not usable: {what}.")
