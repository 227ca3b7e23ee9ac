"""A certification authority's hands: roots, STI-CAs, leaves, delegates and revocation lists.

The shapes are those ATIS-1000080 and the SHAKEN certificate policy ask for. Every field can be
written over, because a verifier is only tested by certificates that are wrong in one named way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypedDict, Unpack

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtensionOID, NameOID

from phonotary.clock import Instant
from phonotary.shaken import constraints, jose, passport, tn_auth_list

# The policy identifier ends in the certificate policy's version; 4 stands for version 1.4.
POLICY = x509.ObjectIdentifier("2.16.840.1.114569.1.1.4")

DAY = 86_400
# Certificates begin an hour early: a call whose iat lies up to 60 s before the first signing must
# still fall inside them (RFC 8224 section 6.1), and peers' clocks may be slow.
EARLY = 3_600

Extensions = Mapping[x509.ObjectIdentifier, tuple[x509.ExtensionType, bool] | None]
"""By identifier: the value and whether it is critical, or None to leave the extension out."""


class Fields(TypedDict, total=False):
    """What may be written over in any certificate; each has a sound value otherwise."""

    subject: x509.Name
    issuer: x509.Name
    serial: int
    not_before: Instant
    not_after: Instant
    key: ec.EllipticCurvePrivateKey
    """The subject's private key; a new one on P-256 otherwise."""
    public_key: ec.EllipticCurvePublicKey
    """The key out of a certificate request, whose private half the subject keeps."""
    signer: ec.EllipticCurvePrivateKey
    """Signs in the place of the parent's key."""
    digest: SHA256 | SHA384 | SHA512
    """SHA-256 otherwise."""
    extensions: Extensions
    """Added to the usual ones, or in their place."""


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate, and its private key where it is ours."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | None = field(repr=False)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def name(self) -> x509.Name:
        return self.certificate.subject

    @property
    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """The private key. Raises ValueError when the subject keeps it."""
        if self.key is None:
            raise ValueError("the private key of this certificate is not ours")
        return self.key

    @property
    def key_pem(self) -> bytes:
        """PKCS #8, unencrypted."""
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True, slots=True)
class CrlPoint:
    """Where the one indirect list of revocations is, and who signs it."""

    url: str
    issuer: x509.Name
    """The STI-PA, whichever CA issued the certificate (ATIS-1000080)."""


def new_key() -> ec.EllipticCurvePrivateKey:
    """A new private key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def name(organisation: str, common_name: str, serial_number: str | None = None) -> x509.Name:
    """ATIS-1000080: exactly one C, one O and one CN; policy 1.3 adds a serialNumber."""
    parts = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
        x509.NameAttribute(NameOID.COMMON_NAME, common_name),
    ]
    if serial_number is not None:
        parts.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, serial_number))
    return x509.Name(parts)


def root(now: Instant, *, days: int = 3650, **fields: Unpack[Fields]) -> Certified:
    """A trust anchor: of an STI-CA, or of the STI-PA when so named."""
    subject = fields.setdefault("subject", name("phonotary sandbox", "SHAKEN Sandbox ROOT"))
    fields.setdefault("issuer", subject)
    return _certify(None, now, days, _authority(None), fields)


def sti_ca(
    parent: Certified,
    now: Instant,
    *,
    days: int = 3650,
    path_length: int | None = 0,
    crl: CrlPoint | None = None,
    **fields: Unpack[Fields],
) -> Certified:
    """A CA that issues to providers; ``path_length`` 1 leaves room for delegate CAs below."""
    fields.setdefault("subject", name("phonotary sandbox", "SHAKEN Sandbox STI-CA"))
    return _certify(parent, now, days, {**_authority(path_length), **_policy(crl)}, fields)


def leaf(
    parent: Certified,
    now: Instant,
    spc: str,
    *,
    organisation: str = "Owl Telecom",
    days: int = 365,
    crl: CrlPoint | None = None,
    **fields: Unpack[Fields],
) -> Certified:
    """The certificate that signs calls for exactly one provider code."""
    fields.setdefault("subject", name(organisation, f"SHAKEN {spc}"))
    usual = {**_end_entity(), **_policy(crl), **scope([tn_auth_list.Spc(spc)])}
    return _certify(parent, now, days, usual, fields)


def delegate_ca(
    parent: Certified,
    now: Instant,
    entries: Iterable[tn_auth_list.Entry],
    *,
    days: int = 365,
    path_length: int | None = 0,
    crl: CrlPoint | None = None,
    **fields: Unpack[Fields],
) -> Certified:
    """A provider's own CA, which may hand on what ``entries`` name and no more (RFC 9060)."""
    fields.setdefault("subject", name("Owl Telecom", "SHAKEN Delegate CA"))
    usual = {**_authority(path_length), **_policy(crl), **scope(entries)}
    return _certify(parent, now, days, usual, fields)


