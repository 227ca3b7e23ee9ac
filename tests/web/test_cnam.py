"""Dips over HTTP, asked exactly as PBXs ask, over both adapters.

Requests are what the programs' own sources send: FreePBX cidlookup (functions.inc.php: the opencnam
and http sources), Superfecta (source-OpenCNAM, -BulkCNAM, -VoIPCNAM, -TrueCNAM, -Regular_
Expressions_1), FreeSWITCH (mod_cidlookup.c, do_lookup_url), Asterisk (func_curl).
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotary.cnam import dips as core
from phonotary.cnam.clients import SANDBOX, Client, Clients, Meters, digest
from phonotary.cnam.dips import Named
from phonotary.errors import Reason, Refused
from phonotary.web import cnam, lean
from phonotary.web.stir_v1 import Door, Headers
from tests.web.stir import Answer, over_asgi, over_lean

NOW = 1_795_000_000
NAMES = {14152360000: Named("ACME PLUMBING"), 14152360001: Named("Hidden", private=True)}
SOURCE = "192.0.2.1"
PBX = Client("pbx", key_digest=digest("s3cret"))
SMALL = Client("small", key_digest=digest("tiny"), per_second=1)
SID = "AC" + "1" * 32


class Told:
    """The dips' own rules over a table, instead of a database."""

    def __init__(self) -> None:
        self.clients = Clients([PBX, SMALL, SANDBOX])
        self.meters = Meters()
        self.asked: list[tuple[str, str]] = []
        self.fault: Exception | None = None

    def now(self, number: str, client: Client, /) -> core.Answer:
        self.asked.append((number, client.name))
        self.meters.take(client, NOW)
        if self.fault is not None:
            raise self.fault
        return core.answer(number, NAMES.get(core.asked(number)[0]), None, client, NOW)

    def account(self, account_sid: str, /) -> Client:
        return Client(account_sid)


Ask = Callable[..., Answer]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(params=[over_asgi, over_lean], ids=["asgi", "lean"])
def ask(
    request: pytest.FixtureRequest, told: Told, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Answer]:
    """One request over either adapter. lean's own tests are of its prefix; here it has ours."""
    plain = lean.protocol
    monkeypatch.setattr(lean, "protocol", lambda door, prefix="/": plain(door, prefix))

    def once(target: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        found: Answer = request.param(door_of(told), method, target, headers, body)
        return found

    return once


def door_of(told: Told) -> Door:
    def authenticate(headers: Headers) -> str:
        given = headers.get(b"authorization")
        if given == b"Basic " + base64.b64encode(b"closed:token"):
            raise Refused(Reason.ACCOUNT_NOT_ACTIVE, "The account is not active")
        if given != b"Basic " + base64.b64encode(f"{SID}:token".encode()):
            raise Refused(Reason.NOT_AUTHENTICATED, "Authenticate")
        return SID

    return cnam.door(told, authenticate)


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


KEY = basic("pbx", "s3cret")


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        # FreePBX cidlookup, source opencnam, its host replaced: credentials in the URL are Basic.
        ("/v2/phone/4152360000?format=pbx&ref=freepbx", KEY),
        ("/cnam/v2/phone/4152360000?format=pbx&ref=freepbx", KEY),
        # FreePBX cidlookup, source http: its query holds [NUMBER], a plus sign becomes %2B.
        ("/cnam/query?number=%2B14152360000", KEY),
        ("/cnam/query?number=4152360000&name=[NAME]", KEY),
        # Superfecta: OpenCNAM with credentials, BulkCNAM, VoIPCNAM.
        ("/v3/phone/4152360000?format=pbx&ref=possa&account_sid=pbx&auth_token=s3cret", {}),
        ("/cnam/query-simple.php?id=s3cret&did=4152360000", {}),
        ("/cnam/query.php?api_key=s3cret&number=14152360000", {}),
        # FreeSWITCH mod_cidlookup: url with ${caller_id_number}, digits and no plus sign.
        ("/cnam/14152360000", {**KEY, "user-agent": "freeswitch-cidlookup/1.0", "accept": "*/*"}),
        # Asterisk: CURL(https://pbx:s3cret@host/cnam/${CALLERID(num)}).
        ("/cnam/+14152360000", {**KEY, "user-agent": "asterisk-libcurl-agent/1.0"}),
        # Kazoo and curl.
        ("/cnam/%2B14152360000", KEY),
        ("/v3/phone/+14152360000/?format=text", KEY),
        ("/v2/phone/+14152360000", KEY),
    ],
)
def test_the_body_is_the_name_and_nothing_else(
    ask: Ask, told: Told, target: str, headers: dict[str, str]
) -> None:
    answer = ask(target, **headers)
    assert (answer.status, answer.body) == (200, b"ACME PLUMBING")
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["cache-control"] == "private, max-age=300"
    assert told.asked[0][1] == "pbx"


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("+14152360009", "absent"),
        ("+14152360001", "private"),
        ("+16042360000", "foreign"),
        ("+442071838750", "foreign"),
        ("+18002360000", "absent"),
        ("anonymous", "absent"),
        ("Unavailable", "absent"),
        ("%00%0d%0a", "absent"),
        ("x" * 1500, "absent"),
    ],
)
@pytest.mark.parametrize("path", ["/cnam/", "/v2/phone/", "/v3/phone/"])
def test_no_name_is_an_empty_body(ask: Ask, path: str, number: str, status: str) -> None:
    answer = ask(f"{path}{number}?format=pbx", **KEY)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["x-phonotary-status"] == status
    assert answer.headers["content-length"] == "0"
    body = ask(f"{path}{number}?format=json", **KEY).json
    assert (body["name"], body["status"]) == ("", status)
    assert ask(f"{path}{number}?format=json&miss=404", **KEY).status == 404


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/v3/phone/+14152360000?account_sid=pbx&auth_token=s3cret", {}),
        ("/v2/phone/+14152360000?format=json", KEY),
        ("/v2/phone/+14152360000", {**KEY, "accept": "application/json"}),
    ],
)
def test_json_is_shaped_as_opencnams(ask: Ask, target: str, headers: dict[str, str]) -> None:
    answer = ask(target, **headers)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {
        "name": "ACME PLUMBING",
        "number": "+14152360000",
        "price": 0,
        "uri": target.partition("?")[0],
        "status": "present",
        "source": "registered",
    }


