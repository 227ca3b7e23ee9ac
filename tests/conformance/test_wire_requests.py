"""Queries, targets, hosts and credentials that no well-behaved client sends: never a 5xx."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from tests.compat.office import PROFILES
from tests.conformance.raw import request, send
from tests.conformance.scenes import Desk, core

NOBODY = "0" * 32
PAPER = b"FriendlyName=Nasty&Type=authorized_representative_1"
PAPERS = "/v1/EndUsers"


# Queries.


@pytest.mark.parametrize(
    ("text", "size"), [("0", 1), ("-1", 1), ("5000", 1000), ("", 50), ("7", 7), ("007", 7)]
)
@pytest.mark.parametrize("path", [PROFILES, "/2010-04-01/Accounts.json"])
def test_a_page_size_is_brought_within_bounds(desk: Desk, path: str, text: str, size: int) -> None:
    body = request(desk.hub, "GET", f"{path}?PageSize={text}").json
    assert body.get("meta", body)["page_size"] == size


@pytest.mark.parametrize("text", ["abc", "1.5", "0x10", "1_0", "%D9%A3", "9" * 400, "+1", "%00"])
@pytest.mark.parametrize("name", ["PageSize", "Page"])
def test_a_page_that_is_no_number_is_refused(desk: Desk, name: str, text: str) -> None:
    assert request(desk.hub, "GET", f"{PROFILES}?{name}={text}").error == (400, 20001)


LISTS = [PROFILES, "/v1/Policies", "/v1/EndUserTypes", "/2010-04-01/Accounts.json"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        "Page=1",
        "PageToken=garbage",
        "PageToken=%00",
        "PageToken=%F0%9F%92%A9",
        "PageToken=PA-1",
        "PageToken=PA0",
        "PageToken=PA1",
        "PageToken=PA%C2%B2",
        "PageToken=PA%D9%A3",
        "PageToken=PA" + "9" * 5000,
        "PageToken=PA" + "0" * 28,
        "PageToken=" + "A" * 4000,
        "PageToken=" + base64.b64encode(b'["x",1]').decode(),
    ],
)
def test_a_page_nobody_was_sent_to_is_21481(desk: Desk, path: str, query: str) -> None:
    assert request(desk.hub, "GET", f"{path}?{query}").error == (400, 21481)


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("other", ["/v1/Policies", "/v1/EndUserTypes"])
def test_a_token_of_another_list_is_21481(desk: Desk, path: str, other: str) -> None:
    url = request(desk.hub, "GET", f"{other}?PageSize=1").json["meta"]["next_page_url"]
    query = url.partition("?")[2]
    answer = request(desk.hub, "GET", f"{path}?{query}")
    if path == other:
        assert answer.json["meta"]["page"] == 1
    else:
        assert answer.error == (400, 21481)


@pytest.mark.parametrize(
    "query", ["Nonsense=1", "friendlyname=x", "?", "&&", "=", "a[]=1&a[]=2", "PageSize", "%zz=%zz"]
)
def test_a_query_that_means_nothing_is_ignored(desk: Desk, query: str) -> None:
    answer = request(desk.hub, "GET", f"{PROFILES}?{query}")
    assert answer.status == 200
    assert answer.json["meta"]["page_size"] == 50


@pytest.mark.parametrize(
    "query", ["FriendlyName=%FF", "FriendlyName=%00", "Status=" + "x" * 20_000]
)
def test_a_filter_that_cannot_be_read_is_refused(desk: Desk, query: str) -> None:
    assert request(desk.hub, "GET", f"{PROFILES}?{query}").error == (400, 20001)


# Methods, targets and hosts.


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "LOCK"])
@pytest.mark.parametrize("path", [PROFILES, "/2010-04-01/Accounts.json"])
def test_a_method_nobody_documented_is_405(desk: Desk, method: str, path: str) -> None:
    answer = request(desk.hub, method, path)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, POST"
    assert answer.body == b"" if method == "HEAD" else answer.error == (405, 20004)


def test_browsers_are_promised_only_methods_that_work(desk: Desk) -> None:
    answer = request(desk.hub, "GET", PROFILES)
    assert answer.headers["access-control-allow-methods"] == "GET, POST, DELETE"


def test_a_target_may_be_a_whole_url(desk: Desk) -> None:
    """This is how a client asks when it was told of a proxy."""
    answer = request(desk.hub, "GET", f"{desk.hub.http}/v1/Policies?PageSize=1")
    assert (answer.status, answer.json["meta"]["page_size"]) == (200, 1)


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"evil.example/path",
        b"evil.example@other",
        b'"><script>',
        b"a b",
        b"evil.example:port",
        b"evil.example:123456",
        b"[::1",
        b"\xff\xfe",
        "böse.example".encode(),
        b"evil.example?x=",
        b"evil.example#",
        b"x" * 5000,
    ],
    ids=lambda host: repr(host[:24]),
)
def test_a_host_that_is_none_is_not_repeated(desk: Desk, host: bytes) -> None:
    answer = request(desk.hub, "GET", PROFILES, host=host)
    if answer.status == 200:
        assert answer.json["meta"]["url"].startswith(f"{desk.hub.http}/v1/")
    else:
        assert answer.status == 400
    assert not host or host[:12] not in answer.body


@pytest.mark.parametrize("host", ["trusthub.twilio.com", "localhost:1234", "[::1]:80", "10.0.0.1"])
def test_a_host_is_what_the_urls_begin_with(desk: Desk, host: str) -> None:
    answer = request(desk.hub, "GET", PROFILES, host=host.encode())
    assert answer.json["meta"]["url"].startswith(f"http://{host}/v1/")


@pytest.mark.parametrize(
    "target",
    [
        "/v1/../v1/Policies",
        "/v1/Policies/../../etc/passwd",
        "/v1/Policies/..%2f..%2fetc%2fpasswd",
        "/v1/EndUsers/%2e%2e",
        "//v1/Policies",
        "/v1//Policies",
        "/v1/Policies/",
        "/v1/Policies//",
        "/V1/Policies",
        "/v1/policies",
        "/v1",
        "/v1/EndUsers/%00",
        "/v1/EndUsers/%FF",
        "/v1/EndUsers/%F0%9F%92%A9",
        "/v1/EndUsers/" + "x" * 4000,
        "/v1/EndUsers/it" + NOBODY,
        "/v1/EndUsers/IT" + NOBODY + ".json",
        "/2010-04-01/Accounts/%00.json",
        "/2010-04-01/Accounts/%00/Keys.json",
        "/v1/PhoneNumbers/%00",
        "/v1/ComplianceInquiries",
    ],
)
def test_a_path_there_is_not_is_404(desk: Desk, target: str) -> None:
    assert request(desk.hub, "GET", target).error == (404, 20404)


def test_a_path_without_json_is_404_in_xml(desk: Desk) -> None:
    """XML is what the core API speaks by default, and what such a client reads."""
    answer = request(desk.hub, "GET", f"{core(desk)}/Keys")
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("application/xml")
    assert b"<Code>20404</Code>" in answer.body


@pytest.mark.parametrize("path", ["/v2/token", "/healthz"])
def test_other_doors_are_405_too(desk: Desk, path: str) -> None:
    answer = request(desk.hub, "PUT", path)
    assert answer.status == 405
    assert "allow" in answer.headers


# Who asks.


@pytest.mark.parametrize(
    "authorization",
    [
        "x",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + base64.b64encode(b"AC\x00:x").decode(),
        "Basic " + base64.b64encode(b"SK\x00:x").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Bearer",
        "Bearer a.b.c",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer " + "x" * 8000,
        "Digest username=x",
    ],
)
def test_credentials_that_prove_nothing_are_401(desk: Desk, authorization: str) -> None:
    answer = request(desk.hub, "GET", PROFILES, authorization=authorization)
    assert answer.error == (401, 20003)
    assert "www-authenticate" in answer.headers


@pytest.mark.parametrize("sid", ["AC" + NOBODY, "AC", "x", "%00", "AC" + "f" * 4000])
def test_to_act_for_a_stranger_is_404(desk: Desk, sid: str) -> None:
    header = f"X-Twilio-AccountSid: {sid}"
    assert request(desk.hub, "GET", PROFILES, headers=(header,)).error == (404, 20404)


def test_an_account_acts_for_its_subaccount(desk: Desk) -> None:
    sid = desk.made("/2010-04-01/Accounts.json", FriendlyName="Nested")
    header = f"X-Twilio-AccountSid: {sid}"
    made = request(desk.hub, "POST", PAPERS, PAPER, headers=(header,))
    assert made.json["account_sid"] == sid


@pytest.mark.parametrize(
    "raw",
    [
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\nConnection: close\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /v1/" + b"\xff" * 10 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
    ids=lambda raw: repr(raw[:40]),
)
def test_what_is_not_http_is_400_or_404(desk: Desk, raw: bytes) -> None:
    assert send(desk.hub, raw).status in (400, 404)


def test_a_name_in_the_address_is_quoted_in_the_paging_urls(desk: Desk) -> None:
    """A filter with ``&`` and ``#`` must not become two filters or a fragment."""
    name = 'a&PageSize=9#"<>+ ü'
    answer = request(desk.hub, "GET", f"{PROFILES}?FriendlyName={quote(name, safe='')}&PageSize=2")
    url = answer.json["meta"]["url"]
    assert f"FriendlyName={quote(name, safe='')}&PageSize=2&Page=0" in url
