"""Certification paths after RFC 5280 section 6, with a name for every reason to refuse one.

A path runs from an end entity to a trust anchor. Each link is checked by name, by key identifiers
(RFC 9060 asks for them all the way) and by signature. The library's own verifier is not used: it
gives one reason for everything, and a verification service must tell an expired certificate from
a forged one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID, SignatureAlgorithmOID

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.shaken import constraints, tn_auth_list

MAX_CERTIFICATES = 6
"""Leaf, two delegate CAs, STI-CA, its root and one to spare."""
MAX_BYTES = 131_072
"""One certificate with the longest TN Authorization List, in PEM, and five usual ones."""

_T = TypeVar("_T", bound=x509.ExtensionType)

_ALGORITHMS = frozenset(
    {SignatureAlgorithmOID.ECDSA_WITH_SHA256, SignatureAlgorithmOID.ECDSA_WITH_SHA384}
)
# Certificate policy 1.4 lets CAs use P-384; ES256 ties the leaf to P-256 (RFC 8225 section 8).
_CA_CURVES = frozenset({"secp256r1", "secp384r1"})
_LEAF_CURVES = frozenset({"secp256r1"})
KNOWN = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
        tn_auth_list.EXTENSION,
        constraints.OID,
        constraints.ENHANCED_OID,
    }
)
"""What is read here or in chains; another critical extension means a rule we would overlook."""
UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    # What the library reads today with a warning, it will refuse tomorrow.
    CryptographyDeprecationWarning,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for a certificate, or a part of one, that it cannot read."""


class Defect(StrEnum):
    """Why a chain, a list of revocations or a list of CAs is not believed; one per reason."""

    # What was served.
    UNREADABLE = auto()
    TOO_LARGE = auto()
    OLD_VERSION = auto()
    BAD_SERIAL = auto()
    DUPLICATE_EXTENSION = auto()
    UNKNOWN_CRITICAL_EXTENSION = auto()
    # The path.
    UNKNOWN_ROOT = auto()
    WRONG_ISSUER = auto()
    MISSING_SKI = auto()
    MISSING_AKI = auto()
    KEY_IDENTIFIER_MISMATCH = auto()
    BAD_SIGNATURE = auto()
    WRONG_ALGORITHM = auto()
    WRONG_KEY = auto()
    NOT_YET_VALID = auto()
    EXPIRED = auto()
    ISSUER_NOT_CA = auto()
    PATH_TOO_LONG = auto()
    WRONG_KEY_USAGE = auto()
    LEAF_IS_CA = auto()
    # What the certificate may speak for.
    NO_TN_AUTH_LIST = auto()
    BAD_TN_AUTH_LIST = auto()
    BAD_TN_LIST_REFERENCE = auto()
    TN_LIST_NOT_OBTAINED = auto()
    SCOPE_EXCEEDED = auto()
    SCOPE_UNPROVEN = auto()
    TWO_CONSTRAINTS = auto()
    BAD_CONSTRAINTS = auto()
    CONSTRAINTS_ON_CA = auto()
    # Revocation, and the STI-PA's lists.
    NO_ANCHORS = auto()
    REVOKED = auto()
    NO_REVOCATION_LIST = auto()
    STALE_REVOCATION_LIST = auto()
    BAD_REVOCATION_LIST = auto()
    BAD_CA_LIST = auto()
    EXPIRED_CA_LIST = auto()


OURS = frozenset({Defect.NO_ANCHORS, Defect.NO_REVOCATION_LIST, Defect.STALE_REVOCATION_LIST})
"""What a verifier lacks itself: of a chain that is refused for one of them, nothing is known."""


class Untrusted(Refused):
    """A certificate, or a list about certificates, is not believed; ``defect`` says why."""

    def __init__(self, defect: Defect, because: str) -> None:
        super().__init__(Reason.INVALID_PARAMETER, because)
        self.defect = defect


@dataclass(frozen=True, slots=True)
class Link:
    """One certificate, read once; nothing about it is believed yet."""

    certificate: x509.Certificate
    extensions: Mapping[x509.ObjectIdentifier, x509.ExtensionType]
    public_key: ec.EllipticCurvePublicKey
    subject: bytes
    issuer: bytes
    """Both as :func:`name_key` writes them."""
    key_id: bytes | None
    parent_key_id: bytes | None
    is_ca: bool
    path_length: int | None
    usage: x509.KeyUsage | None
    not_before: Instant
    not_after: Instant

    @property
    def reference(self) -> tuple[bytes, int]:
        """Issuer and serial: what a list of revocations names."""
        return self.issuer, self.certificate.serial_number

    def raw(self, oid: x509.ObjectIdentifier) -> bytes | None:
        """The DER of an extension that the library does not know; None without it."""
        value = self.extensions.get(oid)
        return None if value is None else bytes(value.public_bytes())


