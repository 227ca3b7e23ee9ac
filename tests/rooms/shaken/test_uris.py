"""Who calls and who is called, in the form two parties compare (RFC 8224 sections 8.1 to 8.5)."""

from __future__ import annotations

import pytest

from phonotary.errors import Refused
from phonotary.shaken.passport import Identity
from phonotary.shaken.uris import MAX_URI, canonical, claim, identity, normal, number


@pytest.mark.parametrize(
    "written",
    [
        "12155551212",
        "+12155551212",
        "+1 (215) 555-1212".replace(" ", ""),
        "tel:+1-215-555-1212",
        "TEL:+1.215.555.1212;verstat=TN-Validation-Passed",
        "tel:5551212;phone-context=+1215",
        "sip:+12155551212@gw.example.com",
        "sip:+12155551212@gw.example.com;user=phone",
        "sip:12155551212@10.0.0.1:5060;transport=udp;User=Phone?X=y",
        "sip:+1-215-555-1212;npdi;verstat=No-TN-Validation@gw.example.com;user=phone",
        "sip:%2B12155551212@gw.example.com",
        "sip:%31%32155551212@gw.example.com",
        "sips:+12155551212:secret@[2001:db8::1]:5061",
        "sip:5551212;phone-context=+1215@gw.example.com;user=phone",
        "sip:2155551212;npdi;Phone-Context=%2B1@gw.example.com",
        "tel:1212;phone-context=+1-215-555",
        "tel:+12155551212;phone-context=+44",
        "tel:12155551212;phone-context=ims.example",
        "tel:12155551212;phone-context=+44;phone-context=+1",
    ],
)
def test_one_number_however_it_is_written(written: str) -> None:
    assert identity(written) == ("tn", "12155551212")


def test_service_numbers_stay_as_they_are() -> None:
    assert identity("911") == ("tn", "911")
    assert identity("sip:*67%23@x.example;user=phone") == ("tn", "*67#")
    assert identity("tel:911;phone-context=+1") == ("tn", "911")
    assert identity("tel:*674155550100;phone-context=+1") == ("tn", "*674155550100")


@pytest.mark.parametrize(
    ("user", "parameters", "found"),
    [
        ("+1-415-555-0100", ";npdi", "+1-415-555-0100"),
        ("4155550100", ";phone-context=+1", "+14155550100"),
        ("4155550100", "", "4155550100"),
        ("%2a67", "", "*67"),
        ("alice", ";phone-context=+1", None),
        ("", "", None),
        ("1" * 16, "", None),
        ("+1415%3b5550100", "", None),
    ],
)
def test_a_number_in_a_uri_as_it_is_written(user: str, parameters: str, found: str | None) -> None:
    assert number(user, parameters) == found


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("sip:alice@example.com", "sip:alice@example.com"),
        (
            "SIP:Alice:pw@Example.COM:5060;transport=tcp?subject=x@y",
            "sip:alice@example.com",
        ),
        ("sips:%61lice%2f@example.com", "sips:alice%2F@example.com"),
        ("sip:%41lice@example.com", "sip:alice@example.com"),
        ("sip:example.com;lr", "sip:example.com"),
        ("sip:alice@[2001:DB8::1]:5060", "sip:alice@[2001:db8::1]"),
    ],
)
def test_other_identities_are_uris_in_normal_form(written: str, expected: str) -> None:
    assert identity(written) == ("uri", expected)
    assert normal(written) == expected
    assert normal(expected) == expected


def test_bare_digits_in_a_uri_are_a_number_only_by_policy() -> None:
    written = "sip:12345@pbx.example.com"
    assert identity(written) == ("tn", "12345")
    assert identity(written, digits_are_numbers=False) == ("uri", written)
    assert identity("sip:+12345@pbx.example.com", digits_are_numbers=False) == ("tn", "12345")


@pytest.mark.parametrize(
    "written",
    [
        "",
        "+",
        "()",
        "1234567890123456",
        "alice",
        "mailto:alice@example.com",
        "sip:",
        "sip:@example.com",
        "sip:a@b@c",
        "sip:al%ice@example.com",
        "sip:a b@example.com",
        "sip:alice@example.com\r\nX: y",
        "sip:alice@example.com;user=phone",
        "tel:alice",
        "tel:+",
        "sip:" + "a" * MAX_URI + "@b",
        "١٢٣٤",
    ],
)
def test_what_is_nobody_is_refused(written: str) -> None:
    with pytest.raises(Refused):
        identity(written)


def test_a_telephone_number_has_no_uri_form() -> None:
    with pytest.raises(Refused, match="telephone number"):
        normal("tel:+12155551212")


def test_identities_of_a_token_are_compared_in_canonical_form() -> None:
    assert canonical(Identity("tn", "+1-215-555-1212")) == ("tn", "12155551212")
    assert canonical(Identity("uri", "sip:A@B.example;lr")) == ("uri", "sip:a@b.example")
    assert canonical(Identity("uri", "im:A@b.example")) == ("uri", "im:A@b.example")


def test_a_dest_claim_is_sorted_and_says_each_thing_once() -> None:
    names = [Identity("uri", "sip:b@x"), Identity("tn", "2"), Identity("tn", "1")]
    assert claim([*names, *names]) == {"tn": ["1", "2"], "uri": ["sip:b@x"]}