def delegate(
    parent: Certified,
    now: Instant,
    entries: Iterable[tn_auth_list.Entry],
    *,
    days: int = 90,
    crl: CrlPoint | None = None,
    claims: constraints.ClaimConstraints | None = None,
    **fields: Unpack[Fields],
) -> Certified:
    """A customer's certificate for its own numbers (RFC 9060); it signs no shaken PASSporT."""
    fields.setdefault("subject", name("A customer", "SHAKEN Delegate"))
    usual = {**_end_entity(), **_policy(crl), **scope(entries), **bounds(claims)}
    return _certify(parent, now, days, usual, fields)


def sti_pa(
    parent: Certified, now: Instant, *, days: int = 365, **fields: Unpack[Fields]
) -> Certified:
    """The policy administrator's certificate: signs the CA list, tokens and the revocations."""
    fields.setdefault("subject", name("phonotary sandbox", "SHAKEN Sandbox STI-PA"))
    usage = _usage("digital_signature", "crl_sign")
    usual = {**_end_entity(), ExtensionOID.KEY_USAGE: (usage, True)}
    return _certify(parent, now, days, usual, fields)


def scope(entries: Iterable[tn_auth_list.Entry]) -> Extensions:
    """A TN Authorization List by value, not critical (RFC 8226 section 9)."""
    oid = tn_auth_list.EXTENSION
    return {oid: (_raw(oid, tn_auth_list.encode(entries)), False)}


def bounds(claims: constraints.ClaimConstraints | None) -> Extensions:
    """What the PASSporTs of an end entity may say (RFC 8226 section 8, RFC 9118)."""
    if claims is None:
        return {}
    return {claims.oid: (_raw(claims.oid, constraints.encode(claims)), False)}


def chain(*certified: Certified) -> bytes:
    """PEM, one after the other: the leaf comes first (RFC 9060 section 5)."""
    return b"".join(one.pem for one in certified)


def crl(
    signer: Certified,
    now: Instant,
    revoked: Sequence[tuple[x509.Name, int]],
    *,
    days: int = 1,
    this_update: Instant | None = None,
    carried: bool = True,
) -> bytes:
    """The indirect list, DER, signed by the STI-PA: (issuer, serial) of each certificate.

    ``carried`` names an issuer only where it changes, as RFC 5280 section 5.3.3 lets a reader
    expect; otherwise every entry names its own.
    """
    begin = now if this_update is None else this_update
    draft = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.name)
        .last_update(_time(begin))
        .next_update(_time(begin + days * DAY))
        .add_extension(_INDIRECT, critical=True)
        .add_extension(x509.CRLNumber(begin), critical=False)
        .add_extension(_parent_key(signer.certificate), critical=False)
    )
    named = signer.name
    for issuer, serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(_time(begin))
        if issuer != named or not carried:
            general = x509.CertificateIssuer([x509.DirectoryName(issuer)])
            entry, named = entry.add_extension(general, critical=True), issuer
        draft = draft.add_revoked_certificate(entry.build())
    return draft.sign(signer.private_key, SHA256()).public_bytes(Encoding.DER)


def ca_list(
    signer: Certified,
    now: Instant,
    anchors: Iterable[x509.Certificate],
    *,
    above: Sequence[Certified] = (),
    x5u: str | None = None,
    sequence: int = 1,
    days: int = 1,
    **claims: object,
) -> str:
    """The STI-PA's list of CAs as JWS compact form, ES256.

    The signer's chain travels in ``x5c`` (itself, then ``above``) unless ``x5u`` says where it
    is. ``claims`` are added to the payload or written over it; None takes one out.
    """
    payload: dict[str, object] = {
        "version": "1.0",
        "sequence": sequence,
        "exp": now + days * DAY,
        "trustList": [one.public_bytes(Encoding.PEM).decode("ascii") for one in anchors],
    }
    payload = {key: value for key, value in (payload | claims).items() if value is not None}
    found = {"x5u": x5u} if x5u else {"x5c": [_b64(one) for one in (signer, *above)]}
    header = {"typ": "JWT", **found}
    return jose.sign_compact(signer.private_key, header, passport.canonical(payload))