@dataclass(frozen=True, slots=True)
class Anchors:
    """Trusted certificates, found by the name and key identifier a child names."""

    links: tuple[Link, ...]
    _found: dict[tuple[bytes, bytes | None], list[Link]] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        found: dict[tuple[bytes, bytes | None], list[Link]] = {}
        for link in self.links:
            found.setdefault((link.subject, link.key_id), []).append(link)
        object.__setattr__(self, "_found", found)

    def above(self, child: Link, now: Instant) -> Link | None:
        """The child's issuer; of a root and its renewal with the same key, the one valid now."""
        found = self._found.get((child.issuer, child.parent_key_id), [])
        valid = (link for link in found if link.not_before <= now <= link.not_after)
        return next(valid, found[0] if found else None)


def name_key(name: x509.Name) -> bytes:
    """A name for comparing, whatever its string types, case and spaces (RFC 5280 section 7.1).

    Two spellings of one issuer must not let a revoked certificate pass.
    """
    parts = []
    for rdn in name.rdns:
        for attribute in sorted(rdn, key=lambda one: one.oid.dotted_string):
            value = attribute.value
            text = value.hex() if isinstance(value, bytes) else " ".join(value.casefold().split())
            parts.append(f"{attribute.oid.dotted_string}={len(text)}:{text}")
        parts.append("/")
    return "".join(parts).encode("utf-8", "surrogatepass")


