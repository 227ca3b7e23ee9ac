"""What came in one turn of the loop is worked through first, and sent after that."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from phonotary.abreast import Steps
from phonotary.web.stir_v1.answers import Answer, Given, Headers
from phonotary.web.turns import Turns
from tests.web.stir import Wire, lean_protocol


def test_all_of_a_turn_is_worked_through_before_anything_is_sent() -> None:
    seen: list[str] = []

    def work(each: str) -> None:
        seen.append(f"work {each}")

    turns: Turns[str] = Turns(work, lambda each: seen.append(f"send {each}"))

    async def one_turn() -> None:
        turns.add("first")
        turns.add("second")
        assert seen == []
        await asyncio.sleep(0)

    asyncio.run(one_turn())
    assert seen == ["work first", "work second", "send first", "send second"]


def test_the_steps_of_a_turn_are_taken_abreast() -> None:
    seen: list[str] = []

    def work(each: str) -> Steps[None]:
        seen.append(f"begin {each}")
        yield
        seen.append(f"end {each}")

    turns: Turns[str] = Turns(work, lambda each: seen.append(f"send {each}"))

    async def one_turn() -> None:
        turns.add("a")
        turns.add("b")
        await asyncio.sleep(0)

    asyncio.run(one_turn())
    assert seen == ["begin a", "begin b", "end a", "end b", "send a", "send b"]


def test_what_fails_keeps_no_other_from_its_answer() -> None:
    sent: list[int] = []
    told: list[dict[str, Any]] = []

    def work(each: int) -> Steps[None] | None:
        if each == 1:
            raise ValueError(each)
        return fail() if each == 2 else None

    def fail() -> Steps[None]:
        yield
        raise KeyError

    turns: Turns[int] = Turns(work, sent.append)

    async def one_turn() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, said: told.append(said))
        for each in (1, 2, 3):
            turns.add(each)
        await asyncio.sleep(0)

    asyncio.run(one_turn())
    assert sent == [1, 2, 3]
    assert [type(said["exception"]) for said in told] == [ValueError, KeyError]


REQUEST = b"GET /stir/v1/x HTTP/1.1\r\nhost: test\r\n\r\n"


def door(method: str, target: str, headers: Headers, body: bytes, source: str) -> Answer:
    return 200, target.encode(), []


def test_requests_of_one_connection_are_answered_by_one_piece_in_their_order() -> None:
    async def once() -> list[bytes]:
        written: list[bytes] = []

        class Kept(Wire):
            def write(self, data: Any) -> None:
                written.append(bytes(data))

        protocol = lean_protocol(door)
        protocol.connection_made(Kept())
        protocol.data_received(REQUEST)
        protocol.data_received(REQUEST.replace(b"/x", b"/y"))
        assert written == []
        await asyncio.sleep(0)
        protocol.connection_lost(None)
        return written

    (piece,) = asyncio.run(once())
    assert piece.index(b"/stir/v1/x") < piece.index(b"/stir/v1/y")


def test_who_hangs_up_after_asking_is_answered_before_the_connection_closes() -> None:
    async def once() -> bytes:
        wire, protocol = Wire(), lean_protocol(door)
        protocol.connection_made(wire)
        protocol.data_received(REQUEST)
        protocol.eof_received()
        written = wire.written
        protocol.connection_lost(None)
        await asyncio.sleep(0)
        assert wire.written == written
        return written

    assert asyncio.run(once()).startswith(b"HTTP/1.1 200")


def told(*steps: Any) -> bytes:
    """What is written while each of ``steps`` is done to a connection, before its turn ends."""

    async def once() -> bytes:
        wire, protocol = Wire(), lean_protocol(door)
        protocol.connection_made(wire)
        for step in steps:
            step(protocol)
        written = wire.written
        protocol.connection_lost(None)
        await asyncio.sleep(0)
        return written

    return asyncio.run(once())


def received(data: bytes) -> Any:
    return lambda protocol: protocol.data_received(data)


def test_what_is_long_is_not_held_until_the_turn_ends() -> None:
    assert told(received(REQUEST)) == b""
    assert told(received(REQUEST * 500)).count(b"HTTP/1.1 200") == 500
    assert told(*[received(REQUEST * 100)] * 5).count(b"HTTP/1.1 200") > 0


def test_a_shutdown_answers_what_was_received() -> None:
    written = told(received(REQUEST), lambda protocol: protocol.shutdown())
    assert written.startswith(b"HTTP/1.1 200")


def test_answers_leave_before_a_client_is_told_to_go_on_or_to_go() -> None:
    head = b"POST /stir/v1/x HTTP/1.1\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n"
    for more, said in ((head, b"HTTP/1.1 100"), (b"no request\r\n\r\n", b"HTTP/1.1 400")):
        written = told(received(REQUEST + more), lambda protocol: protocol.read())
        assert written.startswith(b"HTTP/1.1 200")
        assert said in written


class Stepping:
    """A door that answers in two steps, and keeps the order of what it does."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(
        self, method: str, target: str, headers: Headers, body: bytes, source: str
    ) -> Steps[Given]:
        self.seen.append(f"read {target[-1]}")
        yield
        self.seen.append(f"answer {target[-1]}")
        return (200, target.encode(), []) if target[-1] != "w" else self._waited(target)

    async def _waited(self, target: str) -> Answer:
        await asyncio.sleep(0)
        return 200, target.encode(), []


