"""Forms and queries as clients send them, and what a field takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phonotary.errors import Reason, Refused
from phonotary.web.forms import Field, parse_form, parse_query, take

FORM = b"application/x-www-form-urlencoded"
SID = "AD" + "0123456789abcdef" * 2


def taken(field: Field, text: str) -> Any:
    return take((field,), {field.name: text}, "post body").get(field.key, "left out")


def refusal(field: Field, text: str | None) -> Reason:
    with pytest.raises(Refused) as caught:
        take((field,), {} if text is None else {field.name: text}, "post body")
    return caught.value.reason


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("FriendlyName", "friendly_name"),
        ("PolicySid", "policy_sid"),
        ("IsoCountry", "iso_country"),
        ("AuthorizedRepresentative1FirstName", "authorized_representative1_first_name"),
        ("Type", "type"),
    ],
)
def test_a_name_of_the_wire_is_the_rooms_name_in_small_letters(name: str, key: str) -> None:
    assert Field(name).key == key


def test_a_field_may_say_what_it_is_called_inside() -> None:
    assert Field("CountryCode", into="country").key == "country"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"A=1&B=two+words", {"A": "1", "B": "two words"}),
        (b"A=two%20words", {"A": "two words"}),
        (b"A=%F0%9F%93%9E", {"A": "📞"}),
        ("A=Größe".encode(), {"A": "Größe"}),
        (b"A=", {"A": ""}),
        (b"A", {"A": ""}),
        (b"A=1&A=2", {"A": "2"}),
        (b"A=a=b", {"A": "a=b"}),
        (b"A=1;B=2", {"A": "1;B=2"}),
        (b"", {}),
    ],
)
def test_a_form_is_read_as_it_was_meant(body: bytes, fields: dict[str, str]) -> None:
    assert parse_form(FORM, body) == fields
    assert parse_query(body) == fields


@pytest.mark.parametrize("kind", [b"application/json", b"text/plain", b"multipart/form-data", b""])
def test_another_kind_of_body_is_refused(kind: bytes) -> None:
    with pytest.raises(Refused) as caught:
        parse_form(kind, b"A=1")
    assert caught.value.reason is Reason.UNREADABLE_BODY


def test_the_kind_of_no_body_does_not_matter() -> None:
    """Python, PHP and Go name a type on requests that have no body."""
    assert parse_form(b"application/json", b"") == {}


@pytest.mark.parametrize("body", [b"A=%FF", b"\xff", b"A=%ED%A0%80", b"&".join([b"A=1"] * 201)])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        parse_form(FORM, body)
    assert caught.value.reason is Reason.UNREADABLE_BODY


def test_what_was_not_declared_is_ignored() -> None:
    assert take((Field("Known"),), {"Known": "1", "Other": "2"}, "query") == {"known": "1"}


@pytest.mark.parametrize("text", [None, "", "   "])
def test_what_is_required_must_say_something(text: str | None) -> None:
    assert refusal(Field("Email", required=True), text) is Reason.MISSING_PARAMETER


def test_an_empty_text_is_handed_on_where_it_may_clear_something() -> None:
    assert taken(Field("StatusCallback"), "") == ""
    assert taken(Field("StatusCallback", kind="url"), "") == ""
    assert taken(Field("AddressSid", prefix="AD"), "") == ""
    assert taken(Field("VoiceMethod", one_of=("GET", "POST")), "") == ""


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (Field("F", kind="bool"), "True", True),
        (Field("F", kind="bool"), "false", False),
        (Field("F", kind="int"), "-7", -7),
        (
            Field("F", kind="url"),
            "https://example.com:8443/x?y=1",
            "https://example.com:8443/x?y=1",
        ),
        (Field("F", prefix="AD"), SID, SID),
        (Field("F", one_of=("GET", "POST")), "GET", "GET"),
        (Field("F", kind="attributes"), '{"a": [1, null]}', {"a": [1, None]}),
        (Field("F", kind="attributes"), "{}", {}),
    ],
)
def test_a_field_is_given_in_its_type(field: Field, text: str, value: Any) -> None:
    assert taken(field, text) == value


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (Field("F", kind="bool"), "1"),
        (Field("F", kind="bool"), ""),
        (Field("F", kind="int"), "1.0"),
        (Field("F", kind="int"), "٣"),
        (Field("F", kind="int"), "1_000"),
        (Field("F", kind="int"), "1" * 10),
        (Field("F", prefix="AD"), "BU" + SID[2:]),
        (Field("F", prefix="AD"), SID + "\n"),
        (Field("F", prefix="AD"), SID[:-1]),
        (Field("F", one_of=("GET", "POST")), "get"),
        (Field("F"), "a\x00b"),
        (Field("F"), "x" * 16_385),
    ],
)
def test_a_value_that_is_none_is_refused(field: Field, text: str) -> None:
    assert refusal(field, text) is Reason.INVALID_PARAMETER


@pytest.mark.parametrize("text", ["ftp://example.com", "example.com", "https://", "http://x:99999"])
def test_an_address_that_cannot_be_called_is_refused(text: str) -> None:
    assert refusal(Field("VoiceUrl", kind="url"), text) is Reason.INVALID_CALLBACK_URL


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", '"a"', "{", '{"a":"\\u0000"}', '{"\\u0000":1}', nested(65), nested(50_000)],
    ids=lambda text: text[:12],
)
def test_attributes_are_an_object_that_can_be_kept(text: str) -> None:
    assert refusal(Field("Attributes", kind="attributes"), text) is Reason.ATTRIBUTES_UNREADABLE


def test_attributes_may_be_nested_but_not_without_end() -> None:
    assert taken(Field("Attributes", kind="attributes"), nested(64)) == json.loads(nested(64))


@pytest.mark.parametrize("escaped", [True, False])
def test_the_size_of_attributes_does_not_depend_on_who_wrote_them(escaped: bool) -> None:
    """Python escapes what is not ASCII, six characters for one; Node does not."""
    small, large = {"a": "ß" * 30_000}, {"a": "ß" * 33_000}
    field = Field("Attributes", kind="attributes")
    assert taken(field, json.dumps(small, ensure_ascii=escaped)) == small
    text = json.dumps(large, ensure_ascii=escaped)
    assert refusal(field, text) is Reason.ATTRIBUTES_UNREADABLE
