"""Rich Call Data within the verdict of a call."""

from __future__ import annotations

from typing import Any

from phonotary.shaken import rcd
from phonotary.shaken.rcd import Display
from phonotary.shaken.replays import Replays
from phonotary.shaken.verdicts import Verdict
from phonotary.shaken.verification import CallToVerify, Pending, Rules, begin, conclude
from tests.simulators.stir_provider import DEST, NOW, ORIG, customer, provider, shaken

OWL = provider()
CUSTOMER = customer([ORIG], "https://customer.example/c.pem")
KNOWN = {OWL.x5u: OWL.valid(), CUSTOMER.x5u: CUSTOMER.valid()}
CLAIMS = rcd.rcd_claims(Display("Owl Telecom", reason="Your delivery"))


def verify(*identities: str, **rules: Any) -> Verdict:
    call = CallToVerify(orig=ORIG, dest=(DEST,), identities=identities)
    policy = Rules(**rules)
    found = begin(call, NOW, policy)
    return conclude(found, KNOWN, NOW, policy, Replays()) if isinstance(found, Pending) else found


def own(**changes: Any) -> str:
    """An rcd PASSporT of the customer's own."""
    return CUSTOMER.header(shaken(attest=None, origid=None, **{**CLAIMS, **changes}), "rcd")


def test_claims_within_a_shaken_passport_are_returned() -> None:
    verdict = verify(OWL.header(shaken(**CLAIMS)))
    assert verdict.passed
    assert verdict.rcd == {"rcd": {"nam": "Owl Telecom"}, "crn": "Your delivery"}


def test_claims_of_a_passport_of_their_own_are_returned_with_the_shaken_result() -> None:
    verdict = verify(OWL.header(shaken()), own())
    assert (verdict.ppt, verdict.attest) == ("shaken", "A")
    assert verdict.rcd is not None
    assert verdict.rcd["rcd"] == {"nam": "Owl Telecom"}


def test_a_third_party_does_not_say_who_the_caller_is() -> None:
    stranger = provider("https://certificates.example/jay/leaf.pem", "818H")
    header = stranger.header(shaken(attest=None, origid=None, **CLAIMS), "rcd")
    found = begin(CallToVerify(ORIG, (DEST,), None, (OWL.header(shaken()), header)), NOW, Rules())
    assert isinstance(found, Pending)
    known = {**KNOWN, stranger.x5u: stranger.valid()}
    verdict = conclude(found, known, NOW, Rules(), Replays())
    assert (verdict.passed, verdict.rcd) == (True, None)


def test_claims_that_were_exchanged_after_signing_the_digest_are_not_shown() -> None:
    verdict = verify(OWL.header(shaken(**{**CLAIMS, "rcd": {"nam": "Another"}})))
    assert verdict.passed
    assert verdict.rcd is None
    assert len(verdict.notes) == 1


def test_the_digest_of_drafts_is_noted_and_let_pass() -> None:
    pin = {"/nam": rcd.digest(b"Owl Telecom")}
    verdict = verify(OWL.header(shaken(**{**CLAIMS, "rcdi": pin})))
    assert verdict.rcd is not None
    assert "quotes" in verdict.notes[0]


def test_claims_whose_passport_fails_are_not_shown() -> None:
    late = own(iat=NOW - 100)
    verdict = verify(OWL.header(shaken()), late)
    assert verdict.passed
    assert verdict.rcd is None


def test_rich_call_data_alone_validates_a_number_only_where_the_rules_allow() -> None:
    assert verify(own()).case == "E5"
    verdict = verify(own(), allow_base=True)
    assert verdict.passed
    assert (verdict.ppt, verdict.attest) == ("rcd", None)