def test_superfectas_truecnam_source_reads_it(ask: Ask) -> None:
    asked = (
        "/cnam/api/v1?username=pbx&password={}&resp_type=extended&resp_format=json"
        "&calling_number=4152360000&call_party=terminating"
    )
    body = ask(asked.format("s3cret")).json
    assert (body["err"], body["name"], body["spam_score_match"]) == (0, "ACME PLUMBING", 0)
    refused = ask(asked.format("wrong"))
    assert (refused.status, refused.json["err"], refused.json["name"]) == (401, 1, "")
    assert refused.json["error_message"]


def test_superfectas_regular_expressions_find_the_name(ask: Ask) -> None:
    # Regular_Expressions_1: $thenumber in the URL, one expression on each line, the first group.
    found = ask("/cnam/v3/phone/4152360000?account_sid=pbx&auth_token=s3cret").body.decode()
    match = re.search(r'"name": ?"([^"]+)"', found)
    assert match is not None
    assert match[1] == "ACME PLUMBING"
    missed = ask("/cnam/v3/phone/4152360009?account_sid=pbx&auth_token=s3cret").body.decode()
    assert re.search(r'"name": ?"([^"]+)"', missed) is None


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/cnam/4152360000", {}),
        ("/cnam/4152360000", basic("pbx", "wrong")),
        ("/cnam/4152360000", basic("carrier", "s3cret")),
        ("/cnam/4152360000", basic(SID, "wrong")),
        ("/cnam/4152360000", {"authorization": "Basic !!!"}),
        ("/cnam/4152360000", {"authorization": "Bearer x"}),
        ("/v3/phone/4152360000?format=pbx", {}),
        ("/v3/phone/4152360000?format=pbx&account_sid=pbx&auth_token=", {}),
        ("/v3/phone/4152360000?format=pbx&account_sid=pbx&auth_token=wrong", KEY),
        ("/cnam/query-simple.php?id=wrong&did=4152360000", {}),
        ("/cnam/query.php?number=4152360000", {}),
    ],
)
def test_who_is_no_client_is_told_so_and_nothing_is_shown(
    ask: Ask, told: Told, target: str, headers: dict[str, str]
) -> None:
    answer = ask(target, **headers)
    assert (answer.status, answer.body) == (401, b"")
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.headers["x-phonotary-refusal"]
    assert answer.headers["cache-control"] == "no-store"
    assert told.asked == []
    as_json = ask(target + ("&" if "?" in target else "?") + "x=1", **headers, accept="x/json")
    assert as_json.status == 401


def test_a_refusal_is_json_for_who_reads_json(ask: Ask) -> None:
    answer = ask("/v3/phone/4152360000?account_sid=pbx&auth_token=wrong")
    assert (answer.status, list(answer.json)) == (401, ["err"])


@pytest.mark.parametrize(
    "target",
    ["/cnam/4152360000", f"/cnam/query?number=4152360000&account_sid={SID}&auth_token=token"],
)
def test_an_account_of_ours_is_a_client(ask: Ask, told: Told, target: str) -> None:
    headers = {} if "?" in target else basic(SID, "token")
    assert ask(target, **headers).body == b"ACME PLUMBING"
    assert told.asked == [("4152360000", SID)]