def load_pem(chain_pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a bundle, leaf first. Raises Untrusted."""
    if len(chain_pem) > MAX_BYTES or chain_pem.count(b"-----BEGIN ") > MAX_CERTIFICATES:
        limits = f"{MAX_BYTES} bytes or {MAX_CERTIFICATES} certificates"
        raise Untrusted(Defect.TOO_LARGE, f"The certificate chain is more than {limits}.")
    try:
        return tuple(x509.load_pem_x509_certificates(chain_pem))
    except UNREADABLE as fault:
        raise unreadable(fault) from None


def read(certificate: x509.Certificate) -> Link:
    """Take a certificate apart. Raises Untrusted when a part is unreadable or not understood."""
    try:
        return _link(certificate)
    except UNREADABLE as fault:
        raise unreadable(fault) from None


def read_pem(chain_pem: bytes) -> tuple[Link, ...]:
    """The certificates of a bundle taken apart, leaf first. Raises Untrusted."""
    return tuple(read(one) for one in load_pem(chain_pem))


def unreadable(fault: Exception) -> Untrusted:
    """What the library's refusal means here; its own words may quote what was served."""
    match fault:
        case x509.DuplicateExtension():
            return Untrusted(
                Defect.DUPLICATE_EXTENSION, "A certificate carries an extension twice."
            )
        case x509.InvalidVersion():
            return Untrusted(Defect.OLD_VERSION, "A certificate is not of version 3.")
    return Untrusted(Defect.UNREADABLE, "A certificate is not readable.")


def anchors(certificates: Iterable[x509.Certificate]) -> Anchors:
    """Trust anchors ready for use. Raises Untrusted for one that cannot be read."""
    return Anchors(tuple(read(one) for one in certificates))


def issued(child: Link, parent: Link) -> bool:
    """Whether the one certificate was signed by the other: the name and the signature agree."""
    try:
        child.certificate.verify_directly_issued_by(parent.certificate)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def follow(bundle: Sequence[Link], trusted: Anchors, now: Instant) -> tuple[Link, ...]:
    """The path from the bundle's first certificate to a trust anchor, every rule of RFC 5280 held.

    Certificates beyond the trust anchor are left unread: providers serve cross-signed roots too.
    Raises Untrusted.
    """
    path = tuple(_climb(bundle, trusted, now))
    _check_times(path, now)
    _check_leaf(path[0])
    for depth, authority in enumerate(path[1:]):
        _check_authority(authority, is_anchor=depth == len(path) - 2)
    _check_lengths(path)
    return path


def _link(certificate: x509.Certificate) -> Link:
    if certificate.version is not x509.Version.v3:
        raise Untrusted(Defect.OLD_VERSION, "A certificate is not of version 3.")
    # RFC 5280 section 4.1.2.2; lists of revocations name certificates by it.
    if certificate.serial_number <= 0:
        raise Untrusted(Defect.BAD_SERIAL, "A certificate's serial number is not above nought.")
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in KNOWN:
            oid = extension.oid.dotted_string
            raise Untrusted(
                Defect.UNKNOWN_CRITICAL_EXTENSION,
                f"A certificate's critical extension {oid} is not understood.",
            )
    public_key = certificate.public_key()
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise Untrusted(Defect.WRONG_KEY, "A certificate's key is not an elliptic curve key.")
    extensions = {extension.oid: extension.value for extension in certificate.extensions}
    basic = _value(extensions, x509.BasicConstraints)
    own = _value(extensions, x509.SubjectKeyIdentifier)
    above = _value(extensions, x509.AuthorityKeyIdentifier)
    return Link(
        certificate=certificate,
        extensions=extensions,
        public_key=public_key,
        subject=name_key(certificate.subject),
        issuer=name_key(certificate.issuer),
        key_id=own.digest if own else None,
        parent_key_id=above.key_identifier if above else None,
        is_ca=basic is not None and basic.ca,
        path_length=basic.path_length if basic else None,
        usage=_value(extensions, x509.KeyUsage),
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
    )


def _value(
    extensions: Mapping[x509.ObjectIdentifier, x509.ExtensionType], kind: type[_T]
) -> _T | None:
    value = extensions.get(kind.oid)
    return value if isinstance(value, kind) else None


def _climb(bundle: Sequence[Link], trusted: Anchors, now: Instant) -> Iterator[Link]:
    """Each certificate and its issuer, upwards, the signatures checked."""
    for child, above in zip(bundle, (*bundle[1:], None), strict=True):
        yield child
        if child.parent_key_id is None:
            raise Untrusted(Defect.MISSING_AKI, "A certificate does not identify its issuer's key.")
        anchor = trusted.above(child, now)
        if anchor is not None:
            _check_issued(child, anchor)
            yield anchor
            return
        if above is None:
            break
        _check_issued(child, above)
    raise Untrusted(Defect.UNKNOWN_ROOT, "The chain does not lead to a trusted authority.")


def _check_issued(child: Link, parent: Link) -> None:
    if child.issuer != parent.subject:
        raise Untrusted(Defect.WRONG_ISSUER, "A certificate is not followed by that of its issuer.")
    if parent.key_id is None:
        raise Untrusted(Defect.MISSING_SKI, "An authority does not identify its own key.")
    if child.parent_key_id != parent.key_id:
        raise Untrusted(
            Defect.KEY_IDENTIFIER_MISMATCH,
            "A certificate names another key than its issuer's.",
        )
    if child.certificate.signature_algorithm_oid not in _ALGORITHMS:
        raise Untrusted(Defect.WRONG_ALGORITHM, "A certificate is not signed with ECDSA and SHA-2.")
    if not issued(child, parent):
        raise Untrusted(Defect.BAD_SIGNATURE, "A certificate's signature is not its issuer's.")


def _check_times(path: Iterable[Link], now: Instant) -> None:
    for link in path:
        if now < link.not_before:
            raise Untrusted(Defect.NOT_YET_VALID, "A certificate of the chain is not valid yet.")
        if now > link.not_after:
            raise Untrusted(Defect.EXPIRED, "A certificate of the chain has expired.")


def _check_leaf(leaf: Link) -> None:
    if leaf.is_ca:
        raise Untrusted(Defect.LEAF_IS_CA, "The signing certificate belongs to an authority.")
    if leaf.public_key.curve.name not in _LEAF_CURVES:
        raise Untrusted(Defect.WRONG_KEY, "The signing certificate's key is not on P-256.")
    # RFC 5280 section 4.2.1.3: without the extension, every use is granted.
    if leaf.usage is not None and not leaf.usage.digital_signature:
        raise Untrusted(
            Defect.WRONG_KEY_USAGE, "The signing certificate may not be used for signatures."
        )


def _check_authority(authority: Link, *, is_anchor: bool) -> None:
    """RFC 5280 section 6.1.4 (k), (n); what an anchor does not say about itself is not asked."""
    if not authority.is_ca:
        raise Untrusted(Defect.ISSUER_NOT_CA, "A certificate was issued by an end entity.")
    if authority.public_key.curve.name not in _CA_CURVES:
        raise Untrusted(Defect.WRONG_KEY, "An authority's key is neither on P-256 nor on P-384.")
    if authority.usage is None and is_anchor:
        return
    if authority.usage is None or not authority.usage.key_cert_sign:
        raise Untrusted(
            Defect.WRONG_KEY_USAGE, "An authority's certificate may not sign certificates."
        )


def _check_lengths(path: Sequence[Link]) -> None:
    """RFC 5280 section 6.1.4 (l), (m): self-issued certificates do not count."""
    below = 0
    for authority in path[1:]:
        if authority.path_length is not None and below > authority.path_length:
            raise Untrusted(
                Defect.PATH_TOO_LONG, "More authorities stand below one than it allows."
            )
        if authority.subject != authority.issuer:
            below += 1
