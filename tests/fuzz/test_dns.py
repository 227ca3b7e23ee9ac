"""Whatever arrives at the DNS edge is answered, refused or dropped, quickly and within bounds.

Small in the test command; ``PHONOTARY_FUZZ=large`` sends a hundred times as much.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
from datetime import timedelta

import dns.message
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phonotary.dns.messages import LARGEST, MAX_MESSAGE, PLAIN, Malformed, Question, read
from phonotary.dns.zone import Absent
from tests.dns.books import HIDDEN, NAMELESS, OWL, Book, enum_name, opt, query, responder, with_opt

CASES = 20_000 if os.environ.get("PHONOTARY_FUZZ") == "large" else 200
QUICK = settings(max_examples=CASES, deadline=timedelta(seconds=2), derandomize=True, database=None)
WHOLE = (
    query(enum_name(OWL)),
    with_opt(enum_name(HIDDEN), data=b"\0\3\0\0"),
    query("1.cnam.internal"),
)
CLIENT, STRANGER = "127.0.0.1", "192.0.2.7"

label = st.binary(min_size=1, max_size=63) | st.sampled_from(
    [b"1", b"4", b"cnam", b"internal", b"\0"]
)
owner = st.lists(label, max_size=20).map(lambda all: b"".join(bytes([len(x)]) + x for x in all))
digits = st.lists(st.sampled_from("0123456789"), min_size=1, max_size=18)
below = (
    (digits | st.lists(st.sampled_from("01x"), min_size=1)).map(".".join)
    | digits.map(lambda some: ".".join([*some, "4", "1"]))
    | st.sampled_from([OWL, HIDDEN, NAMELESS]).map(lambda number: enum_name(number, "")[:-1])
)


@st.composite
def nearly(draw: st.DrawFn) -> bytes:
    """A query with any name, any numbers in its header, and perhaps more."""
    word = st.integers(0, 65535)
    flags = draw(st.sampled_from([0, 0x100, 0x8000, 0x2800]) | word)
    counts = draw(
        st.sampled_from([(1, 0, 0, 0), (1, 0, 0, 1)]) | st.tuples(*[st.integers(0, 3)] * 4)
    )
    head = struct.pack("!HHHHHH", draw(word), flags, *counts)
    apex = draw(st.sampled_from([b"\x04cnam\x08internal\0", b"\0", b"\xc0\x0c", b""]))
    kind = draw(st.sampled_from([35, 16, 6, 2, 255, 41]) | word)
    name = draw(owner) + apex
    rest = draw(
        st.sampled_from([b"", opt(), opt(0), opt(65535, version=3)]) | st.binary(max_size=40)
    )
    return head + name + struct.pack("!HH", kind, draw(st.sampled_from([1, 255]) | word)) + rest


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A good query with some octets overwritten, cut out or put in."""
    data = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return bytes(data)


anything = st.binary(max_size=600) | nearly() | mangled()


@QUICK
@given(anything, st.booleans(), st.sampled_from(Absent))
@example(b"\0" * MAX_MESSAGE, False, Absent.NXDOMAIN)
@example(b"\1" * MAX_MESSAGE, True, Absent.NXDOMAIN)
def test_a_client_gets_a_bounded_answer_or_none(data: bytes, tcp: bool, absent: Absent) -> None:
    book = Book()
    begun = time.perf_counter()
    answer = responder(book, absent=absent).answer(data, CLIENT, tcp=tcp)
    assert time.perf_counter() - begun < 0.1
    assert len(book.asked) <= 1
    if answer is None:
        assert len(data) < 12 or data[2] & 0x80
        return
    assert answer[:2] == data[:2] and answer[2] & 0x80
    assert len(answer) <= len(data) + 160 and len(answer) <= LARGEST
    if not tcp and b"\0\0\x29" not in data:
        assert len(answer) <= PLAIN
    # Another library can read it.
    dns.message.from_wire(answer)


@QUICK
@given(anything)
def test_a_stranger_gets_no_more_than_it_sent(data: bytes) -> None:
    book = Book()
    answer = responder(book).answer(data, STRANGER)
    assert answer is None or (len(answer) <= len(data) and answer[3] & 0xF == 5)
    assert book.asked == []


@QUICK
@given(anything)
def test_the_parser_raises_nothing_but_its_own_error(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        found = read(data)
        assert isinstance(found, Question)
        assert len(found.name) <= 255 and data[12:].startswith(found.wire)
        # What we read, another library reads alike.
        other = dns.message.from_wire(data, ignore_trailing=False, question_only=True)
        if not other.question:
            return
        assert other.question[0].name.to_wire().lower() == found.name


@QUICK
@given(below, st.sampled_from([35, 16, 255, 1]))
def test_only_whole_numbers_are_asked_for(name: str, kind: int) -> None:
    book = Book()
    answer = responder(book).answer(query(f"{name}.cnam.internal", kind), CLIENT)
    assert answer is not None
    digits = name.replace(".", "")[::-1]
    if book.asked:
        assert book.asked == [f"+{digits}"] and digits.isdigit() and len(digits) <= 15
    found = dns.message.from_wire(answer)
    assert bool(found.answer) <= (f"+{digits}" in {OWL, HIDDEN, NAMELESS})
