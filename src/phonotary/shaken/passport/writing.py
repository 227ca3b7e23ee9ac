"""Writing a PASSporT and signing it."""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from phonotary.clock import Instant
from phonotary.shaken.passport.contents import identities, identity, instant, unfit
from phonotary.shaken.passport.es256 import DETERMINISTIC, RANDOM, TO_URL, b64url, to_raw

_WRITER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
_AS_DECLARED = msgspec.json.Encoder()


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


class SigningKey(Protocol):
    """A P-256 private key, wherever it lives; cryptography's own key is one as it stands."""

    def sign(self, data: bytes, signature_algorithm: ec.ECDSA) -> bytes:
        """The DER ``Ecdsa-Sig-Value`` over SHA-256 of ``data``."""
        ...


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
    identity(ready.get("orig"), "orig")
    if isinstance(ready.get("iat"), float):
        raise unfit("its iat is not a whole number")
    instant(ready.get("iat"))
    dest = ready.get("dest")
    identities(dest)
    assert isinstance(dest, Mapping)
    if any(isinstance(values, str) for values in dest.values()):
        raise unfit("its dest does not hold arrays")
    ready["dest"] = {kind: sorted(values) for kind, values in dest.items()}
    if "mky" in ready:
        ready["mky"] = _sorted_keys(ready["mky"])
    try:
        return canonical(ready)
    except (TypeError, ValueError, RecursionError) as fault:
        raise unfit("a claim is not JSON") from fault


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
    identity({kind: value for kind, value in div.items() if kind != "hi"}, "div")
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
    signed = _header(x5u, ppt) + b2a_base64(payload, newline=False).translate(TO_URL).rstrip(b"=")
    der = key.sign(signed, DETERMINISTIC if deterministic else RANDOM)
    signature = b2a_base64(to_raw(der), newline=False).translate(TO_URL)
    return f"{signed.decode()}.{signature[:86].decode()}"


@lru_cache(maxsize=256)
def _header(x5u: str, ppt: str | None) -> bytes:
    """One provider signs millions of calls under the same header, so its bytes are kept."""
    kind = {} if ppt is None else {"ppt": ppt}
    return b64url(canonical({"alg": "ES256", "typ": "passport", "x5u": x5u, **kind})) + b"."


def _sorted_keys(mky: object) -> list[Mapping[str, str]]:
    """RFC 8225 section 5.2.2: key fingerprints in the order of their algorithm, then digest."""
    if not isinstance(mky, list | tuple) or not mky:
        raise unfit("its mky is not an array")
    for one in mky:
        if not isinstance(one, Mapping) or one.keys() != {"alg", "dig"}:
            raise unfit("a member of its mky is not an alg and a dig")
    return sorted(mky, key=lambda one: (str(one["alg"]), str(one["dig"])))
