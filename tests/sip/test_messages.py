"""What is read as a SIP request, what is not, and what a response copies."""

from __future__ import annotations

import pytest

from phonotary.sip import messages
from phonotary.sip.messages import Malformed, parse, respond, returned_via
from tests.sip.invites import HEADERS, request, response


def read(data: bytes) -> messages.Request:
    found = parse(data)
    assert found is not None
    return found


def test_an_invite_is_read() -> None:
    found = read(request())
    assert (found.method, found.version) == ("INVITE", "SIP/2.0")
    assert found.uri == "sip:+12025550143@owl.example;user=phone"
    assert found.from_ == HEADERS["From"]
    assert found.via == [HEADERS["Via"]]


@pytest.mark.parametrize(
    ("compact", "name"),
    [("v", "Via"), ("f", "From"), ("t", "To"), ("i", "Call-ID"), ("F", "From"), ("vIA", "Via")],
)
def test_a_compact_name_is_the_long_one(compact: str, name: str) -> None:
    data = request().replace(f"\r\n{name}:".encode(), f"\r\n{compact} :".encode())
    assert read(data) == read(request())


def test_y_is_identity_and_l_is_content_length() -> None:
    found = read(request(content_length=None, lines=("y: a;info=<b>", "l: 5")))
    assert found.headers["identity"] == ["a;info=<b>"]
    assert found.headers["content-length"] == ["5"]


def test_a_folded_header_is_one_line() -> None:
    data = request(from_="<sip:a@b>\r\n ;tag=1\r\n\t;x=2")
    assert read(data).from_ == "<sip:a@b> ;tag=1 ;x=2"


def test_several_vias_keep_their_order() -> None:
    data = request(lines=("v: SIP/2.0/TCP b", "Via: SIP/2.0/UDP c, SIP/2.0/UDP d"))
    assert read(data).via[1:] == ["SIP/2.0/TCP b", "SIP/2.0/UDP c, SIP/2.0/UDP d"]


