"""Bodies and fields that no well-behaved client sends, and what becomes of them: never a 5xx."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from tests.compat.office import PROFILES, SECONDARY
from tests.conformance import scenes
from tests.conformance.raw import FORM, request
from tests.conformance.scenes import Desk, core

BUNDLE = {"FriendlyName": "Nasty", "Email": "trust@example.com", "PolicySid": SECONDARY}
GOOD = urlencode(BUNDLE).encode()
PAPER = b"FriendlyName=Nasty&Type=authorized_representative_1"
PAPERS = "/v1/EndUsers"


# Bodies.


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", json.dumps(BUNDLE).encode()),
        ("text/plain", GOOD),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n'),
        ("multipart/form-data", GOOD),
        ("application/octet-stream", b"\x00\xff"),
        ("", GOOD),
        (None, GOOD),
        (";;;", GOOD),
    ],
)
def test_a_body_that_is_no_form_is_refused(desk: Desk, kind: str | None, body: bytes) -> None:
    assert request(desk.hub, "POST", PROFILES, body, kind=kind).error == (400, 20001)


@pytest.mark.parametrize("kind", [FORM, f"{FORM}; charset=UTF-8", FORM.upper(), f" {FORM} ;x"])
def test_a_form_is_a_form_however_its_type_is_written(desk: Desk, kind: str) -> None:
    assert request(desk.hub, "POST", PROFILES, GOOD, kind=kind).status == 201


@pytest.mark.parametrize(
    "body",
    [
        PAPER + b"&Attributes=\xff\xfe",
        PAPER + b"&Attributes=%FF%FE",
        b"FriendlyName=a%00b&Type=authorized_representative_1",
        b"FriendlyName=a\x00b&Type=authorized_representative_1",
        b"FriendlyName=%ED%A0%80&Type=authorized_representative_1",
        b"&".join(b"Field%d=x" % n for n in range(1000)),
        b"&&&===&%%%",
        b"\x00",
        b"{}",
        b"FriendlyName=" + b"x" * 500_000 + b"&Type=authorized_representative_1",
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_form_that_cannot_be_kept_is_refused(desk: Desk, body: bytes) -> None:
    assert request(desk.hub, "POST", PAPERS, body).error == (400, 20001)


def test_a_percent_sign_that_escapes_nothing_stands_for_itself(desk: Desk) -> None:
    body = b"FriendlyName=100%zz+%&Type=authorized_representative_1"
    answer = request(desk.hub, "POST", PAPERS, body)
    assert (answer.status, answer.json["friendly_name"]) == (201, "100%zz %")


def test_the_last_of_two_fields_counts(desk: Desk) -> None:
    answer = request(desk.hub, "POST", PAPERS, PAPER + b"&FriendlyName=Second")
    assert (answer.status, answer.json["friendly_name"]) == (201, "Second")


@pytest.mark.parametrize("size", [(1 << 20) + 1, 1 << 21, 1 << 23])
def test_a_body_beyond_a_mebibyte_is_refused(desk: Desk, size: int) -> None:
    """The whole body is sent before the answer is read, as most clients do."""
    body = GOOD + b"&x=" + b"x" * size
    assert request(desk.hub, "POST", PROFILES, body).error == (413, 20413)


def test_a_body_beyond_a_mebibyte_in_chunks_is_refused(desk: Desk) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    answer = request(
        desk.hub,
        "POST",
        PROFILES,
        chunk * 20 + b"0\r\n\r\n",
        headers=("Transfer-Encoding: chunked",),
        length=False,
    )
    assert answer.error == (413, 20413)


def test_a_form_may_come_in_chunks(desk: Desk) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (1, GOOD[n : n + 1]) for n in range(len(GOOD)))
    answer = request(
        desk.hub,
        "POST",
        PROFILES,
        chunks + b"0\r\n\r\n",
        headers=("Transfer-Encoding: chunked",),
        length=False,
    )
    assert answer.status == 201


def test_a_post_without_a_body_misses_its_parameters(desk: Desk) -> None:
    assert request(desk.hub, "POST", PROFILES, length=False).error == (400, 20001)


def test_who_waits_for_100_continue_is_told_to_go_on(desk: Desk) -> None:
    answer = request(desk.hub, "POST", PROFILES, GOOD, headers=("Expect: 100-continue",))
    assert answer.status == 201


@pytest.mark.parametrize("body", [b"FriendlyName=x", b"{"])
def test_a_body_on_a_get_is_not_looked_at(desk: Desk, body: bytes) -> None:
    assert request(desk.hub, "GET", "/v1/Policies", body).status == 200


# What a field may hold.


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '"text"',
        "1",
        "null",
        "",
        "{",
        "{'a': 1}",
        "{} {}",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": ' + "9" * 5000 + "}",
        '{"a": "\\u0000"}',
        '{"\\u0000": 1}',
        '{"a": "\\ud800"}',
        '{"a":' * 80 + "1" + "}" * 80,
        "[" * 10_000,
        json.dumps({"a": "x" * 70_000}),
    ],
    ids=lambda text: text[:16],
)
def test_attributes_that_are_no_object_that_can_be_kept_are_22207(desk: Desk, text: str) -> None:
    body = PAPER + b"&" + urlencode({"Attributes": text}).encode()
    assert request(desk.hub, "POST", PAPERS, body).error == (400, 22207)


def test_a_backslash_before_u0000_is_text(desk: Desk) -> None:
    body = PAPER + b"&" + urlencode({"Attributes": '{"a": "\\\\u0000"}'}).encode()
    assert request(desk.hub, "POST", PAPERS, body).json["attributes"] == {"a": "\\u0000"}


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("True", True), ("TRUE", True), ("False", False)]
)
def test_a_truth_may_be_spelt_as_any_client_does(desk: Desk, text: str, value: bool) -> None:
    path = f"{core(desk)}/IncomingPhoneNumbers/{desk.hub.local[2].sid}.json"
    answer = request(desk.hub, "POST", path, f"VoiceCallerIdLookup={text}".encode())
    assert (answer.status, answer.json["voice_caller_id_lookup"]) == (200, value)


def test_a_truth_that_is_none_is_refused(desk: Desk) -> None:
    path = f"{core(desk)}/IncomingPhoneNumbers/{desk.hub.local[2].sid}.json"
    assert request(desk.hub, "POST", path, b"VoiceCallerIdLookup=yes").error == (400, 20001)


def test_an_empty_status_callback_clears_it(desk: Desk) -> None:
    """The Node client sends null as an empty text."""
    callback = {"StatusCallback": "https://example.com/status"}
    made = desk.post(PROFILES, **BUNDLE, **callback).json()
    assert made["status_callback"] == callback["StatusCallback"]
    path = f"{PROFILES}/{made['sid']}"
    assert request(desk.hub, "POST", path, b"StatusCallback=").json["status_callback"] is None


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "http://", "http://[", "//x", "http://x:99999", "http://x:0/"]
)
def test_a_callback_that_cannot_be_called_is_21502(desk: Desk, url: str) -> None:
    assert desk.post(PROFILES, **BUNDLE, StatusCallback=url).json()["code"] == 21502
    number = f"{core(desk)}/IncomingPhoneNumbers/{desk.hub.local[2].sid}.json"
    assert desk.post(number, StatusCallback=url).json()["code"] == 21502
    assert desk.post(number, VoiceUrl=url).json()["code"] == 21502


@pytest.mark.parametrize("country", ["ÄÀ", "ß", "U", "USA", "U1", "  "])
def test_a_country_is_two_letters_of_the_alphabet(desk: Desk, country: str) -> None:
    form = scenes.FORMS["/2010-04-01/Accounts/{}/Addresses"](desk) | {"IsoCountry": country}
    assert desk.post(f"{core(desk)}/Addresses.json", **form).json()["code"] in (20001, 21628)


def test_what_is_left_empty_on_a_number_is_null_or_what_it_was_by_default(desk: Desk) -> None:
    form = scenes.FORMS["/2010-04-01/Accounts/{}/IncomingPhoneNumbers"](desk)
    nothing = dict.fromkeys(
        ("BundleSid", "AddressSid", "TrunkSid", "IdentitySid", "VoiceMethod"), ""
    )
    made = desk.post(f"{core(desk)}/IncomingPhoneNumbers.json", **form, **nothing).json()
    assert made["bundle_sid"] is made["address_sid"] is made["trunk_sid"] is None
    assert (made["identity_sid"], made["voice_method"]) == (None, "POST")
