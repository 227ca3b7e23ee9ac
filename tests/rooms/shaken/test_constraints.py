"""JWT Claim Constraints: RFC 9118's own certificate, and what a PASSporT may say under each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from phonotary.errors import Refused
from phonotary.shaken import tn_auth_list
from phonotary.shaken.constraints import (
    ENHANCED_OID,
    MAX_BYTES,
    OID,
    ClaimConstraints,
    decode,
    encode,
)
from phonotary.shaken.passport import canonical
from phonotary.shaken.rcd import Display, rcd_claims

FILE = Path(__file__).parents[2] / "vectors" / "rfc9118.json"
VECTOR = json.loads(FILE.read_text())
BASE = {"iat": 1, "orig": {"tn": "1"}, "dest": {"tn": ["2"]}}


def test_the_certificate_of_rfc_9118_reads_as_the_rfc_says() -> None:
    certificate = x509.load_pem_x509_certificate(VECTOR["certificate_pem"].encode())
    written = certificate.extensions.get_extension_for_oid(ENHANCED_OID).value.public_bytes()
    found = decode(written, enhanced=True)
    expected = VECTOR["expected"]["enhanced_jwt_claim_constraints"]
    assert found.must_include == tuple(expected["mustInclude"])
    assert found.must_exclude == tuple(expected["mustExclude"])
    assert found.permitted_values == tuple(
        (one["claim"], tuple(one["values"])) for one in expected["permittedValues"]
    )
    assert encode(found) == written
    scope = certificate.extensions.get_extension_for_oid(tn_auth_list.EXTENSION).value
    assert tn_auth_list.decode(scope.public_bytes()) == (tn_auth_list.Spc("1234"),)


def test_each_kind_has_its_own_identifier() -> None:
    assert ClaimConstraints(("attest",)).oid == ENHANCED_OID
    assert ClaimConstraints(("attest",), enhanced=False).oid == OID


RFC_9118 = ClaimConstraints(("confidence",), (("confidence", ("high", "medium")),), ("priority",))


@pytest.mark.parametrize(
    ("claims", "broken"),
    [
        ({"confidence": "high"}, 0),
        ({"confidence": "low"}, 1),
        ({}, 1),
        ({"confidence": "high", "priority": 1}, 1),
        ({"priority": 1}, 2),
        ({"confidence": ["high"]}, 1),
        ({"confidence": None}, 1),
    ],
)
def test_a_passport_breaks_exactly_what_it_breaks(claims: dict[str, object], broken: int) -> None:
    assert len(RFC_9118.violations(BASE | claims)) == broken


@pytest.mark.parametrize(("enhanced", "broken"), [(True, 0), (False, 1)])
def test_a_permitted_value_binds_an_absent_claim_under_rfc_8226_only(
    enhanced: bool, broken: int
) -> None:
    bounds = ClaimConstraints(permitted_values=(("attest", ("C",)),), enhanced=enhanced)
    assert len(bounds.violations(BASE)) == broken
    assert bounds.violations(BASE | {"attest": "C"}) == ()
    assert len(bounds.violations(BASE | {"attest": "A"})) == 1


RCDI = {"/nam": "sha256-sM275lTgzCte", "/icn": "sha256-RGVmZ"}


@pytest.mark.parametrize(
    ("claim", "text", "permitted"),
    [
        (RCDI, '{"/icn":"sha256-RGVmZ","/nam":"sha256-sM275lTgzCte"}', True),
        (RCDI, '{"/nam": "sha256-sM275lTgzCte", "/icn": "sha256-RGVmZ"}', True),
        (RCDI, '{"/nam":"sha256-sM275lTgzCte"}', False),
        (RCDI, '{"/icn":"sha256-RGVmZ","/nam":"sha256-other"}', False),
        (RCDI, "no JSON", False),
        (RCDI, "[" * 5_000, False),
        ({"/nam": "é"}, '{"/nam":"\\u00e9"}', True),
        (["high"], "high", False),
        (["high"], '["high"]', True),
        (True, "true", True),
        (1, "true", False),
        (1, "1", True),
        # Text stays text: nobody writes its quotation marks into the certificate.
        ("high", '"high"', False),
        ("true", "true", True),
    ],
)
def test_a_claim_that_is_no_text_is_compared_as_json(
    claim: object, text: str, permitted: bool
) -> None:
    bounds = ClaimConstraints(permitted_values=(("rcdi", ("another", text)),))
    assert (bounds.violations(BASE | {"rcdi": claim}) == ()) is permitted


def nested(depth: int) -> object:
    found: object = "x"
    for _ in range(depth):
        found = [found]
    return found


def test_what_cannot_be_compared_is_not_permitted() -> None:
    bounds = ClaimConstraints(permitted_values=(("rcdi", ("no JSON", '"x"')),))
    for claim in (nested(50_000), {"/nam": "\ud800"}, float("nan")):
        assert len(bounds.violations(BASE | {"rcdi": claim})) == 1


def test_what_is_signed_for_a_display_is_permitted_by_its_own_canonical_text() -> None:
    claims = rcd_claims(Display("Q Branch Spy Gadgets"))
    text = canonical(claims["rcdi"]).decode()
    bounds = ClaimConstraints(("rcdi",), (("rcdi", (text,)),))
    assert bounds.violations(BASE | claims) == ()
    assert bounds.violations(BASE | rcd_claims(Display("Somebody Else"))) != ()


@pytest.mark.parametrize("claim", ["iat", "orig", "dest"])
def test_excluding_what_every_passport_has_makes_the_extension_absent(claim: str) -> None:
    bounds = ClaimConstraints(("rcd",), must_exclude=("attest", claim))
    assert not bounds.binding
    assert bounds.violations(BASE | {"attest": "A"}) == ()


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
LISTS = st.lists(NAMES, max_size=3).map(tuple)
VALUES = st.lists(
    st.tuples(NAMES, st.lists(st.text(max_size=20), min_size=1, max_size=3).map(tuple)), max_size=3
).map(tuple)


@settings(max_examples=100, deadline=None)
@given(LISTS, VALUES, LISTS, st.booleans())
def test_what_is_encoded_is_decoded_again(
    include: tuple[str, ...],
    values: tuple[tuple[str, tuple[str, ...]], ...],
    exclude: tuple[str, ...],
    enhanced: bool,
) -> None:
    exclude = exclude if enhanced else ()
    if not (include or values or exclude):
        include = ("attest",)
    bounds = ClaimConstraints(include, values, exclude, enhanced)
    assert decode(encode(bounds), enhanced=enhanced) == bounds


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40) | st.binary(max_size=30).map(lambda b: bytes((0x30, len(b))) + b))
def test_any_bytes_decode_to_their_own_encoding_or_are_refused(written: bytes) -> None:
    try:
        bounds = decode(written, enhanced=True)
    except Refused:
        return
    assert encode(bounds) == written


@pytest.mark.parametrize("at", range(len(encode(RFC_9118))))
def test_no_changed_byte_leaves_the_constraints_as_they_were(at: int) -> None:
    written = bytearray(encode(RFC_9118))
    written[at] ^= 0x01
    try:
        assert decode(bytes(written), enhanced=True) != RFC_9118
    except Refused as refused:
        assert "Claim Constraints" in refused.because


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("3000", "constrains nothing"),
        ("", "exactly one element"),
        ("3004a0023000", "list of claims is empty"),
        ("3004a1023000", "permitted values is empty"),
        ("3007a3053003160161", "each once and in order"),
        ("300ea0053003160161a0053003160162", "each once and in order"),
        ("3007a00530030c0161", "not an IA5String"),
        ("3007a1053003160161", "a claim and a list"),
        ("300ba109300730051601613000", "no permitted value"),
        ("300ea10c300a30081601613003160162", "not a UTF8String"),
        ("300ea10c300a300816016130030c01ff", "not UTF-8"),
    ],
)
def test_what_is_not_of_the_module_says_why(written: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        decode(bytes.fromhex(written), enhanced=True)


def test_the_older_extension_cannot_exclude() -> None:
    with pytest.raises(Refused, match="fields are not"):
        decode(encode(ClaimConstraints(must_exclude=("rcd",))), enhanced=False)
    with pytest.raises(Refused, match="only the enhanced"):
        ClaimConstraints(must_exclude=("rcd",), enhanced=False)


def test_size_is_bounded_both_ways() -> None:
    with pytest.raises(Refused, match="longer than"):
        encode(ClaimConstraints(("x" * MAX_BYTES,)))
    with pytest.raises(Refused, match="longer than"):
        decode(b"\x30" * (MAX_BYTES + 1), enhanced=True)
    with pytest.raises(Refused, match="not ASCII"):
        encode(ClaimConstraints(("é",)))
