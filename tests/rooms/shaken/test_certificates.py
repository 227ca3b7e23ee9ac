"""Sandbox certificates: the shapes ATIS-1000080 asks for, and a chain that holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtensionOID, NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
)

from phonotary.errors import Refused
from phonotary.shaken import issuing, paths
from phonotary.shaken.certificates import (
    Issued,
    address,
    certified_anew,
    check_served,
    fingerprint,
    load_credential,
    same_key,
    sandbox_certificates,
)
from phonotary.shaken.chains import validate
from phonotary.shaken.issuing import POLICY
from phonotary.shaken.tn_auth_list import EXTENSION as TN_AUTH_LIST
from phonotary.shaken.tn_auth_list import One, Range, Spc
from phonotary.shaken.trust import Trust

NOW = 1_790_000_000
CRL = "https://trust.example/certs/crl"
X5U = "https://trust.example/certs/leaf.pem"
ISSUED: Issued = sandbox_certificates(NOW, "709J", "Owl Telecom", crl_url=CRL)
LEAF, CA = x509.load_pem_x509_certificates(ISSUED.chain_pem)
ROOT = x509.load_pem_x509_certificate(ISSUED.root_pem)
ALL = pytest.mark.parametrize("cert", [LEAF, CA, ROOT], ids=["leaf", "ca", "root"])


def common_name(cert: x509.Certificate) -> str:
    return str(cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def oids(cert: x509.Certificate) -> set[x509.ObjectIdentifier]:
    return {extension.oid for extension in cert.extensions}


def test_the_chain_verifies_from_leaf_to_root() -> None:
    authority = (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.CRITICAL, None)
        .require_present(x509.KeyUsage, Criticality.CRITICAL, None)
    )
    verifier = (
        PolicyBuilder()
        .store(Store([ROOT]))
        .time(datetime.fromtimestamp(NOW, UTC))
        .extension_policies(ca_policy=authority, ee_policy=ExtensionPolicy.permit_all())
        .build_client_verifier()
    )
    assert verifier.verify(LEAF, [CA]).chain == [LEAF, CA, ROOT]


@ALL
def test_every_certificate_is_v3_p256_sha256_with_a_long_serial(cert: x509.Certificate) -> None:
    key = cert.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert cert.version is x509.Version.v3
    assert isinstance(cert.signature_hash_algorithm, SHA256)
    assert cert.serial_number.bit_length() > 64


@ALL
def test_every_subject_has_one_country_organisation_and_shaken_name(
    cert: x509.Certificate,
) -> None:
    assert [attribute.oid for attribute in cert.subject] == [
        NameOID.COUNTRY_NAME,
        NameOID.ORGANIZATION_NAME,
        NameOID.COMMON_NAME,
    ]
    assert "SHAKEN" in common_name(cert)
    assert ("ROOT" in common_name(cert)) == (cert is ROOT)


def test_the_leaf_names_its_provider() -> None:
    assert common_name(LEAF) == "SHAKEN 709J"
    extension = LEAF.extensions.get_extension_for_oid(TN_AUTH_LIST)
    assert extension.value.public_bytes().hex() == "3008a00616043730394a"
    assert not extension.critical
    assert TN_AUTH_LIST not in oids(CA) | oids(ROOT)


def test_the_leaf_may_only_sign_calls() -> None:
    usage = LEAF.extensions.get_extension_for_class(x509.KeyUsage)
    constraints = LEAF.extensions.get_extension_for_class(x509.BasicConstraints)
    assert usage.critical
    assert constraints.critical
    assert not constraints.value.ca
    # KeyUsage is a BIT STRING; 03 02 07 80 is digitalSignature and nothing else.
    assert usage.value.public_bytes().hex() == "03020780"


@pytest.mark.parametrize("cert", [CA, ROOT], ids=["ca", "root"])
def test_authorities_sign_certificates_and_revocations_only(cert: x509.Certificate) -> None:
    usage = cert.extensions.get_extension_for_class(x509.KeyUsage)
    constraints = cert.extensions.get_extension_for_class(x509.BasicConstraints)
    assert usage.critical
    assert constraints.critical
    assert constraints.value.ca
    assert usage.value.public_bytes().hex() == "03020106"


@pytest.mark.parametrize(("child", "parent"), [(LEAF, CA), (CA, ROOT), (ROOT, ROOT)])
def test_key_identifiers_join_each_certificate_to_its_issuer(
    child: x509.Certificate, parent: x509.Certificate
) -> None:
    above = child.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    own = parent.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert above.key_identifier == own.digest
    assert len(own.digest) == 20


@pytest.mark.parametrize("cert", [LEAF, CA], ids=["leaf", "ca"])
def test_all_below_the_root_name_one_policy_and_one_indirect_crl(cert: x509.Certificate) -> None:
    policies = cert.extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert [policy.policy_identifier for policy in policies] == [POLICY]
    (point,) = cert.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name is not None
    assert point.crl_issuer is not None
    assert [name.value for name in point.full_name] == [CRL]
    assert [name.value for name in point.crl_issuer] == [ROOT.subject]


def test_the_root_names_neither_policy_nor_crl() -> None:
    unwanted = {ExtensionOID.CERTIFICATE_POLICIES, ExtensionOID.CRL_DISTRIBUTION_POINTS}
    assert oids(ROOT).isdisjoint(unwanted)


def test_without_a_crl_address_there_is_no_distribution_point() -> None:
    plain = sandbox_certificates(NOW, "709J", "Owl Telecom")
    for cert in x509.load_pem_x509_certificates(plain.chain_pem):
        assert ExtensionOID.CRL_DISTRIBUTION_POINTS not in oids(cert)


def test_two_issues_share_no_key_and_no_serial() -> None:
    again = x509.load_pem_x509_certificate(sandbox_certificates(NOW, "709J", "O").chain_pem)
    assert again.serial_number != LEAF.serial_number
    assert again.public_key() != LEAF.public_key()


def test_a_loaded_credential_says_when_and_for_whom_it_signs() -> None:
    credential = load_credential(ISSUED.chain_pem, ISSUED.key_pem, X5U)
    assert credential.spc == "709J"
    assert credential.x5u == X5U
    assert (
        credential.fingerprint == fingerprint(ISSUED.chain_pem) == LEAF.fingerprint(SHA256()).hex()
    )
    assert credential.not_before < NOW - 60
    assert credential.not_after == NOW + 365 * 86_400
    assert credential.key.public_key() == LEAF.public_key()


def test_neither_bundle_shows_its_key_when_printed() -> None:
    credential = load_credential(ISSUED.chain_pem, ISSUED.key_pem, X5U)
    assert "key" not in repr(credential)
    assert "PRIVATE" not in repr(ISSUED)


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


OTHER = sandbox_certificates(NOW, "818H", "Other")


@pytest.mark.parametrize(
    ("chain", "key", "why"),
    [
        (b"", ISSUED.key_pem, "chain is not readable"),
        (ISSUED.chain_pem, b"junk", "private key is not readable"),
        (ISSUED.chain_pem, OTHER.key_pem, "not the certificate's"),
        (ISSUED.chain_pem, pem(ec.generate_private_key(ec.SECP384R1())), "not on P-256"),
    ],
    ids=["no-chain", "no-key", "another's-key", "p384"],
)
def test_a_credential_that_cannot_sign_is_not_loaded(chain: bytes, key: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        load_credential(chain, key, X5U)


def test_an_address_has_the_fingerprint_filled_in_and_no_other_brace() -> None:
    assert address("https://c.example/{fingerprint}.pem", "ab12") == "https://c.example/ab12.pem"
    assert address(X5U, "ab12") == X5U
    for wrong in ("https://c.example/{print}.pem", "https://c.example/{", "https://c.example/}"):
        with pytest.raises(Refused, match="is filled in"):
            address(wrong, "ab12")


def test_a_delegates_certificate_is_told_that_it_signs_no_shaken() -> None:
    authority = issuing.delegate_ca(issuing.root(NOW), NOW, [Spc("709J")])
    own = issuing.delegate(authority, NOW, [One("12155550100"), Range("12155550200", 50)])
    with pytest.raises(Refused, match="a delegate signs no shaken PASSporT"):
        load_credential(issuing.chain(own, authority), own.key_pem, X5U)
    two = issuing.leaf(issuing.root(NOW), NOW, "709J", extensions=issuing.scope(
        [Spc("709J"), Spc("818H")]))  # fmt: skip
    with pytest.raises(Refused, match="exactly one provider code"):
        load_credential(two.pem, two.key_pem, X5U)


def test_a_certificate_that_names_no_provider_is_not_loaded() -> None:
    key = load_pem_private_key(ISSUED.key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    bare = (
        x509.CertificateBuilder()
        .subject_name(LEAF.subject)
        .issuer_name(LEAF.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(LEAF.not_valid_before_utc)
        .not_valid_after(LEAF.not_valid_after_utc)
        .sign(key, SHA256())
    )
    with pytest.raises(Refused, match="no TN Authorization List"):
        load_credential(bare.public_bytes(Encoding.PEM), ISSUED.key_pem, X5U)


@pytest.mark.parametrize(
    ("spc", "organisation"),
    [("709j", "O"), ("", "O"), ("709 J", "O"), ("709J", ""), ("1", "x" * 65)],
)
def test_names_that_a_certificate_cannot_carry_are_refused(spc: str, organisation: str) -> None:
    with pytest.raises(Refused):
        sandbox_certificates(NOW, spc, organisation)


class Device:
    """A key that signs where it is kept and shows no public half, as PKCS #11 does."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    def sign(self, data: bytes, signature_algorithm: ec.ECDSA) -> bytes:
        return self._key.sign(data, signature_algorithm)


