"""Telephone numbers as the plan has them."""

from __future__ import annotations

import pytest

from phonotary.tn import canonical, parse


@pytest.mark.parametrize(
    ("text", "e164", "country", "kind"),
    [
        ("+14155550100", "+14155550100", "US", "local"),
        ("(415) 555-0100", "+14155550100", "US", "local"),
        ("+18005550100", "+18005550100", "US", "toll-free"),
        ("+16135550123", "+16135550123", "CA", "local"),
        ("+442071838750", "+442071838750", "GB", "local"),
        ("+447400123456", "+447400123456", "GB", "mobile"),
        ("+17875550100", "+17875550100", "PR", "local"),
    ],
)
def test_a_number_is_read_with_its_country(text: str, e164: str, country: str, kind: str) -> None:
    tn = parse(text)
    assert tn is not None
    assert (tn.e164, tn.country, tn.kind) == (e164, country, kind)


@pytest.mark.parametrize(
    "text", ["", "12", "hello", "+1415555010", "+" + "4" * 30, "+4912345678901234"]
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert parse(text) is None


def test_territories_are_in_the_united_states_and_canada_is_not() -> None:
    inside = {t: parse(t) for t in ("+17875550100", "+16715550100", "+16135550123")}
    assert [tn.in_united_states for tn in inside.values() if tn] == [True, True, False]


def test_the_canonical_form_keeps_digits_hash_and_star() -> None:
    assert canonical("+1 (415) 555-0100") == "14155550100"
    assert canonical("*67#") == "*67#"
