"""The door over real sockets: datagrams, streams, bounds and closing."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from phonotary.shaken.verdicts import Verdict
from phonotary.shaken.verification import CallToVerify
from phonotary.sip.answers import Policy
from phonotary.sip.server import Limits, Server, serve
from phonotary.sip.trunks import Role, Trunk
from tests.listening.threads import closed
from tests.sip.invites import ACCOUNT, Signer, Verifier, door, request, response
from tests.sip.serving import serving

IDENTITY = "Identity: e30.e30.e30;info=<https://a.example/c.pem>;alg=ES256;ppt=shaken"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    verifier = Verifier(at_once=False)
    with serving(door(verifier=verifier)) as running:
        yield running


def udp() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(5)
    return sock


def tcp(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=5)


def via(sock: socket.socket, branch: str = "1") -> str:
    return f"SIP/2.0/UDP 127.0.0.1:{sock.getsockname()[1]};branch=z9hG4bK{branch}"


def received(sock: socket.socket, messages: int = 1) -> list[bytes]:
    data = b""
    while data.count(b"\r\n\r\n") < messages:
        part = sock.recv(65536)
        if not part:
            break
        data += part
    return [one + b"\r\n\r\n" for one in data.split(b"\r\n\r\n")[:-1]]


def test_an_invite_over_udp_comes_back_signed(server: Server) -> None:
    with udp() as sock:
        sock.sendto(request(via=via(sock)), ("127.0.0.1", server.port))
        told = response(sock.recv(65536))
    assert told.status == 302
    assert told["Identity"].endswith(";alg=ES256;ppt=shaken")


def test_rport_sends_the_answer_where_the_request_came_from(server: Server) -> None:
    with udp() as sock:
        sock.sendto(request(via="SIP/2.0/UDP h;rport;branch=z9hG4bK5"), ("127.0.0.1", server.port))
        told = response(sock.recv(65536))
        port = sock.getsockname()[1]
    assert told["Via"].endswith(f";received=127.0.0.1;rport={port}")


def test_a_burst_is_answered_whole(server: Server) -> None:
    with udp() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**21)
        for n in range(200):
            sock.sendto(request(via=via(sock, f"b{n}")), ("127.0.0.1", server.port))
        vias = {response(sock.recv(65536))["Via"] for _ in range(200)}
    assert len(vias) == 200


def test_a_verification_that_waits_is_answered_later(server: Server) -> None:
    with udp() as sock:
        sock.sendto(request(via=via(sock, "v"), lines=(IDENTITY,)), ("127.0.0.1", server.port))
        assert "verstat" in response(sock.recv(65536))["P-Asserted-Identity"]


def test_noise_and_an_unreachable_peer_do_not_end_the_door(server: Server) -> None:
    with udp() as sock, udp() as gone:
        dead = via(gone, "dead")
        gone.close()
        for data in (b"", b"\0", b"x" * 60_000, request(via=dead), request(via=dead)):
            sock.sendto(data, ("127.0.0.1", server.port))
        sock.sendto(request("OPTIONS", via=via(sock)), ("127.0.0.1", server.port))
        assert response(sock.recv(65536)).status == 200


def test_a_tcp_connection_carries_several_requests_in_any_pieces(server: Server) -> None:
    stream = b"\r\n\r\n" + b"\r\n".join(request(cseq=f"{n} INVITE") for n in range(3))
    with tcp(server) as sock:
        for at in range(0, len(stream), 97):
            sock.sendall(stream[at : at + 97])
        told = [response(one) for one in received(sock, 3)]
        assert [one["CSeq"] for one in told] == ["0 INVITE", "1 INVITE", "2 INVITE"]
        # A verification on the same connection is answered there too.
        sock.sendall(request(call_id="late", lines=(IDENTITY,)))
        assert "verstat" in response(received(sock)[0])["P-Asserted-Identity"]


@pytest.mark.parametrize("data", [request(content_length=None), b"a" * 70_000])
def test_a_stream_that_cannot_be_cut_is_closed(server: Server, data: bytes) -> None:
    with tcp(server) as sock:
        sock.sendall(data)
        assert closed(sock)


def test_a_broken_request_that_can_be_cut_is_told_so_and_the_stream_goes_on(server: Server) -> None:
    with tcp(server) as sock:
        sock.sendall(request(cseq="1 BYE") + request("OPTIONS"))
        assert [response(one).status for one in received(sock, 2)] == [400, 200]


@pytest.mark.parametrize(
    "data",
    [
        request(body=b"v=0").replace(b"\r\n", b"\n"),
        b"\n\n" + request(body=b"").replace(b"\r\n", b"\n"),
        request(body=b"").replace(b"\r\n\r\n", b"\n\r\n"),
        request(lines=("X: 1\nY: 2",)),
        request(lines=("X: " + "x" * 40_000,)),
    ],
)
def test_what_one_caller_writes_takes_no_other_call_along(server: Server, data: bytes) -> None:
    with tcp(server) as sock:
        sock.sendall(data + request("OPTIONS", call_id="next") + data)
        told = [response(one) for one in received(sock, 3)]
    assert [one.status for one in told] == [400, 200, 400]
    assert told[1]["Call-ID"] == "next"


def test_a_fault_leaves_the_connection_to_the_other_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    redirect = door()
    whole = redirect.answer

    def once(*message: Any) -> Any:
        monkeypatch.setattr(redirect, "answer", whole)
        raise RuntimeError

    monkeypatch.setattr(redirect, "answer", once)
    with serving(redirect) as server, tcp(server) as sock:
        sock.sendall(request("OPTIONS", call_id="1") + request("OPTIONS", call_id="2"))
        assert response(received(sock)[0])["Call-ID"] == "2"


def test_an_idle_connection_is_closed() -> None:
    with serving(door(), Limits(idle=0.05)) as server, tcp(server) as sock:
        begun = time.monotonic()
        assert closed(sock)
        assert time.monotonic() - begun < 2


def test_one_connection_too_many_is_closed() -> None:
    with serving(door(), Limits(connections=1)) as server, tcp(server) as first:
        first.sendall(request("OPTIONS"))
        assert response(received(first)[0]).status == 200
        with tcp(server) as second:
            assert closed(second)
        first.sendall(request("OPTIONS"))
        assert response(received(first)[0]).status == 200


def test_a_connection_from_no_trunk_is_closed_at_once() -> None:
    elsewhere = Trunk((ip_network("192.0.2.0/24"),), ACCOUNT, Role.VERIFY)
    with serving(door(elsewhere)) as server, tcp(server) as sock:
        assert closed(sock)


class Never(Verifier):
    async def later(self, call: CallToVerify, door: str, source: str) -> Verdict:
        await asyncio.Event().wait()
        raise AssertionError


class Held(Verifier):
    """Waits until it is let go."""

    def __init__(self) -> None:
        super().__init__(at_once=False)
        self.free = asyncio.Event()

    async def later(self, call: CallToVerify, door: str, source: str) -> Verdict:
        await self.free.wait()
        return self.verdict


def test_one_connection_does_not_hold_more_than_its_share_of_waiting_and_loses_none() -> None:
    verifier = Held()
    with serving(door(verifier=verifier), Limits(pipelined=2)) as server, tcp(server) as sock:
        for n in range(4):
            sock.sendall(request(call_id=str(n), lines=(IDENTITY,)))
        told = [response(one) for one in received(sock, 2)]
        assert [(one.status, one["Call-ID"]) for one in told] == [(503, "2"), (503, "3")]
        assert (told[0]["Retry-After"], told[0]["X-Phonotary-Reason"]) == ("1", "busy")
        server._loop.call_soon_threadsafe(verifier.free.set)
        told = [response(one) for one in received(sock, 2)]
        assert [(one.status, one["Call-ID"]) for one in told] == [(302, "0"), (302, "1")]
        # Nothing was decided of what was refused, so another try is judged.
        sock.sendall(request(call_id="2", lines=(IDENTITY,)))
        assert response(received(sock)[0]).status == 302


def test_a_connection_that_ends_gives_its_places_back() -> None:
    redirect = door(verifier=Never(at_once=False), policy=Policy(in_flight=3))
    with serving(redirect, Limits(pipelined=2)) as server:
        with tcp(server) as sock:
            for n in range(3):
                sock.sendall(request(call_id=str(n), lines=(IDENTITY,)))
            assert response(received(sock)[0]).status == 503
            assert redirect._in_flight == 2
        deadline = time.monotonic() + 5
        while redirect._in_flight and time.monotonic() < deadline:
            time.sleep(0.001)
        assert (redirect._in_flight, len(redirect._kept)) == (0, 0)


def test_a_peer_that_does_not_read_is_hung_up_on() -> None:
    with serving(door(), Limits(unread=10_000)) as server, tcp(server) as sock:
        data = b"".join(request(cseq=f"{n} OPTIONS", method="OPTIONS") for n in range(200))
        with pytest.raises(ConnectionError):
            for _ in range(2000):
                sock.sendall(data)


def test_closing_frees_the_port_and_drops_what_waits() -> None:
    async def live() -> None:
        server = await serve("127.0.0.1", 0, door(verifier=Never(at_once=False)))
        loop = asyncio.get_running_loop()
        with udp() as sock:
            sock.setblocking(False)
            data = request(via=via(sock), lines=(IDENTITY,))
            await loop.sock_sendto(sock, data, ("127.0.0.1", server.port))
            while not server._waiting:
                await asyncio.sleep(0.001)
            await server.close()
        again = await serve("127.0.0.1", server.port, door(sign=Signer()))
        assert again.port == server.port
        with pytest.raises(OSError):
            await serve("127.0.0.1", server.port, door())
        await again.close()

    asyncio.run(live())


def test_two_processes_may_share_a_port() -> None:
    async def live() -> None:
        one = await serve("127.0.0.1", 0, door(), shared=True)
        two = await serve("127.0.0.1", one.port, door(), shared=True)
        assert one.port == two.port
        await one.close()
        await two.close()

    asyncio.run(live())
