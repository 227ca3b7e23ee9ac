"""What a client is told of a number, and how a number may be written."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotary import tn
from phonotary.cnam import dips
from phonotary.cnam.clients import Client
from phonotary.cnam.dips import Answer, Named, Status, Where, answer, asked, shown

NOW = 1_795_000_000
PLAIN = Client("pbx", key_digest="0")
WITH_PLACE = Client("carrier", key_digest="1", fallback="place")
OWL = Named("Owl Telecom")


@pytest.mark.parametrize(
    "text",
    ["+14152360000", "14152360000", "4152360000", "(415) 236-0000", "+1 415 236 0000",
     "415.236.0000", "1-415-236-0000"],
)  # fmt: skip
def test_a_number_of_the_united_states_is_read_in_every_form(text: str) -> None:
    assert asked(text) == (14152360000, Where.US)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("+16042360000", Where.FOREIGN),  # Vancouver
        ("6042360000", Where.FOREIGN),
        ("+18765260000", Where.FOREIGN),  # Jamaica
        ("+17872360000", Where.US),  # Puerto Rico
        ("+442071838750", Where.FOREIGN),
        ("442071838750", Where.FOREIGN),  # as a dialplan sends it that drops the plus sign
        ("011442071838750", Where.FOREIGN),
        ("+18002360000", Where.NOWHERE),  # toll-free: no name can be registered
        ("+12212360000", Where.NOWHERE),  # an area code that nobody has
        ("+1415236", Where.NOWHERE),
        ("911", Where.NOWHERE),
        ("*67", Where.NOWHERE),
        ("", Where.NOWHERE),
        ("+", Where.NOWHERE),
        ("anonymous", Where.NOWHERE),
        ("Restricted", Where.NOWHERE),
        ("1-800-FLOWERS", Where.NOWHERE),
        ("+1415236000a", Where.NOWHERE),
        ("+1_4152360000", Where.NOWHERE),
        ("+1415236\u0660\u0660\u0660\u0660", Where.NOWHERE),
        ("-14152360000;x", Where.NOWHERE),
        ("0" * 12, Where.NOWHERE),
        ("4" * 5000, Where.NOWHERE),
    ],
)
def test_what_is_none_is_told_apart(text: str, where: Where) -> None:
    assert asked(text)[1] is where


def test_numbers_are_where_the_parser_says_however_they_are_remembered() -> None:
    dice = random.Random(5)
    for _ in range(3000):
        number = f"+1{dice.randrange(2_000_000_000, 9_999_999_999)}"
        found = tn.parse(number)
        expected = Where.NOWHERE
        if found is not None and found.country and found.kind != "toll-free":
            expected = Where.US if found.in_united_states else Where.FOREIGN
        assert asked(number) == (int(number), expected), number
        assert asked(number) == (int(number), expected), number


@given(st.text(max_size=40) | st.from_regex(r"[+0-9*#(). -]{0,20}", fullmatch=True))
def test_no_text_is_too_odd_to_be_asked(text: str) -> None:
    key, where = asked(text)
    assert 0 <= key < 10**15
    told = answer(text, OWL, "SAN FRANCISC CA", WITH_PLACE, NOW)
    assert (told.name is not None) == (told.status is Status.PRESENT) == (where is Where.US)


def test_a_registered_name_is_told() -> None:
    told = answer("+14152360000", OWL, None, PLAIN, NOW)
    assert told == Answer(Status.PRESENT, "Owl Telecom", "registered", dips.TTL)
    assert answer("4152360001", OWL, "SEATTLE WA", WITH_PLACE, NOW) is told


@pytest.mark.parametrize("number", ["+14152360000", "+16042360000", "anonymous", None])
def test_a_caller_who_asks_for_privacy_gets_it(number: str | None) -> None:
    told = answer(number, OWL, "SEATTLE WA", WITH_PLACE, NOW, private=True)
    assert (told.status, told.name) == (Status.PRIVATE, None)


def test_a_number_marked_private_has_no_name_and_no_place() -> None:
    told = answer("+14152360000", Named("Owl Telecom", private=True), "SEATTLE WA", WITH_PLACE, NOW)
    assert (told.status, told.name) == (Status.PRIVATE, None)


@pytest.mark.parametrize("number", ["+16042360000", "+18002360000", "anonymous"])
def test_a_name_is_told_of_no_other_numbers(number: str) -> None:
    told = answer(number, OWL, "SEATTLE WA", WITH_PLACE, NOW)
    assert told.name is None
    assert told.status in (Status.FOREIGN, Status.ABSENT)


def test_the_place_is_told_to_whom_it_may_concern() -> None:
    none = Named(None)
    assert answer("+14152360000", none, "SAN FRANCISC CA", PLAIN, NOW) == dips.ABSENT
    told = answer("+14152360000", none, "SAN FRANCISC CA", WITH_PLACE, NOW)
    assert (told.status, told.name, told.source) == (Status.PRESENT, "SAN FRANCISC CA", "place")
    assert answer("+14152360000", None, None, WITH_PLACE, NOW) == dips.ABSENT


@pytest.mark.parametrize("place", ["SAN FRANCISCO CA", "MONTR\u00c9AL QC", "", "A\r\nB"])
def test_a_place_that_no_phone_could_show_is_not_told(place: str) -> None:
    assert answer("+14152360000", None, place, WITH_PLACE, NOW) == dips.ABSENT


def test_nothing_is_to_be_kept_for_longer_than_it_lasts() -> None:
    ends = Named("Owl Telecom", until=NOW + 20)
    assert answer("+14152360000", ends, None, PLAIN, NOW).ttl == 20
    assert answer("+14152360000", ends, None, PLAIN, NOW - 1000).ttl == dips.TTL
    assert answer("+14152360000", ends, None, PLAIN, NOW + 30).ttl == 0
    assert answer("+14152360000", Named(None, until=NOW + 5), None, PLAIN, NOW).ttl == 5


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("  Owl   Telecom ", "Owl Telecom"),
        ("SMITH,J. 2", "SMITH,J. 2"),
        ("Abcdefghijklmno", "Abcdefghijklmno"),
        ("Abcdefghijklmnop", None),
        ("4 Owls", None),
        ("Owl\nTelecom", None),
        ('Owl" <sip:x>', None),
        ("\u00d6wl", None),
        ("", None),
        (None, None),
    ],
)
def test_only_what_the_guide_allows_is_shown(name: str | None, expected: str | None) -> None:
    assert shown(name) == expected
