"""A trunk that asks for names: 302 and the ``calling-name`` event package, without sockets."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonotary.sip import calling_name
from phonotary.sip.answers import Policy
from phonotary.sip.calling_name import Notice
from phonotary.sip.redirect import Redirect
from phonotary.sip.trunks import LOOPBACK, Role, Trunk
from tests.sip.invites import (
    ACCOUNT,
    CALLED,
    CALLER,
    Response,
    Signer,
    ask,
    door,
    request,
    response,
    trunk,
)

URI = f"sip:{CALLED}@owl.example;user=phone"
PARTY = f"sip:{CALLER}@owl.example;user=phone"
EVENT, ONCE = "Event: calling-name", "Expires: 0"


class Dips:
    """Tells what it is given, and remembers what it was asked."""

    def __init__(
        self, name: str | None = "OWL BAKERY", private: bool = False, fault: Exception | None = None
    ) -> None:
        self.named = name, private
        self.fault = fault
        self.asked: list[tuple[str, str]] = []

    def __call__(self, number: str, account_sid: str) -> tuple[str | None, bool]:
        self.asked.append((number, account_sid))
        if self.fault:
            raise self.fault
        return self.named


def named(dips: Dips | None = None, **more: object) -> Redirect:
    return door(trunk(Role.NAME), dip=dips or Dips(), **more)  # type: ignore[arg-type]


def subscribe(
    party: str = PARTY,
    lines: tuple[str, ...] = (EVENT, ONCE),
    uri: str = "sip:cnam@cnam.example",
    body: bytes | None = None,
    **changed: str | None,
) -> bytes:
    if body is None:
        body = f"Calling-Party: {party}\r\n".encode()
    return request("SUBSCRIBE", uri, body, lines, **changed)


def notice(redirect: Redirect, data: bytes, transport: str = "UDP") -> Notice:
    found = redirect.answer(data, "127.0.0.1", 5070, transport)
    assert isinstance(found, Notice)
    return found


def notified(data: bytes) -> tuple[str, Response, list[str]]:
    """The first line of a NOTIFY, its headers, and the lines of its body."""
    head, _, body = data.decode().partition("\r\n\r\n")
    first, _, rest = head.partition("\r\n")
    told = response(f"SIP/2.0 200 x\r\n{rest}\r\n\r\n".encode())
    assert told["Content-Length"] == str(len(body.encode()))
    assert body.endswith("\r\n")
    return first, told, body.removesuffix("\r\n").split("\r\n")


def test_an_invite_is_sent_on_with_the_name() -> None:
    dips, signer = Dips(), Signer()
    told = ask(named(dips, sign=signer), request())
    assert told.status == 302
    assert told["Contact"] == f'"OWL BAKERY" <{URI}>'
    assert told["P-Asserted-Identity"] == f'"OWL BAKERY" <{PARTY}>'
    assert "Identity" not in told and not signer.asked
    assert dips.asked == [(CALLER, ACCOUNT)]


def test_a_retransmission_is_not_counted_again() -> None:
    dips = Dips()
    redirect = named(dips)
    assert ask(redirect, request()) == ask(redirect, request())
    notice(redirect, subscribe())
    assert isinstance(redirect.answer(subscribe(), "127.0.0.1", 5070), tuple)
    assert len(dips.asked) == 2


@pytest.mark.parametrize(
    "dips",
    [
        Dips(None),
        Dips(None, private=True),
        Dips("OWL BAKERY", private=True),
        Dips(fault=RuntimeError("the database is gone")),
    ],
)
def test_a_call_without_a_name_goes_on_with_the_contact_alone(dips: Dips) -> None:
    told = ask(named(dips), request())
    assert told.status == 302
    assert told["Contact"] == f"<{URI}>"
    assert set(told.headers) == {
        *("Via", "From", "To", "Call-ID", "CSeq", "Contact", "Content-Length")
    }


@pytest.mark.parametrize("privacy", ["id", "user;critical", "Header", "none;id", "session, id"])
def test_a_call_that_asks_for_privacy_has_no_name_and_no_dip(privacy: str) -> None:
    dips = Dips()
    told = ask(named(dips), request(lines=(f"Privacy: {privacy}",)))
    assert told.status == 302 and "P-Asserted-Identity" not in told
    *_, body = notified(notice(named(dips), subscribe(lines=(EVENT, f"Privacy: {privacy}"))).notify)
    assert body[0] == "Calling-Name-Status: unavailable"
    assert body[2] == "Presentation-Indicator: restricted"
    assert not dips.asked


@pytest.mark.parametrize("privacy", ["none", "session", "grid"])
def test_privacy_that_hides_no_caller_hides_no_name(privacy: str) -> None:
    assert "P-Asserted-Identity" in ask(named(), request(lines=(f"Privacy: {privacy}",)))


def test_a_caller_that_is_no_number_is_not_looked_up() -> None:
    dips = Dips()
    anonymous = '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1'
    assert ask(named(dips), request(from_=anonymous)).status == 302
    assert not dips.asked


def test_what_the_caller_writes_beside_its_number_is_not_asserted() -> None:
    passed = "verstat=TN-Validation-Passed"
    forged = f"<sip:{CALLER};{passed}@owl.example;{passed}>;tag=1"
    assert ask(named(), request(from_=forged))["P-Asserted-Identity"].endswith(f"<{PARTY}>")
    sent = notice(named(), subscribe(f"<sip:{CALLER};{passed}@owl.example;{passed}>")).notify
    assert b"verstat" not in sent


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ('A "B" \\', '"A \\"B\\" \\\\"'),
        ("X\r\nVia: SIP/2.0/UDP evil", '"X  Via: SIP/2.0/UDP evil"'),
        ("Caf\u00e9", '"Caf\u00e9"'),
        ("x" * 9_000, f'"{"x" * 128}"'),
    ],
)
def test_no_name_breaks_out_of_its_quotes(name: str, shown: str) -> None:
    assert ask(named(Dips(name)), request())["Contact"] == f"{shown} <{URI}>"
    *_, body = notified(notice(named(Dips(name)), subscribe()).notify)
    assert body[1] == f"Calling-Name: {shown} <{PARTY}>"
    assert len(body) == 3


def test_a_subscription_is_accepted_and_ended_with_the_name() -> None:
    dips = Dips()
    sent = notice(named(dips), subscribe(lines=("o: calling-name;foo;id=a7", "Expires: 3600")))
    accepted = response(sent.reply[0])
    assert (accepted.status, accepted["Expires"]) == (200, "0")
    assert accepted["Contact"] == "<sip:cnam.example:5060>"
    first, told, body = notified(sent.notify)
    assert first == f"NOTIFY sip:{CALLER}@127.0.0.1:5070 SIP/2.0"
    # The same dialog, from its other end.
    assert told["From"] == accepted["To"] and ";tag=" in told["From"]
    assert told["To"] == accepted["From"]
    assert told["Call-ID"] == accepted["Call-ID"]
    assert told["CSeq"] == "1 NOTIFY"
    assert told["Via"].startswith("SIP/2.0/UDP cnam.example:5060;branch=z9hG4bK")
    assert told["Via"].endswith(";rport")
    assert told["Max-Forwards"] == "70"
    assert told["Event"] == "calling-name;id=a7"
    assert told["Subscription-State"] == "terminated;reason=timeout"
    assert told["Content-Type"] == "application/calling-name-info"
    assert body == [
        "Calling-Name-Status: available",
        f'Calling-Name: "OWL BAKERY" <{PARTY}>',
        "Presentation-Indicator: allowed",
    ]
    assert dips.asked == [(CALLER, ACCOUNT)]


@pytest.mark.parametrize(
    ("dips", "indicator"),
    [
        (Dips(None), "allowed"),
        (Dips(None, private=True), "restricted"),
        (Dips("OWL BAKERY", private=True), "restricted"),
        (Dips(fault=RuntimeError("gone")), "allowed"),
    ],
)
def test_a_notify_without_a_name_says_so(dips: Dips, indicator: str) -> None:
    *_, body = notified(notice(named(dips), subscribe()).notify)
    assert body == [
        "Calling-Name-Status: unavailable",
        f"Calling-Name: <{PARTY}>",
        f"Presentation-Indicator: {indicator}",
    ]


@pytest.mark.parametrize(
    ("party", "number"),
    [
        ("sip:4155550100@host;user=phone", "4155550100"),
        (f'"Owl" <sip:{CALLER}@owl.example>', CALLER),
        (f"tel:{CALLER}", CALLER),
    ],
)
def test_a_calling_party_is_read_as_switches_write_it(party: str, number: str) -> None:
    dips = Dips()
    body = f"calling-party:\t{party}\nOther: x".encode()
    notice(named(dips), subscribe(body=body))
    assert dips.asked == [(number, ACCOUNT)]


def test_what_lies_beyond_the_body_is_not_read() -> None:
    assert ask(named(), subscribe(content_length="5")).status == 400


@pytest.mark.parametrize(
    "body", [b"", b"v=0\r\n", b"Calling-Party: alice", b"Calling-Party: sip:\0@h", b"\xff" * 9_000]
)
def test_a_body_without_a_calling_party_is_400(body: bytes) -> None:
    told = ask(named(), subscribe(body=body))
    assert told.status == 400
    assert "Calling-Party" in told["Warning"]


@pytest.mark.parametrize(
    "lines",
    [(), ("Event: presence",), ("Event: Calling-Name",), (EVENT, EVENT), ("Event: calling-nam",)],
)
def test_another_event_is_489(lines: tuple[str, ...]) -> None:
    told = ask(named(), subscribe(lines=lines))
    assert (told.status, told.reason) == (489, "Bad Event")
    assert told["Allow-Events"] == "calling-name"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"to": "<sip:cnam@cnam.example>;tag=2"}, 481),
        ({"uri": "tel:+12025550143"}, 416),
        ({"uri": "sip:cnam@cnam.example?Route=x"}, 400),
        ({"lines": (EVENT, "Require: eventlist")}, 420),
        ({"lines": (EVENT, f"Record-Route: <sip:{'a' * 2_048}>")}, 400),
        ({"lines": (EVENT, "Record-Route: <sip:caf\u00e9>")}, 400),
        ({"contact": None, "from_": "nobody"}, 400),
    ],
)
def test_a_subscription_that_leads_nowhere_is_refused(changed: dict[str, str], status: int) -> None:
    assert ask(named(), subscribe(**changed)).status == status  # type: ignore[arg-type]


@pytest.mark.parametrize("contact", [None, "*", "<sip:a@h?Route=x>", "<mailto:a@h>"])
def test_without_a_contact_the_dialog_leads_to_from(contact: str | None) -> None:
    first, *_ = notified(notice(named(), subscribe(contact=contact)).notify)
    assert first == f"NOTIFY {PARTY} SIP/2.0"


def test_proxies_that_ask_for_it_stay_in_the_dialog() -> None:
    routes = ["<sip:p2.example;lr>", "<sip:p1.example;lr>,<sip:p0.example;lr>"]
    sent = notice(named(), subscribe(lines=(EVENT, *(f"Record-Route: {one}" for one in routes))))
    assert response(sent.reply[0]).headers["Record-Route"] == routes
    assert notified(sent.notify)[1].headers["Route"] == routes


def test_a_notify_over_tcp_says_so() -> None:
    redirect = named()
    redirect.port = 5099
    sent = notice(redirect, subscribe(uri="sip:[::1]:5098"), "TCP")
    assert response(sent.reply[0])["Contact"] == "<sip:[::1]:5099;transport=tcp>"
    assert notified(sent.notify)[1]["Via"].startswith("SIP/2.0/TCP [::1]:5099;branch=")


def test_only_so_many_wait_to_be_answered() -> None:
    dips = Dips()
    redirect = named(dips, policy=Policy(notices=1))
    first = notice(redirect, subscribe(call_id="1"))
    told = ask(redirect, subscribe(call_id="2"))
    assert (told.status, told["Retry-After"]) == (503, "1")
    assert len(dips.asked) == 1
    first.settle()
    notice(redirect, subscribe(call_id="2"))


@pytest.mark.parametrize(
    ("status", "final"), [("200 OK", True), ("481 x", True), ("100 Trying", False), ("9", False)]
)
def test_a_final_response_is_heard(status: str, final: bool) -> None:
    sent = notice(named(), subscribe())
    via = notified(sent.notify)[1]["Via"]
    for written in (via, f"{via.replace('rport', 'rport=5060')};received=127.0.0.1"):
        data = f"SIP/2.0 {status}\r\nVia: {written}\r\n\r\n".encode()
        assert calling_name.heard(data) == (sent.key if final else None)
    assert calling_name.heard(b"SIP/2.0 200 OK\r\nVia: x;branch=z9hG4bK1\r\n\r\n") is None


def test_a_stranger_is_told_nothing() -> None:
    dips = Dips()
    redirect = named(dips)
    told = [redirect.answer(subscribe(), "203.0.113.9", 5070) for _ in range(12)]
    assert told[-1] is None and not dips.asked
    assert all(isinstance(one, tuple) and b" 403 " in one[0] for one in told[:10])


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.NAME])
def test_other_trunks_subscribe_to_nothing(role: Role) -> None:
    dips = Dips()
    redirect = door(Trunk(LOOPBACK, ACCOUNT, role), dip=dips)
    told = ask(redirect, subscribe())
    assert (told.status, told["Allow"]) == (405, "INVITE, ACK, CANCEL, OPTIONS")
    ask(redirect, request())
    assert not dips.asked


def test_options_say_what_a_trunk_may_ask() -> None:
    told = ask(named(), request("OPTIONS"))
    assert (told.status, told["Allow-Events"]) == (200, "calling-name")
    assert "SUBSCRIBE" in told["Allow"]


WHOLE = subscribe(lines=(EVENT + ";id=1", ONCE, "Record-Route: <sip:p;lr>", "Privacy: none"))
NOTIFY_HEADERS = {
    *("Via", "From", "To", "Call-ID", "CSeq", "Contact", "Event", "Subscription-State"),
    *("Content-Type", "Content-Length", "Max-Forwards", "Route"),
}


@settings(max_examples=300, deadline=timedelta(seconds=2), derandomize=True, database=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(WHOLE)), st.integers(0, 4), st.binary(max_size=3) | st.just(b"\r\n")
        ),
        max_size=3,
    ),
    st.none() | st.text(max_size=20),
)
def test_whatever_is_asked_one_well_formed_notify_comes_of_it_or_none(
    changes: list[tuple[int, int, bytes]], name: str | None
) -> None:
    data = bytearray(WHOLE)
    for at, cut, put in changes:
        data[at : at + cut] = put
    found = named(Dips(name)).answer(bytes(data), "127.0.0.1", 5070)
    if not isinstance(found, Notice):
        assert found is None or found[0].split(b" ")[1] not in (b"200", b"503")
        return
    head, _, body = found.notify.partition(b"\r\n\r\n")
    for part in (head, body):
        assert part.count(b"\n") == part.count(b"\r") == part.count(b"\r\n")
    assert body.count(b"\r\n") == 3
    assert f"\r\nContent-Length: {len(body)}".encode() in head
    assert {line.partition(b":")[0].decode() for line in head.split(b"\r\n")[1:]} <= NOTIFY_HEADERS
    assert len(found.notify) < len(data) + 1_024
