"""What a call says of its caller is what was approved, word for word."""

from __future__ import annotations

from typing import Any

import pytest

from phonotary.shaken import rcd, showing
from phonotary.shaken.ports import ShownAs
from phonotary.shaken.signing import InvalidClaim

LOGO = b"BM: a logo"
URL = "https://owl.example/logo.bmp"
OWL = ShownAs("Owl Telecom of Maine", URL, rcd.digest(LOGO), ("Your order", "Delivery Today"))


def test_name_logo_and_reason_are_said_and_pinned() -> None:
    said = showing.claims(OWL, "Your order")
    assert said["rcd"] == {"nam": "Owl Telecom of Maine", "icn": URL}
    assert set(said["rcdi"]) == {"/nam", "/icn"}
    assert said["crn"] == "Your order"
    assert rcd.integrity(said, {URL: LOGO}) == ()
    assert {one.code for one in rcd.integrity(said, {URL: LOGO + b"!"})} == {"rcdi-mismatch"}


def test_without_a_reason_or_a_logo_there_is_none() -> None:
    assert "crn" not in showing.claims(OWL, None)
    assert showing.claims(ShownAs("Owl"), None)["rcd"] == {"nam": "Owl"}


@pytest.mark.parametrize("asked", ["delivery  today", " DELIVERY TODAY "])
def test_a_reason_is_said_as_it_was_approved(asked: str) -> None:
    assert showing.claims(OWL, asked)["crn"] == "Delivery Today"


@pytest.mark.parametrize("asked", ["", "Your orders", "Win a prize"])
def test_a_reason_that_was_not_approved_is_the_callers_mistake(asked: str) -> None:
    with pytest.raises(InvalidClaim) as caught:
        showing.claims(OWL, asked)
    assert caught.value.parameter == "crn"


def test_where_no_reason_was_approved_any_may_be_given_that_can_be_written() -> None:
    assert showing.claims(ShownAs("Owl"), "Your order")["crn"] == "Your order"
    for asked in ("", "x" * 65, "a\nb"):
        with pytest.raises(InvalidClaim):
            showing.claims(ShownAs("Owl"), asked)


def test_an_approved_reason_that_cannot_be_written_does_not_cost_the_name() -> None:
    odd = "x" * 65
    said = showing.claims(ShownAs(OWL.name, URL, OWL.icon_digest, (odd,)), odd)
    assert said["rcd"] == {"nam": OWL.name, "icn": URL}
    assert "crn" not in said


@pytest.mark.parametrize("shown", [ShownAs("Owl\x07"), ShownAs("Owl", "http://x", OWL.icon_digest)])
def test_what_cannot_be_written_does_not_cost_the_call(shown: ShownAs) -> None:
    nothing: dict[str, Any] = {}
    assert showing.claims(shown, None) == nothing