def test_an_account_that_is_closed_is_forbidden(ask: Ask) -> None:
    answer = ask("/cnam/4152360000", **basic("closed", "token"))
    assert (answer.status, answer.body) == (403, b"")


def test_a_known_address_needs_no_key(told: Told) -> None:
    door = door_of(told)
    status, body, _ = door("GET", "/cnam/4152360000", {}, b"", "127.0.0.1")  # type: ignore[misc]
    assert (status, body) == (200, b"ACME PLUMBING")
    assert told.asked == [("4152360000", "sandbox")]
    # Credentials that are wrong are wrong from there, too.
    headers = {b"authorization": b"Basic " + base64.b64encode(b"pbx:wrong")}
    assert door("GET", "/cnam/4152360000", headers, b"", "127.0.0.1")[0] == 401  # type: ignore[index]


def test_a_client_over_its_quota_waits(ask: Ask) -> None:
    headers = basic("small", "tiny")
    assert ask("/cnam/4152360000", **headers).status == 200
    answer = ask("/cnam/4152360000", **headers)
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (429, b"", "1")
    assert "a second" in answer.headers["x-phonotary-refusal"]


@pytest.mark.parametrize(
    "fault",
    [Refused(Reason.UNAVAILABLE, "It cannot be known now"), RuntimeError("nobody foresaw this")],
)
def test_what_cannot_be_known_is_no_name_and_not_kept(
    ask: Ask, told: Told, fault: Exception
) -> None:
    told.fault = fault
    answer = ask("/cnam/4152360000", **KEY)
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (503, b"", "1")
    assert answer.headers["cache-control"] == "no-store"
    assert "nobody" not in answer.headers["x-phonotary-refusal"]


def test_head_is_a_get_without_its_body(ask: Ask) -> None:
    answer = ask("/cnam/4152360000", "HEAD", **KEY)
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "13")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_not_allowed(ask: Ask, method: str) -> None:
    answer = ask("/cnam/4152360000", method, **KEY)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/cnam/", 404),
        ("/v2/phone/", 404),
        ("/cnam/v4/phone/4152360000", 404),
        ("/cnam/4152360000/more", 404),
        ("/cnam/query", 400),
        ("/cnam/query.php?api_key=s3cret&number=", 400),
        ("/v3/phone/4152360000?format=xml", 400),
        ("/cnam/" + "1" * 3000, 400),
    ],
)
def test_what_makes_no_sense_is_told_so(ask: Ask, target: str, status: int) -> None:
    answer = ask(target, **KEY)
    assert (answer.status, answer.body) == (status, b"")


def test_a_plus_sign_is_never_a_space(ask: Ask, told: Told) -> None:
    ask("/cnam/query?number=+14152360000", **KEY)
    ask("/v3/phone/+14152360000?account_sid=pbx&auth_token=s3cret")
    assert [number for number, _ in told.asked] == ["+14152360000"] * 2


def test_one_door_serves_both(told: Told) -> None:
    def other(*asked: Any) -> Any:
        return 200, b"other", []

    both = cnam.beside(other, door_of(told))
    for target in ("/stir/v1/signing", "/v2/PhoneNumbers/+1", "/cnamx"):
        assert both("GET", target, {}, b"", SOURCE) == (200, b"other", [])
    for target in ("/cnam/1", "/v2/phone/1", "/v3/phone/1"):
        assert both("GET", target, {}, b"", SOURCE)[0] == 401  # type: ignore[index]


@given(
    st.sampled_from(["/cnam/", "/v2/phone/", "/v3/phone/", "/cnam/query?", "/cnam/api/v1?", ""]),
    st.text(st.characters(max_codepoint=255), max_size=80),
    st.binary(max_size=40),
)
def test_nothing_that_is_asked_breaks_it(path: str, rest: str, authorization: bytes) -> None:
    door = door_of(Told())
    for headers in ({}, {b"authorization": authorization}, {b"accept": authorization}):
        status, body, sent = door("GET", path + rest, headers, b"", "127.0.0.1")  # type: ignore[misc]
        assert status in (200, 400, 401, 404, 429)
        assert len(body) < 2000
        assert not any(bad in value for _, value in sent for bad in (b"\r", b"\n"))


def test_dips_wait_for_nothing(told: Told) -> None:
    answer = door_of(told)("GET", "/cnam/4152360000", {}, b"", "127.0.0.1")
    assert not asyncio.iscoroutine(answer)
    assert json.loads(door_of(told)("GET", "/v3/phone/1", {}, b"", "127.0.0.1")[1])  # type: ignore[index]
