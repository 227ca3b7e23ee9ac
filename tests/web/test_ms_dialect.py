"""The Ms dialect of 3GPP TS 24.229 Annex V: told by its keys, answered in kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from phonotary.errors import Reason, Refused
from phonotary.shaken import identity_header, passport
from phonotary.shaken.signing import CallToSign, SignedCall
from phonotary.shaken.verdicts import Verdict, Verstat, failed
from phonotary.web.stir_v1 import SIGNING, VERIFICATION
from tests.web.stir import (
    ADAPTERS,
    CALLER,
    GOOD,
    NOW,
    SAMPLE,
    TABLE,
    Answer,
    Services,
    assert_error,
    with_length,
)

Post = Callable[..., Answer]
CALL: dict[str, Any] = {**SAMPLE["signingRequest"], "ppt": "shaken"}
VERIFY: dict[str, Any] = {
    "from": {"tn": "17035550001"},
    "to": {"tn": "15715550000"},
    "time": NOW,
    "identityHeader": "a.b.c;info=<https://trust.example/c>;ppt=shaken",
}
DIV = 'd.e.f;info=<https://trust.example/c>;alg=ES256;ppt="div"'


@pytest.fixture(params=ADAPTERS)
def post(request: pytest.FixtureRequest) -> Post:
    def post(message: Any, services: Services | None = None, path: str = SIGNING) -> Answer:
        body = json.dumps(message).encode()
        door = (services or Services()).door()
        return ADAPTERS[request.param](door, "POST", path, with_length(GOOD, body), body)

    return post


def signing(**changes: Any) -> dict[str, Any]:
    """A signing request; a value of None takes a key away."""
    return {"signingRequest": {k: v for k, v in {**CALL, **changes}.items() if v is not None}}


def verifying(**changes: Any) -> dict[str, Any]:
    asked = {k: v for k, v in {**VERIFY, **changes}.items() if v is not None}
    return {"verificationRequest": asked}


def test_a_signed_call_is_answered_with_an_identity_header(post: Post) -> None:
    answer = post(signing())
    assert answer.status == 200
    assert list(answer.json) == ["signingResponse"]
    assert list(answer.json["signingResponse"]) == ["identityHeader"]
    token = identity_header.parse(answer.json["signingResponse"]["identityHeader"]).token
    assert passport.read(token).payload == SAMPLE["signingRequest"]
    assert answer.headers["x-phonotary-attestation"] == "A"


@pytest.mark.parametrize(
    "changes",
    [
        {"ppt": "shaken"},
        {"requestId": "12378"},
        {"attest": None, "rcd": {"nam": "x"}},
        {"crn": "x"},
        {"div": {"tn": "12155551213"}},
        {"identityHeader": "x"},
        {"identityHeaders": ["x"]},
    ],
)
def test_any_key_of_its_own_tells_the_dialect(post: Post, changes: dict[str, Any]) -> None:
    answer = post(signing(**{"ppt": None, **changes}))
    assert next(iter(answer.json["signingResponse"])) == "identityHeader"


@pytest.mark.parametrize(
    "changes",
    [
        {"orig": {"tn": "12155551212", "uri": "sip:x@example.org"}},
        {"dest": {"tn": ["12355551212"], "uri": ["sip:x@example.org"]}},
    ],
)
def test_a_uri_that_cannot_be_signed_is_refused_in_this_dialect(
    post: Post, changes: dict[str, Any]
) -> None:
    answer = post(signing(ppt=None, **changes))
    assert (answer.status, list(answer.json)) == (400, ["error"])


@pytest.mark.parametrize("name", ["rph", "sph"])
def test_a_priority_that_would_not_be_signed_is_refused_by_name(post: Post, name: str) -> None:
    services = Services()
    answer = post(signing(ppt=None, **{name: {"auth": ["ets.0"]}}), services)
    assert answer.status == 400
    assert name in answer.json["error"]
    assert services.to_sign == []


def test_a_request_without_such_a_key_is_the_other_dialects(post: Post) -> None:
    assert list(post(signing(ppt=None)).json["signingResponse"]) == ["identity"]


def test_a_request_identifier_in_the_body_comes_back(post: Post) -> None:
    assert post(signing(requestId="12378")).json["signingResponse"]["requestId"] == "12378"
    asked = verifying(requestId="45690")
    said = post(asked, path=VERIFICATION).json["verificationResponse"]
    assert said["requestId"] == "45690"


@pytest.mark.parametrize("tn", ["12355551212", ["12355551212"]])
def test_a_number_is_a_string_or_an_array(post: Post, tn: Any) -> None:
    services = Services()
    assert post(signing(dest={"tn": tn}, orig={"tn": tn}), services).status == 200
    (call,) = services.to_sign
    assert (call.orig, call.dest) == ("12355551212", ("12355551212",))
    post(verifying(**{"from": {"tn": tn}, "to": {"tn": tn}}), services, VERIFICATION)
    ((asked, door, source),) = services.to_verify
    assert (asked.orig, asked.dest) == ("12355551212", ("12355551212",))
    assert (door, source) == ("http", "192.0.2.1")


class Recording(Services):
    """A signing service that signs what the true one of this test's room cannot."""

    def sign(self, call: CallToSign) -> SignedCall:
        self.to_sign.append(call)
        return SignedCall("x.y.z;info=<https://a>;ppt=div", None, None, b"{}", "")


