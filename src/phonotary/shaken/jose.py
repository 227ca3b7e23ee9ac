"""JWS and JWT with ES256, the only algorithm of SHAKEN, on joserfc.

A key is cryptography's or behaves like one: a key inside an HSM signs here as a file's key does.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode

from phonotary.errors import Reason, Refused
from phonotary.shaken.passport.reading import no_twins
from phonotary.shaken.paths import MAX_CERTIFICATES, UNREADABLE

MAX_BYTES = 1_048_576
"""Bytes of a JWS; the longest is the STI-PA's list of CAs, with a few dozen certificates."""
_MAX_HEADER = 16_384
_P256_OCTETS = 32


class _Registry(jws.JWSRegistry):
    # A chain in x5c is longer than the 512 bytes a header has by default.
    max_header_length = _MAX_HEADER
    max_payload_length = MAX_BYTES


# ACME's nonce and url (RFC 8555 section 6.2) are not among joserfc's header parameters; what is
# not known is ignored (RFC 7515 section 4) unless it is said to be critical.
_REGISTRY = _Registry(algorithms=["ES256"], strict_check_header=False)


@dataclass(frozen=True, slots=True)
class Unverified:
    """A JWS taken apart; nothing in it is proven before :func:`verify` says so."""

    header: Mapping[str, Any]
    payload: bytes
    _whole: Mapping[str, str] | str

    def claims(self) -> dict[str, Any]:
        """The payload as a JSON object. Raises Refused (INVALID_PARAMETER)."""
        return _object(self.payload, "The JWS's payload")


def b64(data: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(data).decode()


def unb64(text: str) -> bytes:
    """The bytes of base64url without padding. Raises ValueError for any other form."""
    return urlsafe_b64decode(text.encode("ascii"))


def jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The public key as a JWK on P-256 (RFC 7518 section 6.2)."""
    numbers = key.public_numbers()
    x, y = (b64(one.to_bytes(_P256_OCTETS)) for one in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def public_key(value: object) -> ec.EllipticCurvePublicKey:
    """The key of a JWK. Raises Refused (INVALID_PARAMETER) unless it is a public one on P-256."""
    try:
        if not isinstance(value, dict) or "d" in value or value.get("crv") != "P-256":
            raise ValueError("not a public key on P-256")
        key: ec.EllipticCurvePublicKey = ECKey.import_key(value).public_key
        return key
    except (JoseError, ValueError, TypeError, KeyError) as fault:
        raise _refused("The key is not a public JWK on P-256.") from fault


def spki(key: ec.EllipticCurvePublicKey) -> bytes:
    """DER of the key's SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign_compact(key: ec.EllipticCurvePrivateKey, header: Mapping[str, Any], payload: bytes) -> str:
    """A compact JWS; the header gets ``alg`` ES256."""
    protected = {"alg": "ES256", **header}
    return jws.serialize_compact(protected, payload, _private(key), registry=_REGISTRY)


def sign_flattened(
    key: ec.EllipticCurvePrivateKey, header: Mapping[str, Any], payload: bytes
) -> bytes:
    """A JWS in the flattened JSON form that ACME sends (RFC 8555 section 6.2)."""
    member: jws.HeaderDict = {"protected": {"alg": "ES256", **header}}
    whole = jws.serialize_json(member, payload, _private(key), registry=_REGISTRY)
    return json.dumps(whole).encode()


def read_compact(text: str) -> Unverified:
    """Raises Refused (INVALID_PARAMETER) when it is no compact JWS."""
    parts = text.split(".") if len(text) <= MAX_BYTES else ()
    if len(parts) != 3:
        raise _refused("The token is not a compact JWS of three parts.")
    return _taken_apart(parts[0], parts[1], text)


def read_flattened(body: bytes) -> Unverified:
    """Raises Refused (INVALID_PARAMETER) unless it is exactly what RFC 8555 section 6.2 allows:
    ``protected``, ``payload`` and ``signature``, nothing unprotected."""
    whole = _object(body, "The body")
    if set(whole) != {"protected", "payload", "signature"} or not all(
        isinstance(value, str) for value in whole.values()
    ):
        raise _refused("The body is not a flattened JWS of protected, payload and signature.")
    return _taken_apart(whole["protected"], whole["payload"], whole)


def verify(unverified: Unverified, key: ec.EllipticCurvePublicKey) -> bool:
    """Whether this key made the ES256 signature."""
    try:
        if key.curve.name != "secp256r1":
            return False
        wrapped, whole = ECKey(key, jwk(key)), unverified._whole
        if isinstance(whole, str):
            jws.deserialize_compact(whole, wrapped, registry=_REGISTRY)
        else:
            jws.deserialize_json(dict(whole), wrapped, registry=_REGISTRY)  # type: ignore[call-overload]
    except (JoseError, ValueError, TypeError, RecursionError):
        return False
    return True


def certificates(header: Mapping[str, Any]) -> tuple[x509.Certificate, ...]:
    """What ``x5c`` holds (RFC 7515 section 4.1.6), nothing without it. Raises Refused."""
    if "x5c" not in header:
        return ()
    held = header["x5c"]
    if not isinstance(held, list) or not 1 <= len(held) <= MAX_CERTIFICATES:
        raise _refused(f"x5c is not a list of at most {MAX_CERTIFICATES} certificates.")
    try:
        return tuple(
            x509.load_der_x509_certificate(base64.b64decode(one, validate=True)) for one in held
        )
    except UNREADABLE as fault:
        raise _refused("x5c holds what is no certificate.") from fault


def _private(key: ec.EllipticCurvePrivateKey) -> ECKey:
    """joserfc asks a native key for its private numbers; given the public ones, it does not."""
    return ECKey(key, jwk(key.public_key()))


def _taken_apart(protected: str, payload: str, whole: Mapping[str, str] | str) -> Unverified:
    if len(protected) > _MAX_HEADER:
        raise _refused(f"The JWS's header is longer than {_MAX_HEADER} characters.")
    try:
        header, content = unb64(protected), unb64(payload)
    except ValueError as fault:
        raise _refused("The JWS is not base64url without padding.") from fault
    said = _object(header, "The JWS's protected header")
    if "b64" in said:
        # RFC 7797: with ``false`` the signature is over the payload as it stands, so what is
        # verified would be another text than what is read here. Nothing of SHAKEN says ``b64``.
        raise _refused("The JWS's payload may only be base64url; its header says b64.")
    return Unverified(said, content, whole)


def _object(data: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(data, object_pairs_hook=no_twins)
    except (ValueError, RecursionError) as fault:
        raise _refused(f"{what} is not JSON.") from fault
    if not isinstance(value, dict):
        raise _refused(f"{what} is not a JSON object.")
    return value


def _refused(sentence: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, sentence)
