"""Certificates that no authority here issues, and that a verifier has to read all the same."""

from __future__ import annotations

from base64 import encodebytes
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from phonotary.shaken import der, tn_auth_list
from phonotary.shaken.issuing import Certified, Extensions


def scope_at(url: str) -> Extensions:
    """A TN Authorization List by reference, and none by value (RFC 8226 section 10.2)."""
    access = x509.AccessDescription(tn_auth_list.BY_REFERENCE, x509.UniformResourceIdentifier(url))
    there = x509.AuthorityInformationAccess([access])
    oid = ExtensionOID.AUTHORITY_INFORMATION_ACCESS
    return {oid: (there, False), tn_auth_list.EXTENSION: None}


def signed_again(
    certified: Certified, signer: ec.EllipticCurvePrivateKey, edit: Callable[[bytes], bytes]
) -> bytes:
    """PEM of the certificate with its signed part changed, and signed anew with ``signer``.

    For shapes no sound library writes, and some it does not even load: an extension twice, a
    serial of nought, version 2.
    """
    (_, outer), *_ = der.tlvs(certified.certificate.public_bytes(Encoding.DER))
    (_, algorithm) = list(der.tlvs(outer))[1]
    signed = edit(certified.certificate.tbs_certificate_bytes)
    signature = signer.sign(signed, ec.ECDSA(SHA256()))
    parts = der.tlv(der.SEQUENCE, algorithm) + der.tlv(der.BIT_STRING, b"\x00" + signature)
    lines = encodebytes(der.tlv(der.SEQUENCE, signed + parts))
    return b"-----BEGIN CERTIFICATE-----\n" + lines + b"-----END CERTIFICATE-----\n"