def test_a_diversion_reaches_the_service_with_what_it_continues(post: Post) -> None:
    services = Recording()
    asked = signing(
        ppt="div",
        attest=None,
        origid=None,
        div={"tn": "15715550000", "hi": "1.1"},
        identityHeader="a",
        identityHeaders=["b"],
    )
    answer = post(asked, services)
    (call,) = services.to_sign
    assert (call.ppt, call.div, call.hi, call.identities) == (
        "div",
        "15715550000",
        "1.1",
        ("a", "b"),
    )
    assert (call.caller_sid, call.attest, call.origid) == (CALLER, None, None)
    assert answer.json["signingResponse"]["identityHeader"].startswith("x.y.z")
    assert answer.headers["x-phonotary-reason"]
    assert "x-phonotary-attestation" not in answer.headers


def test_rich_call_data_and_other_types_are_the_services_to_judge(post: Post) -> None:
    services = Recording()
    post(signing(rcd={"nam": "Owl"}, crn="Delivery"), services)
    post(signing(ppt="rph"), services)
    assert [(one.ppt, one.rcd, one.crn) for one in services.to_sign] == [
        ("shaken", True, "Delivery"),
        ("rph", False, None),
    ]


def test_a_uri_is_passed_on_as_written(post: Post) -> None:
    services = Recording()
    post(signing(orig={"uri": "sip:a@b.example"}, dest={"uri": ["sip:c@d.example"]}), services)
    (call,) = services.to_sign
    assert (call.orig, call.dest) == ("sip:a@b.example", ("sip:c@d.example",))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"iat": None}, "Missing mandatory parameter 'iat'."),
        ({"orig": {}}, "Missing mandatory parameter 'orig.tn'."),
        ({"ppt": "div"}, "Missing mandatory parameter 'div'."),
        ({"orig": {"tn": ["1", "2"]}}, "Invalid 'orig' parameter value: it names more"),
        ({"orig": {"tn": []}}, "Invalid 'orig' parameter value: it names nobody."),
        ({"dest": {"tn": "sip:a@b"}}, "Invalid 'dest' parameter value: a number is"),
        ({"dest": {"uri": "fred"}}, "Invalid 'dest' parameter value: a uri begins"),
        ({"attest": "X"}, "Invalid 'attest' parameter value: it is none of A, B and C."),
        ({"origid": "x"}, "Invalid 'origid' parameter value: it is not a UUID."),
        ({"iat": NOW + 61}, "Invalid 'iat' parameter value: it is more than 60 seconds"),
        ({"identityHeaders": "x"}, "Invalid 'identityHeaders' parameter value: expected array"),
    ],
)
def test_a_request_at_fault_is_told_in_one_sentence(
    post: Post, changes: dict[str, Any], sentence: str
) -> None:
    answer = post(signing(**changes))
    assert answer.status == 400
    assert list(answer.json) == ["error"]
    assert answer.json["error"].startswith(sentence)
    assert answer.headers["x-requestid"]


