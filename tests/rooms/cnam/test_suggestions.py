"""Shorter spellings of a business's name: every one of them fits, and the first is a good one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotary.cnam import names, suggestions
from phonotary.cnam.suggestions import suggest


@pytest.mark.parametrize(
    ("business", "first"),
    [
        ("Smith & Sons Plumbing", "SMITH SONS PLBG"),
        ("The Acme Corporation, Inc.", "ACME"),
        ("Harbor Books LLC", "HARBOR BOOKS"),
        ("Joe's Caf\u00e9", "JOES CAFE"),
        ("1st National Bank of Omaha", "NATL BANK OMAHA"),
        ("Smith & Co", "SMITH AND CO"),
        ("Northwest Community Hospital Foundation", "NW CMNTY HOSP"),
        ("Johnson Brothers Heating and Air Conditioning Services LLC", "JOHNSON BROS"),
        ("The Boston Consulting Group", "BOSTON CNSLTG"),
        ("Massachusetts Institute of Technology", "MIT"),
        ("Supercalifragilistic Ltd", "SPRCLFRGLSTC"),
    ],
)
def test_the_first_candidate(business: str, first: str) -> None:
    assert suggest(business)[0] == first


def test_whole_words_come_before_shortened_and_these_before_initials() -> None:
    found = suggest("Smith & Sons Plumbing", most=20)
    order = ["SMITH SONS PLBG", "SMITH AND SONS", "SSP"]
    assert [each for each in found if each in order] == order
    assert "SMITH SONS PL" not in found


@pytest.mark.parametrize(
    "business", ["", "!!!", "\u682a\u5f0f\u4f1a\u793e", "123 456", "San Francisco", "Seattle, WA"]
)
def test_what_cannot_be_a_name_has_no_spelling(business: str) -> None:
    assert suggest(business) == []


@pytest.mark.parametrize(
    "business", ["Seattle Police Department", "F.B.I. Pizza", "Medi\u0301care Medicare"]
)
def test_no_spelling_hides_what_is_prohibited(business: str) -> None:
    assert suggest(business) == []


_WORDS = st.sampled_from(
    "The Smith & Sons Plumbing Co. LLC of and INTERNATIONAL Business 7 Eleven San Francisco WA "
    "O'Neill Services Supercalifragilistic Ltd Group-of-Four \u00c9cole A".split()
)


@given(st.one_of(st.lists(_WORDS, max_size=12).map(" ".join), st.text(max_size=300)))
def test_every_candidate_passes_the_guide_s_rules(business: str) -> None:
    found = suggest(business, most=30)
    assert len(set(found)) == len(found) <= 30
    for each in found:
        assert names.findings(each) == []
        assert each == names.normal(each)
        assert 2 <= len(each) <= names.LONGEST
    assert suggest(business, most=30) == found
    assert suggest(business, most=3) == found[:3]


@given(st.lists(_WORDS, min_size=1, max_size=6).map(" ".join))
def test_a_good_name_that_fits_is_its_own_first_candidate(business: str) -> None:
    plain = business.upper()
    if names.findings(plain) or not plain.replace(" ", "").isalnum() or not plain.isascii():
        return
    if len(plain) >= 2 and plain[0].isalpha():
        assert suggest(business)[0] == names.normal(plain)


def test_a_refused_name_is_told_what_would_do_instead() -> None:
    said = suggestions.findings("Smith & Sons Plumbing")
    assert [each.rule for each in said] == ["length", "characters"]
    assert said[-1].sentence.endswith("It could be SMITH SONS PLBG, SMITH AND SONS, SSP.")


@pytest.mark.parametrize("name", ["ACME PLUMBING", "Police Department"])
def test_nothing_is_proposed_where_nothing_is_wrong_or_nothing_would_do(name: str) -> None:
    assert suggestions.findings(name) == names.findings(name)
