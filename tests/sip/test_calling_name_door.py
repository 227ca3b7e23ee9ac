"""Names over real sockets: what is sent again and until when, and SIPp as the switch that asks."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from phonotary.bootstrap.voice import Voice
from phonotary.clock import Clock
from phonotary.cnam.clients import Client, OverQuota
from phonotary.cnam.dips import ABSENT, FOREIGN, PRIVATE, Answer, Status
from phonotary.config import Settings
from phonotary.errors import Reason, Refused
from phonotary.sip.redirect import Redirect
from phonotary.sip.server import Limits, Server
from phonotary.storage.database import Database
from tests.simulators import sipp
from tests.sip.invites import ACCOUNT, response
from tests.sip.serving import serving
from tests.sip.test_calling_name import Dips, named, notified, subscribe
from tests.sip.test_server import received, tcp, udp, via

QUICK = Limits(t1=0.02)


def asked(sock: socket.socket, server: Server, **changed: str) -> None:
    sock.sendto(subscribe(via=via(sock), **changed), ("127.0.0.1", server.port))


def settled(redirect: Redirect) -> bool:
    deadline = time.monotonic() + 5
    while redirect._notices and time.monotonic() < deadline:
        time.sleep(0.001)
    return redirect._notices == 0


def rest(sock: socket.socket, seconds: float) -> list[bytes]:
    """What still comes until nothing has for so long."""
    found = []
    sock.settimeout(seconds)
    while True:
        try:
            found.append(sock.recv(65536))
        except TimeoutError:
            return found


@pytest.mark.parametrize("status", ["200 OK", "481 Call/Transaction Does Not Exist"])
def test_a_notify_is_sent_again_until_it_is_answered(status: str) -> None:
    redirect = named()
    with serving(redirect, QUICK) as server, udp() as sock:
        asked(sock, server)
        assert response(sock.recv(65536)).status == 200
        first = sock.recv(65536)
        told = notified(first)[1]
        assert told["Via"].startswith(f"SIP/2.0/UDP cnam.example:{server.port};")
        assert sock.recv(65536) == first
        trying = f"SIP/2.0 100 Trying\r\nVia: {told['Via']}\r\n\r\n".encode()
        sock.sendto(trying, ("127.0.0.1", server.port))
        assert sock.recv(65536) == first
        done = trying.replace(b"100 Trying", status.encode())
        sock.sendto(done, ("127.0.0.1", server.port))
        assert settled(redirect)
        # One more may have been under way.
        assert len(rest(sock, 0.4)) <= 1
        assert not server._notices


def test_a_notify_that_nobody_answers_is_given_up() -> None:
    redirect = named()
    with serving(redirect, Limits(t1=0.01)) as server, udp() as sock:
        asked(sock, server)
        found = rest(sock, 0.3)
        # At 0, 1, 3, 7, 15, 23, ... 63 times T1.
        assert len(found) == 1 + 11
        assert len(set(found[1:])) == 1
        assert settled(redirect)


def test_only_who_was_told_can_say_that_it_has_heard() -> None:
    redirect = named()
    with serving(redirect, QUICK) as server, udp() as sock:
        asked(sock, server)
        sock.recv(65536)
        written = notified(sock.recv(65536))[1]["Via"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.2", 0))
            data = f"SIP/2.0 200 OK\r\nVia: {written}\r\n\r\n".encode()
            other.sendto(data, ("127.0.0.1", server.port))
        sock.recv(65536)
        sock.recv(65536)
        assert redirect._notices == 1


def test_a_contact_elsewhere_aims_at_nobody() -> None:
    with serving(named(), QUICK) as server, udp() as sock, udp() as victim:
        aimed = f"<sip:a@127.0.0.1:{victim.getsockname()[1]}>"
        asked(sock, server, contact=aimed)
        assert response(sock.recv(65536)).status == 200
        assert notified(sock.recv(65536))[0] == f"NOTIFY {aimed[1:-1]} SIP/2.0"
        assert rest(victim, 0.1) == []


def test_over_tcp_the_notify_comes_once_on_the_same_connection() -> None:
    redirect = named()
    with serving(redirect, QUICK) as server, tcp(server) as sock:
        sock.sendall(subscribe())
        data = b""
        while b"Presentation-Indicator: allowed\r\n" not in data:
            data += sock.recv(65536)
        head, end, notify = data.partition(b"\r\n\r\n")
        assert response(head + end).status == 200
        told = notified(notify)[1]
        assert redirect._notices == 0
        answer = f"SIP/2.0 200 OK\r\nVia: {told['Via']}\r\nContent-Length: 0\r\n\r\n".encode()
        sock.sendall(answer + subscribe(lines=("Event: presence",), call_id="2"))
        assert response(received(sock)[0]).status == 489
        assert rest(sock, 0.2) == []


def test_a_door_is_closed_with_a_notify_in_the_air() -> None:
    redirect = named()
    with serving(redirect) as server, udp() as sock:
        asked(sock, server)
        sock.recv(65536)
    assert redirect._notices == 0


# What voice makes of a dip.


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(Status.PRESENT, "OWL BAKERY", "registered"), ("OWL BAKERY", False)),
        (ABSENT, (None, False)),
        (FOREIGN, (None, False)),
        (PRIVATE, (None, True)),
        (OverQuota("1 dips a day are allowed", 9), (None, False)),
        (Refused(Reason.UNAVAILABLE, "try again"), (None, False)),
    ],
)
def test_a_dip_is_the_trunks_accounts(
    tmp_path: Path, answer: Answer | Exception, told: tuple[str | None, bool]
) -> None:
    class Told:
        def account(self, account_sid: str) -> Client:
            return Client(account_sid)

        def now(self, number: str, client: Client) -> Answer:
            assert (number, client.name) == ("+14155550100", ACCOUNT)
            if isinstance(answer, Exception):
                raise answer
            return answer

    database = Database(f"sqlite:///{tmp_path / 'service.db'}")
    settings = Settings(database_url=database.url, sandbox=False)
    voice = Voice(settings, database, Clock(), secret="", origin="http://h", account=None)
    assert voice._dip("+14155550100", ACCOUNT) == (None, False)
    voice.dips = Told()  # type: ignore[assignment]
    assert voice._dip("+14155550100", ACCOUNT) == told
    database.close()


# SIPp asks.

SUBSCRIBE = """<send retrans="500"><![CDATA[
SUBSCRIBE sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:switch@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 SUBSCRIBE
Contact: <sip:switch@[local_ip]:[local_port];transport=[transport]>
Event: calling-name;id=[call_number]
Expires: 0
Accept: application/calling-name-info
Content-Type: application/calling-name-info
Content-Length: [len]

Calling-Party: sip:+14155550100@[local_ip];user=phone
]]></send>
"""
NOTIFIED = """<recv request="NOTIFY"><action>
<ereg regexp="terminated;reason=timeout" search_in="hdr" header="Subscription-State:"
 check_it="true" assign_to="1"/>
