"""Sandbox certificates after ATIS-1000080, and the credential a signer loads once.

The sandbox is its own STI-PA root and STI-CA. The shapes are those the SHAKEN certificate policy
asks of production ones, so that a verifier needs no exception to read them; only the trust anchor
differs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.shaken import credential_url, issuing, paths, tn_auth_list
from phonotary.shaken.passport import SigningKey

# Signed once when a credential is loaded; no PASSporT begins like it.
_PROBE = b"phonotary: does this key belong to this certificate?"
_ES256 = ec.ECDSA(SHA256())
_SPC = re.compile(r"[0-9A-Z]{1,16}")


@dataclass(frozen=True, slots=True)
class Issued:
    """What one provider receives: everything to sign, and what others need to check it."""

    chain_pem: bytes
    """The leaf, then the STI-CA; the root is not served, verifiers hold it."""
    key_pem: bytes = field(repr=False)
    """The leaf's private key, PKCS #8, unencrypted."""
    root_pem: bytes
    """The trust anchor."""


@dataclass(frozen=True, slots=True)
class SigningCredential:
    """A private key and certificate, read once and kept: never parsed per call."""

    key: SigningKey = field(repr=False)
    x5u: str
    """Where the chain is served; goes into ``x5u`` and ``info`` unchanged."""
    spc: str
    fingerprint: str
    """SHA-256 of the leaf's DER, 64 lower-case hexadecimal digits."""
    not_before: Instant
    not_after: Instant


def sandbox_certificates(
    now: Instant,
    spc: str,
    organisation: str,
    *,
    crl_url: str | None = None,
    leaf_days: int = 365,
    authority_days: int = 3650,
) -> Issued:
    """A fresh root, STI-CA and leaf for one provider, P-256 throughout.

    ``spc`` is 1 to 16 of 0-9A-Z, ``organisation`` 1 to 64 characters (X.520's bound). ``crl_url``
    None leaves the CRL distribution point out. Raises Refused (INVALID_PARAMETER).
    """
    if not _SPC.fullmatch(spc):
        raise _refused("a service provider code is 1 to 16 of the characters 0-9 and A-Z")
    if not 1 <= len(organisation) <= 64:
        raise _refused("an organisation's name is 1 to 64 characters")
    root = issuing.root(now, days=authority_days)
    crl = None if crl_url is None else issuing.CrlPoint(crl_url, root.name)
    ca = issuing.sti_ca(root, now, days=authority_days, crl=crl)
    leaf = issuing.leaf(ca, now, spc, organisation=organisation, days=leaf_days, crl=crl)
    return Issued(issuing.chain(leaf, ca), leaf.key_pem, root.pem)


def fingerprint(chain_pem: bytes) -> str:
    """SHA-256 of the first certificate's DER, 64 lower-case hexadecimal digits.

    It names the chain in the repository, so that a new certificate never reuses an old address
    that verifiers have cached. Raises Refused (INVALID_PARAMETER).
    """
    return _leaf(chain_pem).fingerprint(SHA256()).hex()


def address(x5u: str, print_: str) -> str:
    """Where a chain is served: ``x5u`` with the chain's :func:`fingerprint` in the place of
    ``{fingerprint}``. Raises Refused (INVALID_PARAMETER) for any other brace, which is in no URI
    (RFC 3986 section 2) and makes verifiers refuse the call."""
    filled = x5u.replace("{fingerprint}", print_)
    if "{" in filled or "}" in filled:
        because = f"The x5u {x5u} holds a brace; only {{fingerprint}} is filled in."
        raise Refused(Reason.INVALID_PARAMETER, because)
    return filled


