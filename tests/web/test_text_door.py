"""The text door for dialplans: one line back, or nothing that could be taken for one."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from phonotary.errors import Reason, Refused
from phonotary.shaken import identity_header, passport
from phonotary.shaken.attestation import Level
from phonotary.shaken.signing import KeyAway
from phonotary.shaken.verdicts import Verdict, Verstat, failed
from phonotary.web.stir_v1 import MAX_BODY, TEXT_SIGN, TEXT_VERIFY
from tests.web.stir import ADAPTERS, CALLER, KNOWN, NOW, Answer, Services, with_length

Ask = Callable[..., Answer]
NUMBERS = "orig=12155551212&dest=12355551212"
ORIGID = "de305d54-75b4-431b-adb2-eb6b9e546014"
PASSED = Verdict(Verstat.PASSED, attest=Level.A, origid=ORIGID)


@pytest.fixture(params=ADAPTERS)
def ask(request: pytest.FixtureRequest) -> Ask:
    def ask(
        target: str,
        services: Services | None = None,
        method: str = "GET",
        body: bytes = b"",
        **headers: str,
    ) -> Answer:
        sent = {**KNOWN, **{name.replace("_", "-"): value for name, value in headers.items()}}
        sent = with_length(sent, body) if body else sent
        door = (services or Services()).door()
        return ADAPTERS[request.param](door, method, target, sent, body)

    return ask


def refused(answer: Answer, status: int) -> str:
    """The sentence of a refusal."""
    assert answer.status == status
    assert answer.body == b""
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["x-requestid"]
    return answer.headers["x-phonotary-refusal"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_body_is_the_header_value_and_nothing_else(ask: Ask, method: str) -> None:
    services = Services()
    answer = ask(f"{TEXT_SIGN}?{NUMBERS}&attest=A&origid={ORIGID}", services, method)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain"
    header = identity_header.parse(answer.body.decode())
    assert passport.read(header.token).payload == {
        "attest": "A",
        "dest": {"tn": ["12355551212"]},
        "iat": NOW,
        "orig": {"tn": "12155551212"},
        "origid": ORIGID,
    }
    assert answer.headers["x-phonotary-attestation"] == "A"
    (call,) = services.to_sign
    assert (call.caller_sid, call.door, call.source) == (CALLER, "text", "192.0.2.1")


def test_a_signature_that_must_be_waited_for_is_the_body_as_well(ask: Ask) -> None:
    answer = ask(f"{TEXT_SIGN}?{NUMBERS}&attest=A&origid={ORIGID}", Services(far=True))
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain")
    assert passport.read(identity_header.parse(answer.body.decode()).token).payload["attest"] == "A"
    late = ask(f"{TEXT_SIGN}?{NUMBERS}", Services(far=True, fault=KeyAway()))
    assert refused(late, 503) == "The call cannot be signed now; try again"


def test_what_is_not_given_is_left_to_the_service(ask: Ask) -> None:
    services = Services()
    assert ask(f"{TEXT_SIGN}?{NUMBERS}", services).status == 200
    (call,) = services.to_sign
    assert (call.attest, call.origid, call.iat, call.rcd, call.crn) == (
        None,
        None,
        None,
        False,
        None,
    )


def test_a_plus_sign_stays_one_and_several_may_be_called(ask: Ask) -> None:
    services = Services()
    asked = f"orig=+12155551212&dest=%2B12355551212,+12355551213&iat={NOW}&rcd=1&crn=Your%20parcel"
    assert ask(f"{TEXT_SIGN}?{asked}", services).status == 200
    (call,) = services.to_sign
    assert call.orig == "+12155551212"
    assert call.dest == ("+12355551212", "+12355551213")
    assert (call.iat, call.rcd, call.crn) == (NOW, True, "Your parcel")


@pytest.mark.parametrize(("written", "wanted"), [("0", False), ("1", True)])
def test_rich_call_data_is_asked_for_by_1_and_0(ask: Ask, written: str, wanted: bool) -> None:
    services = Services()
    assert ask(f"{TEXT_SIGN}?{NUMBERS}&rcd={written}", services).status == 200
    assert [call.rcd for call in services.to_sign] == [wanted]


def test_a_form_in_the_body_is_read_like_the_query(ask: Ask) -> None:
    services = Services()
    form = {"content_type": "application/x-www-form-urlencoded"}
    answer = ask(TEXT_SIGN, services, "POST", NUMBERS.encode(), **form)
    assert answer.status == 200
    answer = ask(f"{TEXT_SIGN}?orig=1", services, "POST", b"dest=2", **form)
    assert answer.status == 200
    assert [(one.orig, one.dest) for one in services.to_sign] == [
        ("12155551212", ("12355551212",)),
        ("1", ("2",)),
    ]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "Missing mandatory parameter 'orig'."),
        ("orig=&dest=1", "Missing mandatory parameter 'orig'."),
        ("orig=1", "Missing mandatory parameter 'dest'."),
        ("orig=1&dest=2&attets=A", "Invalid 'attets' parameter value: there is no such"),
        ("orig=1&orig=2&dest=3", "Invalid 'orig' parameter value: it is given twice."),
        ("orig=1&dest=2&attest=X", "Invalid 'attest' parameter value: it is none of"),
        ("orig=1&dest=2,", "Invalid 'dest' parameter value: "),
        ("orig=1&dest=2&origid=x", "Invalid 'origid' parameter value: it is not a UUID."),
        ("orig=1&dest=2&rcd=yes", "Invalid 'rcd' parameter value: it is neither 1 nor 0."),
        ("orig=1&dest=2&rcd=true", "Invalid 'rcd' parameter value: it is neither 1 nor 0."),
        ("orig=1&dest=2&rcd=", "Invalid 'rcd' parameter value: it is neither 1 nor 0."),
        ("orig=1&dest=2&iat=now", "Invalid 'iat' parameter value: it is not a number"),
        ("orig=1&dest=2&iat=%C2%B2", "Invalid 'iat' parameter value: it is not a number"),
        (f"orig=1&dest=2&iat={NOW + 99}", "Invalid 'iat' parameter value: it is more"),
        ("orig=1&dest=" + "2," * 2000, "Failed to parse received message body: the query"),
        ("%0D%0AX-Evil:1=2", "Invalid 'X-Evil:1' parameter value: there is no such"),
        ("orig=%FF&dest=1", "Invalid 'orig' parameter value: "),
    ],
)
def test_a_request_at_fault_has_an_empty_body_and_one_sentence(
    ask: Ask, query: str, sentence: str
) -> None:
    said = refused(ask(f"{TEXT_SIGN}?{query}"), 400)
    assert said.startswith(sentence)
    assert "x-evil" not in said.lower() or "\n" not in said


@pytest.mark.parametrize("path", [TEXT_SIGN, TEXT_VERIFY])
class TestEveryRequest:
    def test_a_stranger_is_challenged(self, ask: Ask, path: str) -> None:
        services = Services()
        answer = ask(f"{path}?{NUMBERS}", services, authorization="Basic unknown")
        assert refused(answer, 401) == "The account's credentials are required."
        assert answer.headers["www-authenticate"].startswith("Basic realm=")
        assert not services.to_sign
        assert not services.to_verify

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD"])
    def test_other_methods_are_not_served(self, ask: Ask, path: str, method: str) -> None:
        answer = ask(f"{path}?{NUMBERS}", method=method)
        assert refused(answer, 405) == "Method not allowed"
        assert answer.headers["allow"] == "GET, POST"

    def test_a_body_without_a_length_is_not_read(self, ask: Ask, path: str) -> None:
        refused(ask(f"{path}?{NUMBERS}", method="POST", transfer_encoding="chunked"), 411)

    def test_a_long_body_is_not_read(self, ask: Ask, path: str) -> None:
        answer = ask(f"{path}?{NUMBERS}", method="POST", content_length=str(MAX_BODY + 1))
        assert "longer than" in refused(answer, 400)

    def test_a_request_id_is_echoed(self, ask: Ask, path: str) -> None:
        answer = ask(f"{path}?{NUMBERS}", x_requestid="trace-17")
        assert answer.headers["x-requestid"] == "trace-17"


def test_a_path_beside_them_is_not_found(ask: Ask) -> None:
    refused(ask(f"/stir/v1/text/other?{NUMBERS}"), 404)


@pytest.mark.parametrize(
    ("reason", "status"),
    [(Reason.FORBIDDEN, 403), (Reason.ACCOUNT_NOT_ACTIVE, 403), (Reason.UNAVAILABLE, 503)],
)
def test_a_refusal_of_the_service_is_told(ask: Ask, reason: Reason, status: int) -> None:
    services = Services(fault=Refused(reason, "Because it is so."))
    assert refused(ask(f"{TEXT_SIGN}?{NUMBERS}", services), status) == "Because it is so."


def test_a_fault_of_ours_is_not_told(ask: Ask) -> None:
    services = Services(fault=RuntimeError("secret detail"))
    said = refused(ask(f"{TEXT_SIGN}?{NUMBERS}", services), 500)
    assert "secret" not in said


IDENTITY = "a.b.c;info=<https://trust.example/c>;alg=ES256;ppt=shaken"


@pytest.mark.parametrize("waits", [False, True])
def test_a_verdict_is_one_line_that_splits_at_spaces(ask: Ask, waits: bool) -> None:
    services = Services(verdict=PASSED, waits=waits)
    answer = ask(f"{TEXT_VERIFY}?{NUMBERS}&time={NOW}", services, "POST", IDENTITY.encode())
    assert answer.status == 200
    assert answer.body == f"TN-Validation-Passed A - - {ORIGID}".encode()
    ((call, door, source),) = services.to_verify
    assert (call.orig, call.dest, call.time) == ("12155551212", ("12355551212",), NOW)
    assert call.identities == (IDENTITY,)
    assert (door, source, call.caller_sid) == ("text", "192.0.2.1", CALLER)


def test_the_verified_name_and_reason_travel_beside_the_line(ask: Ask) -> None:
    said = {"rcd": {"nam": "Caf\u00e9 \r\n Owl", "icn": "https://owl.example/l"}, "crn": "Hello"}
    passed = replace(PASSED, rcd=said)
    answer = ask(f"{TEXT_VERIFY}?{NUMBERS}", Services(verdict=passed), identity=IDENTITY)
    assert answer.body == f"TN-Validation-Passed A - - {ORIGID}".encode()
    assert json.loads(answer.headers["x-phonotary-rcd"]) == {
        "nam": "Caf\u00e9 \r\n Owl",
        "crn": "Hello",
    }
    for verdict in (PASSED, failed("signature"), replace(PASSED, rcd={"rcd": {"nam": "x" * 5000}})):
        answer = ask(f"{TEXT_VERIFY}?{NUMBERS}", Services(verdict=verdict), identity=IDENTITY)
        assert "x-phonotary-rcd" not in answer.headers


def test_a_failed_verdict_has_its_code_its_case_and_a_sentence(ask: Ask) -> None:
    verdict = failed("signature")
    answer = ask(f"{TEXT_VERIFY}?{NUMBERS}", Services(verdict=verdict), identity=IDENTITY)
    assert answer.status == 200
    assert answer.headers["x-phonotary-case"] == "E18"
    words = answer.body.decode().split(" ", 5)
    assert words == ["TN-Validation-Failed", "-", "438", "E18", "-", verdict.desc]


@pytest.mark.parametrize(
    ("body", "headers", "found"),
    [
        (b"", {"identity": IDENTITY}, (IDENTITY,)),
        (IDENTITY.encode(), {}, (IDENTITY,)),
        (f"{IDENTITY}\r\n\n {IDENTITY}\n".encode(), {}, (IDENTITY, IDENTITY)),
        (b"identity=" + quote(IDENTITY).encode(), {"identity": "other"}, (IDENTITY,)),
        (b"", {}, ()),
    ],
    ids=["header", "body", "lines", "form", "none"],
)
def test_the_identity_is_in_the_body_or_a_header(
    ask: Ask, body: bytes, headers: dict[str, str], found: tuple[str, ...]
) -> None:
    services = Services(verdict=PASSED)
    ask(f"{TEXT_VERIFY}?{NUMBERS}", services, "POST", body, **headers)
    assert services.to_verify[0][0].identities == found


def test_no_origid_makes_two_words_or_two_lines_of_one(ask: Ask) -> None:
    verdict = replace(PASSED, origid="x\r\ny z é")
    body = ask(f"{TEXT_VERIFY}?{NUMBERS}", Services(verdict=verdict), identity="a").body
    assert body == b"TN-Validation-Passed A - - xyz?"
