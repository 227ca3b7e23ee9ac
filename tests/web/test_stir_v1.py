"""The ATIS-1000082 dialect over both adapters: the table of errors, and one true signature."""

from __future__ import annotations

import copy
import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from phonotary.errors import Reason, Refused
from phonotary.shaken import identity_header, passport
from phonotary.shaken.signing import InvalidClaim, KeyAway
from phonotary.shaken.verdicts import FAILURES, UnusableCall, Verdict, Verstat, failed
from phonotary.web.stir_v1 import MAX_BODY, SIGNING, VERIFICATION
from tests.web.stir import (
    ADAPTERS,
    BEST,
    CALLER,
    CASES,
    CREDENTIAL,
    GOOD,
    NOW,
    SAMPLE,
    TO_VERIFY,
    VECTORS,
    X5U,
    Answer,
    Services,
    assert_error,
    error,
)

Post = Callable[..., Answer]
Ask = Callable[..., Answer]


@pytest.fixture(params=ADAPTERS)
def ask(request: pytest.FixtureRequest) -> Ask:
    return ADAPTERS[request.param]


@pytest.fixture
def post(ask: Ask) -> Post:
    """A good request, but for what a test changes; ``x_request_id`` is a header's name here."""

    def post(
        message: Any = SAMPLE,
        services: Services | None = None,
        path: str = SIGNING,
        without: str = "",
        **headers: str,
    ) -> Answer:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        sent = {**GOOD, "content-length": str(len(body))}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent.pop(without, None)
        if "content-length" not in sent:
            body = b""
        return ask((services or Services()).door(), "POST", path, sent, body)

    return post


def changed(**claims: Any) -> dict[str, Any]:
    message = copy.deepcopy(SAMPLE)
    message["signingRequest"].update(claims)
    return message


def test_the_sample_request_is_signed_for_the_account_that_asks(post: Post) -> None:
    services = Services()
    answer = post(services=services)
    assert answer.status == 200
    (call,) = services.to_sign
    assert (call.caller_sid, call.door, call.source) == (CALLER, "http", "192.0.2.1")
    assert list(answer.json) == ["signingResponse"]
    assert list(answer.json["signingResponse"]) == ["identity"]
    header = identity_header.parse(answer.json["signingResponse"]["identity"])
    public = CREDENTIAL.key.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert header.info == X5U
    assert passport.verify(header.token, public).payload == SAMPLE["signingRequest"]


def test_a_signature_that_must_be_waited_for_is_answered_as_any(post: Post) -> None:
    services = Services(far=True)
    answer = post(services=services)
    header = identity_header.parse(answer.json["signingResponse"]["identity"])
    assert passport.read(header.token).payload == SAMPLE["signingRequest"]
    names = {"x-phonotary-attestation", "x-phonotary-reason", "x-requestid", "content-type"}
    assert {name: answer.headers[name] for name in names} == {
        **{name: post().headers[name] for name in names},
        "x-requestid": answer.headers["x-requestid"],
    }
    assert len(services.to_sign) == 1


@pytest.mark.parametrize(
    ("fault", "status"),
    [(KeyAway(), 503), (InvalidClaim("orig", "odd"), 400), (RuntimeError("a secret"), 500)],
)
def test_a_fault_that_comes_late_is_told_as_one_that_comes_at_once(
    post: Post, fault: Exception, status: int
) -> None:
    late, soon = (post(services=Services(far=far, fault=fault)) for far in (True, False))
    assert (late.status, late.body) == (soon.status, soon.body)
    assert late.status == status
    assert late.headers.keys() == soon.headers.keys()
    assert b"secret" not in late.body


def test_the_answer_says_the_level_and_why(post: Post) -> None:
    best = post().headers
    lower = post(services=Services(replace(BEST, number_on_product=False))).headers
    assert (best["x-phonotary-attestation"], best["x-phonotary-reason"]) == (
        "A",
        "number-verified",
    )
    assert (lower["x-phonotary-attestation"], lower["x-phonotary-reason"]) == (
        "B",
        "number-not-on-product",
    )


def test_the_requested_level_caps_the_answer(post: Post) -> None:
    answer = post(changed(attest="C"))
    assert answer.headers["x-phonotary-attestation"] == "C"
    assert answer.headers["x-phonotary-reason"] == "requested-lower"


