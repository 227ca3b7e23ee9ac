"""Certificate chains named by their defect: each is refused, and for its own reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.x509.oid import ExtensionOID

from phonotary.shaken import constraints, der, issuing, paths, tn_auth_list
from phonotary.shaken.chains import OURS, Defect, Untrusted, ValidChain, references, validate
from phonotary.shaken.constraints import ClaimConstraints
from phonotary.shaken.issuing import Certified, chain
from phonotary.shaken.revocations import Revocations
from phonotary.shaken.tn_auth_list import Entry, One, Range, Spc
from phonotary.shaken.trust import Trust
from tests.simulators.odd_certificates import scope_at, signed_again

NOW = 1_790_000_000
DAY = 86_400
ROOT = issuing.root(NOW)
CA = issuing.sti_ca(ROOT, NOW, path_length=1)
LEAF = issuing.leaf(CA, NOW, "709J")
DELEGATE_CA = issuing.delegate_ca(CA, NOW, [Spc("709J"), Range("12155550000", 1000)])
DELEGATE = issuing.delegate(DELEGATE_CA, NOW, [One("12155550100")])
TRUST = Trust((ROOT.certificate,))
OTHER_KEY = issuing.new_key()
ODD = x509.ObjectIdentifier("1.2.3.4.5")
EVEN = x509.ObjectIdentifier("1.2.3.4.6")
VERSION_3 = bytes.fromhex("a003020102")
LIST_URL = "https://lists.example/709J"

Made = tuple[bytes, Trust] | bytes


def raw(oid: x509.ObjectIdentifier, value: bytes = b"\x05\x00") -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(oid, value)


def leaf(**fields: object) -> bytes:
    return chain(issuing.leaf(CA, NOW, "709J", **fields), CA)  # type: ignore[arg-type]


def under_ca(**fields: object) -> bytes:
    ca = issuing.sti_ca(ROOT, NOW, **fields)  # type: ignore[arg-type]
    return chain(issuing.leaf(ca, NOW, "709J"), ca)


def delegated(parent: list[Entry], child: list[Entry], **settings: object) -> tuple[bytes, Trust]:
    above = issuing.delegate_ca(CA, NOW, parent)
    below = issuing.delegate(above, NOW, child)
    trust = Trust((ROOT.certificate,), **settings)  # type: ignore[arg-type]
    return chain(below, above, CA), trust


def twice() -> bytes:
    usual = issuing.leaf(
        CA, NOW, "709J", extensions={ODD: (raw(ODD), False), EVEN: (raw(EVEN), False)}
    )
    odd, even = bytes.fromhex("06042a030405"), bytes.fromhex("06042a030406")
    again = signed_again(usual, CA.private_key, lambda signed: signed.replace(even, odd))
    return again + CA.pem


def version_1() -> bytes:
    def older(signed: bytes) -> bytes:
        fields = der.only(signed, der.SEQUENCE).removeprefix(VERSION_3)
        return der.tlv(der.SEQUENCE, fields)

    return signed_again(LEAF, CA.private_key, older) + CA.pem


def version_2() -> bytes:
    def older(signed: bytes) -> bytes:
        return signed.replace(VERSION_3, VERSION_3[:-1] + b"\x01", 1)

    return signed_again(LEAF, CA.private_key, older) + CA.pem


def serial_nought() -> bytes:
    short = issuing.leaf(CA, NOW, "709J", serial=127)
    edit = VERSION_3 + b"\x02\x01\x7f", VERSION_3 + b"\x02\x01\x00"
    return signed_again(short, CA.private_key, lambda one: one.replace(*edit)) + CA.pem


def without(oid: x509.ObjectIdentifier) -> dict[x509.ObjectIdentifier, None]:
    return {oid: None}


def of_key(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def usage(**granted: bool) -> dict[x509.ObjectIdentifier, tuple[x509.ExtensionType, bool]]:
    kinds = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    ).split()
    value = x509.KeyUsage(**{kind: granted.get(kind, False) for kind in kinds})
    return {ExtensionOID.KEY_USAGE: (value, True)}


def rsa_leaf() -> bytes:
    key = rsa.generate_private_key(65537, 1024)
    return leaf(public_key=key.public_key())


def issued_by_a_leaf() -> bytes:
    return chain(issuing.delegate(LEAF, NOW, [Spc("709J")]), LEAF, CA)


def one_authority_too_many() -> bytes:
    ca = issuing.sti_ca(ROOT, NOW, path_length=0)
    delegate_ca = issuing.delegate_ca(ca, NOW, [Spc("709J")])
    return chain(issuing.delegate(delegate_ca, NOW, [Spc("709J")]), delegate_ca, ca)


def out_of_scope_through_an_authority_without_a_list() -> bytes:
    top = issuing.sti_ca(ROOT, NOW, path_length=2)
    scoped = issuing.delegate_ca(top, NOW, [One("12155550100")], path_length=1)
    hidden = issuing.sti_ca(scoped, NOW, subject=issuing.name("X", "SHAKEN hidden"))
    return chain(issuing.leaf(hidden, NOW, "709J"), hidden, scoped, top)


def constrained(*oids: x509.ObjectIdentifier) -> dict[x509.ObjectIdentifier, tuple[object, bool]]:
    plain = constraints.encode(ClaimConstraints(("attest",), enhanced=False))
    return {oid: (raw(oid, plain), False) for oid in oids}


def revoked(one: Certified) -> tuple[bytes, Trust]:
    link = paths.read(one.certificate).reference
    known = Revocations(frozenset({link}), NOW - 10, NOW + DAY)
    return chain(LEAF, CA), Trust((ROOT.certificate,), known)


def with_list(until: int | None) -> tuple[bytes, Trust]:
    known = None if until is None else Revocations(frozenset(), NOW - DAY, until)
    return chain(LEAF, CA), Trust((ROOT.certificate,), known, crl_required=True)


def out_of_time(which: str, **times: int) -> tuple[bytes, Trust]:
    root = issuing.root(NOW, **(times if which == "root" else {}))  # type: ignore[arg-type]
    ca = issuing.sti_ca(root, NOW, **(times if which == "ca" else {}))  # type: ignore[arg-type]
    end = issuing.leaf(ca, NOW, "709J", **(times if which == "leaf" else {}))  # type: ignore[arg-type]
    return chain(end, ca), Trust((root.certificate,))


def another_root() -> tuple[bytes, Trust]:
    # The same name and another key: names alone prove nothing.
    return chain(LEAF, CA, ROOT), Trust((issuing.root(NOW).certificate,))


def with_ca_on(curve: ec.EllipticCurve) -> bytes:
    return under_ca(key=ec.generate_private_key(curve))


D = Defect
DEFECTS: dict[str, tuple[Defect, Callable[[], Made]]] = {
    "not PEM": (D.UNREADABLE, lambda: b"junk"),
    "nothing": (D.UNREADABLE, lambda: b""),
    "cut short": (D.UNREADABLE, lambda: LEAF.pem[:300] + b"\n-----END CERTIFICATE-----\n"),
    "seven certificates": (D.TOO_LARGE, lambda: chain(LEAF, *(6 * [CA]))),
    "too many bytes": (D.TOO_LARGE, lambda: LEAF.pem + b" " * paths.MAX_BYTES),
    "version 1": (D.OLD_VERSION, version_1),
    "version 2": (D.OLD_VERSION, version_2),
    "a serial of nought": (D.BAD_SERIAL, serial_nought),
    "an extension twice": (D.DUPLICATE_EXTENSION, twice),
    "an unknown critical extension": (
        D.UNKNOWN_CRITICAL_EXTENSION,
        lambda: leaf(extensions={ODD: (raw(ODD), True)}),
    ),
    "an authority with name constraints": (
        D.UNKNOWN_CRITICAL_EXTENSION,
        lambda: under_ca(
            extensions={
                ExtensionOID.NAME_CONSTRAINTS: (
                    x509.NameConstraints([x509.DNSName("a.example")], None),
                    True,
                )
            }
        ),
    ),
    "another root of the same name": (D.UNKNOWN_ROOT, another_root),
    "the authority not served": (D.UNKNOWN_ROOT, lambda: LEAF.pem),
    "no anchors": (D.NO_ANCHORS, lambda: (chain(LEAF, CA), Trust(()))),
    "the leaf last": (D.LEAF_IS_CA, lambda: chain(CA, LEAF)),
    "another authority": (D.WRONG_ISSUER, lambda: chain(LEAF, DELEGATE_CA, CA)),
    "another issuer's name": (
        D.WRONG_ISSUER,
        lambda: leaf(issuer=issuing.name("Other", "SHAKEN Other")),
    ),
    "an authority without SKI": (
        D.MISSING_SKI,
        lambda: under_ca(extensions=without(ExtensionOID.SUBJECT_KEY_IDENTIFIER)),
    ),
    "a leaf without AKI": (
        D.MISSING_AKI,
        lambda: leaf(extensions=without(ExtensionOID.AUTHORITY_KEY_IDENTIFIER)),
    ),
    "an authority without AKI": (
        D.MISSING_AKI,
        lambda: under_ca(extensions=without(ExtensionOID.AUTHORITY_KEY_IDENTIFIER)),
    ),
    "the AKI of another key": (
        D.KEY_IDENTIFIER_MISMATCH,
        lambda: leaf(
            extensions={ExtensionOID.AUTHORITY_KEY_IDENTIFIER: (of_key(OTHER_KEY), False)}
        ),
    ),
    "a leaf signed by another": (D.BAD_SIGNATURE, lambda: leaf(signer=OTHER_KEY)),
    "an authority signed by another": (D.BAD_SIGNATURE, lambda: under_ca(signer=OTHER_KEY)),
    "signed with SHA-512": (D.WRONG_ALGORITHM, lambda: leaf(digest=SHA512())),
    "a leaf on P-384": (
        D.WRONG_KEY,
        lambda: leaf(key=ec.generate_private_key(ec.SECP384R1())),
    ),
    "a leaf with an RSA key": (D.WRONG_KEY, rsa_leaf),
    "an authority on P-521": (D.WRONG_KEY, lambda: with_ca_on(ec.SECP521R1())),
    **{
        f"{which} {when}": (defect, lambda which=which, times=times: out_of_time(which, **times))
        for which in ("leaf", "ca", "root")
        for when, defect, times in (
            ("expired", D.EXPIRED, {"not_after": NOW - 1}),
            ("not yet valid", D.NOT_YET_VALID, {"not_before": NOW + 1}),
        )
    },
    "issued by a leaf": (D.ISSUER_NOT_CA, issued_by_a_leaf),
    "an authority without basic constraints": (
        D.ISSUER_NOT_CA,
        lambda: under_ca(extensions=without(ExtensionOID.BASIC_CONSTRAINTS)),
    ),
    "one authority too many": (D.PATH_TOO_LONG, one_authority_too_many),
    "a leaf for key agreement": (
        D.WRONG_KEY_USAGE,
        lambda: leaf(extensions=usage(key_agreement=True)),
    ),
    "an authority that may not sign certificates": (
        D.WRONG_KEY_USAGE,
        lambda: under_ca(extensions=usage(crl_sign=True)),
    ),
    "an authority without key usage": (
        D.WRONG_KEY_USAGE,
        lambda: under_ca(extensions=without(ExtensionOID.KEY_USAGE)),
    ),
    "an authority that signs calls": (D.LEAF_IS_CA, lambda: chain(DELEGATE_CA, CA)),
    "no TN list": (
        D.NO_TN_AUTH_LIST,
        lambda: leaf(extensions=without(tn_auth_list.EXTENSION)),
    ),
    "a TN list that is not DER": (
        D.BAD_TN_AUTH_LIST,
        lambda: leaf(
            extensions={
                tn_auth_list.EXTENSION: (raw(tn_auth_list.EXTENSION, b"\x30\x80\x00\x00"), False)
            }
        ),
    ),
    "a TN list by plain http": (
        D.BAD_TN_LIST_REFERENCE,
        lambda: leaf(extensions=scope_at("http://lists.example/709J")),
    ),
    "a TN list not obtained": (
        D.TN_LIST_NOT_OBTAINED,
        lambda: leaf(extensions=scope_at(LIST_URL)),
    ),
    "a number beyond the delegate authority's": (
        D.SCOPE_EXCEEDED,
        lambda: delegated([Range("12155550000", 100)], [One("12155550100")]),
    ),
    "a range that sticks out by one": (
        D.SCOPE_EXCEEDED,
        lambda: delegated([Range("12155550000", 100)], [Range("12155550001", 100)]),
    ),
    "another provider's code": (
        D.SCOPE_EXCEEDED,
        lambda: delegated([Spc("709J")], [Spc("709K")]),
    ),
    "a provider under numbers": (
        D.SCOPE_EXCEEDED,
        lambda: delegated([Range("12155550000", 100)], [Spc("709J")]),
    ),
    "numbers under a code, which the verifier does not take": (
        D.SCOPE_UNPROVEN,
        lambda: delegated([Spc("709J")], [One("12155550100")], spc_vouches=False),
    ),
    "a delegate authority's authority without a list": (
        D.NO_TN_AUTH_LIST,
        out_of_scope_through_an_authority_without_a_list,
    ),
    "both kinds of constraints": (
        D.TWO_CONSTRAINTS,
        lambda: leaf(extensions=constrained(constraints.OID, constraints.ENHANCED_OID)),
    ),
    "constraints that are not DER": (
        D.BAD_CONSTRAINTS,
        lambda: leaf(extensions={constraints.OID: (raw(constraints.OID, b"\x30\x00"), False)}),
    ),
    "constraints on an authority": (
        D.CONSTRAINTS_ON_CA,
        lambda: under_ca(extensions=constrained(constraints.ENHANCED_OID)),
    ),
    "a revoked leaf": (D.REVOKED, lambda: revoked(LEAF)),
    "a revoked authority": (D.REVOKED, lambda: revoked(CA)),
    "a revoked root": (D.REVOKED, lambda: revoked(ROOT)),
    "no list of revocations": (D.NO_REVOCATION_LIST, lambda: with_list(None)),
    "a stale list of revocations": (D.STALE_REVOCATION_LIST, lambda: with_list(NOW - 1)),
}


def judged(made: Made, now: int = NOW) -> ValidChain:
    pem, trust = (made, TRUST) if isinstance(made, bytes) else made
    return validate(pem, trust, now)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@pytest.mark.parametrize("name", DEFECTS)
def test_a_chain_with_one_defect_is_refused_for_it(name: str) -> None:
    defect, make = DEFECTS[name]
    with pytest.raises(Untrusted) as refused:
        judged(make())
    assert refused.value.defect is defect
    assert refused.value.because.endswith(".")


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@pytest.mark.parametrize(
    "name", [name for name, (defect, _) in DEFECTS.items() if defect not in OURS]
)
def test_what_is_wrong_with_a_chain_is_told_before_what_the_verifier_lacks(name: str) -> None:
    defect, make = DEFECTS[name]
    made = make()
    pem, trust = (made, TRUST) if isinstance(made, bytes) else made
    with pytest.raises(Untrusted) as refused:
        validate(pem, replace(trust, crl_required=True), NOW)
    assert refused.value.defect is defect


def test_every_defect_of_a_chain_has_its_certificate_here() -> None:
    of_lists = {D.BAD_REVOCATION_LIST, D.BAD_CA_LIST, D.EXPIRED_CA_LIST}
    assert {defect for defect, _ in DEFECTS.values()} == set(Defect) - of_lists


def test_a_sound_chain_says_what_it_proves() -> None:
    found = judged(chain(LEAF, CA))
    assert found.public_key == LEAF.certificate.public_key()
    assert found.fingerprint == LEAF.certificate.fingerprint(SHA256()).hex()
    assert (found.not_before, found.not_after) == (NOW - 3600, NOW + 365 * DAY)
    assert (found.scope, found.spc, found.is_delegate) == ((Spc("709J"),), "709J", False)
    assert found.constraints is None
    assert found.covers("+12155550100") is None
    assert [serial for _, serial in found.links] == [
        one.certificate.serial_number for one in (LEAF, CA, ROOT)
    ]


def test_the_time_of_a_chain_is_that_of_its_shortest_certificate() -> None:
    ca = issuing.sti_ca(ROOT, NOW, not_before=NOW - 60, not_after=NOW + 60)
    found = judged(chain(issuing.leaf(ca, NOW, "709J"), ca))
    assert (found.not_before, found.not_after) == (NOW - 60, NOW + 60)
    for last in (NOW - 60, NOW + 60):
        assert judged(chain(issuing.leaf(ca, NOW, "709J"), ca), last)


def test_the_root_may_be_served_and_what_follows_it_is_not_read() -> None:
    stray = issuing.root(NOW, subject=issuing.name("Stray", "SHAKEN ROOT"))
    assert judged(chain(LEAF, CA, ROOT, stray)).fingerprint == judged(chain(LEAF, CA)).fingerprint


def test_an_authority_on_the_list_of_cas_is_trusted_without_its_root() -> None:
    assert validate(chain(LEAF, CA), Trust((CA.certificate,)), NOW).spc == "709J"
    assert validate(LEAF.pem, Trust((CA.certificate,)), NOW).spc == "709J"


def test_a_renewed_root_of_the_same_key_is_found_beside_the_old_one() -> None:
    old = issuing.root(NOW, key=ROOT.private_key, not_after=NOW - 1)
    for anchors in ((old, ROOT), (ROOT, old)):
        trust = Trust(tuple(one.certificate for one in anchors))
        assert validate(chain(LEAF, CA), trust, NOW).not_after > NOW


def test_an_authority_that_changed_its_key_is_counted_once() -> None:
    # RFC 5280 section 6.1.4 (l): a self-issued certificate uses up no path length.
    old = issuing.sti_ca(ROOT, NOW, path_length=0)
    new = issuing.sti_ca(old, NOW, subject=old.name)
    assert judged(chain(issuing.leaf(new, NOW, "709J"), new, old)).spc == "709J"


def test_an_authority_may_be_on_p384_and_sign_with_sha384() -> None:
    ca = issuing.sti_ca(ROOT, NOW, key=ec.generate_private_key(ec.SECP384R1()))
    end = issuing.leaf(ca, NOW, "709J", digest=SHA384())
    assert judged(chain(end, ca)).spc == "709J"


def test_a_leaf_that_is_itself_on_the_list_of_cas_is_not_trusted_for_it() -> None:
    with pytest.raises(Untrusted) as refused:
        validate(LEAF.pem, Trust((LEAF.certificate,)), NOW)
    assert refused.value.defect is Defect.UNKNOWN_ROOT


def test_a_delegate_speaks_for_its_own_numbers_and_no_others() -> None:
    found = judged(chain(DELEGATE, DELEGATE_CA, CA))
    assert found.is_delegate
    assert found.spc is None
    assert found.covers("+1 (215) 555-0100") is True
    assert found.covers("12155550101") is False


def test_a_delegate_below_two_delegate_authorities_is_within_both() -> None:
    top = issuing.sti_ca(ROOT, NOW, path_length=2)
    first = issuing.delegate_ca(top, NOW, [Range("12155550000", 1000)], path_length=1)
    name = issuing.name("Reseller", "SHAKEN Delegate CA 2")
    second = issuing.delegate_ca(first, NOW, [Range("12155550000", 10)], subject=name)
    end = issuing.delegate(second, NOW, [One("12155550009")])
    assert judged(chain(end, second, first, top, ROOT)).covers("12155550009") is True
    wide = issuing.delegate(second, NOW, [One("12155550010")])
    with pytest.raises(Untrusted) as refused:
        judged(chain(wide, second, first, top, ROOT))
    assert refused.value.defect is Defect.SCOPE_EXCEEDED


def test_numbers_under_a_provider_code_are_believed() -> None:
    made = delegated([Spc("709J")], [One("12155550100")])
    assert judged(made).covers("12155550100") is True


def test_a_list_by_reference_is_read_from_what_the_edge_fetched() -> None:
    pem = leaf(extensions=scope_at(LIST_URL))
    assert references(pem) == (LIST_URL,)
    fetched = {LIST_URL: tn_auth_list.encode([Range("12155550000", 10)])}
    found = validate(pem, TRUST, NOW, tn_lists=fetched)
    assert found.covers("12155550009") is True
    assert found.covers("12155550010") is False
    for junk in (b"", b"<html>", b"\x30" * (tn_auth_list.MAX_BYTES + 1)):
        with pytest.raises(Untrusted) as refused:
            validate(pem, TRUST, NOW, tn_lists={LIST_URL: junk})
        assert refused.value.defect is Defect.BAD_TN_AUTH_LIST


def test_references_are_named_once_and_those_of_authorities_too() -> None:
    above = issuing.delegate_ca(CA, NOW, [Spc("709J")], extensions=scope_at(LIST_URL))
    below = issuing.delegate(above, NOW, [Spc("709J")], extensions=scope_at(LIST_URL))
    pem = chain(below, above, CA)
    assert references(pem) == (LIST_URL,)
    assert references(chain(LEAF, CA)) == ()
    fetched = {LIST_URL: tn_auth_list.encode([One("12155550100")])}
    assert validate(pem, TRUST, NOW, tn_lists=fetched).is_delegate


def test_a_certificate_does_not_make_the_verifier_fetch_many_lists() -> None:
    many = x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(
                tn_auth_list.BY_REFERENCE, x509.UniformResourceIdentifier(f"{LIST_URL}/{one}")
            )
            for one in range(5)
        ]
    )
    with pytest.raises(Untrusted, match="more than 4"):
        references(leaf(extensions={ExtensionOID.AUTHORITY_INFORMATION_ACCESS: (many, False)}))


@pytest.mark.parametrize("enhanced", [True, False])
def test_a_leaf_brings_its_claim_constraints(enhanced: bool) -> None:
    bounds = ClaimConstraints(permitted_values=(("attest", ("C",)),), enhanced=enhanced)
    found = judged(leaf(extensions=issuing.bounds(bounds)))
    assert found.constraints == bounds


def test_constraints_that_exclude_what_every_passport_has_count_as_absent() -> None:
    bounds = ClaimConstraints(must_include=("rcd",), must_exclude=("orig",))
    assert judged(leaf(extensions=issuing.bounds(bounds))).constraints is None


def test_a_stale_list_still_refuses_what_it_names_when_none_is_required() -> None:
    link = paths.read(LEAF.certificate).reference
    stale = Revocations(frozenset({link}), NOW - 2 * DAY, NOW - DAY)
    with pytest.raises(Untrusted) as refused:
        validate(chain(LEAF, CA), Trust((ROOT.certificate,), stale), NOW)
    assert refused.value.defect is Defect.REVOKED
    other = Revocations(frozenset(), NOW - 2 * DAY, NOW - DAY)
    assert validate(chain(LEAF, CA), Trust((ROOT.certificate,), other), NOW).spc == "709J"


def test_names_compare_whatever_their_case_spaces_and_string_type() -> None:
    def name(organisation: str, kind: x509.name._ASN1Type) -> x509.Name:
        oid = x509.NameOID.ORGANIZATION_NAME
        return x509.Name([x509.NameAttribute(oid, organisation, kind)])

    utf8, printable = x509.name._ASN1Type.UTF8String, x509.name._ASN1Type.PrintableString
    key = paths.name_key(name("Owl  Telecom", utf8))
    assert key == paths.name_key(name("owl telecom ", printable))
    assert key != paths.name_key(name("OwlTelecom", utf8))


def test_no_two_names_share_one_form() -> None:
    # Lengths are written out, so a value cannot pretend to be the next attribute.
    pairs = [("a/b", "c"), ("a", "b/c"), ("a/2.5.4.3=1:b", "c"), ("a", "b/2.5.4.3=1:c")]
    assert len({paths.name_key(issuing.name(*pair)) for pair in pairs}) == len(pairs)


def test_der_written_by_hand_is_that_of_the_library() -> None:
    (_, outer), *_ = der.tlvs(LEAF.certificate.public_bytes(issuing.Encoding.DER))
    assert len(list(der.tlvs(outer))) == 3
    again = signed_again(LEAF, CA.private_key, lambda signed: signed)
    found = x509.load_pem_x509_certificate(again)
    assert found.tbs_certificate_bytes == LEAF.certificate.tbs_certificate_bytes
    assert judged(again + CA.pem).spc == "709J"