@pytest.mark.parametrize("identifier", sorted(TABLE))
def test_every_line_of_the_table_has_its_status_here_too(identifier: str) -> None:
    body = json.dumps(signing()).encode()
    good = with_length(GOOD, body)
    plain = {"content-type": "text/plain"}
    door = Services().door()
    broken = Services(fault=RuntimeError("x")).door()
    no_json = body[:-1]
    requests: dict[str, tuple[Any, ...]] = {
        "SVC4001": (door, "POST", SIGNING, good, json.dumps(signing(iat=None)).encode()),
        "SVC4002": (door, "POST", SIGNING, {**good, "accept": "text/plain"}, body),
        "SVC4003": (door, "POST", SIGNING + "/", good, body),
        "SVC4004": (door, "POST", SIGNING, {**good, **plain}, body),
        "SVC4005": (door, "POST", SIGNING, good, json.dumps(signing(iat="x")).encode()),
        "SVC4006": (door, "POST", SIGNING, good, no_json),
        "POL4050": (door, "PUT", SIGNING, good, body),
        "POL5000": (broken, "POST", SIGNING, good, body),
    }
    if identifier not in requests:
        # Without a body, and without a length to read one by, no dialect can be told.
        assert identifier in ("SVC4000", "SVC4007")
        return
    asked = requests[identifier]
    answer = ADAPTERS["asgi"](*asked)
    assert answer.status == TABLE[identifier]["http"]
    assert list(answer.json) == ["error"]
    assert "%" not in answer.json["error"]


def test_a_refusal_is_told_in_kind(post: Post) -> None:
    answer = post(signing(), Services(fault=Refused(Reason.FORBIDDEN, "It is not yours.")))
    assert (answer.status, answer.json) == (403, {"error": "It is not yours."})


def test_what_is_of_neither_dialect_gets_the_errors_of_atis(post: Post) -> None:
    assert_error(post({"signingRequest": {}}), "SVC4001", "attest")


# Verification.


def judged(ppt: str, claims: dict[str, Any]) -> Verdict:
    signed = passport.Passport({"ppt": ppt}, claims, b"", b"")
    return Verdict(Verstat.PASSED, ppt=ppt, passport=signed)


def test_a_passed_call_shows_its_claims(post: Post) -> None:
    claims = {"attest": "A", "iat": NOW}
    services = Services(verdict=replace(judged("shaken", claims), each=(judged("shaken", claims),)))
    answer = post(verifying(), services, VERIFICATION)
    assert answer.status == 200
    assert answer.json["verificationResponse"] == {
        "verstatValue": "TN-Validation-Passed",
        "verifyResults": [
            {"verifyResult": {"ppt": "shaken", "status": "pass", "validClaims": claims}}
        ],
    }


RICH: dict[str, Any] = {
    "rcd": {"nam": "Your Bank"},
    "rcdi": {"/nam": "sha256-x"},
    "crn": "Your card",
}


def claims_of(post: Post, verdict: Verdict) -> list[dict[str, Any]]:
    said = post(verifying(), Services(verdict=verdict), VERIFICATION).json["verificationResponse"]
    return [one["verifyResult"]["validClaims"] for one in said["verifyResults"]]


def test_rich_call_data_that_was_withheld_is_no_valid_claim(post: Post) -> None:
    one = judged("shaken", {"attest": "A", "iat": NOW, **RICH})
    (claims,) = claims_of(post, replace(one, each=(one,)))
    assert claims == {"attest": "A", "iat": NOW}


def test_rich_call_data_that_holds_is_shown_with_its_digests(post: Post) -> None:
    shown = {name: RICH[name] for name in ("rcd", "crn")}
    one = replace(judged("shaken", {"attest": "A", **RICH}), rcd=shown)
    (claims,) = claims_of(post, replace(one, each=(one,)))
    assert claims == {"attest": "A", **RICH}


