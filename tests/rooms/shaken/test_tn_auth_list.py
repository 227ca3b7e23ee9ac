"""TN Authorization Lists: bytes against vectors, and DER that must be turned away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonotary.errors import Reason, Refused
from phonotary.shaken.tn_auth_list import (
    MAX_BYTES,
    Entry,
    One,
    Range,
    Spc,
    contains,
    decode,
    encode,
    encompasses,
)

FILE = Path(__file__).parents[2] / "vectors" / "tnauthlist.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text())["vectors"]


def entry(written: str) -> Entry:
    kind, _, value = written.partition(":")
    if kind == "range":
        start, _, count = value.partition("+")
        return Range(start, int(count))
    return Spc(value) if kind == "spc" else One(value)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: ",".join(v["entries"]))
def test_vectors_encode_and_decode(vector: dict[str, Any]) -> None:
    entries = tuple(entry(one) for one in vector["entries"])
    assert encode(entries).hex() == vector["der_hex"]
    assert decode(bytes.fromhex(vector["der_hex"])) == entries


ENTRIES = st.one_of(
    st.builds(Spc, st.text("0123456789ABCDEFGHIJ", min_size=1, max_size=32)),
    st.builds(One, st.text("0123456789#*", min_size=1, max_size=15)),
    st.builds(
        lambda digits, count: Range("1" + digits, count),
        st.text("0123456789", min_size=9, max_size=14),
        st.integers(2, 7_999_999_999),
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ENTRIES, min_size=1, max_size=30))
def test_what_is_encoded_is_decoded_again(entries: list[Entry]) -> None:
    assert decode(encode(entries)) == tuple(entries)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_decode_to_their_own_encoding_or_are_refused(der: bytes) -> None:
    # DER is one-to-one: accepting a second spelling of a list would be a way past comparisons.
    try:
        entries = decode(der)
    except Refused:
        return
    assert encode(entries) == der


@pytest.mark.parametrize("at", range(len(bytes.fromhex(VECTORS[-1]["der_hex"]))))
def test_a_vector_with_one_bit_changed_never_decodes_to_the_same_list(at: int) -> None:
    der = bytearray.fromhex(VECTORS[-1]["der_hex"])
    original = decode(bytes(der))
    der[at] ^= 0x01
    try:
        assert decode(bytes(der)) != original
    except Refused as refused:
        assert refused.reason is Reason.INVALID_PARAMETER


@pytest.mark.parametrize(
    ("der_hex", "why"),
    [
        ("", "exactly one element"),
        ("3000", "at least one"),
        ("30", "middle of an element"),
        ("3008a00616043730394a00", "middle of an element"),
        ("3008a006160437303900", "1 to 32 visible"),
        ("3009a00616043730394a", "longer than what holds it"),
        ("308108a00616043730394a", "shortest form"),
        ("3080a00616043730394a0000", "shortest form"),
        ("3006800437303934", "is none of spc"),
        ("3008a0060c043730394a", "tag 0x16 was expected"),
        ("3008a006160437303ac9", "outside ASCII"),
        ("3006a00416023132" + "a000", "longer|exactly one"),
        ("3008a206160441424344", "0-9, # and"),
        ("300da10b3009160431303030020101", "at least 2"),
        ("300ea10c300a16043130303002020002", "positive DER integer"),
        ("300da10b3009160431303030020182", "positive DER integer"),
        ("300aa1083006160431303030", "a start and a count"),
    ],
)
def test_what_is_not_der_of_the_module_says_why(der_hex: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        decode(bytes.fromhex(der_hex))


def test_a_long_length_is_written_without_leading_zeros() -> None:
    der = encode([One("12155551212")] * 10)
    assert der[:2] == b"\x30\x81"
    assert len(decode(der)) == 10
    with pytest.raises(Refused, match="shortest form"):
        decode(b"\x30\x82\x00" + der[2:])


def test_a_range_may_not_run_into_longer_numbers() -> None:
    assert Range("10", 89).count == 89
    for count in (90, 91):
        with pytest.raises(Refused):
            Range("10", count)


def test_a_range_starts_at_digits_only() -> None:
    for start in ("", "1#", "*1", "1" * 16, "\u0661\u0662\u0663"):
        with pytest.raises(Refused):
            Range(start, 2)


def test_size_is_bounded_both_ways() -> None:
    with pytest.raises(Refused, match="longer than"):
        encode([One("12155551212")] * (MAX_BYTES // 14))
    with pytest.raises(Refused, match="longer than"):
        decode(b"\x30" * (MAX_BYTES + 1))


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(Refused, match="at least one"):
        encode([])


@pytest.mark.parametrize(
    ("tn", "covered"),
    [
        ("12155550000", True),
        ("12155550009", True),
        ("12155550010", False),
        ("12155549999", False),
        ("+1 215 555 0005", True),
        ("2155550005", False),
        ("012155550005", False),
        ("911", True),
        ("*69", True),
        ("*6", False),
        ("", False),
        ("1" * 5000, False),
    ],
)
def test_a_list_speaks_for_its_numbers_and_no_others(tn: str, covered: bool) -> None:
    entries = [Range("12155550000", 10), One("911"), One("*69")]
    assert contains(entries, tn) is covered


def test_a_provider_code_leaves_a_number_open() -> None:
    entries = [Spc("709J"), One("12155550100")]
    assert contains(entries, "12155550100") is True
    assert contains(entries, "12155550101") is None
    assert contains([Spc("709J")], "junk") is None


def test_leading_noughts_tell_numbers_apart() -> None:
    assert contains([Range("0010", 5)], "0012") is True
    assert contains([Range("0010", 5)], "12") is False


TNS = st.integers(0, 999).map(lambda n: f"{n:03}")
SMALL = st.one_of(
    st.builds(One, TNS),
    st.builds(
        lambda start, count: Range(start, min(count, 999 - int(start))),
        st.integers(0, 900).map(lambda n: f"{n:03}"),
        st.integers(2, 120),
    ),
)


def numbers(entries: list[Entry]) -> set[str]:
    found = set()
    for one in entries:
        if isinstance(one, Range):
            found |= {f"{int(one.start) + step:03}" for step in range(one.count)}
        elif isinstance(one, One):
            found.add(one.tn)
    return found


@settings(max_examples=200, deadline=None)
@given(st.lists(SMALL, max_size=6), st.lists(SMALL, max_size=4), TNS)
def test_scopes_are_sets_of_numbers(parent: list[Entry], child: list[Entry], tn: str) -> None:
    assert contains(parent, tn) is (tn in numbers(parent))
    assert encompasses(parent, child) is (numbers(child) <= numbers(parent))


@pytest.mark.parametrize(
    ("parent", "child", "within"),
    [
        ([Spc("709J")], [Spc("709J")], True),
        ([Spc("709J")], [Spc("709K")], False),
        ([Spc("709J")], [Spc("709J"), One("1")], None),
        ([Spc("709J"), One("1")], [One("1")], True),
        ([Spc("709J"), One("1")], [Spc("709K"), One("2")], False),
        ([Range("10", 5), Range("15", 5)], [Range("12", 6)], True),
        ([Range("10", 5), Range("16", 3)], [Range("12", 6)], False),
        ([One("*69")], [One("*69")], True),
        ([One("1")], [One("01")], False),
    ],
)
def test_a_child_scope_is_within_open_or_beyond(
    parent: list[Entry], child: list[Entry], within: bool | None
) -> None:
    assert encompasses(parent, child) is within