_INDIRECT = x509.IssuingDistributionPoint(
    full_name=None,
    relative_name=None,
    only_contains_user_certs=False,
    only_contains_ca_certs=False,
    only_some_reasons=None,
    indirect_crl=True,
    only_contains_attribute_certs=False,
)


def _certify(
    parent: Certified | None,
    now: Instant,
    days: int,
    usual: Extensions,
    fields: Fields,
) -> Certified:
    """Signed, with both key identifiers: chains are followed by them (RFC 9060)."""
    key = None if "public_key" in fields else fields.get("key") or new_key()
    public_key = fields["public_key"] if key is None else key.public_key()
    signer = fields.get("signer") or (parent.private_key if parent else key)
    if signer is None:
        raise ValueError("a root is signed with its own key, which must be given")
    draft = (
        x509.CertificateBuilder()
        .subject_name(fields["subject"])
        .issuer_name(fields["issuer"] if parent is None else fields.get("issuer", parent.name))
        .public_key(public_key)
        .serial_number(fields.get("serial") or x509.random_serial_number())
        .not_valid_before(_time(fields.get("not_before", now - EARLY)))
        .not_valid_after(_time(fields.get("not_after", now + days * DAY)))
    )
    above = _own_key(public_key) if parent is None else parent.certificate
    identifiers: Extensions = {
        ExtensionOID.SUBJECT_KEY_IDENTIFIER: (_own_key(public_key), False),
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER: (_parent_key(above), False),
    }
    for extension in {**usual, **identifiers, **fields.get("extensions", {})}.values():
        if extension is not None:
            draft = draft.add_extension(extension[0], critical=extension[1])
    return Certified(draft.sign(signer, fields.get("digest") or SHA256()), key)


def _authority(path_length: int | None) -> Extensions:
    """A certificate that signs certificates and revocations only."""
    return {
        ExtensionOID.BASIC_CONSTRAINTS: (x509.BasicConstraints(True, path_length), True),
        ExtensionOID.KEY_USAGE: (_usage("key_cert_sign", "crl_sign"), True),
    }


def _end_entity() -> Extensions:
    """A certificate that signs and issues nothing: exactly digitalSignature."""
    return {
        ExtensionOID.BASIC_CONSTRAINTS: (x509.BasicConstraints(False, None), True),
        ExtensionOID.KEY_USAGE: (_usage("digital_signature"), True),
    }


def _policy(point: CrlPoint | None) -> Extensions:
    """Everything below the root names the policy, and the one indirect list of revocations."""
    policy = x509.CertificatePolicies([x509.PolicyInformation(POLICY, None)])
    named: Extensions = {ExtensionOID.CERTIFICATE_POLICIES: (policy, False)}
    if point is None:
        return named
    where = x509.DistributionPoint(
        full_name=[x509.UniformResourceIdentifier(point.url)],
        relative_name=None,
        reasons=None,
        crl_issuer=[x509.DirectoryName(point.issuer)],
    )
    points = x509.CRLDistributionPoints([where])
    return {**named, ExtensionOID.CRL_DISTRIBUTION_POINTS: (points, False)}


def _usage(*granted: str) -> x509.KeyUsage:
    kinds = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    ).split()
    return x509.KeyUsage(**{kind: kind in granted for kind in kinds})


def _own_key(public_key: ec.EllipticCurvePublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(public_key)


def _parent_key(above: x509.Certificate | x509.SubjectKeyIdentifier) -> x509.AuthorityKeyIdentifier:
    """The parent's own identifier as it wrote it; worked out anew where it wrote none."""
    if isinstance(above, x509.SubjectKeyIdentifier):
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above)
    try:
        own = above.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        own = x509.SubjectKeyIdentifier.from_public_key(above.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _raw(oid: x509.ObjectIdentifier, encoded: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(oid, encoded)


def _b64(one: Certified) -> str:
    """Base64 with padding and no line breaks, as x5c asks (RFC 7515 section 4.1.6)."""
    return "".join(one.pem.decode("ascii").splitlines()[1:-1])


def _time(at: Instant) -> datetime:
    return datetime.fromtimestamp(at, UTC)
