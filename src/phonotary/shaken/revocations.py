"""The STI-PA's indirect list of revocations (RFC 5280 section 5, ATIS-1000080).

One list covers the certificates of every CA, so a serial number alone says nothing: two CAs may
use the same one. An entry is the pair of issuer and serial.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from phonotary.clock import Instant
from phonotary.shaken.paths import UNREADABLE, Defect, Untrusted, name_key, read

MAX_BYTES = 8_388_608
"""About 200,000 entries, ten times all SHAKEN certificates ever issued to one list."""

_KNOWN = frozenset(
    {
        ExtensionOID.ISSUING_DISTRIBUTION_POINT,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CRL_NUMBER,
    }
)
_KNOWN_IN_ENTRY = frozenset(
    {
        CRLEntryExtensionOID.CERTIFICATE_ISSUER,
        CRLEntryExtensionOID.CRL_REASON,
        CRLEntryExtensionOID.INVALIDITY_DATE,
    }
)


@dataclass(frozen=True, slots=True)
class Revocations:
    """What one list says, and for how long it speaks."""

    revoked: frozenset[tuple[bytes, int]]
    """(issuer as :func:`paths.name_key` writes it, serial)."""
    this_update: Instant
    next_update: Instant

    def is_revoked(self, links: Iterable[tuple[bytes, int]]) -> bool:
        """Whether any of a chain's certificates is on the list."""
        return not self.revoked.isdisjoint(links)

    def stale(self, now: Instant) -> bool:
        """Whether a newer list should exist by now."""
        return now > self.next_update


def read_crl(der_or_pem: bytes, issuer: x509.Certificate, now: Instant) -> Revocations:
    """The list, once its signature by ``issuer`` (the distribution point's cRLIssuer) holds.

    Whether ``issuer`` is itself to be believed is for the caller, who got it from the STI-PA.
    Raises Untrusted: BAD_REVOCATION_LIST, or STALE_REVOCATION_LIST when nextUpdate has passed,
    since a list fetched now must not be an old one played again.
    """
    if len(der_or_pem) > MAX_BYTES:
        raise Untrusted(
            Defect.TOO_LARGE, f"The list of revocations is longer than {MAX_BYTES} bytes."
        )
    try:
        found = _load(der_or_pem)
        _check_issuer(found, issuer, now)
        _check_kind(found)
        this_update, next_update = _times(found)
        revoked = frozenset(_entries(found))
    except UNREADABLE:
        raise _bad("is not readable") from None
    if this_update > now:
        raise _bad("is not valid yet")
    if next_update < now:
        raise Untrusted(Defect.STALE_REVOCATION_LIST, "The list of revocations is out of date.")
    return Revocations(revoked, this_update, next_update)


def _load(der_or_pem: bytes) -> x509.CertificateRevocationList:
    if der_or_pem.lstrip()[:11] == b"-----BEGIN ":
        return x509.load_pem_x509_crl(der_or_pem)
    return x509.load_der_x509_crl(der_or_pem)


def _check_issuer(
    found: x509.CertificateRevocationList, issuer: x509.Certificate, now: Instant
) -> None:
    link = read(issuer)
    if name_key(found.issuer) != link.subject:
        raise _bad("names another issuer")
    # RFC 5280 section 6.3.3 (f): a key usage that is given must allow signing such lists.
    if link.usage is not None and not link.usage.crl_sign:
        raise _bad("is signed by a certificate that may not sign such lists")
    if not link.not_before <= now <= link.not_after:
        raise _bad("is signed by a certificate that is not valid now")
    if not isinstance(link.public_key, ec.EllipticCurvePublicKey) or not found.is_signature_valid(
        link.public_key
    ):
        raise _bad("is not signed by its issuer")


def _check_kind(found: x509.CertificateRevocationList) -> None:
    """Only a complete list may say that a certificate is not revoked (RFC 5280 section 5.2)."""
    for extension in found.extensions:
        if extension.critical and extension.oid not in _KNOWN:
            oid = extension.oid.dotted_string
            raise _bad(f"has a critical extension {oid} that is not understood")
        point = extension.value
        if isinstance(point, x509.IssuingDistributionPoint) and (
            point.only_contains_user_certs
            or point.only_contains_ca_certs
            or point.only_contains_attribute_certs
            or point.only_some_reasons
        ):
            raise _bad("covers some certificates only")


def _times(found: x509.CertificateRevocationList) -> tuple[Instant, Instant]:
    after = found.next_update_utc
    if after is None:
        raise _bad("does not say when the next one is due")
    return int(found.last_update_utc.timestamp()), int(after.timestamp())


def _entries(found: x509.CertificateRevocationList) -> Iterator[tuple[bytes, int]]:
    """An entry without an issuer has that of the entry before it; the first, that of the list
    (RFC 5280 section 5.3.3)."""
    issuer = name_key(found.issuer)
    for entry in found:
        for extension in entry.extensions:
            if isinstance(extension.value, x509.CertificateIssuer):
                names = extension.value.get_values_for_type(x509.DirectoryName)
                if len(names) != 1:
                    raise _bad("has an entry without one issuer's name")
                issuer = name_key(names[0])
            elif extension.critical and extension.oid not in _KNOWN_IN_ENTRY:
                raise _bad("has an entry with a critical extension that is not understood")
        yield issuer, entry.serial_number


def _bad(what: str) -> Untrusted:
    return Untrusted(Defect.BAD_REVOCATION_LIST, f"The list of revocations {what}.")