def test_a_request_id_is_echoed(post: Post) -> None:
    assert post(x_requestid="trace-17").headers["x-requestid"] == "trace-17"
    assert post(b"{", x_requestid="trace-18").headers["x-requestid"] == "trace-18"


@pytest.mark.parametrize("given", ["", "a b", "é", "x" * 129])
def test_a_request_id_unfit_for_a_header_is_replaced(post: Post, given: str) -> None:
    answered = post(x_requestid=given).headers["x-requestid"]
    assert str(uuid.UUID(answered)) == answered


def test_requests_without_an_id_get_different_ones(post: Post) -> None:
    assert post().headers["x-requestid"] != post().headers["x-requestid"]


@pytest.mark.parametrize("claim", ["attest", "orig", "dest", "iat", "origid"])
def test_a_missing_claim_is_named(post: Post, claim: str) -> None:
    message = copy.deepcopy(SAMPLE)
    del message["signingRequest"][claim]
    assert_error(post(message), "SVC4001", claim)


@pytest.mark.parametrize(
    ("message", "named"),
    [({}, "signingRequest"), (changed(orig={}), "orig.tn"), (changed(dest={}), "dest.tn")],
)
def test_a_missing_part_is_named(post: Post, message: Any, named: str) -> None:
    assert_error(post(message), "SVC4001", named)


@pytest.mark.parametrize("sample", VECTORS["invalid_samples"], ids=json.dumps)
def test_an_invalid_value_is_named(post: Post, sample: dict[str, Any]) -> None:
    (claim,) = sample
    answer = post(changed(**sample))
    assert_error(answer, "SVC4005", claim, error(answer)["variables"][1])
    assert error(answer)["variables"][1]


@pytest.mark.parametrize(
    ("claims", "named"),
    [
        ({"dest": {"tn": ["12155551212", 7]}}, "dest"),
        ({"dest": {"tn": ["nobody"]}}, "dest"),
        ({"orig": {"tn": "1 2155 551 212"}}, "orig"),
        ({"iat": NOW + 61}, "iat"),
        ({"iat": NOW - 61}, "iat"),
        ({"iat": True}, "iat"),
        ({"iat": 1e100}, "iat"),
        ({"origid": None}, "origid"),
    ],
)
def test_values_that_cannot_be_signed_are_named(
    post: Post, claims: dict[str, Any], named: str
) -> None:
    answer = post(changed(**claims))
    assert_error(answer, "SVC4005", named, error(answer)["variables"][1])


NO_OBJECT = {
    "cut": b"{",
    "array": b"[]",
    "null": b"null",
    "string": b'"x"',
    "not-utf8": b"\xff",
    "bad-string": b'{"signingRequest":{"attest":"\xff"}}',
    "nested": b'{"signingRequest":{"x":' + b"[" * 9000,
    "nan": b'{"signingRequest":NaN}',
}


@pytest.mark.parametrize("body", NO_OBJECT.values(), ids=NO_OBJECT)
def test_what_is_not_a_json_object_cannot_be_parsed(post: Post, body: bytes) -> None:
    answer = post(body)
    assert_error(answer, "SVC4006", *error(answer)["variables"])


@pytest.mark.parametrize("path", [SIGNING, VERIFICATION])
class TestEveryRequest:
    """What is decided before a body is read is the same for both resources."""

    def test_a_missing_body_is_said(self, post: Post, path: str) -> None:
        assert_error(post(b"", path=path), "SVC4000")

    @pytest.mark.parametrize(
        "accept",
        [
            "text/plain",
            "application/xml, text/*",
            "application/json;q=0",
            "*/*;q=0.0",
            "*/*, application/json;q=0",
            "",
        ],
    )
    def test_an_accept_that_excludes_json_is_not_served(
        self, post: Post, path: str, accept: str
    ) -> None:
        assert_error(post(path=path, accept=accept), "SVC4002", accept)

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
    def test_only_json_bodies_are_read(self, post: Post, path: str, kind: str) -> None:
        assert_error(post(path=path, content_type=kind), "SVC4004", "application/json")

    def test_a_content_type_is_mandatory(self, post: Post, path: str) -> None:
        assert_error(post(path=path, without="content-type"), "SVC4004", "application/json")

    def test_a_length_is_mandatory(self, post: Post, path: str) -> None:
        assert_error(post(path=path, without="content-length"), "SVC4007")

    def test_a_body_over_the_bound_is_refused_before_it_is_read(self, ask: Ask, path: str) -> None:
        sent = {**GOOD, "content-length": str(MAX_BODY + 1)}
        answer = ask(Services().door(), "POST", path, sent)
        assert_error(answer, "SVC4006", f"it is longer than {MAX_BODY} bytes")

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
    def test_only_post_is_allowed(self, ask: Ask, path: str, method: str) -> None:
        answer = ask(Services().door(), method, path, GOOD)
        assert_error(answer, "POL4050")
        assert answer.headers["allow"] == "POST"

    def test_a_head_request_gets_the_headers_only(self, ask: Ask, path: str) -> None:
        answer = ask(Services().door(), "HEAD", path, GOOD)
        assert (answer.status, answer.body) == (405, b"")
        assert int(answer.headers["content-length"]) > 0

    def test_a_stranger_is_challenged_and_learns_nothing(self, post: Post, path: str) -> None:
        services = Services()
        answer = post(b"{", services, path, authorization="Basic unknown")
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Basic realm=")
        # ATIS-1000082 has no identifier for this, so none is made up.
        assert error(answer)["messageId"] == ""
        assert error(answer)["variables"] == []
        assert not services.to_sign
        assert not services.to_verify


