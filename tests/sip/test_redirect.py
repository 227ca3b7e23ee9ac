"""What the door answers to each request; no socket is opened."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from ipaddress import ip_network
from typing import Any

import pytest
from cryptography import x509
from msgspec.structs import replace

from phonotary.abreast import abreast
from phonotary.errors import Reason, Refused
from phonotary.shaken import identity_header, passport
from phonotary.shaken.attestation import Level
from phonotary.shaken.signing import (
    CallToSign,
    CredentialOutOfDate,
    InvalidClaim,
    KeyAway,
    SignedCall,
)
from phonotary.shaken.verdicts import Verdict, Verstat, failed
from phonotary.shaken.verification import CallToVerify, Rules, begin
from phonotary.shaken.verification import Pending as CredentialsNeeded
from phonotary.sip.answers import Policy, Then
from phonotary.sip.redirect import Pending, Redirect
from phonotary.sip.trunks import LOOPBACK, Role, Trunk, Trunks
from tests.sip.invites import (
    ACCOUNT,
    CALLED,
    CALLER,
    NOW,
    ORIGID,
    TARGET,
    Signer,
    Verifier,
    ask,
    door,
    request,
    response,
    trunk,
)

IDENTITY = "Identity: e30.e30.e30;info=<https://a.example/c.pem>;alg=ES256;ppt=shaken"
PASSED = Verdict(Verstat.PASSED, attest=Level.A, origid=ORIGID)
BLOCKING = Policy(unsigned=Then.BLOCK, failed=Then.BLOCK)


def claims(identity: str) -> dict[str, Any]:
    found: dict[str, Any] = passport.read(identity_header.parse(identity).token).payload
    return found


# Signing


def test_an_unsigned_call_comes_back_signed() -> None:
    signer = Signer()
    told = ask(door(sign=signer), request())
    assert (told.status, told.reason) == (302, "Moved Temporarily")
    assert told["Contact"] == "<sip:+12025550143@owl.example;user=phone>"
    assert told["P-Attestation-Indicator"] == "A"
    assert told["P-Origination-ID"] == ORIGID
    assert told["X-Phonotary-Reason"] == "number-verified"
    header = identity_header.parse(told["Identity"])
    leaf = x509.load_pem_x509_certificates(signer.issued.chain_pem)[0]
    found = passport.verify(header.token, leaf.public_key())  # type: ignore[arg-type]
    assert found.payload == {
        "attest": "A",
        "dest": {"tn": ["12025550143"]},
        "iat": NOW,
        "orig": {"tn": "14155550100"},
        "origid": ORIGID,
    }


def test_the_account_and_the_source_go_with_the_call() -> None:
    signer = Signer()
    ask(door(sign=signer), request())
    (asked,) = signer.asked
    assert (asked.caller_sid, asked.door, asked.source) == (ACCOUNT, "sip", "127.0.0.1")


def test_the_asserted_identity_of_a_trusted_trunk_is_the_caller() -> None:
    data = request(
        from_="<sip:anonymous@anonymous.invalid>;tag=1",
        lines=(f"P-Asserted-Identity: <sip:alice@h>, <tel:{CALLER}>",),
    )
    assert claims(ask(door(), data)["Identity"])["orig"] == {"tn": CALLER[1:]}


def test_the_asserted_identity_of_another_trunk_is_not() -> None:
    data = request(lines=("P-Asserted-Identity: <tel:+19995550100>",))
    told = ask(door(trunk(trusted=False)), data)
    assert claims(told["Identity"])["orig"] == {"tn": CALLER[1:]}


def test_the_called_number_is_the_one_in_to_else_in_the_request_uri() -> None:
    told = ask(door(), request(uri=f"sip:{TARGET}@h"))
    assert claims(told["Identity"])["dest"] == {"tn": [CALLED[1:]]}
    told = ask(door(), request(uri=f"tel:{TARGET}", to="<sip:desk@h>"))
    assert claims(told["Identity"])["dest"] == {"tn": [TARGET[1:]]}


@pytest.mark.parametrize(
    ("lines", "level"),
    [((), "A"), (("P-Attestation-Indicator: B",), "B"), (("P-Attestation-Indicator: AAA",), "C")],
)
def test_a_level_in_the_request_is_a_ceiling(lines: tuple[str, ...], level: str) -> None:
    assert ask(door(), request(lines=lines))["P-Attestation-Indicator"] == level


def test_a_trunk_that_asks_for_nothing_gets_the_lowest() -> None:
    assert ask(door(trunk(attest=None)), request())["P-Attestation-Indicator"] == "C"


def test_an_origination_id_is_kept_when_it_is_one() -> None:
    mine = "11111111-2222-4333-8444-555555555555"
    told = ask(door(), request(lines=(f"P-Origination-ID: {mine}",)))
    assert told["P-Origination-ID"] == mine
    assert ask(door(), request(lines=("P-Origination-ID: x",)))["P-Origination-ID"] == ORIGID


@pytest.mark.parametrize(
    ("date", "iat"),
    [
        (formatdate(NOW - 59, usegmt=True), NOW - 59),
        (formatdate(NOW - 61, usegmt=True), NOW),
        (formatdate(NOW + 61, usegmt=True), NOW),
        ("yesterday", NOW),
        ("", NOW),
    ],
)
def test_a_fresh_date_is_signed_and_another_is_not(date: str, iat: int) -> None:
    told = ask(door(), request(lines=(f"Date: {date}",)))
    assert claims(told["Identity"])["iat"] == iat


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"from_": "<sip:alice@h>;tag=1"}, "invalid-orig"),
        ({"from_": "nonsense here"}, "invalid-orig"),
        ({"to": "<sip:bob@h>", "uri": "sip:bob@h"}, "invalid-dest"),
    ],
)
def test_a_call_without_numbers_goes_on_unsigned(changed: dict[str, Any], reason: str) -> None:
    told = ask(door(), request(**changed))
    assert (told.status, told["X-Phonotary-Reason"]) == (404, reason)
    assert "Identity" not in told
    assert ask(door(policy=BLOCKING), request(**changed)).status == 603


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (InvalidClaim("orig", "It is odd."), 404, "invalid-orig"),
        (Refused(Reason.FORBIDDEN, "No."), 404, "forbidden"),
        (Refused(Reason.ACCOUNT_NOT_ACTIVE, 'Not "active".'), 603, "account-not-active"),
        (Refused(Reason.UNAVAILABLE, "The ledger is full."), 503, "unavailable"),
        (CredentialOutOfDate("x"), 503, "credential-out-of-date"),
        (RuntimeError("a secret"), 503, "unavailable"),
    ],
)
def test_what_is_not_signed(fault: Exception, status: int, reason: str) -> None:
    signer = Signer()
    signer.fault = fault
    told = ask(door(sign=signer), request())
    assert (told.status, told["X-Phonotary-Reason"]) == (status, reason)
    assert "Identity" not in told
    if status == 603:
        assert told["Reason"] == 'SIP;cause=603;text="Not \\"active\\"."'
    if status == 404:
        assert told["Warning"].startswith("399 phonotary ")
    assert not any("secret" in value for values in told.headers.values() for value in values)


def test_a_call_that_is_signed_already_is_not_signed_again() -> None:
    signer = Signer()
    told = ask(door(trunk(Role.AUTHENTICATE), sign=signer), request(lines=(IDENTITY,)))
    assert (told.status, told["X-Phonotary-Reason"]) == (404, "already-signed")
    assert signer.asked == []


def closed(account_sid: str) -> None:
    assert account_sid == ACCOUNT
    raise Refused(Reason.ACCOUNT_NOT_ACTIVE, "The account is suspended.")


UNFIT: list[tuple[Role, dict[str, Any]]] = [
    (Role.AUTHENTICATE, {"from_": "<sip:anonymous@anonymous.invalid>;tag=1"}),
    (Role.AUTHENTICATE, {"from_": f"<sip:{'1' * 16}@h>;tag=1"}),
    (Role.AUTHENTICATE, {"to": "<sip:bob@h>", "uri": "sip:bob@h"}),
    (Role.AUTHENTICATE, {"lines": (IDENTITY,)}),
    (Role.BOTH, {"lines": (IDENTITY,)}),
    (Role.DIVERTING, {}),
    (Role.DIVERTING, {"lines": (IDENTITY,)}),
    (Role.DIVERTING, {"lines": (IDENTITY,), "uri": f"sip:{TARGET}@h"}),
]


@pytest.mark.parametrize(("role", "changed"), UNFIT)
def test_an_account_that_may_not_call_is_told_so_whatever_it_writes(
    role: Role, changed: dict[str, Any]
) -> None:
    signer = Signer()
    signer.fault = InvalidClaim("orig", "It is odd.")
    told = ask(door(trunk(role), sign=signer, admit=closed), request(**changed))
    assert (told.status, told["X-Phonotary-Reason"]) == (603, "account-not-active")
    assert ask(door(trunk(role), sign=signer), request(**changed)).status in (302, 404)


@pytest.mark.parametrize("fault", [KeyAway(), CredentialOutOfDate("x"), RuntimeError("x")])
def test_what_keeps_a_call_from_being_signed_lets_no_barred_one_on(fault: Exception) -> None:
    signer = Far()
    signer.fault = fault
    for redirect in (door(sign=signer, admit=closed), far(signer, admit=closed)):
        reply = redirect.answer(request(), "127.0.0.1", 5070)
        told = response((finished(reply) if isinstance(reply, Pending) else reply)[0])
        assert (told.status, told["X-Phonotary-Reason"]) == (603, "account-not-active")


def test_calls_from_outside_are_nobodys_own() -> None:
    told = ask(door(trunk(Role.VERIFY), admit=closed), request(lines=(IDENTITY,)))
    assert told.status == 302


@pytest.mark.parametrize("fault", [Refused(Reason.UNAVAILABLE, "Gone."), RuntimeError("x")])
def test_a_call_goes_on_where_nobody_can_say_whether_the_account_may(fault: Exception) -> None:
    def unknown(account_sid: str) -> None:
        raise fault

    told = ask(door(admit=unknown), request(from_="<sip:anonymous@anonymous.invalid>;tag=1"))
    assert (told.status, told["X-Phonotary-Reason"]) == (404, "invalid-orig")


# Retransmissions


def test_a_retransmission_gets_the_same_answer_and_is_signed_once() -> None:
    signer = Signer()
    redirect = door(sign=signer)
    first = redirect.answer(request(), "127.0.0.1", 5070)
    assert redirect.answer(request(), "127.0.0.1", 5070) == first
    assert len(signer.asked) == 1


def test_what_comes_twice_at_once_is_signed_and_answered_once() -> None:
    signer = Signer()
    redirect = door(sign=signer)
    first, second = abreast([redirect.answering(request(), "127.0.0.1", 5070) for _ in range(2)])
    assert isinstance(first, tuple)
    assert second is None
    assert len(signer.asked) == 1
    assert redirect.answer(request(), "127.0.0.1", 5070) == first


def test_calls_that_come_together_are_read_then_signed_then_answered() -> None:
    order: list[str] = []

    class Watched(Signer):
        def __call__(self, call: CallToSign) -> SignedCall:
            order.append("sign")
            return super().__call__(call)

    def now() -> int:
        order.append("read")
        return NOW

    redirect = door(sign=Watched(), now=now)
    calls = [request(call_id=str(n)) for n in range(3)]
    replies = abreast([redirect.answering(each, "127.0.0.1", 5070) for each in calls])
    assert all(isinstance(each, tuple) for each in replies)
    assert order == ["read"] * 3 + ["sign"] * 3


@pytest.mark.parametrize(
    "changed",
    [
        {"via": "SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-2"},
        {"call_id": "another"},
        {"cseq": "2 INVITE"},
        {"uri": f"sip:{TARGET}@h"},
        {"from_": f"<sip:{CALLER}@h>;tag=2"},
        {"to": f"<sip:{TARGET}@h>"},
    ],
)
def test_another_call_is_signed_for_itself(changed: dict[str, Any]) -> None:
    signer = Signer()
    redirect = door(sign=signer)
    ask(redirect, request())
    ask(redirect, request(**changed))
    assert len(signer.asked) == 2


def test_another_source_does_not_get_the_answer_of_the_first() -> None:
    signer = Signer()
    redirect = door(sign=signer)
    ask(redirect, request())
    ask(redirect, request(), host="127.0.0.2")
    assert len(signer.asked) == 2


def test_after_32_seconds_it_is_a_new_call() -> None:
    signer, at = Signer(), [NOW]
    redirect = door(sign=signer, now=lambda: at[0])
    ask(redirect, request())
    at[0] += 32
    ask(redirect, request())
    assert len(signer.asked) == 1
    at[0] += 1
    ask(redirect, request())
    assert len(signer.asked) == 2


def test_the_kept_answers_are_bounded() -> None:
    signer = Signer()
    redirect = door(sign=signer, policy=Policy(kept=3))
    for n in (1, 2, 3, 4, 1):
        ask(redirect, request(call_id=str(n)))
    assert len(signer.asked) == 5
    assert len(redirect._kept) == 3


def test_a_fault_of_ours_is_tried_again() -> None:
    signer = Signer()
    redirect = door(sign=signer)
    signer.fault = RuntimeError("once")
    assert ask(redirect, request()).status == 503
    signer.fault = None
    assert ask(redirect, request()).status == 302


# Verification


def test_a_verified_caller_gets_verstat_and_the_name_on_record() -> None:
    verifier = Verifier(PASSED)
    told = ask(
        door(
            verifier=verifier,
            name_of={CALLER: 'Owl "Net"'}.get,
        ),
        request(lines=(IDENTITY,)),
    )
    assert told.status == 302
    assert [asked.caller_sid for asked in verifier.asked] == [ACCOUNT]
    assert told["P-Asserted-Identity"] == (
        f'"Owl \\"Net\\"" <sip:{CALLER};verstat=TN-Validation-Passed@owl.example;user=phone>'
    )
    assert told["P-Attestation-Indicator"] == "A"
    assert told["P-Origination-ID"] == ORIGID
    assert told["X-Phonotary-Reason"] == "verified"
    assert "Reason" not in told and "Identity" not in told


def test_the_name_that_was_signed_goes_before_the_one_on_record() -> None:
    token = passport.Passport({}, {}, b"\0" * 64, b"")
    one = Verdict(
        Verstat.PASSED,
        attest=Level.A,
        ppt="shaken",
        passport=token,
        rcd={"rcd": {"nam": "Bäcker"}},
    )
    verdict = replace(one, each=(one,))
    redirect = door(verifier=Verifier(verdict), name_of={CALLER: "Owl"}.get)
    told = ask(redirect, request(lines=(IDENTITY,)))
    assert told["P-Asserted-Identity"].startswith('"Bäcker" <')


def test_a_failed_validation_says_why_and_lends_no_name() -> None:
    verdict = failed("signature")
    redirect = door(verifier=Verifier(verdict), name_of=lambda number: "Owl")
    told = ask(redirect, request(lines=(IDENTITY,)))
    assert told.status == 302
    assert told["P-Asserted-Identity"] == (
        f"<sip:{CALLER};verstat=TN-Validation-Failed@owl.example;user=phone>"
    )
    assert told["Reason"] == 'STIR;cause=438;text="Invalid Identity Header"'
    assert told["X-Phonotary-Reason"] == "signature"
    assert "P-Attestation-Indicator" not in told


def test_a_policy_may_decline_a_failed_validation_but_not_a_missing_one() -> None:
    redirect = door(verifier=Verifier(failed("signature")), policy=BLOCKING)
    told = ask(redirect, request(lines=(IDENTITY,)))
    assert told.status == 603
    assert told["Reason"].startswith("STIR;cause=438")
    assert "P-Asserted-Identity" not in told
    redirect = door(trunk(Role.VERIFY), verifier=Verifier(failed("no-identity")), policy=BLOCKING)
    told = ask(redirect, request())
    assert told.status == 302
    assert "verstat=No-TN-Validation" in told["P-Asserted-Identity"]
    assert told["Reason"] == 'STIR;cause=428;text="Use Identity Header"'


def test_of_several_identities_each_that_failed_is_named_by_its_signature() -> None:
    token = passport.Passport({}, {}, b"\0" * 64, b"")
    one, two = failed("signature", passport=token), failed("stale-iat")
    verdict = Verdict(Verstat.PASSED, each=(one, Verdict(Verstat.PASSED), two))
    told = ask(door(verifier=Verifier(verdict)), request(lines=(IDENTITY, IDENTITY)))
    assert told.headers["Reason"] == [
        f'STIR;cause=438;text="Invalid Identity Header";ppi="..{"A" * 86}"',
        'STIR;cause=403;text="Stale Date"',
    ]


def test_the_verifier_is_asked_about_the_call_and_not_about_the_token() -> None:
    verifier = Verifier()
    lines = (IDENTITY, "y: second", f"Date: {formatdate(NOW, usegmt=True)}")
    ask(door(verifier=verifier), request(lines=lines))
    (asked,) = verifier.asked
    assert (asked.orig, asked.dest, asked.time) == (CALLER, (CALLED,), NOW)
    assert asked.identities == (IDENTITY.removeprefix("Identity: "), "second")
    assert verifier.told == [("sip", "127.0.0.1")]


STALE = [f"Date: {formatdate(NOW + off, usegmt=True)}" for off in (-300, 300)]


@pytest.mark.parametrize("date", STALE)
def test_a_call_that_is_signed_here_passes_here_whatever_its_date_says(date: str) -> None:
    signed = ask(door(), request(lines=(date,)))["Identity"]
    for identity in (f"Identity: {signed}", f"Identity: e30.e30.e30;info=<x>, {signed}"):
        verifier = Verifier()
        ask(door(verifier=verifier), request(lines=(date, identity)))
        assert verifier.asked[0].time is None
        assert isinstance(begin(verifier.asked[0], NOW, Rules()), CredentialsNeeded)
        # The token's own time still counts.
        late = begin(verifier.asked[0], NOW + 61, Rules())
        assert isinstance(late, Verdict) and late.reason == "stale-iat"


@pytest.mark.parametrize("date", STALE)
@pytest.mark.parametrize(
    "token", ["..c2ln", "e30.e30.e30", f"e30.e30.{'A' * 86}", "garbage", ",".join(["x"] * 99)]
)
def test_a_date_counts_where_no_token_says_when_the_call_was_made(token: str, date: str) -> None:
    verifier = Verifier()
    lines = (date, f"Identity: {token};info=<https://a.example/c.pem>;alg=ES256;ppt=shaken")
    ask(door(verifier=verifier), request(lines=lines))
    assert abs((verifier.asked[0].time or NOW) - NOW) == 300


LOCAL = {
    "from_": f"<tel:{CALLER[2:]};phone-context=+1>;tag=1",
    "to": f"<sip:{CALLED[2:]};phone-context=+1@h;user=phone>",
    "uri": f"sip:{CALLED[2:]};phone-context=+1@h;user=phone",
}


def test_a_local_number_is_the_same_number_to_every_door() -> None:
    signed = ask(door(), request(**LOCAL))["Identity"]
    assert claims(signed)["orig"] == {"tn": CALLER[1:]}
    assert claims(signed)["dest"] == {"tn": [CALLED[1:]]}
    verifier = Verifier()
    told = ask(door(verifier=verifier), request(lines=(f"Identity: {signed}",), **LOCAL))
    assert isinstance(begin(verifier.asked[0], NOW, Rules()), CredentialsNeeded)
    assert told["P-Asserted-Identity"] == (
        f"<tel:{CALLER[2:]};phone-context=+1;verstat=TN-Validation-Passed>"
    )
    # The room reads the same URI for itself where a door hands it on as it came.
    plain = CallToVerify(
        LOCAL["from_"].partition(">")[0][1:], (LOCAL["uri"],), identities=(signed,)
    )
    assert isinstance(begin(plain, NOW, Rules()), CredentialsNeeded)


def test_a_diverted_call_is_judged_by_where_it_goes_now() -> None:
    verifier = Verifier()
    lines = (IDENTITY, IDENTITY.replace("ppt=shaken", 'PPT = "div"'))
    ask(door(verifier=verifier), request(uri=f"sip:{TARGET}@h", lines=lines))
    assert verifier.asked[0].dest == (TARGET,)


def test_a_caller_without_a_number_is_judged_by_the_uri() -> None:
    verifier = Verifier(failed("no-identity"))
    data = request(from_='"A" <sip:alice@h:5060;x=1>;tag=1')
    told = ask(door(trunk(Role.VERIFY), verifier=verifier), data)
    assert verifier.asked[0].orig == "sip:alice@h:5060;x=1"
    assert "<sip:alice;verstat=No-TN-Validation@h:5060;x=1>" in told["P-Asserted-Identity"]


def test_a_call_that_cannot_be_judged_goes_on_and_a_fault_of_ours_is_503() -> None:
    verifier = Verifier(fault=Refused(Reason.INVALID_PARAMETER, "It is odd."))
    told = ask(door(trunk(Role.VERIFY), verifier=verifier), request())
    assert told.status == 302
    assert "No-TN-Validation" in told["P-Asserted-Identity"]
    assert told["X-Phonotary-Reason"] == "invalid-parameter"
    verifier = Verifier(fault=RuntimeError("x"))
    assert ask(door(trunk(Role.VERIFY), verifier=verifier), request()).status == 503


def test_a_name_that_cannot_be_looked_up_is_a_fault_of_ours() -> None:
    def broken(number: str) -> str | None:
        raise RuntimeError

    redirect = door(verifier=Verifier(PASSED), name_of=broken)
    assert ask(redirect, request(lines=(IDENTITY,))).status == 503


def later(redirect: Redirect, data: bytes) -> Pending:
    reply = redirect.answer(data, "127.0.0.1", 5070)
    assert isinstance(reply, Pending)
    return reply


def finished(pending: Pending) -> tuple[bytes, int]:
    try:
        return asyncio.run(pending.judge())
    finally:
        pending.settle()


def test_a_credential_that_must_be_fetched_is_waited_for_and_retransmissions_are_absorbed() -> None:
    redirect = door(verifier=Verifier(PASSED, at_once=False))
    data = request(lines=(IDENTITY,))
    waiting = later(redirect, data)
    assert redirect.answer(data, "127.0.0.1", 5070) is None
    reply = finished(waiting)
    assert response(reply[0]).status == 302
    assert redirect.answer(data, "127.0.0.1", 5070) == reply


def test_no_more_verifications_wait_than_the_policy_allows() -> None:
    redirect = door(verifier=Verifier(at_once=False), policy=Policy(in_flight=1))
    waiting = later(redirect, request(lines=(IDENTITY,)))
    second = request(lines=(IDENTITY,), call_id="2")
    told = ask(redirect, second)
    assert (told.status, told["Retry-After"]) == (503, "1")
    finished(waiting)
    assert response(finished(later(redirect, second))[0]).status == 302


def test_a_verification_that_nobody_waited_for_leaves_nothing_behind() -> None:
    redirect = door(verifier=Verifier(at_once=False), policy=Policy(in_flight=1))
    data = request(lines=(IDENTITY,))
    later(redirect, data).settle()
    assert response(finished(later(redirect, data))[0]).status == 302


def test_another_try_that_came_before_the_first_was_put_away_keeps_its_mark() -> None:
    verifier = Verifier(at_once=False, fault=RuntimeError("x"))
    redirect = door(verifier=verifier)
    data = request(lines=(IDENTITY,))
    first = later(redirect, data)
    assert response(asyncio.run(first.judge())[0]).status == 503
    second = later(redirect, data)
    first.settle()
    assert redirect.answer(data, "127.0.0.1", 5070) is None
    verifier.fault = None
    assert response(finished(second)[0]).status == 302


def test_a_late_fault_is_503_and_frees_its_place() -> None:
    verifier = Verifier(at_once=False, fault=RuntimeError("x"))
    redirect = door(verifier=verifier, policy=Policy(in_flight=1))
    data = request(lines=(IDENTITY,))
    assert response(finished(later(redirect, data))[0]).status == 503
    verifier.fault = None
    assert response(finished(later(redirect, data))[0]).status == 302


# A key far away


class Far(Signer):
    """Signs later, but for what a test makes of it."""

    async def later(self, call: CallToSign) -> SignedCall:
        return self(call)


def far(signer: Far, *trunks: Trunk, **more: Any) -> Redirect:
    return door(*trunks, sign=lambda call: None, sign_later=signer.later, **more)


def test_a_signature_is_waited_for_and_retransmissions_are_absorbed() -> None:
    signer = Far()
    redirect = far(signer)
    waiting = later(redirect, request())
    assert redirect.answer(request(), "127.0.0.1", 5070) is None
    reply = finished(waiting)
    told = response(reply[0])
    assert (told.status, claims(told["Identity"])["attest"]) == (302, "A")
    assert redirect.answer(request(), "127.0.0.1", 5070) == reply
    assert len(signer.asked) == 1


def test_a_call_sent_on_waits_for_its_signature_too() -> None:
    redirect = far(Far(), trunk(Role.DIVERTING))
    sent_on = request(uri=f"sip:{TARGET}@h", lines=(IDENTITY,))
    told = response(finished(later(redirect, sent_on))[0])
    assert (told.status, told["Identity"]) == (302, "e30.e30.e30;info=<x>;ppt=div")


@pytest.mark.parametrize(
    ("fault", "status", "logged"),
    [
        (KeyAway(), 503, False),
        (RuntimeError("x"), 503, True),
        (Refused(Reason.FORBIDDEN, "No."), 404, False),
    ],
)
def test_a_late_fault_of_a_signature_frees_its_place_and_a_key_away_is_not_logged_for_each_call(
    fault: Exception, status: int, logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    signer = Far()
    signer.fault = fault
    redirect = far(signer, policy=Policy(in_flight=1))
    assert response(finished(later(redirect, request()))[0]).status == status
    assert ("signing failed" in caplog.text) is logged
    signer.fault = None
    assert response(finished(later(redirect, request(call_id="2")))[0]).status == 302


def test_signatures_and_verifications_share_the_places_to_wait_in() -> None:
    verifier = Verifier(at_once=False)
    redirect = far(Far(), policy=Policy(in_flight=1), verifier=verifier)
    waiting = later(redirect, request(lines=(IDENTITY,)))
    assert ask(redirect, request(call_id="2")).status == 503
    finished(waiting)
    assert response(finished(later(redirect, request(call_id="2")))[0]).status == 302


# Diversion


def diverting(signer: Signer) -> Redirect:
    return door(trunk(Role.DIVERTING), sign=signer)


def test_a_call_sent_on_gets_a_further_identity() -> None:
    signer = Signer()
    told = ask(diverting(signer), request(uri=f"sip:{TARGET}@h", lines=(IDENTITY,)))
    assert told.status == 302
    assert told["Identity"].endswith("ppt=div")
    (asked,) = signer.asked
    assert (asked.ppt, asked.div, asked.dest) == ("div", CALLED, (TARGET,))
    assert asked.identities == (IDENTITY.removeprefix("Identity: "),)


def test_diversion_says_who_sent_the_call_on_last() -> None:
    signer = Signer()
    lines = (IDENTITY, "Diversion: <tel:+13035550111>;reason=unconditional")
    ask(diverting(signer), request(uri=f"sip:{TARGET}@h", lines=lines))
    assert signer.asked[0].div == "+13035550111"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, "nothing-to-continue"),
        ({"lines": (IDENTITY,)}, "target-unchanged"),
        ({"lines": (IDENTITY,), "uri": "sip:1(202)555-0143@h"}, "target-unchanged"),
        ({"lines": (IDENTITY,), "uri": "sip:bob@h"}, "target-unchanged"),
    ],
)
def test_a_call_that_was_not_sent_on_gets_none(changed: dict[str, Any], reason: str) -> None:
    signer = Signer()
    told = ask(diverting(signer), request(**changed))
    assert (told.status, told["X-Phonotary-Reason"]) == (404, reason)
    assert signer.asked == []


# Everything else that arrives


def test_options_is_answered_for_health_checks() -> None:
    told = ask(door(), request("OPTIONS", "sip:127.0.0.1"))
    assert (told.status, told["Allow"]) == (200, "INVITE, ACK, CANCEL, OPTIONS")


@pytest.mark.parametrize("method", ["REGISTER", "BYE", "SUBSCRIBE", "invite", "FOO"])
def test_another_method_is_405(method: str) -> None:
    told = ask(door(), request(method))
    assert (told.status, told["Allow"]) == (405, "INVITE, ACK, CANCEL, OPTIONS")


@pytest.mark.parametrize(
    "data",
    [
        request("ACK"),
        request("ACK", cseq="nonsense"),
        b"ACK ",
        b"",
        b"\r\n\r\n",
        b"\0" * 100,
        b"SIP/2.0 200 OK\r\n" + request().partition(b"\r\n")[2],
        request(via="SIP/2.0/UDP 127.0.0.1:0"),
        request(cseq=None),
    ],
)
def test_what_is_no_request_or_has_no_way_back_is_not_answered(data: bytes) -> None:
    assert door().answer(data, "127.0.0.1", 5070) is None


def test_cancel_finds_the_call_that_was_answered_or_none() -> None:
    redirect = door()
    assert ask(redirect, request("CANCEL")).status == 481
    ask(redirect, request())
    assert ask(redirect, request("CANCEL")).status == 200


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"cseq": "1 BYE"}, 400),
        ({"uri": "mailto:a@b"}, 416),
        ({"uri": "sip:a@b@c"}, 400),
        ({"uri": "sip:a>b@c"}, 400),
        ({"to": f"<sip:{CALLED}@h>;tag=2"}, 481),
    ],
)
def test_a_request_that_is_not_fit_is_told_so(changed: dict[str, Any], status: int) -> None:
    signer = Signer()
    told = ask(door(sign=signer), request(**changed))
    assert told.status == status
    assert signer.asked == []


REQUIRING = ("Require: 100rel", "Require: timer, x", "Proxy-Require: x")


@pytest.mark.parametrize(
    "changed",
    [
        {"lines": REQUIRING},
        {"lines": ("Require: é",)},
        {"max_forwards": "0"},
        {"max_forwards": "x"},
        {"max_forwards": None},
        {"lines": ("Max-Forwards: 0",)},
    ],
)
def test_what_a_redirect_server_need_not_understand_hinders_no_call(
    changed: dict[str, Any],
) -> None:
    assert "Identity" in ask(door(), request(**changed))
    again = {**changed, "lines": (IDENTITY, *changed.get("lines", ()))}
    told = ask(door(verifier=Verifier(PASSED)), request(**again))
    assert "verstat=TN-Validation-Passed" in told["P-Asserted-Identity"]


def test_what_is_answered_here_itself_says_which_options_it_has_not() -> None:
    told = ask(door(), request("OPTIONS", lines=REQUIRING))
    assert (told.status, told["Unsupported"]) == (420, "100rel, timer, x")
    assert ask(door(), request("OPTIONS", max_forwards="0")).status == 200


def test_another_version_is_505() -> None:
    assert ask(door(), request().replace(b" SIP/2.0\r\n", b" SIP/3.0\r\n", 1)).status == 505


def test_a_stranger_is_refused_a_few_times_and_then_not_answered() -> None:
    signer, at = Signer(), [NOW]
    redirect = door(sign=signer, policy=Policy(strangers=2), now=lambda: at[0])
    said = [redirect.answer(request(), "192.0.2.1", 5070) for _ in range(5)]
    assert [isinstance(one, tuple) for one in said] == [True, True, False, False, False]
    assert isinstance(said[0], tuple) and response(said[0][0]).status == 403
    at[0] += 1
    assert redirect.answer(request(), "192.0.2.1", 5070) is not None
    assert signer.asked == []


def test_a_stranger_never_gets_more_bytes_than_it_sent() -> None:
    for via in ("SIP/2.0/UDP h;rport;branch=z", "SIP/2.0/UDP 192.0.2.1"):
        data = request(via=via, body=b"", contact=None, max_forwards=None, content_length=None)
        reply = door().answer(data, "192.0.2.1", 5070)
        assert reply is None or (isinstance(reply, tuple) and len(reply[0]) <= len(data))


def test_a_strangers_broken_request_is_not_answered() -> None:
    assert door().answer(request(cseq="1 BYE"), "192.0.2.1", 5070) is None


def test_the_longest_request_gets_a_bounded_answer() -> None:
    lines = ("X: " + "a" * 15_000, "X: " + "b" * 15_000)
    reply = door().answer(request(lines=lines), "127.0.0.1", 5070)
    assert isinstance(reply, tuple) and len(reply[0]) < 2_000


# Trunks


def test_the_narrowest_network_decides() -> None:
    wide = Trunk((ip_network("10.0.0.0/8"),), "wide", Role.VERIFY)
    narrow = Trunk((ip_network("10.1.0.0/16"), ip_network("2001:db8::/32")), "narrow", Role.VERIFY)
    trunks = Trunks((wide, narrow))
    assert trunks.of("10.2.0.1") is wide
    assert trunks.of("10.1.0.1") is narrow
    assert trunks.of("::ffff:10.1.0.1") is narrow
    assert trunks.of("2001:db8::5%eth0") is narrow
    assert trunks.of("192.0.2.1") is None


def test_loopback_is_the_sandbox() -> None:
    trunks = Trunks([Trunk(LOOPBACK, ACCOUNT, Role.BOTH)])
    assert trunks.of("127.0.0.1") and trunks.of("127.1.2.3") and trunks.of("::1")
    assert trunks.of("128.0.0.1") is None
