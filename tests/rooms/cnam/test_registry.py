"""A number has a name while product, profile and number agree, and a new version with each name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from phonotary.cnam import registry
from phonotary.cnam.registry import Facts, Registration, Withheld, reconcile, withheld

NOW = 1_790_000_000
GOOD = Facts(
    "+14152360000",
    number_sid="PN1",
    account_sid="AC1",
    account_active=True,
    product_sid="BU1",
    product_vouching=True,
    profile_sid="BU2",
    profile_vouching=True,
    number_on_profile=True,
    name="  ACME   PLUMBING ",
    since=NOW - 60,
    until=NOW + 60,
)
BROKEN: dict[Withheld, dict[str, Any]] = {
    Withheld.UNKNOWN_NUMBER: {"number_sid": None},
    Withheld.NOT_ELIGIBLE: {"phone_number": "+18002360000"},
    Withheld.ACCOUNT_NOT_ACTIVE: {"account_active": False},
    Withheld.NOT_ON_PRODUCT: {"product_sid": None},
    Withheld.PRODUCT_NOT_VOUCHING: {"product_vouching": False},
    Withheld.NO_PROFILE: {"profile_sid": None},
    Withheld.PROFILE_NOT_VOUCHING: {"profile_vouching": False},
    Withheld.NOT_ON_PROFILE: {"number_on_profile": False},
    Withheld.NO_NAME: {"name": None},
}


def begun(facts: Facts = GOOD, newest: int = 0) -> Registration:
    made = reconcile(None, facts, newest, NOW).begun
    assert made is not None
    return made


def test_what_agrees_is_registered_from_the_next_version_on() -> None:
    made = begun(newest=3)
    assert (made.version, made.name, made.state) == (4, "ACME PLUMBING", "registered")
    assert (made.since, made.began, made.until) == (NOW - 60, NOW, NOW + 60)
    assert made.enum_name == "0.0.0.0.6.3.2.5.1.4.1"
    assert made.sid.startswith("CR") and not made.shown


@pytest.mark.parametrize("why", Withheld)
def test_each_thing_that_is_missing_withholds_and_withdraws(why: Withheld) -> None:
    facts = replace(GOOD, **BROKEN[why])
    assert withheld(facts) is why
    assert reconcile(None, facts, 0, NOW) == registry.Change()
    ended = reconcile(replace(begun(), shown=True), facts, 1, NOW + 5).ended
    assert ended is not None
    assert (ended.state, ended.because, ended.ended) == ("withdrawn", why.value, NOW + 5)
    assert not ended.shown and ended.until is None


@pytest.mark.parametrize(
    ("number", "may"),
    [
        ("+14152360000", True),
        ("+17872360000", True),
        ("+18882360000", False),
        ("+14162360000", False),
        ("+442079460000", False),
        ("nonsense", False),
    ],
    ids=["california", "puerto rico", "toll-free", "canada", "london", "none"],
)
def test_only_us_long_codes_have_names(number: str, may: bool) -> None:
    assert registry.eligible(number) is may


@pytest.mark.parametrize("name", ["", "   ", "SIXTEEN LETTERS."])
def test_a_name_that_fits_no_database_is_none(name: str) -> None:
    assert withheld(replace(GOOD, name=name)) is Withheld.NO_NAME


def test_nothing_changes_while_nothing_has_changed() -> None:
    assert reconcile(begun(), GOOD, 1, NOW + 9) == registry.Change()


@pytest.mark.parametrize(
    "change", [{"name": "ACME"}, {"number_sid": "PN2"}, {"account_sid": "AC2"}, {"private": True}]
)
def test_another_name_is_another_version(change: dict[str, Any]) -> None:
    current = begun()
    made = reconcile(current, replace(GOOD, **change), 1, NOW + 9)
    assert made.ended is not None and made.ended.sid == current.sid
    assert made.ended.because == "renamed"
    assert made.begun is not None and made.begun.version == 2


def test_the_same_name_on_another_product_is_the_same_registration() -> None:
    current = begun()
    made = reconcile(current, replace(GOOD, product_sid="BU9", until=None), 1, NOW)
    assert made.kept == replace(current, product_sid="BU9", until=None)
    assert made.ended is None and made.begun is None