@pytest.mark.parametrize(
    "accept",
    ["*/*", "application/*", "text/html, Application/JSON;q=0.1", "text/plain, */*;q=0.01"],
)
def test_an_accept_that_admits_json_is_served(post: Post, accept: str) -> None:
    assert post(accept=accept).status == 200


def test_accept_may_be_absent(post: Post) -> None:
    assert post(without="accept").status == 200


def test_a_content_type_may_have_parameters(post: Post) -> None:
    assert post(content_type="application/JSON; charset=utf-8").status == 200


@pytest.mark.parametrize(
    "path", ["/stir/v1/", "/stir/v1/signing/", "/stir/v1/text", "/stir/v1/rcdSigning"]
)
def test_other_paths_are_not_found(ask: Ask, path: str) -> None:
    assert_error(ask(Services().door(), "POST", path, GOOD), "SVC4003")


def test_a_query_changes_nothing(ask: Ask) -> None:
    body = json.dumps(SAMPLE).encode()
    sent = {**GOOD, "content-length": str(len(body))}
    assert ask(Services().door(), "POST", f"{SIGNING}?a=b", sent, body).status == 200


def test_without_a_verification_service_nothing_is_verified(ask: Ask) -> None:
    door = Services().door(verify_now=None, verify=None)
    assert_error(ask(door, "POST", VERIFICATION, GOOD), "SVC4003")


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (Reason.ACCOUNT_NOT_ACTIVE, 403),
        (Reason.FORBIDDEN, 403),
        (Reason.UNAVAILABLE, 503),
    ],
)
def test_a_refusal_without_an_identifier_says_why(post: Post, reason: Reason, status: int) -> None:
    answer = post(services=Services(fault=Refused(reason, "Because it is so.")))
    assert answer.status == status
    assert "www-authenticate" not in answer.headers
    assert ("retry-after" in answer.headers) is (status == 503)
    assert error(answer) == {
        "messageId": "",
        "text": "Error: Because it is so.",
        "variables": [],
    }


def test_a_suspended_account_is_refused(post: Post) -> None:
    assert post(services=Services(replace(BEST, account_known=False))).status == 403


def broken(*_: Any) -> Any:
    raise RuntimeError("secret detail")


