"""Certificates, lists and what is in them, changed at random: refused, or exactly as signed.

A verifier reads these from strangers' web servers. Nothing but Refused (Untrusted among them) may
come out, and nothing that was changed after signing may be believed. Half of the changes are
signed anew, so that they reach the code behind the signature check. ``PHONOTARY_FUZZ=large``
sends a hundred times as much.
"""

from __future__ import annotations

import os
import ssl
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phonotary.errors import Refused
from phonotary.shaken import constraints, der, issuing, tn_auth_list
from phonotary.shaken.certificates import fingerprint, load_credential
from phonotary.shaken.chains import Untrusted, references, validate
from phonotary.shaken.constraints import ClaimConstraints
from phonotary.shaken.lint import Finding, lint
from phonotary.shaken.revocations import read_crl
from phonotary.shaken.tn_auth_list import One, Range, Spc
from phonotary.shaken.trust import Trust, ca_list, signer_url
from tests.simulators.odd_certificates import scope_at, signed_again

NOW = 1_790_000_000
ROOT = issuing.root(NOW)
PA = issuing.sti_pa(ROOT, NOW)
POINT = issuing.CrlPoint("https://pa.example/crl", PA.name)
CA = issuing.sti_ca(ROOT, NOW, path_length=1, crl=POINT)
LEAF = issuing.leaf(CA, NOW, "709J", crl=POINT)
BOUNDS = ClaimConstraints(("rcd",), (("attest", ("B", "C")),), ("origid",))
DELEGATE_CA = issuing.delegate_ca(CA, NOW, [Spc("709J"), Range("12155550000", 1000)])
DELEGATE = issuing.delegate(
    DELEGATE_CA,
    NOW,
    [One("12155550100")],
    claims=BOUNDS,
    extensions={
        **issuing.bounds(BOUNDS),
        **scope_at("https://lists.example/1"),
        **issuing.scope([One("12155550100")]),
    },
)
LISTS = {"https://lists.example/1": tn_auth_list.encode([One("12155550101")])}
TRUST = Trust((ROOT.certificate,))
CRL = issuing.crl(PA, NOW, [(CA.name, 5), (CA.name, 6), (ROOT.name, 7)])
CA_LIST = issuing.ca_list(PA, NOW, [ROOT.certificate], above=[ROOT])

# Where, and by what: a replaced byte, a byte taken out or a byte put in.
CHANGES = st.lists(
    st.tuples(st.integers(0, 5000), st.sampled_from("=-+"), st.integers(0, 255)),
    min_size=1,
    max_size=4,
)
CASES = 20_000 if os.environ.get("PHONOTARY_FUZZ") == "large" else 150
FAST = settings(max_examples=CASES, deadline=timedelta(seconds=2), derandomize=True, database=None)


def changed(data: bytes, changes: list[tuple[int, str, int]]) -> bytes:
    found = bytearray(data)
    for place, kind, byte in changes:
        at = place % max(1, len(found))
        if kind == "=":
            found[at : at + 1] = bytes((byte,))
        elif kind == "-":
            del found[at : at + 1]
        else:
            found[at:at] = bytes((byte,))
    return bytes(found)


def pem(encoded: bytes) -> bytes:
    return ssl.DER_cert_to_PEM_cert(encoded).encode("ascii")


def every_reader(bundle: bytes) -> None:
    """All that read a chain give an answer or Refused, and in reasonable time."""
    for reader in (references, fingerprint, lambda one: load_credential(one, LEAF.key_pem, "x")):
        try:
            reader(bundle)
        except Refused:
            continue
    assert all(isinstance(one, Finding) for one in lint(bundle, NOW))


def believed(bundle: bytes) -> Any:
    try:
        return validate(bundle, TRUST, NOW, tn_lists=LISTS)
    except Untrusted as refused:
        assert refused.defect
        return None


