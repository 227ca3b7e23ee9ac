"""What a phone shows at an instant, carrier by carrier; the times are the guide's and vendors'."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotary.clock import iso8601
from phonotary.cnam.propagation import (
    CARRIERS,
    DAY,
    HOUR,
    Carrier,
    Display,
    History,
    Kind,
    Line,
    Seen,
    Spell,
    display_at,
)
from phonotary.trusthub.filing import Vetting

NUMBER = "+14155550100"
PLACE = "SAN FRANCISC CA"
TAKES = Vetting("delayed").propagation(NUMBER)
T0 = 1_800_000_000
# The times at which a caching carrier's copy is renewed are ranges: here they are at their ends.
NEW = Spell("HARBOR BOOKS", T0)


def shown(
    carrier: str,
    *spells: Spell,
    at: int,
    line: Line = Line.LANDLINE,
    opted_in: bool = False,
    place: str | None = PLACE,
    own: int = TAKES,
) -> Display:
    history = History(NUMBER, spells, TAKES, own)
    return display_at(CARRIERS[carrier], line, history, place, at, opted_in=opted_in)


def test_a_name_arrives_48_to_72_hours_after_its_approval() -> None:
    assert 48 * HOUR <= TAKES <= 72 * HOUR
    early = shown("fresh", NEW, at=T0 + 47 * HOUR)
    assert (early.now.kind, early.now.text) == (Kind.PLACE, PLACE)
    assert early.changes == T0 + TAKES
    assert early.then is not None and early.then.text == "HARBOR BOOKS"
    assert "48 to 72 hours" in early.why
    late = shown("fresh", NEW, at=T0 + 73 * HOUR)
    assert (late.now.kind, late.now.text) == (Kind.NAME, "HARBOR BOOKS")
    assert late.changes is None and late.then is None


def test_our_own_dips_follow_the_hub_s_own_vetting() -> None:
    assert shown("ours", NEW, at=T0, own=0).now.text == "HARBOR BOOKS"
    assert shown("ours", NEW, at=T0 + 47 * HOUR).now.text == PLACE


@pytest.mark.parametrize(
    ("carrier", "soonest", "latest"),
    [("daily", 1, DAY), ("weekly", DAY, 7 * DAY), ("monthly", 7 * DAY, 28 * DAY)],
)
def test_a_copy_is_renewed_within_its_time(carrier: str, soonest: int, latest: int) -> None:
    told = shown(carrier, NEW, at=T0 + TAKES)
    assert told.now.text == PLACE and "its copy is older" in told.why
    assert told.changes is not None
    assert T0 + TAKES + soonest <= told.changes <= T0 + TAKES + latest
    assert shown(carrier, NEW, at=told.changes - 1).now.text == PLACE
    assert shown(carrier, NEW, at=told.changes).now.text == "HARBOR BOOKS"


def test_a_stale_carrier_has_the_old_name_for_months() -> None:
    old = Spell("HARBOR MUSIC", T0 - 400 * DAY, T0)
    at = T0 + 73 * HOUR
    assert shown("fresh", old, NEW, at=at).now.text == "HARBOR BOOKS"
    stale = shown("stale", old, NEW, at=at)
    assert stale.now.text == "HARBOR MUSIC"
    assert "so it still has 'HARBOR MUSIC'" in stale.why
    assert shown("stale", old, NEW, at=T0 + 59 * DAY).now.text == "HARBOR MUSIC"
    assert shown("stale", old, NEW, at=T0 + 184 * DAY).now.text == "HARBOR BOOKS"


def test_a_withdrawn_name_goes_at_once_from_us_and_elsewhere_with_the_next_copy() -> None:
    gone = Spell("HARBOR BOOKS", T0 - 400 * DAY, T0)
    assert shown("ours", gone, at=T0 - 1).now.text == "HARBOR BOOKS"
    assert shown("ours", gone, at=T0).now.text == PLACE
    assert shown("fresh", gone, at=T0).now.text == PLACE
    weekly = shown("weekly", gone, at=T0)
    assert weekly.now.text == "HARBOR BOOKS" and "was withdrawn" in weekly.why
    assert weekly.changes is not None and weekly.changes <= T0 + 7 * DAY
    ended = f"the name ended at {iso8601(T0)}, and this carrier hears of it then"
    assert weekly.because == ended
    assert shown("weekly", gone, at=weekly.changes).now.text == PLACE


def test_a_name_withdrawn_on_its_way_is_never_shown() -> None:
    brief = Spell("HARBOR BOOKS", T0, T0 + 47 * HOUR)
    for carrier in CARRIERS:
        for days in (0, 3, 10, 100, 300):
            told = shown(carrier, brief, at=T0 + days * DAY)
            assert told.now.text == PLACE and told.changes is None


def test_a_name_that_will_run_out_says_when() -> None:
    ending = Spell("HARBOR BOOKS", T0, T0 + 365 * DAY)
    told = shown("fresh", ending, at=T0 + 4 * DAY)
    assert told.now.text == "HARBOR BOOKS" and told.changes == T0 + 365 * DAY
    assert told.then is not None and told.then.kind is Kind.PLACE
    runs_out = f"an approval that the name rests on runs out at {iso8601(T0 + 365 * DAY)}"
    assert told.because == runs_out
    later = shown("weekly", ending, at=T0 + 30 * DAY)
    assert later.changes is not None and later.changes > T0 + 365 * DAY
    assert later.because == runs_out
    # A name that arrives needs no excuse, nor one that another takes the place of.
    assert shown("fresh", ending, at=T0).because == ""
    other = Spell("HARBOR MUSIC", T0 + 300 * DAY)
    assert shown("fresh", ending, other, at=T0 + 4 * DAY).because == ""


def test_a_profile_that_vouches_again_needs_no_new_propagation() -> None:
    before = Spell("HARBOR BOOKS", T0, T0 + 10 * DAY)
    again = Spell("HARBOR BOOKS", T0, began=T0 + 12 * DAY)
    assert shown("fresh", before, again, at=T0 + 11 * DAY).now.text == PLACE
    assert shown("fresh", before, again, at=T0 + 12 * DAY).now.text == "HARBOR BOOKS"


def test_a_mobile_phone_shows_names_only_to_who_asked_for_them() -> None:
    at = T0 + 73 * HOUR
    mobile = shown("fresh", NEW, at=at, line=Line.MOBILE)
    assert (mobile.now.kind, mobile.now.text, mobile.changes) == (Kind.NUMBER, None, None)
    assert "opt-in" in mobile.why
    asked = shown("fresh", NEW, at=at, line=Line.MOBILE, opted_in=True)
    assert asked.now.text == "HARBOR BOOKS"


def test_another_database_never_has_the_name() -> None:
    assert shown("elsewhere", NEW, at=T0 + 900 * DAY).now.text == PLACE


def test_without_a_place_there_is_only_the_number() -> None:
    told = shown("fresh", at=T0, place=None)
    assert (told.now.kind, told.now.text) == (Kind.NUMBER, None)
    assert "no name is registered" in told.why


@st.composite
def _histories(draw: st.DrawFn) -> History:
    at, spells = T0, []
    for name in ("A", "B", "C")[: draw(st.integers(0, 3))]:
        since = at + draw(st.integers(0, 300 * DAY))
        at = since + draw(st.integers(1, 300 * DAY))
        spells.append(Spell(name, since, at))
    if spells and draw(st.booleans()):
        spells[-1] = Spell(spells[-1].name, spells[-1].since)
    return History(NUMBER, tuple(spells), TAKES)


@given(_histories(), st.sampled_from(list(CARRIERS.values())), st.integers(0, 1000 * DAY))
def test_what_is_foretold_is_what_comes(history: History, carrier: Carrier, after: int) -> None:
    now = T0 + after
    told = display_at(carrier, Line.LANDLINE, history, PLACE, now)
    assert told.why
    if told.changes is None:
        later = display_at(carrier, Line.LANDLINE, history, PLACE, now + 5000 * DAY)
        assert told.then is None and later.now == told.now
        return
    assert told.changes > now
    before = display_at(carrier, Line.LANDLINE, history, PLACE, told.changes - 1)
    assert before.now == told.now
    then = display_at(carrier, Line.LANDLINE, history, PLACE, told.changes)
    assert then.now == told.then != told.now


def test_a_private_name_is_shown_as_private_for_as_long_as_a_copy_of_it_lasts() -> None:
    hidden = Spell("HARBOR BOOKS", T0, T0 + 300 * DAY, private=True)
    before = shown("fresh", hidden, at=T0)
    assert (before.now.kind, before.then) == (Kind.PLACE, Seen(Kind.PRIVATE, None))
    there = shown("fresh", hidden, at=T0 + TAKES)
    assert there.now == Seen(Kind.PRIVATE, None)
    assert "'HARBOR BOOKS' is registered and private" in there.why
    assert there.changes == T0 + 300 * DAY
    late = shown("stale", hidden, at=T0 + 300 * DAY + 1)
    assert late.now.kind is Kind.PRIVATE
    assert "has not heard that the private name was withdrawn" in late.why
    # A public name before it is what a slow carrier still has.
    both = (Spell("HARBOR MUSIC", T0 - 900 * DAY, T0), Spell("HARBOR BOOKS", T0, private=True))
    old = shown("stale", *both, at=T0 + TAKES)
    assert old.now == Seen(Kind.NAME, "HARBOR MUSIC")
