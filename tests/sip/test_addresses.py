"""Which telephone number is in an address, and how verstat is written beside it."""

from __future__ import annotations

import time

import pytest

from phonotary.sip import addresses


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("<sip:+14155550100@h>;tag=1", "+14155550100"),
        ('"A, B <c>" <sip:+14155550100@h;user=phone>', "+14155550100"),
        ("Owl Telecom <sips:14155550100@h:5061>", "14155550100"),
        ("sip:+14155550100@h;tag=1", "+14155550100"),
        ("<tel:+1-415-555-0100>", "+1-415-555-0100"),
        ("<tel:911;phone-context=+1>", "911"),
        ("<tel:4155550100;phone-context=+1>", "+14155550100"),
        ("<sip:415-555-0100;phone-context=+1@h;user=phone>", "+1415-555-0100"),
        ("<sip:4155550100;phone-context=ims.example@h;user=phone>", "4155550100"),
        ("<sip:+1(415)555.0100@h>", "+1(415)555.0100"),
        ("<sip:%2B14155550100@h>", "+14155550100"),
        ("<sip:+14155550100;npdi;rn=+14155550999@h>", "+14155550100"),
        ("<sip:+14155550100:secret@h>", "+14155550100"),
        ("<SIP:*67@h>", "*67"),
        ("<sip:+14155550100@[2001:db8::1]:5060;transport=tcp?a=b>", "+14155550100"),
        ("<sip:alice@h>", None),
        ("<sip:anonymous@anonymous.invalid>", None),
        ("<sip:h>", None),
        ("<sip:+@h>", None),
        ("<tel:()>", None),
        ("<sip:" + "1" * 16 + "@h>", None),
    ],
)
def test_the_number_in_an_address(value: str, number: str | None) -> None:
    address = addresses.of(value)
    assert address is not None
    assert address.number == number


@pytest.mark.parametrize(
    "value", ["", "<>", "<mailto:a@b>", "<sip:a@b", "<sip:a b@c>", '"x', "<sip:a@b@c>", "x" * 3000]
)
def test_what_is_no_address(value: str) -> None:
    assert addresses.of(value) is None


def test_the_first_number_among_asserted_identities_counts() -> None:
    values = ['"Smith, J" <sip:alice@h>, <tel:+14155550100>', "<sip:+12025550143@h>"]
    found = addresses.first_numbered(values)
    assert found is not None and found.number == "+14155550100"
    only = addresses.first_numbered(["<sip:alice@h>", "nonsense"])
    assert only is not None and only.user == "alice"
    assert addresses.first_numbered(["nonsense"]) is None


@pytest.mark.parametrize(
    ("uri", "written"),
    [
        ("sip:+1415@h:5060;user=phone", "sip:+1415;verstat=V@h:5060;user=phone"),
        ("sip:+1415;npdi@h", "sip:+1415;npdi;verstat=V@h"),
        ("tel:+1415", "tel:+1415;verstat=V"),
        ("sip:+1415;verstat=TN-Validation-Passed@h", "sip:+1415;verstat=V@h"),
        ("sip:+1415@h;verstat=TN-Validation-Passed;a=b", "sip:+1415;verstat=V@h;a=b"),
        ("tel:+1415;verstat=TN-Validation-Passed", "tel:+1415;verstat=V"),
        ("sip:+1415;VERSTAT=x;VerStat=y@h", "sip:+1415;verstat=V@h"),
    ],
)
def test_verstat_stands_beside_the_number_and_the_callers_own_is_dropped(
    uri: str, written: str
) -> None:
    address = addresses.read(uri)
    assert address is not None
    assert address.with_verstat("V") == written


@pytest.mark.parametrize(
    "value", ["a " * 1000, '"' + "\\" * 2000, "<" * 2000, "sip:" + ";" * 2000, ",<a>" * 500]
)
def test_a_hostile_address_is_read_in_no_time(value: str) -> None:
    begun = time.perf_counter()
    addresses.of(value)
    addresses.first_numbered([value])
    assert time.perf_counter() - begun < 0.05