def test_a_key_in_a_device_proves_itself_by_signing() -> None:
    key = load_pem_private_key(ISSUED.key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    device = Device(key)
    credential = load_credential(ISSUED.chain_pem, device, X5U)
    assert credential.key is device
    assert credential.spc == "709J"


def test_a_device_with_another_key_is_not_loaded() -> None:
    with pytest.raises(Refused, match="not the certificate's"):
        load_credential(ISSUED.chain_pem, Device(ec.generate_private_key(ec.SECP256R1())), X5U)


def test_a_certificate_on_another_curve_signs_nothing() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    ca = issuing.sti_ca(issuing.root(NOW), NOW)
    leaf = issuing.leaf(ca, NOW, "709J", key=key)
    with pytest.raises(Refused, match="not on P-256"):
        load_credential(leaf.pem, Device(key), X5U)


def test_the_sandbox_chain_is_one_that_a_verifier_believes() -> None:
    found = validate(ISSUED.chain_pem, Trust((ROOT,)), NOW)
    assert (found.spc, found.fingerprint) == ("709J", fingerprint(ISSUED.chain_pem))


HTTP = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("x5u", "why"),
    [
        ("http://trust.example/certs/leaf.pem", "not an https URI"),
        ("https://trust.example:9999/leaf.pem", "its port is none of 443, 8443"),
        ("https://trust.example/leaf.pem?v=1", "a query"),
        ("https://jo@trust.example/leaf.pem", "user information"),
        ("leaf.pem", "not an absolute https URI"),
    ],
)
def test_an_address_that_no_verifier_takes_is_refused(x5u: str, why: str) -> None:
    with pytest.raises(Refused, match=f"No verifier takes the x5u .*{why}") as refused:
        check_served(ISSUED.chain_pem, x5u, NOW)
    assert x5u in refused.value.because


