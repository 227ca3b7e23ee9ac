"""The table of what ATIS-1000080 and the certificate policy ask: every row finds its defect."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384, SHA512
from cryptography.x509.oid import ExtensionOID, NameOID

from phonotary.shaken import issuing, tn_auth_list
from phonotary.shaken.issuing import Certified, CrlPoint, chain
from phonotary.shaken.lint import RULES, Severity, lint
from phonotary.shaken.tn_auth_list import One, Range, Spc
from tests.simulators.odd_certificates import signed_again

NOW = 1_790_000_000
DAY = 86_400
URL = "https://pa.example/crl"
PA = issuing.name("Policy administrator", "SHAKEN PA")
POINT = CrlPoint(URL, PA)


def named(common_name: str, **changes: str) -> x509.Name:
    return issuing.name("Owl Telecom", common_name, "1")


ROOT = issuing.root(NOW, subject=named("SHAKEN ROOT"))
CA = issuing.sti_ca(ROOT, NOW, crl=POINT, path_length=1, subject=named("SHAKEN CA"))
ODD = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")


def leaf(**fields: object) -> Certified:
    usual: dict[str, object] = {"crl": POINT, "subject": named("SHAKEN 709J")}
    return issuing.leaf(CA, NOW, "709J", **(usual | fields))  # type: ignore[arg-type]


def ca(**fields: object) -> Certified:
    usual: dict[str, object] = {"crl": POINT, "subject": named("SHAKEN CA")}
    return issuing.sti_ca(ROOT, NOW, **(usual | fields))  # type: ignore[arg-type]


def below(above: Certified) -> bytes:
    end = issuing.leaf(above, NOW, "709J", crl=POINT, subject=named("SHAKEN 709J"))
    return chain(end, above)


def changed(oid: x509.ObjectIdentifier, value: x509.ExtensionType | None, critical: bool = False):  # type: ignore[no-untyped-def]
    return {"extensions": {oid: None if value is None else (value, critical)}}


def root(**fields: object) -> bytes:
    return chain(leaf(), CA, issuing.root(NOW, **({"subject": named("SHAKEN ROOT")} | fields)))  # type: ignore[arg-type]


def subject(**parts: list[str]) -> dict[str, object]:
    oids = {
        "C": NameOID.COUNTRY_NAME,
        "O": NameOID.ORGANIZATION_NAME,
        "CN": NameOID.COMMON_NAME,
        "SN": NameOID.SERIAL_NUMBER,
    }
    usual = {"C": ["US"], "O": ["Owl Telecom"], "CN": ["SHAKEN 709J"], "SN": ["1"]}
    attributes = [
        x509.NameAttribute(oids[kind], value)
        for kind, values in (usual | parts).items()
        for value in values
    ]
    return {"subject": x509.Name(attributes)}


def scope(*entries: tn_auth_list.Entry) -> dict[str, object]:
    return {"extensions": issuing.scope(entries)}


def points(*found: x509.DistributionPoint) -> dict[str, object]:
    return changed(ExtensionOID.CRL_DISTRIBUTION_POINTS, x509.CRLDistributionPoints(list(found)))


def point(url: str, issuer: bool = True) -> x509.DistributionPoint:
    return x509.DistributionPoint(
        full_name=[x509.UniformResourceIdentifier(url)],
        relative_name=None,
        reasons=None,
        crl_issuer=[x509.DirectoryName(PA)] if issuer else None,
    )


def policies(*oids: str) -> dict[str, object]:
    each = [x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in oids]
    return changed(ExtensionOID.CERTIFICATE_POLICIES, x509.CertificatePolicies(each))


def with_serial(old: int, new: int) -> bytes:
    """A serial no builder accepts: nought."""
    made = leaf(serial=old)
    edit: Callable[[bytes], bytes] = lambda signed: signed.replace(  # noqa: E731
        bytes((2, 1, old)), bytes((2, 1, new)), 1
    )
    return signed_again(made, CA.private_key, edit) + CA.pem


BASIC, USAGE = ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE
SKI, AKI = ExtensionOID.SUBJECT_KEY_IDENTIFIER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER
POLICY = "2.16.840.1.114569.1.1.4"
ENCODED = tn_auth_list.encode([Spc("709J")])
SCOPE = x509.UnrecognizedExtension(tn_auth_list.EXTENSION, ENCODED)
SIGNING = issuing.leaf(CA, NOW, "709J").certificate.extensions.get_extension_for_oid(USAGE).value

# Each defect, and every rule that finds it in the leaf or above.
DEFECTS: dict[str, tuple[set[str], Callable[[], bytes]]] = {
    "a serial of nought": ({"serial_positive", "serial_length"}, lambda: with_serial(127, 0)),
    "a short serial": ({"serial_length"}, lambda: chain(leaf(serial=77), CA)),
    "expired": ({"valid_now"}, lambda: chain(leaf(not_after=NOW - 1), CA)),
    "two thirds gone": (
        {"renewal"},
        lambda: chain(leaf(not_before=NOW - 2 * DAY, not_after=NOW + DAY), CA),
    ),
    "signed with SHA-384": ({"signature_sha256"}, lambda: chain(leaf(digest=SHA384()), CA)),
    "signed with SHA-512": (
        {"signature_sha256", "signature_algorithm"},
        lambda: chain(leaf(digest=SHA512()), CA),
    ),
    "a leaf on P-384": (
        {"leaf_key"},
        lambda: chain(leaf(key=ec.generate_private_key(ec.SECP384R1())), CA),
    ),
    "an authority on P-521": (
        {"authority_key"},
        lambda: below(ca(key=ec.generate_private_key(ec.SECP521R1()))),
    ),
    "two organisations": ({"subject"}, lambda: chain(leaf(**subject(O=["A", "B"])), CA)),
    "another country": ({"subject_country"}, lambda: chain(leaf(**subject(C=["CA"])), CA)),
    "no serialNumber": ({"subject_serial_number"}, lambda: chain(leaf(**subject(SN=[])), CA)),
    "another provider's name": ({"name_spc"}, lambda: chain(leaf(**subject(CN=["SHAKEN 1"])), CA)),
    "an authority not called SHAKEN": ({"name_shaken"}, lambda: below(ca(subject=named("CA")))),
    "a root not called ROOT": (
        {"name_root", "chain_order"},
        lambda: root(subject=named("SHAKEN")),
    ),
    "no basic constraints": (
        {"basic_constraints"},
        lambda: chain(leaf(**changed(BASIC, None)), CA),
    ),
    "a leaf that is a CA": (
        {"leaf_not_ca"},
        lambda: chain(leaf(**changed(BASIC, x509.BasicConstraints(True, None), True)), CA),
    ),
    "an authority that is none": (
        {"authority_is_ca"},
        lambda: below(ca(**changed(BASIC, x509.BasicConstraints(False, None), True))),
    ),
    "key usage not critical": ({"key_usage"}, lambda: chain(leaf(**changed(USAGE, SIGNING)), CA)),
    "a leaf without key usage": (
        {"key_usage", "leaf_key_usage"},
        lambda: chain(leaf(**changed(USAGE, None)), CA),
    ),
    "an authority that signs only": (
        {"authority_key_usage"},
        lambda: below(ca(**changed(USAGE, SIGNING, True))),
    ),
    "a short key identifier": (
        {"subject_key_identifier"},
        lambda: chain(leaf(**changed(SKI, x509.SubjectKeyIdentifier(b"12345678"))), CA),
    ),
    "no issuer's key": (
        {"authority_key_identifier"},
        lambda: chain(leaf(**changed(AKI, None)), CA),
    ),
    "another policy": ({"certificate_policies"}, lambda: chain(leaf(**policies("1.2.3")), CA)),
    "two policies": (
        {"certificate_policies"},
        lambda: chain(leaf(**policies(POLICY, "2.16.840.1.114569.1.1.3")), CA),
    ),
    "no CRL": ({"crl_point"}, lambda: chain(leaf(crl=None), CA)),
    "two CRLs": (
        {"crl_point", "crl_address"},
        lambda: chain(leaf(**points(point(URL), point(URL + "2"))), CA),
    ),
    "a CRL elsewhere": (
        {"crl_address"},
        lambda: chain(leaf(**points(point("https://ca.example/crl"))), CA),
    ),
    "a CRL of nobody's": ({"crl_issuer"}, lambda: chain(leaf(**points(point(URL, False))), CA)),
    "a root with a policy": ({"root_is_plain"}, lambda: root(**policies(POLICY))),
    "a code in small letters": (
        {"leaf_spc"},
        lambda: chain(leaf(**scope(Spc("709j")), **subject(CN=["SHAKEN 709j"])), CA),
    ),
    "two codes": (
        {"leaf_spc", "name_spc"},
        lambda: chain(leaf(**scope(Spc("709J"), Spc("709K"))), CA),
    ),
    "a list that is not DER": (
        {"leaf_spc", "name_spc"},
        lambda: chain(
            leaf(
                **changed(
                    tn_auth_list.EXTENSION,
                    x509.UnrecognizedExtension(tn_auth_list.EXTENSION, b"\x00"),
                )
            ),
            CA,
        ),
    ),
    "a root with numbers": (
        {"root_scope"},
        lambda: root(**scope(Range("12155550000", 10))),
    ),
    "a critical list": (
        {"scope_not_critical"},
        lambda: chain(leaf(**changed(tn_auth_list.EXTENSION, SCOPE, True)), CA),
    ),
    "another extension": ({"other_extensions"}, lambda: chain(leaf(**changed(ODD.oid, ODD)), CA)),
    "another extension of a delegate": ({"delegate_extensions"}, lambda: delegated(ODD)),
    "alone": ({"chain_alone"}, lambda: chain(leaf())),
    "not in order": ({"chain_order"}, lambda: chain(leaf(), ROOT)),
    "not readable": ({"readable"}, lambda: b"junk"),
    "too long": ({"readable"}, lambda: 7 * CA.pem),
}


def delegated(odd: x509.UnrecognizedExtension | None = None) -> bytes:
    above = issuing.delegate_ca(CA, NOW, [Spc("709J")], crl=POINT, subject=named("Delegate CA"))
    extensions = {} if odd is None else changed(odd.oid, odd)
    end = issuing.delegate(
        above, NOW, [One("12155550100")], crl=POINT, subject=named("Customer"), **extensions
    )
    return chain(end, above, CA, ROOT)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@pytest.mark.parametrize("name", DEFECTS)
def test_each_defect_is_found_by_its_own_rules(name: str) -> None:
    rules, make = DEFECTS[name]
    assert {finding.name for finding in lint(make(), NOW, crl_url=URL)} == rules


def test_every_rule_of_the_table_finds_something_here() -> None:
    found = {name for rules, _ in DEFECTS.values() for name in rules}
    # The library loads no certificate of version 1 or 2 with extensions, so the row speaks for
    # bare ones only; paths has its own defect for it.
    assert {rule.name for rule in RULES} - found == {"version"}


def test_a_chain_as_the_policy_asks_has_no_finding() -> None:
    assert lint(chain(leaf(), CA, ROOT), NOW, crl_url=URL) == ()
    assert lint(delegated(), NOW, crl_url=URL) == ()


def test_a_delegate_ca_is_no_leaf_though_it_stands_first() -> None:
    above = issuing.delegate_ca(CA, NOW, [Spc("709J")], crl=POINT, subject=named("Delegate CA"))
    assert lint(chain(above, CA, ROOT), NOW, crl_url=URL) == ()
    odd = issuing.delegate_ca(
        CA, NOW, [Spc("709J")], crl=POINT, subject=named("Delegate CA"), **changed(ODD.oid, ODD)
    )
    found = lint(chain(odd, CA, ROOT), NOW, crl_url=URL)
    assert {finding.name for finding in found} == {"delegate_extensions"}


def test_without_the_sti_pas_address_any_one_https_address_will_do() -> None:
    pem = chain(leaf(**points(point("https://ca.example/crl"))), CA)
    assert lint(pem, NOW) == ()
    plain = chain(leaf(**points(point("http://ca.example/crl"))), CA)
    assert [finding.name for finding in lint(plain, NOW)] == ["crl_address"]


def test_a_finding_says_whose_rule_it_is_and_where() -> None:
    (finding,) = lint(below(ca(subject=named("CA"))), NOW, crl_url=URL)
    assert (finding.severity, finding.position) == (Severity.WARNING, 1)
    assert finding.source.startswith("ATIS-1000080")
    assert finding.sentence.endswith(".")


def test_an_extension_twice_is_a_finding_and_no_exception() -> None:
    even = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.6"), b"\x05\x00")
    both = leaf(extensions={ODD.oid: (ODD, False), even.oid: (even, False)})
    pem = signed_again(
        both,
        CA.private_key,
        lambda signed: signed.replace(b"\x2a\x03\x04\x06", b"\x2a\x03\x04\x05"),
    )
    (finding,) = lint(pem + CA.pem, NOW)
    assert (finding.name, finding.position) == ("readable", 0)
