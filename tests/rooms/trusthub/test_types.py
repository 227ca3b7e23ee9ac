"""The types against the twilio-oai examples and the guides' tables of allowed values."""

from __future__ import annotations

import hashlib

import pytest

from phonotary.trusthub import types

BRANDED = "branded_calls_information"
BUSINESS = "customer_profile_business_information"


def field(kind: str, name: str) -> types.Field:
    found = types.end_user_type(kind) or types.supporting_document_type(kind)
    assert found is not None, kind
    known = found.field(name)
    assert known is not None, name
    return known


def test_the_representative_is_the_published_resource() -> None:
    kind = types.end_user_type("authorized_representative_1")
    assert kind is not None
    wire = kind.wire()
    assert wire["machine_name"] == "authorized_representative_1"
    assert wire["friendly_name"] == "Authorized Representative one"
    assert wire["fields"] == [
        {"machine_name": "last_name", "friendly_name": "Last Name", "constraint": "String"},
        {"machine_name": "email", "friendly_name": "Email", "constraint": "String"},
        {"machine_name": "first_name", "friendly_name": "First Name", "constraint": "String"},
        {
            "machine_name": "business_title",
            "friendly_name": "Business Title",
            "constraint": "String",
        },
        {"machine_name": "phone_number", "friendly_name": "Phone Number", "constraint": "String"},
        {"machine_name": "job_position", "friendly_name": "Job Position", "constraint": "String"},
    ]


def test_the_document_types_are_the_published_resources() -> None:
    address = types.supporting_document_type("customer_profile_address")
    proof = types.supporting_document_type("government_issued_proof_of_authorized_representative")
    assert address is not None and proof is not None
    assert address.wire()["fields"] == [
        {"machine_name": "address_sids", "friendly_name": "Address Sids", "constraint": "List"}
    ]
    assert [each.machine_name for each in proof.fields] == [
        "first_name",
        "last_name",
        "business_name",
    ]


def test_a_path_takes_the_sid_or_the_machine_name() -> None:
    sid = "OY" + hashlib.md5(b"cnam_information").hexdigest()
    by_name = types.end_user_type("cnam_information")
    assert by_name is not None and by_name.sid == sid
    assert types.end_user_type(sid) is by_name


@pytest.mark.parametrize("name", ["", "cnam", "OY" + "0" * 32, "customer_profile_address"])
def test_other_names_are_no_end_user_type(name: str) -> None:
    assert types.end_user_type(name) is None


def test_an_end_user_type_is_no_document_type() -> None:
    assert types.supporting_document_type("cnam_information") is None