def check_served(
    chain_pem: bytes,
    x5u: str,
    now: Instant,
    *,
    anchors: paths.Anchors | None = None,
    lab: frozenset[str] = frozenset(),
) -> None:
    """Whether a verifier that fetches this chain from there will believe it, as far as the signer
    can tell. Raises Refused (INVALID_PARAMETER) with what stands in its way.

    The address must be one that verifiers fetch from (:mod:`credential_url`, which says what
    ``lab`` is). The leaf must be followed by its issuer's certificate: verifiers hold roots and no
    more, so it may be left out only where ``anchors`` have it.
    """
    try:
        credential_url.where(x5u, lab=lab)
    except Refused as refused:
        raise Refused(
            refused.reason, f"No verifier takes the x5u {x5u}. {refused.because}"
        ) from None
    leaf, *above = [paths.read(one) for one in paths.load_pem(chain_pem)[:2]]
    anchor = anchors.above(leaf, now) if anchors else None
    if not any(paths.issued(leaf, one) for one in (anchor, *above) if one is not None):
        raise _refused(
            "it is not followed by that of its issuer, which no verifier has; put it into the file"
        )


def same_key(chain_pem: bytes, other_pem: bytes) -> bool:
    """Whether two chains are for one and the same private key. Raises Refused."""
    return _leaf(chain_pem).public_key() == _leaf(other_pem).public_key()


def load_credential(chain_pem: bytes, key: bytes | SigningKey, x5u: str) -> SigningCredential:
    """The credential, once the key and the leaf are shown to belong together.

    ``key`` is PKCS #8 PEM, or a key that signs where it is kept. Raises Refused
    (INVALID_PARAMETER) when either cannot be read, the key is not P-256, the pair does not match,
    or the leaf does not name exactly one provider (ATIS-1000080).
    """
    leaf = paths.read(_leaf(chain_pem))
    signing_key = _read_key(key) if isinstance(key, bytes) else key
    _check_pair(signing_key, leaf)
    return _credential(leaf, signing_key, x5u)


def certified_anew(held: SigningCredential, chain_pem: bytes, x5u: str) -> SigningCredential:
    """The credential with another certificate for its key, which need not sign to be known for it:
    the caller has found the two certificates to be of one key (:func:`same_key`). Raises Refused
    (INVALID_PARAMETER)."""
    return _credential(paths.read(_leaf(chain_pem)), held.key, x5u)


def _credential(leaf: paths.Link, key: SigningKey, x5u: str) -> SigningCredential:
    return SigningCredential(
        key=key,
        x5u=x5u,
        spc=_spc(leaf),
        fingerprint=leaf.certificate.fingerprint(SHA256()).hex(),
        not_before=leaf.not_before,
        not_after=leaf.not_after,
    )


def _read_key(key_pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(key_pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The parser's own words are dropped: they might quote the key.
        raise _refused("the private key is not readable PEM") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise _refused("the private key is not on P-256, which ES256 needs")
    return key


def _check_pair(key: SigningKey, leaf: paths.Link) -> None:
    """A key that never leaves its device shows no public half: it proves itself by signing."""
    if leaf.public_key.curve.name != "secp256r1":
        raise _refused("the certificate's key is not on P-256, which ES256 needs")
    try:
        leaf.public_key.verify(key.sign(_PROBE, _ES256), _PROBE, _ES256)
    except InvalidSignature:
        raise _refused("the private key is not the certificate's") from None


def _leaf(chain_pem: bytes) -> x509.Certificate:
    try:
        return paths.load_pem(chain_pem)[0]
    except paths.Untrusted as untrusted:
        raise _refused("the certificate chain is not readable PEM") from untrusted


def _spc(leaf: paths.Link) -> str:
    written = leaf.raw(tn_auth_list.EXTENSION)
    if written is None:
        raise _refused("the certificate has no TN Authorization List")
    entries = tn_auth_list.decode(written)
    match entries:
        case (tn_auth_list.Spc(code),):
            return code
    if not any(isinstance(one, tn_auth_list.Spc) for one in entries):
        raise _refused(
            "it is a delegate's, for numbers and no provider code, and a delegate signs no shaken "
            "PASSporT (RFC 9060)"
        )
    raise _refused("the TN Authorization List does not hold exactly one provider code")


def _refused(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The certificate cannot be used: {what}.")
