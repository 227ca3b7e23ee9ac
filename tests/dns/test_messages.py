"""What is read of a query and what is written back, octet for octet where a clause says so."""

from __future__ import annotations

import struct

import dns.flags
import dns.message
import dns.rcode
import pytest

from phonotary.dns.messages import FORMERR, NOTIMP, Found, Malformed, name, read, write
from tests.dns import books
from tests.dns.books import OWL, enum_name, opt, query, responder, with_opt

OWNER = enum_name(OWL)


def refused_with(data: bytes) -> int | None:
    with pytest.raises(Malformed) as caught:
        read(data)
    return caught.value.code


def test_a_librarys_query_is_read() -> None:
    wire = dns.message.make_query(OWNER, "NAPTR", use_edns=0, payload=4000).to_wire()
    found = read(wire)
    assert (found.name, found.type, found.class_) == (name(OWNER), 35, 1)
    assert (found.edns, found.largest, found.dnssec_ok) == (True, 4000, False)


@pytest.mark.parametrize(
    "data",
    [
        query(OWNER, counts=(0, 0, 0, 0)),
        query(OWNER, counts=(2, 0, 0, 0)),
        query(OWNER, counts=(1, 1, 0, 0)),
        query(OWNER, counts=(1, 0, 1, 0)),
        query(OWNER, counts=(1, 0, 0, 2), more=opt() + opt()),
        query(OWNER, counts=(1, 0, 0, 1)),
        query(OWNER, more=b"\0"),
        query(OWNER)[:-1],
        query(OWNER)[:14],
        query("")[:12],
        with_opt(OWNER)[:-1],
        with_opt(OWNER) + b"\0",
        with_opt(OWNER, data=b"\0\3\0\0")[:-1],
        query(OWNER, counts=(1, 0, 0, 1), more=b"\1a" + opt()),
        query(OWNER, counts=(1, 0, 0, 1), more=struct.pack("!BHHIH", 0, 16, 1, 0, 0)),
        query(OWNER, 41),
        query("a" * 64),
        query(".".join(["a"] * 127) + ".b"),
        struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + b"\xc0\x0c" + struct.pack("!HH", 35, 1),
        struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + b"\1a\xc0\x0c" + struct.pack("!HH", 35, 1),
        struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + b"\x41a\0" + struct.pack("!HH", 35, 1),
    ],
)
def test_what_is_not_one_question_is_a_format_error(data: bytes) -> None:
    assert refused_with(data) == FORMERR


def test_a_name_of_255_octets_is_read() -> None:
    longest = ".".join(["a"] * 127)
    assert len(read(query(longest)).name) == 255


@pytest.mark.parametrize("opcode", [1, 2, 4, 5, 15])
def test_another_opcode_is_not_implemented(opcode: int) -> None:
    assert refused_with(query(OWNER, flags=opcode << 11)) == NOTIMP


@pytest.mark.parametrize("data", [b"", b"\0" * 11, query(OWNER, flags=0x8000)])
def test_a_fragment_or_a_response_is_never_answered(data: bytes) -> None:
    assert refused_with(data) is None
    assert responder().answer(data, "127.0.0.1") is None


def test_a_failure_has_the_identifier_and_nothing_of_the_rest() -> None:
    reply = responder().answer(query(OWNER, flags=0x2900), "127.0.0.1")
    assert reply == struct.pack("!HHHHHH", 4711, 0xA900 | NOTIMP, 0, 0, 0, 0)


def test_the_case_of_the_question_comes_back() -> None:
    asked = query(OWNER.replace("cnam.internal", "cNaM.InTerNaL"))
    wire = responder().answer(asked, "127.0.0.1")
    assert wire is not None and wire[12 : len(asked)] == asked[12:]
    assert books.reply(wire).answer[0][0] == "NAPTR"


def test_flags_of_an_answer() -> None:
    found = books.reply(responder().answer(query(OWNER, flags=0x0130), "127.0.0.1")).message
    assert found.flags == dns.flags.QR | dns.flags.AA | dns.flags.RD
    found = books.reply(responder().answer(query(OWNER, flags=0), "127.0.0.1")).message
    assert found.flags == dns.flags.QR | dns.flags.AA


def test_edns_is_answered_with_edns_only_where_it_was_asked() -> None:
    plain = books.reply(responder().answer(query(OWNER), "127.0.0.1")).message
    assert plain.edns == -1
    # A cookie (10) and a wish for the server's name (3) are not looked at.
    data = struct.pack("!HH8sHH", 10, 8, b"12345678", 3, 0)
    found = books.reply(
        responder().answer(with_opt(OWNER, data=data, flags=0x8000), "127.0.0.1")
    ).message
    assert (found.edns, found.payload, found.options) == (0, 1232, ())
    assert found.ednsflags & dns.flags.DO


def test_another_version_of_edns_is_told_which_there_is() -> None:
    found = books.reply(responder().answer(with_opt(OWNER, version=1), "127.0.0.1")).message
    assert found.rcode() == dns.rcode.BADVERS
    assert (found.edns, found.answer) == (0, [])


@pytest.mark.parametrize(
    ("size", "octets", "whole"),
    [(0, 512, True), (400, 512, True), (0, 513, False), (600, 600, True)],
)
def test_what_the_asker_cannot_take_is_cut_to_its_tc_bit(
    size: int, octets: int, whole: bool
) -> None:
    question = read(with_opt(OWNER, size=size) if size else query(OWNER))
    empty = len(write(question, Found(0)))
    wire = write(question, Found(0, b"x" * (octets - empty), 1), question.largest)
    assert len(wire) == (octets if whole else empty)
    assert bool(wire[2] & 2) is not whole
    assert struct.unpack_from("!H", wire, 6) == (int(whole),)