def test_everything_but_social_media_is_required_of_a_business() -> None:
    kind = types.end_user_type(BUSINESS)
    assert kind is not None
    assert [each.machine_name for each in kind.fields if not each.required] == [
        "social_media_profile_urls"
    ]


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (BUSINESS, "business_identity", "isv_reseller_or_partner"),
        (BUSINESS, "business_type", "Limited Liability Corporation"),
        (BUSINESS, "business_type", "Non-profit"),  # SHAKEN/STIR ISV guide
        (BUSINESS, "business_type", "Non-profit Corporation"),  # secondary-profile page
        (BUSINESS, "business_type", "Limited Liability Partnership"),  # newer SHAKEN/STIR guide
        (BUSINESS, "business_industry", "OIL_AND_GAS"),
        (BUSINESS, "business_industry", "PROFESSIONAL_SERVICES"),  # A2P pages
        (BUSINESS, "business_registration_identifier", "EIN"),
        (BUSINESS, "business_registration_identifier", "DUNS"),
        (BUSINESS, "business_registration_identifier", "CCN"),
        (
            BUSINESS,
            "business_registration_identifier",
            "USA: Employer Identification Number (EIN)",
        ),
        (BUSINESS, "business_registration_identifier", "USA: DUNS Number (Dun & Bradstreet)"),
        (BUSINESS, "business_regions_of_operation", "AUSTRALIA"),
        (BUSINESS, "business_name", "Anything & Sons, Inc."),
        ("authorized_representative_1", "job_position", "General Counsel"),
        ("authorized_representative_2", "job_position", "Other"),
        ("authorized_representative_1", "email", "foobar@test.com"),
        ("authorized_representative_1", "phone_number", "+11234567890"),  # the guide's sample
        ("cnam_information", "cnam_display_name", "DISPLAY NAME"),  # the guide's sample
        ("cnam_information", "cnam_display_name", "ACME   PLUMBING C"),  # 15 once collapsed
        ("voice_integrity_information", "use_case", "Therapy (Individual+Group)"),
        ("voice_integrity_information", "business_employee_count", "1"),
        ("voice_integrity_information", "business_employee_count", "0-100"),
        ("voice_integrity_information", "average_business_day_call_volume", "100000+"),
        ("us_a2p_messaging_profile_information", "company_type", "non-profit"),
        (BRANDED, "branded_calls_display_name", "Smith & Söhne"),
        (BRANDED, "branded_calls_long_display_name", "x" * 35),
        (BRANDED, "branded_calls_logo_url", "https://acme.example/" + "l" * 107),
    ],
)
def test_documented_values_are_accepted(kind: str, name: str, value: str) -> None:
    assert field(kind, name).accepts(value)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (BUSINESS, "business_identity", "Direct_Customer"),
        (BUSINESS, "business_type", "Limited Liability Company"),
        (BUSINESS, "business_type", "LLC"),
        (BUSINESS, "business_industry", "PLUMBING"),
        (BUSINESS, "business_registration_identifier", "Employer Identification Number"),
        (BUSINESS, "business_regions_of_operation", "USA"),
        ("authorized_representative_1", "job_position", "Owner"),
        ("authorized_representative_1", "email", "jane at acme.example"),
        ("authorized_representative_1", "email", "jane@acme"),
        ("authorized_representative_1", "phone_number", "(415) 555-0123"),
        ("authorized_representative_1", "phone_number", "+0155550123"),
        ("cnam_information", "cnam_display_name", "1ST PLUMBING"),
        ("cnam_information", "cnam_display_name", "SIXTEEN LETTERSX"),
        ("cnam_information", "cnam_display_name", "SMITH & SONS"),
        ("cnam_information", "cnam_display_name", "AC\nME"),
        ("voice_integrity_information", "use_case", "appointment reminders"),
        ("voice_integrity_information", "business_employee_count", "0"),
        ("voice_integrity_information", "average_business_day_call_volume", "many"),
        ("us_a2p_messaging_profile_information", "company_type", "PRIVATE"),
        (BRANDED, "branded_calls_display_name", "x" * 36),
        (BRANDED, "branded_calls_long_display_name", "Ac\x07me"),
        (BRANDED, "branded_calls_logo_url", "http://acme.example/l.bmp"),
        (BRANDED, "branded_calls_logo_url", "https://acme.example/" + "l" * 108),
    ],
)
def test_other_values_are_not(kind: str, name: str, value: str) -> None:
    assert not field(kind, name).accepts(value)


def test_forty_five_use_cases() -> None:
    assert len(field("voice_integrity_information", "use_case").values) == 45


def test_labels_mean_wire_values() -> None:
    labels = field(BUSINESS, "business_registration_identifier").labels
    assert labels["USA: Employer Identification Number (EIN)"] == "EIN"
    assert labels["USA: DUNS Number (Dun & Bradstreet)"] == "DUNS"


def test_evaluations_call_some_fields_by_another_name() -> None:
    assert field("starter_customer_profile_information", "email").evaluation_name == "Email Address"
    assert field("customer_profile_address", "address_sids").evaluation_name == "address sids"
    identifier = field(BUSINESS, "business_registration_identifier")
    assert identifier.evaluation_name == "Business Registration Type"


def test_every_type_and_field_has_a_source() -> None:
    every = (*types.end_user_types(), *types.supporting_document_types())
    assert len({each.sid for each in every}) == len(every) == 21
    for kind in every:
        assert kind.source, kind.machine_name
        assert all(each.source for each in (*kind.fields, *kind.own)), kind.machine_name
        served = {each["machine_name"] for each in kind.wire()["fields"]}
        assert not served & {each.machine_name for each in kind.own}