@pytest.mark.parametrize("part", ["authenticate", "sign"])
def test_a_fault_of_ours_is_logged_and_not_told(
    ask: Ask, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps(SAMPLE).encode()
    with caplog.at_level(logging.ERROR):
        door = Services().door(**{part: broken})
        answer = ask(door, "POST", SIGNING, {**GOOD, "content-length": str(len(body))}, body)
    assert_error(answer, "POL5000")
    assert b"secret" not in answer.body
    assert "secret detail" in caplog.text


def test_an_expired_certificate_is_a_fault_of_ours(post: Post) -> None:
    late = CREDENTIAL.not_after + 1
    assert_error(post(changed(iat=late), Services(now=late)), "POL5000")


# Verification.


def asked(**parameters: Any) -> dict[str, Any]:
    message = copy.deepcopy(TO_VERIFY)
    message["verificationRequest"].update(parameters)
    return message


@pytest.fixture(params=[False, True], ids=["at-once", "after-a-fetch"])
def services(request: pytest.FixtureRequest) -> Services:
    return Services(waits=request.param)


def test_a_call_is_verified_as_it_was_asked(post: Post, services: Services) -> None:
    answer = post(TO_VERIFY, services, VERIFICATION)
    assert answer.status == 200
    assert answer.json == {"verificationResponse": {"verstat": "TN-Validation-Passed"}}
    assert "x-phonotary-case" not in answer.headers
    ((call, door, source),) = services.to_verify
    wanted = TO_VERIFY["verificationRequest"]
    assert (door, source) == ("http", "192.0.2.1")
    assert call.orig == wanted["from"]["tn"]
    assert list(call.dest) == wanted["to"]["tn"]
    assert call.time == wanted["time"]
    assert call.identities == (wanted["identity"],)
    assert call.caller_sid == CALLER


def test_several_identity_headers_may_be_given(post: Post, services: Services) -> None:
    assert post(asked(identity=["a", "b"]), services, VERIFICATION).status == 200
    assert services.to_verify[0][0].identities == ("a", "b")


ROWS = {row["case"]: row for row in CASES["verification_error_cases"] if row["reasoncode"]}


@pytest.mark.parametrize("reason", FAILURES)
def test_a_failed_verification_is_a_200_with_its_case(
    post: Post, services: Services, reason: str
) -> None:
    services.verdict = failed(reason)
    answer = post(TO_VERIFY, services, VERIFICATION)
    said = answer.json["verificationResponse"]
    assert answer.status == 200
    assert list(said) == ["verstat", "reasoncode", "reasontext", "reasondesc"]
    assert type(said["reasoncode"]) is int
    assert answer.headers["x-phonotary-case"] == FAILURES[reason].case
    row = ROWS.get(FAILURES[reason].case)
    if row is not None:
        assert {name: said[name] for name in ("reasoncode", "reasontext", "verstat")} == {
            name: row[name] for name in ("reasoncode", "reasontext", "verstat")
        }


def test_every_case_of_the_vectors_was_among_them() -> None:
    assert set(ROWS) <= {failure.case for failure in FAILURES.values()}
    assert len(ROWS) == 17


def test_a_verdict_without_a_reason_is_only_its_verstat(post: Post) -> None:
    answer = post(TO_VERIFY, Services(verdict=Verdict(Verstat.PASSED)), VERIFICATION)
    assert list(answer.json["verificationResponse"]) == ["verstat"]


@pytest.mark.parametrize("parameter", ["from", "to", "time", "identity"])
def test_e1_a_missing_parameter_is_named(post: Post, parameter: str) -> None:
    message = copy.deepcopy(TO_VERIFY)
    del message["verificationRequest"][parameter]
    assert_error(post(message, path=VERIFICATION), "SVC4001", parameter)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"from": {"tn": "sip:a@b"}}, "from"),
        ({"from": {"tn": ""}}, "from"),
        ({"from": {"tn": ["1215"]}}, "from"),
        ({"from": "1215"}, "from"),
        ({"to": {"tn": "12155551212"}}, "to"),
        ({"to": {"tn": []}}, "to"),
        ({"to": {"tn": ["1215 555"]}}, "to"),
        ({"to": {"tn": ["1" * 33]}}, "to"),
        ({"time": "now"}, "time"),
        ({"time": -1}, "time"),
        ({"identity": 7}, "identity"),
        ({"identity": None}, "identity"),
    ],
)
def test_e2_an_invalid_value_is_named(post: Post, parameters: dict[str, Any], named: str) -> None:
    services = Services()
    answer = post(asked(**parameters), services, VERIFICATION)
    assert_error(answer, "SVC4005", named, error(answer)["variables"][1])
    assert services.to_verify == []


@pytest.mark.parametrize(
    ("case", "identifier", "variables"),
    [("E1", "SVC4001", ["to"]), ("E2", "SVC4005", ["to", "It is nothing"])],
)
def test_what_the_service_cannot_judge_is_a_400(
    post: Post, services: Services, case: str, identifier: str, variables: list[str]
) -> None:
    services.verdict = UnusableCall(case, "to", "It is nothing.")
    assert_error(post(TO_VERIFY, services, VERIFICATION), identifier, *variables)


def test_a_fault_while_waiting_is_logged_and_not_told(
    post: Post, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    services.verdict = RuntimeError("secret detail")
    with caplog.at_level(logging.ERROR):
        answer = post(TO_VERIFY, services, VERIFICATION)
    assert_error(answer, "POL5000")
    assert "secret detail" in caplog.text
