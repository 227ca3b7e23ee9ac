"""The Service Provider Code token: a JWT in which the STI-PA vouches for one ACME account.

RFC 9448 section 5. It says "the holder of this account key may have
certificates for this TN Authorization List", and it is worth nothing with another key.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.shaken import jose
from phonotary.shaken.laboratory.problems import malformed, unauthorized

TYPE = "TNAuthList"
REMAINING = 180
"""Seconds a token must still live when it is presented, as a production CA asks."""
MAX_LENGTH = 16_384
"""Characters; a token with its certificate in x5c is about 2,000."""
FINGERPRINT = re.compile(r"SHA256 [0-9A-F]{2}(:[0-9A-F]{2}){31}")
_MAX_JTI = 128
_END_OF_TIME = 1 << 53


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token that holds says."""

    jti: str
    expires: Instant
    ca: bool
    """Whether it is for a provider's own CA, which certifies delegates (RFC 9060)."""


def account_fingerprint(key: ec.EllipticCurvePublicKey) -> str:
    """``SHA256 AA:BB:…`` over the key's SubjectPublicKeyInfo in DER (RFC 9448 section 5.4; over
    the SPKI as production clients compute it)."""
    digest = hashlib.sha256(jose.spki(key)).digest()
    return f"SHA256 {digest.hex(':').upper()}"


def atc(value: str, key: ec.EllipticCurvePublicKey, *, ca: bool = False) -> dict[str, Any]:
    """The ``atc`` claim for a certificate over the list that ``value`` encodes: an end entity's, or
    with ``ca`` that of a CA for delegates."""
    return {
        "tktype": TYPE,
        "tkvalue": value,
        "ca": ca,
        "fingerprint": account_fingerprint(key),
    }


def issue(
    key: ec.EllipticCurvePrivateKey,
    header: Mapping[str, Any],
    claim: Mapping[str, Any],
    *,
    jti: str,
    issuer: str,
    expires: Instant,
) -> str:
    """A token; ``header`` brings ``x5u`` and ``x5c`` of the STI-PA's certificate."""
    claims = {"iss": issuer, "exp": expires, "jti": jti, "atc": dict(claim)}
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return jose.sign_compact(key, {"typ": "JWT", **header}, payload)


def check(
    token: object,
    *,
    value: str,
    account_key: ec.EllipticCurvePublicKey,
    known: Mapping[str, tuple[x509.Certificate, ...]],
    roots: Iterable[x509.Certificate],
    now: Instant,
) -> Grant:
    """What the token grants to this account for this identifier ``value``.

    ``known`` gives the STI-PA's certificates by their ``x5u``, for a token without ``x5c``;
    ``roots`` are the STI-PA's. Raises Problem: malformed when it is no token at all, unauthorized
    when it is one for somebody or something else, or when nobody trustworthy signed it.
    """
    if not isinstance(token, str) or len(token) > MAX_LENGTH:
        raise malformed(f"The token is not a text of at most {MAX_LENGTH} characters.")
    try:
        read = jose.read_compact(token)
        claims = read.claims()
        chain = jose.certificates(read.header) or known.get(str(read.header.get("x5u")), ())
    except Refused as refused:
        raise malformed(refused.because) from refused
    if read.header.get("alg") != "ES256":
        raise unauthorized("The token's algorithm is not ES256.")
    if not jose.verify(read, _signer(chain, roots, now)):
        raise unauthorized("The token's signature is not the STI-PA's.")
    ca = _check_claim(claims.get("atc"), value, account_key)
    return _check_life(claims, ca, now)


def _signer(
    chain: tuple[x509.Certificate, ...], roots: Iterable[x509.Certificate], now: Instant
) -> ec.EllipticCurvePublicKey:
    """The key of the STI-PA's certificate: valid now, and issued by one of the STI-PA's roots."""
    if not chain:
        raise unauthorized("The token names no certificate of an STI-PA that is known here.")
    signer = chain[0]
    key = signer.public_key()
    valid = signer.not_valid_before_utc.timestamp() <= now < signer.not_valid_after_utc.timestamp()
    if not valid or not isinstance(key, ec.EllipticCurvePublicKey):
        raise unauthorized("The token's certificate is not valid now.")
    if not any(_issued_by(signer, root, now) for root in roots):
        raise unauthorized("The token's certificate does not lead to the STI-PA's root.")
    return key


def _issued_by(certificate: x509.Certificate, root: x509.Certificate, now: Instant) -> bool:
    if not root.not_valid_before_utc.timestamp() <= now < root.not_valid_after_utc.timestamp():
        return False
    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _check_claim(claim: object, value: str, account_key: ec.EllipticCurvePublicKey) -> bool:
    """RFC 9448 section 6: each member of ``atc`` must be the one this order asks for. Whether it is
    for a CA, which the order does not say: the certificate signing request will."""
    if not isinstance(claim, dict):
        raise malformed("The token has no atc claim.")
    if claim.get("tktype") != TYPE:
        raise unauthorized("The token's tktype is not TNAuthList.")
    if claim.get("tkvalue") != value:
        raise unauthorized("The token is for another TN Authorization List than the order.")
    ca = claim.get("ca", False)
    if not isinstance(ca, bool):
        raise unauthorized("The token's ca is neither true nor false.")
    if claim.get("fingerprint") != account_fingerprint(account_key):
        raise unauthorized("The token was issued to another ACME account's key.")
    return ca


def _check_life(claims: Mapping[str, Any], ca: bool, now: Instant) -> Grant:
    expires, jti = claims.get("exp"), claims.get("jti")
    if type(expires) is not int or not 0 < expires < _END_OF_TIME:
        raise malformed("The token has no exp claim in seconds since 1970.")
    if not isinstance(jti, str) or not 1 <= len(jti) <= _MAX_JTI:
        raise malformed("The token has no jti claim.")
    if expires - now < REMAINING:
        raise unauthorized(f"The token has expired, or will within {REMAINING} seconds.")
    return Grant(jti, expires, ca)
