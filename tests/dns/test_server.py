"""The edge over real sockets: datagrams, streams, bounds and closing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from phonotary.cnam.clients import Client, Clients
from phonotary.dns.server import Limits, Server, serve
from phonotary.dns.zone import Soa
from tests.dns.books import OWL, Book, enum_name, query, reply, with_opt
from tests.dns.serving import serving
from tests.listening.threads import closed

ASKED = query(enum_name(OWL))
# Six name servers whose names take over a thousand octets together.
MANY = Soa(tuple(".".join([letter * 60] * 4) for letter in "abcdef"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(soa=MANY) as running:
        yield running


@contextlib.contextmanager
def udp(server: Server) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect(("127.0.0.1", server.port))
        yield sock


def tcp(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=5)


def framed(*messages: bytes) -> bytes:
    return b"".join(struct.pack("!H", len(one)) + one for one in messages)


def received(sock: socket.socket, count: int) -> list[bytes]:
    with sock.makefile("rb") as stream:
        found = []
        for _ in range(count):
            head = stream.read(2)
            assert len(head) == 2, "the connection ended"
            found.append(stream.read(int.from_bytes(head, "big")))
        return found


def test_a_datagram_is_answered_where_it_came_from(server: Server) -> None:
    with udp(server) as sock:
        sock.send(ASKED)
        assert reply(sock.recv(4096)).answer[0][0] == "NAPTR"


def test_many_datagrams_at_once_are_all_answered(server: Server) -> None:
    with udp(server) as sock:
        for n in range(200):
            sock.send(struct.pack("!H", n) + ASKED[2:])
        assert {sock.recv(4096)[:2] for _ in range(200)} == {
            struct.pack("!H", n) for n in range(200)
        }


def test_a_broken_datagram_stops_nothing(server: Server) -> None:
    with udp(server) as sock:
        for broken in (b"", b"\0", b"\xff" * 4096, b"\xff" * 60000, ASKED[:-1]):
            sock.send(broken)
        assert sock.recv(4096) == struct.pack("!HHHHHH", 4711, 0x8101, 0, 0, 0, 0)
        sock.send(ASKED)
        assert reply(sock.recv(4096)).code == "NOERROR"


@pytest.mark.parametrize("size", [0, 512, 4096])
def test_what_is_too_large_for_a_datagram_is_cut_and_whole_over_tcp(
    server: Server, size: int
) -> None:
    asked = with_opt("cnam.internal", 2, size=size) if size else query("cnam.internal", 2)
    with udp(server) as sock:
        sock.send(asked)
        wire = sock.recv(65536)
    assert len(wire) <= 1232
    assert wire[2] & 2
    assert reply(wire).answer == []
    with tcp(server) as sock:
        sock.sendall(framed(asked))
        (wire,) = received(sock, 1)
    assert not wire[2] & 2
    assert len(reply(wire).answer) == 6


def test_pipelined_queries_are_answered_in_their_order(server: Server) -> None:
    # More than one turn of the loop takes, in pieces that end anywhere.
    stream = framed(*[struct.pack("!H", n) + ASKED[2:] for n in range(1000)])
    with tcp(server) as sock:
        for at in range(0, len(stream), 1009):
            sock.sendall(stream[at : at + 1009])
        found = received(sock, 1000)
        assert [int.from_bytes(one[:2], "big") for one in found] == list(range(1000))
        sock.sendall(framed(ASKED))
        assert len(received(sock, 1)) == 1


def test_a_stream_octet_by_octet(server: Server) -> None:
    with tcp(server) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in framed(ASKED):
            sock.send(bytes([octet]))
        assert reply(received(sock, 1)[0]).code == "NOERROR"


def test_a_peer_that_sends_no_more_still_gets_its_answers(server: Server) -> None:
    with tcp(server) as sock:
        sock.sendall(framed(*[ASKED] * 300))
        sock.shutdown(socket.SHUT_WR)
        assert len(received(sock, 300)) == 300
        assert closed(sock)


def test_a_format_error_keeps_the_connection(server: Server) -> None:
    with tcp(server) as sock:
        sock.sendall(framed(ASKED[:-1], ASKED))
        failure, answer = received(sock, 2)
    assert (len(failure), failure[3] & 15) == (12, 1)
    assert reply(answer).code == "NOERROR"


@pytest.mark.parametrize("length", [0, 4096, 65535])
def test_a_length_that_no_query_has_ends_the_connection(server: Server, length: int) -> None:
    with tcp(server) as sock:
        sock.sendall(framed(ASKED) + struct.pack("!H", length))
        # What came before is answered.
        assert len(received(sock, 1)) == 1
        assert closed(sock)


def test_a_silent_connection_is_closed() -> None:
    with serving(limits=Limits(idle=0.1)) as server, tcp(server) as sock:
        begun = time.monotonic()
        assert closed(sock)
        assert time.monotonic() - begun < 3


def test_octets_that_are_no_query_yet_do_not_keep_a_connection() -> None:
    with serving(limits=Limits(idle=0.3)) as server, tcp(server) as sock:
        sock.settimeout(0.05)
        for octet in framed(ASKED)[:20]:
            with contextlib.suppress(TimeoutError, ConnectionError):
                sock.send(bytes([octet]))
                if sock.recv(1) == b"":
                    return
        pytest.fail("the connection was kept")


def test_there_are_so_many_connections_and_no_more() -> None:
    with serving(limits=Limits(connections=2)) as server:
        with tcp(server) as one, tcp(server) as two:
            for sock in (one, two):
                sock.sendall(framed(ASKED))
                assert len(received(sock, 1)) == 1
            with tcp(server) as three:
                assert closed(three)
        deadline = time.monotonic() + 5
        while server.connections and time.monotonic() < deadline:
            time.sleep(0.01)
        with tcp(server) as again:
            again.sendall(framed(ASKED))
            assert len(received(again, 1)) == 1


def test_a_peer_that_does_not_read_is_hung_up_on() -> None:
    with serving(limits=Limits(unread=4096)) as server, tcp(server) as sock:
        sock.settimeout(0.2)
        stream = framed(*[ASKED] * 500)
        with contextlib.suppress(TimeoutError, ConnectionError):
            for _ in range(400):
                sock.sendall(stream)
        deadline = time.monotonic() + 5
        while server.connections and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not server.connections


def test_a_strangers_connection_is_not_kept() -> None:
    elsewhere = Client("elsewhere", (ip_network("192.0.2.0/24"),))
    with serving(Book(clients=Clients([elsewhere]))) as server:
        with tcp(server) as sock:
            assert closed(sock)
        with udp(server) as sock:
            sock.send(ASKED)
            assert reply(sock.recv(4096)).code == "REFUSED"


def test_one_fault_does_not_end_the_edge(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Book):
        broken = True

        def now(self, number, client, /):  # type: ignore[no-untyped-def]
            if self.broken:
                raise RuntimeError("broken")
            return super().now(number, client)

    book = Broken()
    with serving(book) as server:
        with tcp(server) as sock:
            sock.sendall(framed(ASKED))
            assert closed(sock)
        with udp(server) as sock:
            sock.send(ASKED)
            sock.settimeout(0.2)
            with pytest.raises(TimeoutError):
                sock.recv(4096)
            book.broken = False
            sock.settimeout(5)
            sock.send(ASKED)
            assert reply(sock.recv(4096)).code == "NOERROR"
    assert [one.message for one in caplog.records] == ["a query was not answered"] * 2


def test_several_processes_may_share_the_port_and_others_not() -> None:
    async def run() -> None:
        one = await serve("127.0.0.1", 0, Book(), shared=True)
        two = await serve("127.0.0.1", one.port, Book(), shared=True)
        with pytest.raises(OSError):
            await serve("127.0.0.1", one.port, Book())
        await two.close()
        await one.close()
        three = await serve("127.0.0.1", one.port, Book())
        await three.close()

    asyncio.run(run())


def test_it_listens_on_ipv6() -> None:
    async def run() -> None:
        server = await serve("::1", 0, Book())
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(("::1", server.port))
            sock.send(ASKED)
            found = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 4096), 5)
        assert reply(found).code == "NOERROR"
        await server.close()

    asyncio.run(run())
