"""What ATIS-1000080 and the SHAKEN certificate policy ask of certificates, as a table of rules.

A finding does not make a chain untrusted (:mod:`phonotary.shaken.chains` decides that): it tells a
provider what a stricter peer, or the policy's auditor, will object to. The rules are ATIS-1000080
v005 with US certificate policy 1.4, as public linters check them; the documents themselves are not
quoted. A delegate's certificates (RFC 9060) are read by the rules that bind them only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, NameOID, SignatureAlgorithmOID

from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.shaken import constraints, paths, tn_auth_list

_POLICY = re.compile(r"2\.16\.840\.1\.114569\.1\.1\.[1-9]\d?")
_SPC = re.compile(r"[0-9A-Z]{1,16}")
_OF_DELEGATES = frozenset(
    {ExtensionOID.AUTHORITY_INFORMATION_ACCESS, constraints.OID, constraints.ENHANCED_OID}
)
_KNOWN = paths.KNOWN - _OF_DELEGATES


class Role(StrEnum):
    """What a certificate is in its chain."""

    LEAF = auto()
    DELEGATE = auto()
    CA = auto()
    DELEGATE_CA = auto()
    ROOT = auto()


class Severity(StrEnum):
    ERROR = auto()
    WARNING = auto()


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that one certificate of the chain breaks."""

    name: str
    severity: Severity
    source: str
    """The document the rule is from."""
    sentence: str
    """What the rule asks, in plain words."""
    position: int
    """0 is the leaf."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One certificate as the rules look at it."""

    certificate: x509.Certificate
    role: Role
    extensions: Mapping[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]]
    now: Instant
    crl_url: str | None

    def names(self, oid: x509.ObjectIdentifier) -> list[str]:
        return [str(one.value) for one in self.certificate.subject.get_attributes_for_oid(oid)]

    def critical(self, oid: x509.ObjectIdentifier) -> bool:
        return oid in self.extensions and self.extensions[oid].critical

    def value(self, oid: x509.ObjectIdentifier) -> x509.ExtensionType | None:
        found = self.extensions.get(oid)
        return None if found is None else found.value

    def spc(self) -> str | None:
        """The provider code when it is the only entry."""
        value = self.value(tn_auth_list.EXTENSION)
        match None if value is None else tn_auth_list.decode(value.public_bytes()):
            case (tn_auth_list.Spc(code),):
                return code
        return None


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table."""

    name: str
    severity: Severity
    source: str
    sentence: str
    roles: frozenset[Role]
    holds: Callable[[_Seen], bool]


def lint(chain_pem: bytes, now: Instant, *, crl_url: str | None = None) -> tuple[Finding, ...]:
    """What the rules find, the leaf's findings first; nothing is raised.

    ``crl_url`` is the STI-PA's address of the one list of revocations, when it is to be checked.
    """
    try:
        certificates = paths.load_pem(chain_pem)
    except paths.Untrusted as fault:
        return (Finding("readable", Severity.ERROR, "RFC 5280", fault.because, 0),)
    found: list[Finding] = []
    looked = _look(certificates, now, crl_url)
    for position, seen in enumerate(looked):
        if isinstance(seen, paths.Untrusted):
            finding = Finding("readable", Severity.ERROR, "RFC 5280 4.2", seen.because, position)
            found.append(finding)
            continue
        found.extend(
            Finding(rule.name, rule.severity, rule.source, rule.sentence, position)
            for rule in RULES
            if seen.role in rule.roles and not _holds(rule, seen)
        )
    return (*found, *_order(looked), *_alone(looked))


def _look(
    certificates: tuple[x509.Certificate, ...], now: Instant, crl_url: str | None
) -> list[_Seen | paths.Untrusted]:
    read: list[_Seen | paths.Untrusted] = []
    delegated = False
    for position, certificate in reversed(list(enumerate(certificates))):
        try:
            extensions = {one.oid: one for one in certificate.extensions}
            is_root = certificate.subject == certificate.issuer
        except paths.UNREADABLE as fault:
            read.append(paths.unreadable(fault))
            continue
        has_scope = tn_auth_list.EXTENSION in extensions
        if position == 0 and not (has_scope and _certifies(extensions)):
            role = Role.DELEGATE if delegated else Role.LEAF
        elif is_root:
            role = Role.ROOT
        else:
            role = Role.DELEGATE_CA if has_scope else Role.CA
            delegated = delegated or has_scope
        read.append(_Seen(certificate, role, extensions, now, crl_url))
    return read[::-1]


def _certifies(
    extensions: Mapping[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]],
) -> bool:
    """A provider's own CA, which stands first in its own chain; one that says it is a CA and signs
    calls all the same is a leaf with a defect."""
    basic, usage = (extensions.get(oid) for oid in (_BASIC, _KEY_USAGE))
    is_ca = basic is not None and getattr(basic.value, "ca", False)
    return is_ca and usage is not None and getattr(usage.value, "key_cert_sign", False)


def _holds(rule: Rule, seen: _Seen) -> bool:
    """A value that cannot be read cannot be as the rule asks."""
    try:
        return rule.holds(seen)
    except (Refused, *paths.UNREADABLE):
        return False


def _order(looked: list[_Seen | paths.Untrusted]) -> list[Finding]:
    sentence = "Each certificate is followed by that of its issuer."
    return [
        Finding("chain_order", Severity.ERROR, "RFC 9060 5", sentence, position)
        for position, (child, parent) in enumerate(pairwise(looked))
        if isinstance(child, _Seen)
        and isinstance(parent, _Seen)
        and child.certificate.issuer != parent.certificate.subject
    ]


def _alone(looked: list[_Seen | paths.Untrusted]) -> list[Finding]:
    """A warning only: whom verifiers hold as a root is in no chain."""
    sentence = "The leaf is followed by its issuer, unless that is a root that verifiers hold."
    match looked:
        case [_Seen(role=Role.LEAF | Role.DELEGATE)]:
            return [Finding("chain_alone", Severity.WARNING, "RFC 9060 5", sentence, 0)]
    return []


def _valid(seen: _Seen) -> bool:
    begin, end = _times(seen)
    return begin <= seen.now <= end


def _young(seen: _Seen) -> bool:
    begin, end = _times(seen)
    return seen.now > end or 3 * (seen.now - begin) < 2 * (end - begin)


def _times(seen: _Seen) -> tuple[int, int]:
    found = seen.certificate
    return int(found.not_valid_before_utc.timestamp()), int(found.not_valid_after_utc.timestamp())


def _curve(*names: str) -> Callable[[_Seen], bool]:
    def holds(seen: _Seen) -> bool:
        key = seen.certificate.public_key()
        return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in names

    return holds


def _one_each(seen: _Seen) -> bool:
    oids = (NameOID.COUNTRY_NAME, NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
    return all(len(seen.names(oid)) == 1 for oid in oids)


def _usage(*allowed: str, needed: str) -> Callable[[_Seen], bool]:
    kinds = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign"
    ).split()

    def holds(seen: _Seen) -> bool:
        value = seen.value(ExtensionOID.KEY_USAGE)
        granted = {kind for kind in kinds if getattr(value, kind, False)}
        return needed in granted and granted <= {needed, *allowed}

    return holds


def _is_ca(seen: _Seen) -> bool:
    value = seen.value(ExtensionOID.BASIC_CONSTRAINTS)
    return isinstance(value, x509.BasicConstraints) and value.ca


def _one_policy(seen: _Seen) -> bool:
    value = seen.value(ExtensionOID.CERTIFICATE_POLICIES)
    found = list(value) if isinstance(value, x509.CertificatePolicies) else []
    return len(found) == 1 and bool(_POLICY.fullmatch(found[0].policy_identifier.dotted_string))


def _points(seen: _Seen) -> list[x509.DistributionPoint]:
    value = seen.value(ExtensionOID.CRL_DISTRIBUTION_POINTS)
    return list(value) if isinstance(value, x509.CRLDistributionPoints) else []


def _crl_address(seen: _Seen) -> bool:
    if not _points(seen):
        return True  # crl_point says so already
    found = [name.value for point in _points(seen) for name in point.full_name or ()]
    if seen.crl_url is not None:
        return found == [seen.crl_url]
    return len(found) == 1 and str(found[0]).startswith("https://")


def _identifier(seen: _Seen) -> bool:
    value = seen.value(ExtensionOID.SUBJECT_KEY_IDENTIFIER)
    return isinstance(value, x509.SubjectKeyIdentifier) and len(value.digest) == 20


def _own_spc(seen: _Seen) -> bool:
    spc = seen.spc()
    return spc is not None and bool(_SPC.fullmatch(spc))


def _no(*oids: x509.ObjectIdentifier) -> Callable[[_Seen], bool]:
    return lambda seen: not any(oid in seen.extensions for oid in oids)


def _only(known: frozenset[x509.ObjectIdentifier]) -> Callable[[_Seen], bool]:
    return lambda seen: seen.extensions.keys() <= known


_ALL = frozenset(Role)
_ENDS = frozenset({Role.LEAF, Role.DELEGATE})
_AUTHORITIES = _ALL - _ENDS
_BELOW = _ALL - {Role.ROOT}
_PLAIN = frozenset({Role.LEAF, Role.CA})
_DELEGATES = frozenset({Role.DELEGATE, Role.DELEGATE_CA})
_E, _W = Severity.ERROR, Severity.WARNING
_ATIS, _CP = "ATIS-1000080", "SHAKEN certificate policy"
_BASIC, _KEY_USAGE = ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE
_SHA2 = (SignatureAlgorithmOID.ECDSA_WITH_SHA256, SignatureAlgorithmOID.ECDSA_WITH_SHA384)

# fmt: off
RULES: tuple[Rule, ...] = (
    Rule("version", _E, _ATIS, "The certificate is of X.509 version 3.", _ALL,
         lambda seen: seen.certificate.version is x509.Version.v3),
    Rule("serial_positive", _E, "RFC 5280 4.1.2.2", "The serial number is above nought.", _ALL,
         lambda seen: seen.certificate.serial_number > 0),
    Rule("serial_length", _W, _CP, "The serial number holds 64 random bits.", _ALL,
         lambda seen: seen.certificate.serial_number.bit_length() > 56),
    Rule("valid_now", _E, "RFC 5280 4.1.2.5", "The certificate is valid now.", _ALL, _valid),
    Rule("renewal", _W, "ATIS-1000080, our reading",
         "A third of the certificate's life is still to come.", _ENDS, _young),
    Rule("signature_algorithm", _E, _ATIS, "The signature is ECDSA with SHA-2.", _ALL,
         lambda seen: seen.certificate.signature_algorithm_oid in _SHA2),
    Rule("signature_sha256", _W, _ATIS, "The signature is ECDSA with SHA-256.", _ALL,
         lambda seen: seen.certificate.signature_algorithm_oid == _SHA2[0]),
    Rule("leaf_key", _E, _ATIS, "The key is on P-256.", _ENDS, _curve("secp256r1")),
    Rule("authority_key", _E, f"{_CP} 1.4", "The key is on P-256 or P-384.", _AUTHORITIES,
         _curve("secp256r1", "secp384r1")),
    Rule("subject", _E, _ATIS, "The subject has one C, one O and one CN.", _ALL, _one_each),
    Rule("subject_country", _W, _CP, "The subject's country is US.", _ALL,
         lambda seen: seen.names(NameOID.COUNTRY_NAME) == ["US"]),
    Rule("subject_serial_number", _W, f"{_CP} 1.3", "The subject has a serialNumber.", _ALL,
         lambda seen: len(seen.names(NameOID.SERIAL_NUMBER)) == 1),
    Rule("name_shaken", _W, _ATIS, "The common name contains SHAKEN.", _ALL - _DELEGATES,
         lambda seen: any("SHAKEN" in name for name in seen.names(NameOID.COMMON_NAME))),
    Rule("name_root", _W, _ATIS, "A root's common name contains ROOT.", frozenset({Role.ROOT}),
         lambda seen: any("ROOT" in name for name in seen.names(NameOID.COMMON_NAME))),
    Rule("name_spc", _W, _ATIS, "The common name is SHAKEN and the provider code.",
         frozenset({Role.LEAF}),
         lambda seen: seen.names(NameOID.COMMON_NAME) == [f"SHAKEN {seen.spc()}"]),
    Rule("basic_constraints", _E, _ATIS, "Basic constraints are there and critical.", _ALL,
         lambda seen: seen.critical(_BASIC)),
    Rule("leaf_not_ca", _E, _ATIS, "A certificate that signs calls is no CA's.", _ENDS,
         lambda seen: not _is_ca(seen)),
    Rule("authority_is_ca", _E, _ATIS, "A certificate that issued another is a CA's.",
         _AUTHORITIES, _is_ca),
    Rule("key_usage", _E, _ATIS, "The key usage is there and critical.", _ALL,
         lambda seen: seen.critical(_KEY_USAGE)),
    Rule("leaf_key_usage", _E, _ATIS, "The key usage is digitalSignature alone.", _ENDS,
         _usage(needed="digital_signature")),
    Rule("authority_key_usage", _E, _ATIS,
         "The key usage is keyCertSign, with digitalSignature and cRLSign at most.", _AUTHORITIES,
         _usage("digital_signature", "crl_sign", needed="key_cert_sign")),
    Rule("subject_key_identifier", _E, _ATIS, "The subject key identifier has 160 bits.", _ALL,
         _identifier),
    Rule("authority_key_identifier", _E, _ATIS, "The issuer's key is identified.", _BELOW,
         lambda seen: ExtensionOID.AUTHORITY_KEY_IDENTIFIER in seen.extensions),
    Rule("certificate_policies", _E, _CP, "Exactly one SHAKEN policy is named.", _BELOW,
         _one_policy),
    Rule("crl_point", _E, _ATIS, "Exactly one CRL distribution point is named.", _BELOW,
         lambda seen: len(_points(seen)) == 1),
    Rule("crl_address", _E, _ATIS, "The CRL is at the STI-PA's https address.", _BELOW,
         _crl_address),
    Rule("crl_issuer", _E, _ATIS, "The STI-PA is named as the CRL's issuer.", _BELOW,
         lambda seen: all(point.crl_issuer for point in _points(seen))),
    Rule("root_is_plain", _E, _CP, "A root names neither policy nor CRL.", frozenset({Role.ROOT}),
         _no(ExtensionOID.CERTIFICATE_POLICIES, ExtensionOID.CRL_DISTRIBUTION_POINTS)),
    Rule("leaf_spc", _E, _ATIS,
         "The TN Authorization List is exactly one provider code of 0-9 and A-Z.",
         frozenset({Role.LEAF}), _own_spc),
    Rule("root_scope", _E, _ATIS, "A root has no TN Authorization List.", frozenset({Role.ROOT}),
         _no(tn_auth_list.EXTENSION)),
    Rule("scope_not_critical", _W, "RFC 8226 9", "The TN Authorization List is not critical.",
         _ALL, lambda seen: not seen.critical(tn_auth_list.EXTENSION)),
    Rule("other_extensions", _W, _ATIS, "There are no other extensions.", _PLAIN | {Role.ROOT},
         _only(_KNOWN)),
    Rule("delegate_extensions", _W, "RFC 9060, RFC 9118", "There are no other extensions.",
         _DELEGATES, _only(paths.KNOWN)),
)
# fmt: on
