"""Whose a host is, and where a request to the proxy wants to go."""

from __future__ import annotations

import pytest

from phonotary.web.proxy import head, names


@pytest.mark.parametrize(
    "host",
    [
        "api.twilio.com",
        "TrustHub.Twilio.COM",
        "trusthub.sydney.au1.twilio.com",
        "api.twilio.com.",
    ],
)
def test_every_name_under_twilio_com_is_ours(host: str) -> None:
    assert names.is_twilio(host)


@pytest.mark.parametrize(
    "host",
    [
        "eviltwilio.com",
        "twilio.com.evil",
        "twilio.com.evil.example",
        "twilio.com",
        ".twilio.com",
        "a..twilio.com",
        "a b.twilio.com",
        "api.twilio.com\n",
        "api.twilio.com/x",
        "127.0.0.1",
        "a" * 250 + ".twilio.com",
    ],
)
def test_no_other_name_is(host: str) -> None:
    assert not names.is_twilio(host)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_this_machine_is_known_without_asking_anybody(host: str) -> None:
    assert names.is_here(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost.example", "0.0.0.0", "example.com"])
def test_other_machines_are_not_this_one(host: str) -> None:
    assert not names.is_here(host)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("api.twilio.com:443", ("api.twilio.com", 443)),
        ("[::1]:8443", ("::1", 8443)),
        ("example.com:", None),
        ("example.com", None),
        ("example.com:0", None),
        ("example.com:65536", None),
        ("example.com:+80", None),
        ("user@example.com:80", None),
        ("::1:80", None),
        (":443", None),
        ("[]:443", None),
    ],
)
def test_a_connect_wants_a_host_and_a_port(text: str, found: tuple[str, int] | None) -> None:
    assert names.authority(text) == found


def test_what_goes_onward_is_in_origin_form_for_one_request() -> None:
    raw = (
        b"POST http://127.0.0.1:8090?a=b HTTP/1.1\r\nHost: elsewhere\r\nProxy-Connection: x\r\n"
        b"Proxy-Authorization: Basic secret\r\nConnection: keep-alive, X-Private\r\n"
        b"X-Private: 1\r\nContent-Length: 2\r\nX-Kept: yes"
    )
    wanted = head.parse(raw)
    assert (wanted.host, wanted.port, wanted.is_tunnel) == ("127.0.0.1", 8090, False)
    assert wanted.onward == (
        b"POST /?a=b HTTP/1.1\r\nHost: 127.0.0.1:8090\r\nContent-Length: 2\r\nX-Kept: yes\r\n"
        b"Connection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"GET /v1/Policies HTTP/1.1\r\nHost: 127.0.0.1",
        b"GET https://api.twilio.com/ HTTP/1.1",
        b"GET http://user@127.0.0.1/ HTTP/1.1",
        b"GET http:///x HTTP/1.1",
        b"GET http://127.0.0.1:x/ HTTP/1.1",
        b"GET http://127.0.0.1/#part HTTP/1.1",
        b"GET http://127.0.0.1/ HTTP/2",
        b"GET  http://127.0.0.1/ HTTP/1.1",
        b"GET http://127.0.0.1/ HTTP/1.1\r\n folded: line",
        b"GET http://127.0.0.1/ HTTP/1.1\r\nbad name: x",
        b"GET http://127.0.0.1/ HTTP/1.1\r\nX: a\nInjected: b",
        b"CONNECT api.twilio.com HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
    ],
)
def test_what_is_not_a_request_to_a_proxy_is_refused(raw: bytes) -> None:
    with pytest.raises(head.Refusal) as refused:
        head.parse(raw)
    assert refused.value.status == "400 Bad Request"
