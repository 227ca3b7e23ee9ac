"""What a CA's hands write, read back: shapes, overrides and keys that stay with the subject."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID

from phonotary.shaken import issuing, tn_auth_list
from phonotary.shaken.constraints import ClaimConstraints, decode
from phonotary.shaken.tn_auth_list import One, Spc
from tests.simulators.odd_certificates import scope_at

NOW = 1_790_000_000
DAY = 86_400
ROOT = issuing.root(NOW)
CA = issuing.sti_ca(ROOT, NOW)
POINT = issuing.CrlPoint("https://pa.example/crl", issuing.name("PA", "SHAKEN PA"))


def test_every_field_can_be_written_over() -> None:
    key, signer = issuing.new_key(), issuing.new_key()
    subject, issuer = issuing.name("A", "SHAKEN A", "7"), issuing.name("B", "SHAKEN B")
    made = issuing.leaf(
        CA,
        NOW,
        "709J",
        subject=subject,
        issuer=issuer,
        serial=99,
        not_before=NOW - 5,
        not_after=NOW + 5,
        key=key,
        signer=signer,
        extensions={ExtensionOID.KEY_USAGE: None},
    ).certificate
    assert (made.subject, made.issuer, made.serial_number) == (subject, issuer, 99)
    assert made.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)[0].value == "7"
    assert int(made.not_valid_before_utc.timestamp()) == NOW - 5
    assert int(made.not_valid_after_utc.timestamp()) == NOW + 5
    assert made.public_key() == key.public_key()
    signer.public_key().verify(
        made.signature, made.tbs_certificate_bytes, made.signature_algorithm_parameters
    )
    with pytest.raises(x509.ExtensionNotFound):
        made.extensions.get_extension_for_class(x509.KeyUsage)


def test_a_key_out_of_a_request_stays_with_its_subject() -> None:
    key = issuing.new_key()
    made = issuing.leaf(CA, NOW, "709J", public_key=key.public_key())
    assert made.certificate.public_key() == key.public_key()
    assert made.key is None
    with pytest.raises(ValueError, match="not ours"):
        made.key_pem  # noqa: B018
    with pytest.raises(ValueError, match="its own key"):
        issuing.root(NOW, public_key=key.public_key())


def test_a_private_key_is_not_shown_when_printed() -> None:
    assert "key" not in repr(issuing.leaf(CA, NOW, "709J"))


def test_a_scope_stands_in_the_certificate_or_at_an_address() -> None:
    by_value = issuing.delegate(CA, NOW, [One("12155550100")]).certificate
    found = by_value.extensions.get_extension_for_oid(tn_auth_list.EXTENSION).value
    assert tn_auth_list.decode(found.public_bytes()) == (One("12155550100"),)
    there = scope_at("https://lists.example/1")
    by_reference = issuing.delegate(CA, NOW, [Spc("709J")], extensions=there).certificate
    access = by_reference.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert [one.access_method.dotted_string for one in access] == ["1.3.6.1.5.5.7.48.14"]
    with pytest.raises(x509.ExtensionNotFound):
        by_reference.extensions.get_extension_for_oid(tn_auth_list.EXTENSION)


def test_a_delegate_may_be_bound_in_what_it_claims() -> None:
    bounds = ClaimConstraints(must_exclude=("attest", "origid"))
    made = issuing.delegate(CA, NOW, [One("12155550100")], claims=bounds).certificate
    written = made.extensions.get_extension_for_oid(bounds.oid)
    assert not written.critical
    assert decode(written.value.public_bytes(), enhanced=True) == bounds


def test_a_delegate_authority_is_an_authority_with_a_scope() -> None:
    made = issuing.delegate_ca(CA, NOW, [Spc("709J")], crl=POINT).certificate
    assert made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert made.extensions.get_extension_for_oid(tn_auth_list.EXTENSION)
    (point,) = made.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.crl_issuer == [x509.DirectoryName(POINT.issuer)]


def test_the_identifier_of_the_parents_key_is_the_one_it_wrote() -> None:
    odd = x509.SubjectKeyIdentifier(b"not a digest of it")
    parent = issuing.sti_ca(ROOT, NOW, extensions={odd.oid: (odd, False)})
    made = issuing.leaf(parent, NOW, "709J").certificate
    above = made.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert above.key_identifier == odd.digest


def test_a_list_of_revocations_is_indirect_and_critical_where_it_must_be() -> None:
    pa = issuing.sti_pa(ROOT, NOW)
    der = issuing.crl(pa, NOW, [(CA.name, 5), (CA.name, 6)])
    found = x509.load_der_x509_crl(der)
    assert found.is_signature_valid(pa.private_key.public_key())
    point = found.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    assert point.critical
    assert point.value.indirect_crl
    named = [[one.critical for one in entry.extensions] for entry in found]
    assert named == [[True], []]
    each = issuing.crl(pa, NOW, [(CA.name, 5), (CA.name, 6)], carried=False)
    assert [len(entry.extensions) for entry in x509.load_der_x509_crl(each)] == [1, 1]


def test_a_list_of_cas_says_who_signed_it_and_when_it_ends() -> None:
    pa = issuing.sti_pa(ROOT, NOW)
    signed = issuing.ca_list(pa, NOW, [ROOT.certificate], above=[ROOT], sequence=4, days=2)
    header, payload, _ = (urlsafe_b64decode(part + "==") for part in signed.split("."))
    assert len(json.loads(header)["x5c"]) == 2
    assert json.loads(payload) == {
        "version": "1.0",
        "sequence": 4,
        "exp": NOW + 2 * DAY,
        "trustList": [ROOT.pem.decode()],
    }
    there = issuing.ca_list(pa, NOW, [], x5u="https://pa.example/signer.pem").split(".")[0]
    assert json.loads(urlsafe_b64decode(there + "==")).keys() == {"alg", "typ", "x5u"}
