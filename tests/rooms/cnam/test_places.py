"""City and state of a number without a name, and the import of tables of prefixes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotary.cnam import geography, places
from phonotary.cnam.places import Places, read_npa_nxx, read_overrides, table_of
from phonotary.errors import Refused

HEADER = "npa,nxx,block,state,ratecenter,ocn"


def imported(*rows: str, header: str = HEADER, overrides: str = "") -> Places:
    known = read_overrides(["ratecenter,state,display", overrides]) if overrides else None
    found = read_npa_nxx([header, *rows], known)
    return Places(table_of(line.rstrip("\n") for line in found.lines()))


@pytest.mark.parametrize(
    ("number", "place"),
    [
        ("+14155550100", "SAN FRANCISC CA"),
        ("+12125551213", "NEW YORK NY"),
        ("+12065550100", "WASHINGTON"),
        ("+19195550100", "NORTH CAROLINA"),
        ("+17875550100", "PUERTO RICO"),
        ("+16715550100", "GUAM"),
        ("+18885550100", None),
        ("+16135550100", None),
        ("+15005550006", None),
        ("+442071838750", None),
        ("+12428250100", None),
        ("+1415555010", None),
        ("", None),
    ],
)
def test_without_a_table(number: str, place: str | None) -> None:
    assert Places().of(number) == place


def test_a_table_comes_first_and_a_block_before_its_exchange() -> None:
    of = imported(
        "415,555,,CA,SAUSALITO,1234",
        "415,555,7,CA,TIBURON,9999",
        "415,556,A,CA,NOVATO,1234",
    ).of
    assert of("+14155550100") == "SAUSALITO CA"
    assert of("+14155557100") == "TIBURON CA"
    assert of("+14155569100") == "NOVATO CA"
    assert of("+12125551213") == "NEW YORK NY"


def test_rate_centers_have_the_names_that_people_know() -> None:
    row = "415,777,,CA,SNFC CNTRL,1234"
    assert imported(row).of("+14157770100") == "SNFC CNTRL CA"
    told = imported(row, overrides="Snfc Cntrl,ca,San Francisco")
    assert told.of("+14157770100") == "SAN FRANCISC CA"


def test_a_table_needs_no_block_and_may_hold_more() -> None:
    header = "OCN,State,RateCenter,NXX,NPA,Switch"
    assert imported("1,TX,AUSTIN,777,512,x", header=header).of("+15127770100") == "AUSTIN TX"


def test_other_countries_are_left_out_and_counted() -> None:
    found = read_npa_nxx([HEADER, "613,555,,ON,OTTAWA,1", "671,555,,GU,TAMUNING,1"])
    assert (found.left_out, found.prefixes) == (1, 1)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["npa,nxx,state"], "Line 1 .* lacks ratecenter"),
        ([HEADER], "no prefix"),
        ([HEADER, "613,555,,ON,OTTAWA,1"], "no prefix"),
        ([HEADER, "41,555,,CA,X,1"], "Line 2 .* three digits"),
        ([HEADER, "415,155,,CA,X,1"], "Line 2 .* three digits"),
        ([HEADER, "415,555,12,CA,X,1"], "block"),
        ([HEADER, "415,555,\u0663,CA,X,1"], "block"),
        ([HEADER, "415,555,,CA,,1"], "names no rate centre"),
        ([HEADER, "415,555,,CA,X"], "it has 5 of 6 cells"),
        ([HEADER, "415,555,,CA,X,1", "415,555,A,CA,Y,1"], "415555 is there twice"),
        ([HEADER, '415,555,,CA,"X,1'], "Line 2"),
    ],
)
def test_a_table_that_is_none_is_refused_with_its_line(rows: list[str], says: str) -> None:
    with pytest.raises(Refused, match=says):
        read_npa_nxx(rows)


def test_a_kept_table_of_no_state_is_refused() -> None:
    with pytest.raises(Refused, match="'ZZ'"):
        table_of(["OTTAWA, ZZ|613555"])


@given(st.text(max_size=40), st.sampled_from([*sorted(geography.TERRITORIES), "CA", "DC", "MA"]))
def test_every_place_is_15_printable_characters_at_most(city: str, state: str) -> None:
    shown = places.shown(city, state)
    assert 1 <= len(shown) <= 15
    assert shown == shown.upper() == shown.strip() and shown.isascii() and shown.isprintable()
    read = read_npa_nxx([HEADER, f'415,555,,{state},"X{city.translate(_FLAT)}",1'])
    assert Places(table_of(line.rstrip("\n") for line in read.lines())).of("+14155550100")


_FLAT = {each: None for each in (*range(32), ord('"'), 0x7F, 0x85, 0x2028, 0x2029)}


def test_every_place_that_is_built_in_can_be_shown() -> None:
    shown = set(places.built_in().values())
    assert len(places.built_in()) > 20_000
    assert all(1 <= len(each) <= 15 and each.isprintable() for each in shown)
