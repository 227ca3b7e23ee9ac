"""A head that was read once is not parsed again, and nothing else is taken for it."""

from __future__ import annotations

import asyncio

from phonotary.web import heads
from phonotary.web.heads import Head, Heads
from phonotary.web.stir_v1.answers import Answer
from phonotary.web.stir_v1.answers import Headers as Sent
from tests.web.stir import Wire, lean_protocol

HEAD = b"POST /stir/v1/x HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\n"
SAID = Head("POST", "/stir/v1/x", {b"content-length": b"3"}, 3)


def kept(data: bytes, head: Head = SAID) -> Heads:
    known = Heads()
    known.keep(data, head)
    return known


def test_what_was_read_is_known_by_its_bytes() -> None:
    known = kept(HEAD + b"abc")
    assert known.read(HEAD + b"def") == (SAID, b"def")
    assert known.read(HEAD.replace(b"host", b"hosT") + b"def") is None


def test_a_piece_that_is_not_one_whole_request_is_left_to_the_parser() -> None:
    known = kept(HEAD + b"abc")
    for data in (HEAD, HEAD + b"ab", HEAD + b"abc" + HEAD, HEAD + b"abcd", b"", HEAD[:20]):
        assert known.read(data) is None


def test_a_head_that_may_end_elsewhere_is_not_kept() -> None:
    for data in (
        b"\r\n\r\n" + HEAD,
        b"\r\n" + HEAD,
        b"POST /stir/v1/x HTTP/1.1\ncontent-length: 3\n\nabc\r\n\r\n",
        HEAD.replace(b"test\r\n", b"test\n"),
        HEAD[:-2],
    ):
        assert not len(kept(data))


def test_few_heads_are_kept_and_no_long_one() -> None:
    known = Heads()
    for number in range(3 * heads.MOST):
        known.keep(HEAD.replace(b"test", b"t%d" % number), SAID)
        assert len(known) <= heads.MOST
    assert not len(kept(HEAD.replace(b"test", b"t" * heads.LONGEST)))


class Conversation:
    """Pieces to one protocol, each in a turn of its own, and what a door was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.parsed = 0
        self.kept = 0

    def door(self, method: str, target: str, sent: Sent, body: bytes, source: str) -> Answer:
        self.asked.append((method, target, body))
        return 200, body, []

    def hold(self, *pieces: bytes) -> bytes:
        return asyncio.run(self._hold(pieces))

    async def _hold(self, pieces: tuple[bytes, ...]) -> bytes:
        wire, protocol = Wire(), lean_protocol(self.door)
        begin = protocol.on_message_begin

        def count() -> None:
            self.parsed += 1
            begin()

        protocol.on_message_begin = count
        # The parser has taken its methods already.
        protocol.parser = type(protocol.parser)(protocol)
        protocol.connection_made(wire)
        for piece in pieces:
            protocol.data_received(piece)
            await asyncio.sleep(0)
            while protocol.tasks:
                await asyncio.gather(*protocol.tasks)
        protocol.connection_lost(None)
        self.kept = len(protocol._heads)
        return wire.written


def test_the_parser_sees_a_head_once_and_the_door_every_body() -> None:
    talk = Conversation()
    written = talk.hold(HEAD + b"abc", HEAD + b"def", HEAD + b"ghi")
    assert [body for _, _, body in talk.asked] == [b"abc", b"def", b"ghi"]
    assert written.count(b"HTTP/1.1 200") == 3
    assert talk.parsed == 1


def test_other_forms_of_it_are_parsed() -> None:
    talk = Conversation()
    talk.hold(HEAD + b"abc", HEAD, b"def", HEAD + b"ghi" + HEAD + b"jkl", HEAD + b"mno")
    assert [body for _, _, body in talk.asked] == [b"abc", b"def", b"ghi", b"jkl", b"mno"]
    assert talk.parsed == 4


def test_a_head_is_not_kept_for_the_request_behind_it() -> None:
    other = HEAD.replace(b"/stir/v1/x", b"/elsewhere")
    talk = Conversation()
    talk.hold(other + b"abc" + HEAD + b"def", other + b"ghi", HEAD + b"jkl")
    assert [(target, body) for _, target, body in talk.asked] == [
        ("/elsewhere", b"abc"),
        ("/stir/v1/x", b"def"),
        ("/elsewhere", b"ghi"),
        ("/stir/v1/x", b"jkl"),
    ]
    assert talk.kept == 1


def test_a_head_that_asks_for_more_than_the_door_is_not_kept() -> None:
    talk = Conversation()
    talk.hold(HEAD + b"abc")
    assert talk.kept == 1
    for line in (
        b"expect: 100-continue",
        b"connection: close",
        b"connection: upgrade\r\nupgrade: x",
    ):
        talk.hold(HEAD.replace(b"host: test", b"host: test\r\n" + line) + b"abc")
        assert talk.kept == 0
    talk.hold(HEAD.replace(b"1.1", b"1.0") + b"abc")
    assert talk.kept == 0


def test_a_chunked_body_makes_no_head_known() -> None:
    talk = Conversation()
    head = HEAD.replace(b"content-length: 3", b"transfer-encoding: chunked")
    talk.hold(head + b"3\r\nabc\r\n0\r\n\r\n")
    assert talk.kept == 0