<ereg regexp="Calling-Name: .OWL BAKERY. .sip:.14155550100@" search_in="body"
 check_it="true" assign_to="2"/>
</action></recv>
<Reference variables="1,2"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
"""


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_switch_subscribes_and_is_notified(tmp_path: Path, transport: str) -> None:
    dips = Dips()
    redirect = named(dips)
    steps = SUBSCRIBE + sipp.expect(200, "Expires", "0") + NOTIFIED
    with serving(redirect) as server:
        done = sipp.call(tmp_path, steps, server.port, calls=50, rate=500, transport=transport)
        assert done.failed == ""
        assert settled(redirect)
    assert len(dips.asked) == 50


def test_the_switchs_scenario_can_fail(tmp_path: Path) -> None:
    with serving(named(Dips(None))) as server:
        assert sipp.call(tmp_path, SUBSCRIBE + sipp.expect(200) + NOTIFIED, server.port).failed


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_call_comes_back_with_its_name(tmp_path: Path, transport: str) -> None:
    steps = sipp.invite() + sipp.ACK.join(
        (sipp.expect(302, "P-Asserted-Identity", ".OWL BAKERY. .sip:.14155550100@"), "")
    )
    with serving(named()) as server:
        done = sipp.call(tmp_path, steps, server.port, calls=50, rate=500, transport=transport)
    assert done.failed == ""
    assert done.messages.count('Contact: "OWL BAKERY" <sip:+12025550143@') == 50
