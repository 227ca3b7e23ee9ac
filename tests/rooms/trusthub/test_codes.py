"""The codes we may answer, against the error dictionary."""

from __future__ import annotations

import pytest

from phonotary.trusthub import codes


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (18601, "The association between business name and website cannot be verified"),
        (18609, "Ineligible Business Registration Authority"),
        (11006, "CNAM registration rejected: linked Business Profile is not approved"),
        (22214, "Missing End User"),
        (22218, "The Supporting Document field does not match the field in the End-User"),
        (22219, "An Address is missing"),
        (20404, "Not Found"),
        (60711, "Business status does not allow updates"),
    ],
)
def test_messages_are_the_dictionary_s(code: int, message: str) -> None:
    found = codes.find(code)
    assert found is not None
    assert found.message == message


@pytest.mark.parametrize("code", [0, 22220, 18600, 18611, 11000, 11023])
def test_there_is_no_such_code(code: int) -> None:
    assert codes.find(code) is None


def test_a_rejection_draws_on_three_families_and_one_platform_code() -> None:
    expected = {*range(11001, 11023), *range(18601, 18611), *range(22214, 22220), 20412}
    assert {each.code for each in codes.rejections()} == expected


def test_the_emergency_warning_is_no_evaluation_code() -> None:
    found = codes.find(22222)
    assert found is not None
    assert "evaluation" not in found.uses


def test_every_code_is_there_once_with_its_source() -> None:
    every = codes.all_codes()
    assert [each.code for each in every] == sorted({each.code for each in every})
    assert all(each.source.startswith("Twilio error dictionary") for each in every)
    assert all(each.message and each.uses for each in every)