def test_a_response_is_not_a_request() -> None:
    assert parse(b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n") is None


@pytest.mark.parametrize("name", ["via", "from_", "to", "call_id", "cseq"])
def test_a_request_without_what_a_response_needs_cannot_be_answered(name: str) -> None:
    with pytest.raises(Malformed) as told:
        parse(request(**{name: None}))
    assert told.value.request is None


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq"])
def test_what_may_stand_once_does_not_stand_twice(name: str) -> None:
    with pytest.raises(Malformed):
        parse(request(lines=(f"{name}: {HEADERS[name]}",)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        request().replace(b"\r\n", b"\n"),
        request(from_="<sip:a@b>;tag=1\nX: y"),
        request(from_="<sip:a@b>;tag=1\rX: y"),
        request(to="<sip:a@b>\0"),
        request(to="<sip:a@b>\x7f"),
        request(lines=("no colon here",)),
        request(lines=("bad name: 1",)),
        request(lines=(": 1",)),
        request(lines=("X: 1",) * 200),
        request(lines=("X: " + "a" * messages.MAX_HEAD,)),
        b" " + request(),
        request(uri="sip:a b"),
    ],
)
def test_noise_cannot_be_answered(data: bytes) -> None:
    with pytest.raises(Malformed) as told:
        parse(data)
    assert told.value.request is None


@pytest.mark.parametrize(
    "changed",
    [
        {"cseq": "1 OPTIONS"},
        {"cseq": "INVITE"},
        {"cseq": "-1 INVITE"},
        {"cseq": "4294967296 INVITE"},
        {"content_length": "6"},
        {"content_length": "x"},
        {"content_length": "²"},
        {"call_id": ""},
        {"uri": "sip:" + "1" * messages.MAX_URI},
        {"lines": ("l: 5",)},
        {"lines": ("Date: 1", "Date: 2")},
    ],
)
def test_a_broken_request_can_be_told_so(changed: dict[str, str]) -> None:
    with pytest.raises(Malformed) as told:
        parse(request(**changed))  # type: ignore[arg-type]
    assert told.value.request is not None


def test_a_response_copies_what_section_8_2_6_names() -> None:
    found = read(request(lines=("Via: SIP/2.0/UDP second",)))
    made = response(respond(found, 302, "SIP/2.0/UDP first", "Contact: <sip:a>"))
    assert (made.status, made.reason) == (302, "Moved Temporarily")
    assert made.headers["Via"] == ["SIP/2.0/UDP first", "SIP/2.0/UDP second"]
    assert made["From"] == found.from_
    assert made["Call-ID"] == found.call_id
    assert made["CSeq"] == "1 INVITE"
    assert made["Contact"] == "<sip:a>"
    assert made["Content-Length"] == "0"


def test_to_gets_a_tag_that_a_retransmission_gets_again() -> None:
    first, again = (response(respond(read(request()), 404, "x"))["To"] for _ in range(2))
    assert first == again
    assert first.startswith(HEADERS["To"] + ";tag=")
    other = request(call_id="another")
    assert response(respond(read(other), 404, "x"))["To"] != first


@pytest.mark.parametrize("to", ["<sip:a@b>;tag=7", "<sip:a@b;x=1> ; TAG = 7", "sip:a@b;tag=7"])
def test_a_tag_that_is_there_stays(to: str) -> None:
    found = read(request(to=to))
    assert found.in_dialog
    assert response(respond(found, 481, "x"))["To"] == to


def test_a_tag_inside_the_uri_is_not_the_headers() -> None:
    assert not read(request(to="<sip:a@b;tag=7>")).in_dialog


@pytest.mark.parametrize(
    ("via", "host", "port", "expected"),
    [
        ("SIP/2.0/UDP 127.0.0.1:5070;branch=b", "127.0.0.1", 9, (";branch=b", 5070)),
        ("SIP/2.0/UDP 127.0.0.1;branch=b", "127.0.0.1", 9, (";branch=b", 5060)),
        ("SIP/2.0/UDP h.example;branch=b", "127.0.0.1", 9, (";branch=b;received=127.0.0.1", 5060)),
        (
            "SIP/2.0/UDP 127.0.0.1:5070;rport;branch=b",
            "127.0.0.1",
            9,
            (";branch=b;received=127.0.0.1;rport=9", 9),
        ),
        (
            "SIP/2.0/UDP 127.0.0.1;received=8.8.8.8;rport=53;branch=b",
            "127.0.0.1",
            9,
            (";branch=b;received=127.0.0.1;rport=9", 9),
        ),
        ("SIP/2.0/UDP 127.0.0.1;maddr=8.8.8.8", "127.0.0.1", 9, (";maddr=8.8.8.8", 5060)),
        ("SIP/2.0/TCP [::1]:5061;branch=b", "::1", 9, (";branch=b", 5061)),
    ],
)
def test_via_tells_where_the_request_came_from(
    via: str, host: str, port: int, expected: tuple[str, int]
) -> None:
    written, back = returned_via(read(request(via=via)), host, port)
    assert (written.endswith(expected[0]), back) == (True, expected[1])
    assert "8.8.8.8" not in written or "maddr" in written


def test_only_the_first_of_comma_joined_vias_is_touched() -> None:
    data = request(via="SIP/2.0/UDP a;branch=1;rport , SIP/2.0/UDP b;rport")
    written, _ = returned_via(read(data), "127.0.0.1", 9)
    assert written == "SIP/2.0/UDP a;branch=1;received=127.0.0.1;rport=9, SIP/2.0/UDP b;rport"


@pytest.mark.parametrize("via", ["x", "SIP/2.0/UDP", "SIP/2.0/UDP a:0", "SIP/2.0/UDP a:99999", ""])
def test_a_via_that_leads_nowhere_is_malformed(via: str) -> None:
    with pytest.raises(Malformed):
        returned_via(read(request(via=via)), "127.0.0.1", 9)


def test_bytes_beyond_ascii_return_as_they_came() -> None:
    found = read(request(from_='"Bäcker ☎" <sip:a@b>;tag=1'))
    assert '"Bäcker ☎" <sip:a@b>'.encode() in respond(found, 404, "x")


def test_a_name_is_quoted_so_that_it_cannot_break_out() -> None:
    assert messages.quoted('A "B" \\ \r\nX: y') == '"A \\"B\\" \\\\   X: y"'


def test_a_stream_is_cut_by_content_length() -> None:
    first, second = request(), request(body=b"", call_id="2")
    stream = bytearray(first + second)
    size = messages.frame(stream)
    assert bytes(stream[:size]) == first
    assert messages.frame(stream[size:]) == len(second)


def test_half_a_head_has_no_size_yet_and_half_a_body_has() -> None:
    data = request(body=b"v=0\r\n")
    assert messages.frame(bytearray(data[:40])) == 0
    assert messages.frame(bytearray(data[:-3])) == len(data)


@pytest.mark.parametrize(
    "data",
    [
        request(content_length=None),
        request(lines=("l: 5",)),
        request(content_length="65536"),
        request(content_length="x"),
        b"a" * (messages.MAX_MESSAGE + 1),
    ],
)
def test_a_stream_that_cannot_be_cut_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        messages.frame(bytearray(data))