def test_a_laboratorys_own_address_is_taken_where_its_verifier_takes_it() -> None:
    check_served(ISSUED.chain_pem, X5U, NOW)
    check_served(ISSUED.chain_pem, "https://trust.example:8443/leaf.pem", NOW)
    check_served(ISSUED.chain_pem, f"{HTTP}/leaf.pem", NOW, lab=frozenset({HTTP}))
    with pytest.raises(Refused, match="https"):
        check_served(ISSUED.chain_pem, f"{HTTP}/leaf.pem", NOW)


def test_a_leaf_without_its_issuer_is_taken_under_an_anchor_only() -> None:
    leaf = LEAF.public_bytes(Encoding.PEM)
    for alone in (leaf, leaf + ROOT.public_bytes(Encoding.PEM)):
        with pytest.raises(Refused, match="not followed by that of its issuer"):
            check_served(alone, X5U, NOW)
    with pytest.raises(Refused, match="not followed by"):
        check_served(leaf, X5U, NOW, anchors=paths.anchors([ROOT]))
    check_served(leaf, X5U, NOW, anchors=paths.anchors([CA]))
    # A verifier that holds the issuer agrees, whatever is beside the leaf.
    assert validate(leaf, Trust((CA,)), NOW).spc == "709J"


def test_an_issuers_name_alone_is_not_the_issuer() -> None:
    other = sandbox_certificates(NOW, "709J", "Owl Telecom", crl_url=CRL)
    namesake = x509.load_pem_x509_certificates(other.chain_pem)[1]
    assert namesake.subject == LEAF.issuer
    forged = LEAF.public_bytes(Encoding.PEM) + namesake.public_bytes(Encoding.PEM)
    with pytest.raises(Refused, match="not followed by"):
        check_served(forged, X5U, NOW)


def test_two_certificates_of_one_key_are_told_from_those_of_two() -> None:
    root = issuing.root(NOW)
    ca = issuing.sti_ca(root, NOW)
    first = issuing.leaf(ca, NOW, "709J")
    again = issuing.leaf(ca, NOW, "709J", public_key=first.private_key.public_key())
    other = issuing.leaf(ca, NOW, "709J")
    assert same_key(issuing.chain(first, ca), issuing.chain(again, ca))
    held = load_credential(issuing.chain(first, ca), first.key_pem, X5U)
    anew = certified_anew(held, issuing.chain(again, ca), f"{X5U}2")
    assert anew == replace(
        load_credential(issuing.chain(again, ca), first.key_pem, f"{X5U}2"), key=held.key
    )
    with pytest.raises(Refused, match="Authorization List"):
        certified_anew(held, ca.pem, X5U)
    assert not same_key(issuing.chain(first, ca), issuing.chain(other, ca))
