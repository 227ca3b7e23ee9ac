"""One call in, one Identity header out: what is signed, and what is not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from phonotary.errors import Reason, Refused
from phonotary.shaken import identity_header, passport
from phonotary.shaken.attestation import Level
from phonotary.shaken.certificates import load_credential, sandbox_certificates
from phonotary.shaken.ports import ShownAs, Standing
from phonotary.shaken.signing import (
    CredentialOutOfDate,
    InvalidClaim,
    SigningRequest,
    sign_call,
    signing_request,
)

NOW = 1_790_000_000
X5U = "https://trust.example/certs/leaf.pem"
ORIGID = "DE305d54-75b4-431b-adb2-eb6b9e546014"
ISSUED = sandbox_certificates(NOW, "709J", "Owl Telecom")
CREDENTIAL = load_credential(ISSUED.chain_pem, ISSUED.key_pem, X5U)
CALLER = "AC" + "1" * 32
STANDING = Standing(
    account_sid=CALLER,
    account_known=True,
    number_ours=True,
    number_right_valid=True,
    profile_sid="BU" + "2" * 32,
    profile_vouching=True,
    product_sid="BU" + "3" * 32,
    product_vouching=True,
    product_linked=True,
    number_on_profile=True,
    number_on_product=True,
    account_vouched=True,
    display=ShownAs("Owl Telecom"),
)


def call(
    orig: str = "+1(415)555-0100",
    dest: tuple[str, ...] = ("+1.202.555.0143", "12025550101"),
    iat: int = NOW,
    attest: str | None = "A",
    caller_sid: str | None = CALLER,
) -> SigningRequest:
    return signing_request(caller_sid=caller_sid, orig=orig, dest=dest, iat=iat, attest=attest)


def test_a_call_from_a_verified_number_is_signed_with_a() -> None:
    signed = sign_call(call(), STANDING, CREDENTIAL, NOW, ORIGID)
    header = identity_header.parse(signed.identity)
    public = CREDENTIAL.key.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    token = passport.verify(header.token, public)
    assert (header.info, header.alg, header.ppt) == (X5U, "ES256", "shaken")
    assert token.header == {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": X5U}
    assert token.payload == {
        "attest": "A",
        "dest": {"tn": ["12025550101", "12025550143"]},
        "iat": NOW,
        "orig": {"tn": "14155550100"},
        "origid": ORIGID,
    }
    assert json.loads(signed.payload) == token.payload
    assert (signed.origid, signed.decision.reason) == (ORIGID, "number-verified")


def test_the_level_signed_is_the_one_decided_not_the_one_asked_for() -> None:
    standing = replace(STANDING, number_on_product=False)
    signed = sign_call(call(attest="A"), standing, CREDENTIAL, NOW, ORIGID)
    assert json.loads(signed.payload)["attest"] == signed.decision.level == Level.B


def test_a_call_that_asks_for_no_level_is_not_signed_with_a() -> None:
    signed = sign_call(call(attest=None), STANDING, CREDENTIAL, NOW, ORIGID)
    assert json.loads(signed.payload)["attest"] == "C"


def test_nobody_signs_without_having_proved_who_they_are() -> None:
    with pytest.raises(Refused) as caught:
        sign_call(call(caller_sid=None), STANDING, CREDENTIAL, NOW, ORIGID)
    assert caught.value.reason is Reason.NOT_AUTHENTICATED


@pytest.mark.parametrize("away", [-60, 0, 60])
def test_a_call_within_a_minute_is_fresh(away: int) -> None:
    signed = sign_call(call(iat=NOW + away), STANDING, CREDENTIAL, NOW, ORIGID)
    assert json.loads(signed.payload)["iat"] == NOW + away


@pytest.mark.parametrize("iat", [NOW - 61, NOW + 61, -1000, 0, 10**40])
def test_a_call_from_another_time_is_refused(iat: int) -> None:
    with pytest.raises(InvalidClaim) as caught:
        sign_call(call(iat=iat), STANDING, CREDENTIAL, NOW, ORIGID)
    assert caught.value.parameter == "iat"


@pytest.mark.parametrize(
    ("now", "iat"),
    [
        (CREDENTIAL.not_after + 1, CREDENTIAL.not_after),
        (CREDENTIAL.not_after, CREDENTIAL.not_after + 1),
        (CREDENTIAL.not_before, CREDENTIAL.not_before - 1),
    ],
    ids=["now-after", "iat-after", "iat-before"],
)
def test_nothing_is_signed_outside_the_certificates_validity(now: int, iat: int) -> None:
    with pytest.raises(CredentialOutOfDate):
        sign_call(call(iat=iat), STANDING, CREDENTIAL, now, ORIGID)


@pytest.mark.parametrize(
    "origid", ["", "not-an-uuid", ORIGID + "\n", "{" + ORIGID + "}", "de305d54"]
)
def test_an_origid_must_be_a_uuid(origid: str) -> None:
    with pytest.raises(InvalidClaim) as caught:
        sign_call(call(), STANDING, CREDENTIAL, NOW, origid)
    assert caught.value.parameter == "origid"


@pytest.mark.parametrize(
    "tn", ["", "+", "abc", "+1 415 555 0100", "1" * 16, "1" * 33, "\u0661" * 11, "1415555\n"]
)
@pytest.mark.parametrize("parameter", ["orig", "dest"])
def test_what_is_not_a_number_is_named(parameter: str, tn: str) -> None:
    with pytest.raises(InvalidClaim) as caught:
        call(orig=tn) if parameter == "orig" else call(dest=("12025550143", tn))
    assert caught.value.parameter == parameter


def test_a_call_goes_somewhere() -> None:
    with pytest.raises(InvalidClaim) as caught:
        call(dest=())
    assert caught.value.parameter == "dest"


@pytest.mark.parametrize("attest", ["X", "a", "", "AB", "A "])
def test_a_level_that_does_not_exist_is_refused(attest: str) -> None:
    with pytest.raises(InvalidClaim) as caught:
        call(attest=attest)
    assert caught.value.parameter == "attest"


@pytest.mark.parametrize(
    ("written", "e164"), [("1(415)555-0100", "+14155550100"), ("911", "+911"), ("*67#", "*67#")]
)
def test_the_house_form_of_the_calling_number(written: str, e164: str) -> None:
    assert call(orig=written).orig_e164 == e164


def test_ten_digits_are_not_taken_for_an_american_number() -> None:
    assert call(orig="4155550100").orig_tn == "4155550100"