@FAST
@given(st.sampled_from([LEAF, CA, DELEGATE, DELEGATE_CA]), CHANGES)
def test_a_certificate_changed_after_signing_is_never_believed(
    victim: issuing.Certified, changes: list[tuple[int, str, int]]
) -> None:
    encoded = victim.certificate.public_bytes(Encoding.DER)
    bent = changed(encoded, changes)
    whole = {one: one.pem for one in (LEAF, DELEGATE, DELEGATE_CA, CA)} | {victim: pem(bent)}
    chain = (LEAF, CA) if victim is LEAF else (DELEGATE, DELEGATE_CA, CA)
    bundle = b"".join(whole[one] for one in chain)
    if believed(bundle) is not None:
        assert bent == encoded
    every_reader(bundle)


@FAST
@given(st.sampled_from([LEAF, DELEGATE]), CHANGES)
def test_a_certificate_signed_with_changes_is_read_or_refused(
    victim: issuing.Certified, changes: list[tuple[int, str, int]]
) -> None:
    above = CA if victim is LEAF else DELEGATE_CA
    bent = signed_again(victim, above.private_key, lambda one: changed(one, changes))
    bundle = bent + (b"" if above is CA else above.pem) + CA.pem
    found = believed(bundle)
    if found is not None:
        assert found.scope
        assert found.covers("12155550100") in (True, False, None)
        assert found.fingerprint == fingerprint(bundle)
    every_reader(bundle)


@FAST
@given(st.binary(max_size=400) | CHANGES.map(lambda them: changed(LEAF.pem + CA.pem, them)))
@example(b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
@example(b"-----BEGIN CERTIFICATE-----" * 5)
def test_any_bytes_for_a_bundle_are_read_or_refused(bundle: bytes) -> None:
    found = believed(bundle)
    # A change in the text outside the base64 leaves the certificates as they were signed.
    assert found is None or found.fingerprint == fingerprint(LEAF.pem)
    every_reader(bundle)


@FAST
@given(CHANGES, st.booleans())
def test_a_list_of_revocations_with_changes_is_read_or_refused(
    changes: list[tuple[int, str, int]], signed: bool
) -> None:
    bent = resigned(CRL, changes) if signed else changed(CRL, changes)
    try:
        found = read_crl(bent, PA.certificate, NOW)
    except Untrusted:
        return
    assert signed or found == read_crl(CRL, PA.certificate, NOW)
    assert found.this_update <= NOW <= found.next_update


def resigned(crl: bytes, changes: list[tuple[int, str, int]]) -> bytes:
    body = changed(x509.load_der_x509_crl(crl).tbs_certlist_bytes, changes)
    (_, algorithm) = list(der.tlvs(der.only(crl, der.SEQUENCE)))[1]
    signature = PA.private_key.sign(body, ec.ECDSA(SHA256()))
    tail = der.tlv(der.SEQUENCE, algorithm) + der.tlv(der.BIT_STRING, b"\x00" + signature)
    return der.tlv(der.SEQUENCE, body + tail)


@FAST
@given(CHANGES | st.text(max_size=200))
def test_a_list_of_cas_with_changes_is_refused(changes: Any) -> None:
    if isinstance(changes, str):
        bent = changes
    else:
        bent = changed(CA_LIST.encode("ascii"), changes).decode("latin-1")
    for reader in (signer_url, lambda one: ca_list(one, TRUST.anchors, NOW)):
        try:
            found = reader(bent)
        except Untrusted:
            continue
        # Only its header or base64's unused last bits can differ, never what was signed.
        assert found is None or found.anchors == (ROOT.certificate,)


@FAST
@given(st.binary(max_size=60) | CHANGES.map(lambda them: changed(next(iter(LISTS.values())), them)))
def test_a_list_of_numbers_by_reference_is_read_or_refused(encoded: bytes) -> None:
    bundle = issuing.chain(DELEGATE, DELEGATE_CA, CA)
    try:
        found = validate(bundle, TRUST, NOW, tn_lists=dict.fromkeys(LISTS, encoded))
    except Untrusted:
        return
    assert found.covers("12155550100") is True


@FAST
@given(CHANGES, st.booleans())
def test_constraints_with_changes_are_read_or_refused(
    changes: list[tuple[int, str, int]], enhanced: bool
) -> None:
    bent = changed(constraints.encode(BOUNDS), changes)
    try:
        found = constraints.decode(bent, enhanced=enhanced)
    except Refused:
        return
    assert constraints.encode(found) == bent
    assert isinstance(found.violations({"attest": "A"}), tuple)
