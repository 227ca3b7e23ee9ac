"""Sandbox certificates after ATIS-1000080, and the credential a signer loads once.

The sandbox is its own STI-PA root and STI-CA. The shapes are those the SHAKEN certificate policy
asks of production ones, so that a verifier needs no exception to read them; only the trust anchor
differs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.shaken import tn_auth_list

# The policy identifier ends in the certificate policy's version; 4 stands for version 1.4.
POLICY = x509.ObjectIdentifier("2.16.840.1.114569.1.1.4")
TN_AUTH_LIST = x509.ObjectIdentifier(tn_auth_list.OID)

_DAY = 86_400
# Certificates begin an hour early: a call whose iat lies up to 60 s before the first signing must
# still fall inside them (RFC 8224 section 6.1), and peers' clocks may be slow.
_EARLY = 3_600
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

    key: ec.EllipticCurvePrivateKey = field(repr=False)
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
    root_key, ca_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root_name = _name("phonotary sandbox", "SHAKEN Sandbox ROOT")
    ca_name = _name("phonotary sandbox", "SHAKEN Sandbox STI-CA")
    leaf_name = _name(organisation, f"SHAKEN {spc}")

    root = _draft(now, authority_days, root_name, root_name, root_key.public_key())
    root = _authority(root, None)
    root_cert = _identified(root, root_key.public_key(), root_key.public_key(), root_key)

    ca = _draft(now, authority_days, ca_name, root_name, ca_key.public_key())
    ca = _under_policy(_authority(ca, 0), crl_url, root_name)
    ca_cert = _identified(ca, ca_key.public_key(), root_key.public_key(), root_key)

    leaf = _draft(now, leaf_days, leaf_name, ca_name, leaf_key.public_key())
    leaf = _under_policy(_end_entity(leaf, spc), crl_url, root_name)
    leaf_cert = _identified(leaf, leaf_key.public_key(), ca_key.public_key(), ca_key)

    chain = leaf_cert.public_bytes(Encoding.PEM) + ca_cert.public_bytes(Encoding.PEM)
    key_pem = leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Issued(chain, key_pem, root_cert.public_bytes(Encoding.PEM))


def fingerprint(chain_pem: bytes) -> str:
    """SHA-256 of the first certificate's DER, 64 lower-case hexadecimal digits.

    It names the chain in the repository, so that a new certificate never reuses an old address
    that verifiers have cached. Raises Refused (INVALID_PARAMETER).
    """
    return _leaf(chain_pem).fingerprint(SHA256()).hex()


def load_credential(chain_pem: bytes, key_pem: bytes, x5u: str) -> SigningCredential:
    """The credential, once the key and the leaf are shown to belong together.

    Raises Refused (INVALID_PARAMETER) when either cannot be read, the key is not P-256, the pair
    does not match, or the leaf does not name exactly one provider (ATIS-1000080).
    """
    leaf = _leaf(chain_pem)
    try:
        key = load_pem_private_key(key_pem, None)
    except (ValueError, TypeError) as fault:
        # The parser's own words are dropped: they might quote the key.
        raise _refused("the private key is not readable PEM") from fault
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise _refused("the private key is not on P-256, which ES256 needs")
    if key.public_key() != leaf.public_key():
        raise _refused("the private key is not the certificate's")
    return SigningCredential(
        key=key,
        x5u=x5u,
        spc=_spc(leaf),
        fingerprint=leaf.fingerprint(SHA256()).hex(),
        not_before=int(leaf.not_valid_before_utc.timestamp()),
        not_after=int(leaf.not_valid_after_utc.timestamp()),
    )


def _leaf(chain_pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(chain_pem)[0]
    except ValueError as fault:
        raise _refused("the certificate chain is not readable PEM") from fault


def _spc(leaf: x509.Certificate) -> str:
    try:
        value = leaf.extensions.get_extension_for_oid(TN_AUTH_LIST).value
    except (x509.ExtensionNotFound, ValueError) as fault:
        raise _refused("the certificate has no TN Authorization List") from fault
    entries = tn_auth_list.decode(value.public_bytes())
    match entries:
        case (tn_auth_list.Spc(code),):
            return code
    raise _refused("the TN Authorization List does not hold exactly one provider code")


def _name(organisation: str, common_name: str) -> x509.Name:
    """ATIS-1000080: exactly one C, one O and one CN."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _draft(
    now: Instant, days: int, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(now - _EARLY, UTC))
        .not_valid_after(datetime.fromtimestamp(now + days * _DAY, UTC))
    )


def _authority(draft: x509.CertificateBuilder, path: int | None) -> x509.CertificateBuilder:
    """A certificate that signs certificates; only leaves carry a TN Authorization List."""
    return draft.add_extension(
        x509.BasicConstraints(ca=True, path_length=path), critical=True
    ).add_extension(_usage(authority=True), critical=True)


def _end_entity(draft: x509.CertificateBuilder, spc: str) -> x509.CertificateBuilder:
    """A certificate that signs calls for exactly one provider."""
    der = tn_auth_list.encode([tn_auth_list.Spc(spc)])
    return (
        draft.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.UnrecognizedExtension(TN_AUTH_LIST, der), critical=False)
    )


def _under_policy(
    draft: x509.CertificateBuilder, crl_url: str | None, crl_issuer: x509.Name
) -> x509.CertificateBuilder:
    """Everything below the root names the policy, and the one indirect list of revocations."""
    policy = x509.CertificatePolicies([x509.PolicyInformation(POLICY, None)])
    draft = draft.add_extension(policy, critical=False)
    if crl_url is None:
        return draft
    point = x509.DistributionPoint(
        full_name=[x509.UniformResourceIdentifier(crl_url)],
        relative_name=None,
        reasons=None,
        crl_issuer=[x509.DirectoryName(crl_issuer)],
    )
    return draft.add_extension(x509.CRLDistributionPoints([point]), critical=False)


def _identified(
    draft: x509.CertificateBuilder,
    subject_key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    """Signed, with both key identifiers: chains are followed by them (RFC 9060)."""
    own = x509.SubjectKeyIdentifier.from_public_key(subject_key)
    parent = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key)
    return (
        draft.add_extension(own, critical=False)
        .add_extension(parent, critical=False)
        .sign(signer, SHA256())
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    """A leaf may do exactly digitalSignature; an authority signs certificates and CRLs only."""
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _refused(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The certificate cannot be used: {what}.")
