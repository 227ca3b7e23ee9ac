"""Registration numbers are hidden wherever they stand, and what is none is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phonotary.bootstrap.masking import masked


@pytest.mark.parametrize(
    "value",
    [
        {"comments": "EIN123456789"},
        {"comments": "EIN 12 3456789"},
        {"comments": "12 3456789, thanks"},
        {"comments": "our number is 123-45-6789."},
        {"comments": "12\u20133456789"},
        {"comments": "\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19"},
        {"business_registration_number": "AB-1"},
        {"business_registration_number": "12-3456789"},
        {"business_registration_number": 123456789},
        {"business_registration_number": ["12-3456789"]},
        {"ein_number": "1234"},
        {"companyNumber": "SC12"},
        {"vat": "GB12"},
        {"vat": {"value": "GB12"}},
        {"passport_number": "X12"},
        {"notes": "passport X1234567"},
        {"notes": "passport C01X00T47"},
        {"notes": "ESX1234567X"},
        {"social": "12"},
        {"duns": 12},
        {"notes": 123456789},
        {"123456789": "a key"},
        {"phone_number": "123456789"},
        {"postal_code": "12-3456789"},
    ],
)
def test_a_number_is_hidden(value: dict[str, Any]) -> None:
    before, after = json.dumps(value), json.dumps(masked(value))
    assert "*" in after
    for whole in ("123456789", "3456789", "X1234567", "C01X00T47", "AB-1", "GB12", "SC12", "X12"):
        assert whole not in after, before
    assert masked(value, unmasked=True) == value


def test_the_last_four_of_a_long_one_are_shown() -> None:
    assert masked("EIN 12-3456789.") == "EIN ******6789."
    assert masked({"ssn": "1234"}) == {"ssn": "****"}


@pytest.mark.parametrize(
    "value",
    [
        {"phone_number": "+14155550100"},
        {"postal_code": "94105-1234"},
        {"business_registration_identifier": "EIN"},
        {"address_sids": "AD0123456789abcdef0123456789abcdef"},
        {"date_of_birth": "1970-01-02", "date_updated": "2026-09-21T14:13:20Z"},
        {"business_name": "Acme Plumbing LLC", "social_media_profile_urls": "https://x.example"},
        {"street": "12345 Main Street 2024", "codes": [18601, 22214], "none": None, "yes": True},
        {"privately": "held", "email": "office2024@acme.example"},
    ],
)
def test_what_is_no_registration_is_shown(value: dict[str, Any]) -> None:
    assert masked(value) == value


def test_a_long_text_is_read_in_no_time() -> None:
    for text in ("a" * 200_000, "1 " * 100_000, "1a" * 100_000, "12345 " * 30_000):
        masked(text)