def asked(target: str) -> bytes:
    return REQUEST.replace(b"/x", f"/{target}".encode())


def stepped(*pieces: bytes, door: Stepping | None = None) -> list[bytes]:
    """What each of so many connections is told, when all are sent their piece in one turn."""

    async def once() -> list[bytes]:
        wires, protocols = [], []
        for piece in pieces:
            wires.append(wire := Wire())
            protocols.append(protocol := lean_protocol(door or Stepping()))
            # One class for each door: they share its turns.
            protocol._turns = protocols[0]._turns
            protocol.connection_made(wire)
            protocol.data_received(piece)
        for _ in range(9):
            await asyncio.sleep(0)
        for protocol in protocols:
            protocol.connection_lost(None)
        return [wire.written for wire in wires]

    return asyncio.run(once())


def test_connections_are_answered_abreast() -> None:
    door = Stepping()
    told = stepped(asked("a"), asked("b"), door=door)
    assert door.seen == ["read a", "read b", "answer a", "answer b"]
    assert [piece[-1:] for piece in told] == [b"a", b"b"]


def test_requests_of_one_connection_keep_their_order_whatever_waits() -> None:
    for names in ("ab", "wa", "awb", "wwa", "abw"):
        (piece,) = stepped(b"".join(asked(name) for name in names))
        assert re.findall(rb"/stir/v1/(\w)", piece) == [name.encode() for name in names]


def test_who_is_gone_is_not_answered() -> None:
    async def once() -> bytes:
        wire, protocol = Wire(), lean_protocol(Stepping())
        protocol.connection_made(wire)
        protocol.data_received(asked("a"))
        protocol.connection_lost(None)
        await asyncio.sleep(0)
        return wire.written

    assert asyncio.run(once()) == b""


def test_steps_that_are_left_are_taken_before_a_connection_ends() -> None:
    for end in ("eof_received", "shutdown"):

        async def once(end: str = end) -> bytes:
            wire, protocol = Wire(), lean_protocol(Stepping())
            protocol.connection_made(wire)
            protocol.data_received(asked("a"))
            getattr(protocol, end)()
            written = wire.written
            protocol.connection_lost(None)
            await asyncio.sleep(0)
            assert wire.written == written
            return written

        assert asyncio.run(once()).endswith(b"/stir/v1/a")


ELSEWHERE = b"GET /elsewhere HTTP/1.1\r\nhost: test\r\n\r\n"


def test_a_request_of_another_path_waits_for_the_one_before() -> None:
    for names in ("a", "w", "aw"):
        (piece,) = stepped(b"".join(asked(name) for name in names) + ELSEWHERE + asked("z"))
        found = re.findall(rb"/(?:stir/v1/|elsewher)(\w)", piece)
        assert found == [name.encode() for name in names + "ez"]


def test_nothing_behind_a_last_request_is_asked() -> None:
    old = b"GET /stir/v1/%b HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"
    head = b"POST /stir/v1/a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    for first in (old % b"a", head + b"0\r\n\r\n", head + b"zz\r\n"):
        door = Stepping()
        stepped(first + asked("b") + asked("c"), door=door)
        assert [each for each in door.seen if each.startswith("read")] == ["read a"]


def test_what_a_client_waits_for_ends_when_it_leaves() -> None:
    ended: list[str] = []

    class Slow(Stepping):
        async def _waited(self, target: str) -> Answer:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise
            return 200, b"", []

    async def once() -> list[str]:
        wire, protocol = Wire(), lean_protocol(Slow())
        protocol.connection_made(wire)
        protocol.data_received(asked("w"))
        await asyncio.sleep(0.01)
        protocol.connection_lost(None)
        await asyncio.sleep(0.01)
        return [*ended]

    assert asyncio.run(once()) == ["cancelled"]