def test_what_a_third_party_says_of_the_caller_is_no_valid_claim(post: Post) -> None:
    """The header of its own holds, and is not what the whole verdict shows."""
    first = judged("shaken", {"attest": "A"})
    other = replace(judged("rcd", {"iat": NOW, **RICH}), rcd={"rcd": RICH["rcd"]})
    assert claims_of(post, replace(first, each=(first, other))) == [{"attest": "A"}, {"iat": NOW}]


@pytest.mark.parametrize("waits", [False, True])
def test_a_failed_header_is_shown_with_its_reason(post: Post, waits: bool) -> None:
    verdict = replace(failed("signature", ppt="shaken"), each=(failed("signature", ppt="shaken"),))
    answer = post(verifying(), Services(verdict=verdict, waits=waits), VERIFICATION)
    assert answer.status == 200
    assert answer.headers["x-phonotary-case"] == "E18"
    said = answer.json["verificationResponse"]
    assert said["verstatValue"] == "TN-Validation-Failed"
    ((result,),) = ([one["verifyResult"] for one in said["verifyResults"]],)
    assert result == {
        "ppt": "shaken",
        "status": "fail",
        "reasonCode": 438,
        "reasonText": "Invalid Identity Header",
        "reasonDescription": verdict.desc,
        "passport": "a.b.c",
    }


def test_a_header_that_cannot_be_read_has_its_place_too(post: Post) -> None:
    verdict = failed("unreadable-header")
    said = post(verifying(), Services(verdict=verdict), VERIFICATION).json
    result = said["verificationResponse"]["verifyResults"][0]["verifyResult"]
    assert (result["ppt"], result["status"], result["passport"]) == ("", "fail", "a.b.c")


def test_every_diversion_has_its_result(post: Post) -> None:
    each = (
        judged("shaken", {"attest": "A"}),
        judged("div", {"div": {"tn": "15715550000"}}),
        judged("div", {"div": {"tn": "12155551212"}}),
    )
    services = Services(verdict=replace(each[0], each=each))
    asked = verifying(identityHeaders=[DIV, DIV], dest={"tn": "12155551213"})
    said = post(asked, services, VERIFICATION).json["verificationResponse"]
    assert said["divResult"] == [
        {"div": {"tn": "15715550000"}, "verstatValue": "TN-Validation-Passed"},
        {"div": {"tn": "12155551212"}, "verstatValue": "TN-Validation-Passed"},
    ]
    assert [one["verifyResult"]["ppt"] for one in said["verifyResults"]] == ["shaken", "div", "div"]
    ((call, _, _),) = services.to_verify
    assert call.identities == (VERIFY["identityHeader"], DIV, DIV)
    assert call.dest == ("12155551213",)


def test_what_is_really_called_decides_with_a_diversion_or_without(post: Post) -> None:
    services = Services()
    post(verifying(dest={"tn": "12155551213"}), services, VERIFICATION)
    assert services.to_verify[0][0].dest == ("12155551213",)


def test_the_to_header_is_what_was_called_where_nothing_else_is_said(post: Post) -> None:
    services = Services()
    post(verifying(identityHeaders=[DIV]), services, VERIFICATION)
    assert services.to_verify[0][0].dest == ("15715550000",)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"identityHeader": None, "identityHeaders": []}, "Missing mandatory parameter 'identity"),
        ({"time": None}, "Missing mandatory parameter 'time'."),
        ({"time": -1}, "Invalid 'time' parameter value: it is before 1970."),
        ({"from": {"tn": "x"}}, "Invalid 'from' parameter value: a number is"),
        ({"dest": {}}, "Missing mandatory parameter 'dest.tn'."),
    ],
)
def test_a_verification_request_at_fault_is_told_in_one_sentence(
    post: Post, changes: dict[str, Any], sentence: str
) -> None:
    services = Services()
    answer = post(verifying(**changes), services, VERIFICATION)
    assert answer.status == 400
    assert answer.json["error"].startswith(sentence)
    assert services.to_verify == []
