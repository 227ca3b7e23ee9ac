"""Evaluations against the two published body dialects and the field reports' sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from phonotary.trusthub import policies
from phonotary.trusthub.evaluation import BundleFacts, Document, EndUser, Evaluation, evaluate
from tests.rooms.trusthub.samples import (
    ADDRESS,
    APPROVED,
    business,
    display_name,
    end_user,
    linked,
    paper,
    person,
    product,
    profile,
    voice,
)

SECONDARY = policies.named("secondary_business")
CNAM = policies.named("cnam")
SHAKEN_STIR = policies.named("shaken_stir")
GUIDE_STATUS = {"draft", "pending-review", "in-review", "twilio-rejected", APPROVED}


def row(evaluation: Evaluation, requirement: str) -> dict[str, Any]:
    (found,) = [each for each in evaluation.results if each["requirement_name"] == requirement]
    return found


def valid(object_field: str, friendly_name: str) -> dict[str, Any]:
    return {
        "object_field": object_field,
        "error_code": None,
        "friendly_name": friendly_name,
        "passed": True,
        "failure_reason": None,
    }


def test_a_compliant_starter_profile_is_the_published_body() -> None:
    starter = {
        "first_name": "Jane",
        "last_name": "Rivera",
        "email": "jane@acme.example",
        "phone_number": "+14155550123",
    }
    facts = profile(end_users=(end_user("starter_customer_profile_information", starter),))
    evaluation = evaluate(policies.named("starter_business"), facts)
    assert evaluation.status == "compliant"
    assert evaluation.results == [
        {
            "valid": [
                valid("first_name", "First Name"),
                valid("last_name", "Last Name"),
                valid("email", "Email Address"),
                valid("phone_number", "Phone Number"),
            ],
            "invalid": [],
            "object_type": "starter_customer_profile_information",
            "friendly_name": "Information",
            "failure_reason": None,
            "passed": True,
            "requirement_friendly_name": "Starter Customer Profile Information",
            "error_code": None,
            "requirement_name": "starter_customer_profile_information",
        },
        {
            "valid": [valid("address_sids", "address sids")],
            "invalid": [],
            "object_type": "customer_profile_address",
            "friendly_name": "Legal Company Address",
            "failure_reason": None,
            "passed": True,
            "requirement_friendly_name": "Customer Profile Address",
            "error_code": None,
            "requirement_name": "customer_profile_address",
        },
        {
            "valid": [valid("bundle_sid", "Supporting Bundle Status")],
            "invalid": [],
            "object_type": "primary_customer_profile_type_business",
            "friendly_name": "Primary Customer Profile Bundle",
            "failure_reason": None,
            "passed": True,
            "requirement_friendly_name": "Primary Customer Profile",
            "error_code": None,
            "requirement_name": "primary_customer_profile",
        },
    ]


def test_a_compliant_sole_proprietor_is_the_published_body() -> None:
    brand = {"brand_name": "Jane", "mobile_phone_number": "+14155550123", "vertical": "RETAIL"}
    starter = linked(policies.named("starter_business").sid)
    facts = product(end_user("sole_proprietor_information", brand), bundles=(starter,))
    evaluation = evaluate(policies.named("sole_proprietor"), facts)
    assert evaluation.status == "compliant"
    assert evaluation.results[0]["valid"] == [
        valid("brand_name", "Brand Name"),
        valid("mobile_phone_number", "Mobile Phone Number"),
        valid("vertical", "Vertical"),
    ]
    assert evaluation.results[1] == {
        "valid": [valid("bundle_status", "Supporting Bundle Status")],
        "invalid": [],
        "object_type": "starter_customer_profile_type_business",
        "friendly_name": "Starter Customer Profile(isv customers) Proof",
        "failure_reason": None,
        "passed": True,
        "requirement_friendly_name": "Customer Profile",
        "error_code": None,
        "requirement_name": "customer_profile",
    }


def test_the_guide_s_profile_is_compliant_with_one_representative() -> None:
    evaluation = evaluate(SECONDARY, profile())
    assert evaluation.status == "compliant"
    assert [each["requirement_name"] for each in evaluation.results] == [
        "customer_profile_business_information",
        "authorized_representative_1",
        "customer_profile_address",
        "primary_customer_profile",
    ]


def test_a_second_representative_is_held_to_the_same_rules() -> None:
    both = (business(), person(), person(2))
    assert evaluate(SECONDARY, profile(end_users=both)).status == "compliant"
    wrong = evaluate(SECONDARY, profile(end_users=(*both[:2], person(2, job_position="Owner"))))
    assert wrong.status == "noncompliant"
    assert row(wrong, "authorized_representative_2")["invalid"] == [
        {
            "friendly_name": "Job Position",
            "object_field": "job_position",
            "failure_reason": "The Job Position is invalid",
            "error_code": 22215,
        }
    ]


def test_an_empty_profile_hears_everything_at_once() -> None:
    evaluation = evaluate(SECONDARY, BundleFacts(kind="customer_profile"))
    assert evaluation.status == "noncompliant"
    assert [
        (each["object_type"], each["error_code"], each["failure_reason"])
        for each in evaluation.results
    ] == [
        (
            "customer_profile_business_information",
            22214,
            "A Business Information End-User is missing. Please add one to the customer profile.",
        ),
        (
            "authorized_representative_1",
            22214,
            "An Authorized Representative #1 End-User is missing. "
            "Please add one to the customer profile.",
        ),
        (
            "customer_profile_address",
            22216,
            "A Physical Business Address is missing. Please add one to the customer profile.",
        ),
        (
            "primary_customer_profile_type_business",
            None,
            "Primary customer profile bundle is null",
        ),
    ]


def test_a_missing_end_user_is_the_published_failing_body() -> None:
    result = row(evaluate(CNAM, product()), "cnam_information")
    assert result == {
        "friendly_name": "CNAM Information",
        "object_type": "cnam_information",
        "passed": False,
        "failure_reason": "A CNAM Information End-User is missing. "
        "Please add one to the trust product.",
        "error_code": 22214,
        "valid": [],
        "invalid": [
            {
                "friendly_name": "CNAM Display Name",
                "object_field": "cnam_display_name",
                "failure_reason": "The CNAM Display Name is missing. "
                "Please enter in a CNAM Display Name on the CNAM Information.",
                "error_code": 22215,
            }
        ],
        "requirement_friendly_name": "CNAM Information",
        "requirement_name": "cnam_information",
    }


def test_a_missing_end_user_lists_its_required_fields_only() -> None:
    result = evaluate(SECONDARY, profile(end_users=())).results[0]
    named = [each["object_field"] for each in result["invalid"]]
    assert len(named) == 8
    assert "social_media_profile_urls" not in named
    assert result["invalid"][2]["failure_reason"] == (
        "The Business Name is missing. Please enter in a Business Name on the Business Information."
    )


def test_one_wrong_field_leaves_the_others_valid() -> None:
    wrong = business(business_registration_identifier="Tax ID")
    evaluation = evaluate(SECONDARY, profile(end_users=(wrong, person())))
    result = row(evaluation, "customer_profile_business_information")
    assert result["passed"] is False
    assert result["error_code"] == 22215
    assert result["failure_reason"] == "The Business Registration Type is invalid"
    assert result["invalid"] == [
        {
            "friendly_name": "Business Registration Type",
            "object_field": "business_registration_identifier",
            "failure_reason": "The Business Registration Type is invalid",
            "error_code": 22215,
        }
    ]
    assert len(result["valid"]) == 8
    assert all(each["passed"] is True for each in result["valid"])


@pytest.mark.parametrize("empty", [None, "", "   ", []])
def test_an_empty_required_field_is_missing(empty: Any) -> None:
    evaluation = evaluate(SECONDARY, profile(end_users=(business(business_name=empty), person())))
    (item,) = evaluation.results[0]["invalid"]
    assert item["object_field"] == "business_name"
    assert item["error_code"] == 22215
    assert item["failure_reason"].startswith("The Business Name is missing.")


@pytest.mark.parametrize(
    "changes",
    [
        {"social_media_profile_urls": None},
        {"business_registration_identifier": "USA: Employer Identification Number (EIN)"},
        {"business_registration_identifier": "USA: DUNS Number (Dun & Bradstreet)"},
        {"business_regions_of_operation": ["USA_AND_CANADA", "EUROPE"]},
        {"business_regions_of_operation": "USA_AND_CANADA, EUROPE"},
        {"business_registration_number": 123456789},
    ],
)
def test_forms_in_use_are_accepted(changes: dict[str, Any]) -> None:
    facts = profile(end_users=(business(**changes), person()))
    assert evaluate(SECONDARY, facts).status == "compliant"


def test_one_wrong_region_among_several_is_invalid() -> None:
    wrong = business(business_regions_of_operation="EUROPE,MARS")
    evaluation = evaluate(SECONDARY, profile(end_users=(wrong, person())))
    assert evaluation.results[0]["failure_reason"] == (
        "The Business Regions Of Operation is invalid"
    )


def test_counts_may_be_numbers() -> None:
    facts = product(voice(business_employee_count=12, average_business_day_call_volume=40))
    assert evaluate(policies.named("voice_integrity"), facts).status == "compliant"


def test_the_better_of_two_end_users_counts() -> None:
    facts = profile(end_users=(business(business_name=""), business(), person()))
    assert evaluate(SECONDARY, facts).status == "compliant"


@pytest.mark.parametrize("sids", ["AD1", ["AD1"], "AD1,AD2"])
def test_an_address_may_come_as_text_or_list(sids: Any) -> None:
    facts = profile(documents=(paper(sids),), addresses={"AD1": ADDRESS, "AD2": ADDRESS})
    assert evaluate(SECONDARY, facts).status == "compliant"


def test_a_missing_document() -> None:
    result = row(evaluate(SECONDARY, profile(documents=())), "customer_profile_address")
    assert result == {
        "friendly_name": "Physical Business Address",
        "object_type": "customer_profile_address",
        "passed": False,
        "failure_reason": "A Physical Business Address is missing. "
        "Please add one to the customer profile.",
        "error_code": 22216,
        "valid": [],
        "invalid": [
            {
                "friendly_name": "Address sid(s)",
                "object_field": "address_sids",
                "failure_reason": "Address sids list is empty",
                "error_code": 22219,
            }
        ],
        "requirement_friendly_name": "Customer Profile Address",
        "requirement_name": "customer_profile_address",
    }


@pytest.mark.parametrize(
    ("sids", "reason"),
    [
        ("", "Address sids list is empty"),
        (
            "AD404",
            "The Address is missing. "
            "Please enter in the address shown on the Physical Business Address.",
        ),
        (
            ["AD1", "AD404"],
            "The Address is missing. "
            "Please enter in the address shown on the Physical Business Address.",
        ),
    ],
)
def test_a_document_whose_address_is_missing(sids: Any, reason: str) -> None:
    evaluation = evaluate(SECONDARY, profile(documents=(paper(sids),)))
    result = row(evaluation, "customer_profile_address")
    assert (result["error_code"], result["failure_reason"]) == (22219, reason)
    assert result["invalid"][0]["error_code"] == 22219


def test_any_accepted_document_will_do() -> None:
    starter = policies.named("starter_business")
    facts = profile(documents=(paper(type="starter_customer_profile_address"),))
    result = row(evaluate(starter, facts), "customer_profile_address")
    assert result["passed"] is True
    assert result["object_type"] == "starter_customer_profile_address"


PROOF = "government_issued_proof_of_authorized_representative"


def with_proof(groups: int = 1) -> policies.Policy:
    """No public policy asks for the proof; its rules are those of its published type."""
    need = {
        "description": "Proof",
        "type": "document",
        "name": "Proof",
        "requirement_name": "proof",
        "accepted_documents": [
            {
                "url": f"/SupportingDocumentTypes/{PROOF}",
                "fields": ["first_name", "last_name", "business_name"],
                "type": PROOF,
                "name": "Government-issued ID",
            }
        ],
    }
    requirements = {
        "end_user": [],
        "supporting_document": [[need]] * groups,
        "supporting_customer_profiles": [],
        "supporting_trust_products": [],
    }
    ours = {
        "key": "proof",
        "kind": "customer_profile",
        "role": "primary",
        "stands_for": [],
        "optional": [],
        "us_long_codes_only": False,
        "source": "test",
        "confidence": "test",
        "inferred": True,
    }
    document = {"sid": "RN1", "friendly_name": "Proof", "requirements": requirements}
    return policies.read({"document": document, "ours": ours})


def proof(**changes: str) -> Document:
    right = {"first_name": "Jane", "last_name": "Rivera", "business_name": "Acme Plumbing LLC"}
    return Document("RD2", PROOF, right | changes)


def test_a_document_that_agrees_with_the_end_users() -> None:
    assert evaluate(with_proof(), profile(documents=(proof(),))).status == "compliant"


def test_a_document_that_differs_from_the_end_user() -> None:
    evaluation = evaluate(with_proof(), profile(documents=(proof(last_name="River"),)))
    (item,) = evaluation.results[0]["invalid"]
    assert item == {
        "friendly_name": "Last Name",
        "object_field": "last_name",
        "failure_reason": "The Last Name on the Government-issued ID does not match "
        "the Last Name of the End-User.",
        "error_code": 22218,
    }


def test_a_document_field_that_is_missing() -> None:
    evaluation = evaluate(with_proof(), profile(documents=(proof(first_name=""),)))
    (item,) = evaluation.results[0]["invalid"]
    assert item["failure_reason"] == "The First Name is missing on the Government-issued ID."
    assert item["error_code"] == 22217


def test_the_second_representative_s_proof_will_do() -> None:
    facts = profile(
        end_users=(business(), person(), person(2, first_name="Sam")),
        documents=(proof(first_name="Sam"),),
    )
    assert evaluate(with_proof(), facts).status == "compliant"


def test_a_document_with_no_end_user_to_agree_with() -> None:
    assert evaluate(with_proof(), profile(end_users=(), documents=(proof(),))).status == "compliant"


def test_each_document_group_has_its_own_row() -> None:
    assert len(evaluate(with_proof(groups=2), profile(documents=(proof(),))).results) == 2


@pytest.mark.parametrize(
    "bundles",
    [
        (),
        (linked(policies.named("starter_business").sid),),
        (linked(policies.SECONDARY),),
        (linked("RN" + "0" * 32),),
    ],
)
def test_a_primary_that_is_missing_or_of_the_wrong_policy_is_null(bundles: Any) -> None:
    result = row(evaluate(SECONDARY, profile(bundles=bundles)), "primary_customer_profile")
    assert result == {
        "friendly_name": "Primary Customer Profile Bundle",
        "object_type": "primary_customer_profile_type_business",
        "passed": False,
        "failure_reason": "Primary customer profile bundle is null",
        "error_code": None,
        "valid": [],
        "invalid": [
            {
                "friendly_name": "Supporting Bundle Status",
                "object_field": "bundle_sid",
                "failure_reason": "Primary customer profile bundle is null",
                "error_code": None,
            }
        ],
        "requirement_friendly_name": "Primary Customer Profile",
        "requirement_name": "primary_customer_profile",
    }


def test_a_profile_s_primary_is_asked_for_its_sid_not_its_status() -> None:
    facts = profile(bundles=(linked(policies.PRIMARY, "draft"),))
    assert evaluate(SECONDARY, facts).status == "compliant"


@pytest.mark.parametrize("status", sorted(GUIDE_STATUS))
@pytest.mark.parametrize("sid", [policies.PRIMARY, policies.SECONDARY])
def test_a_product_s_profile_must_be_submitted(sid: str, status: str) -> None:
    evaluation = evaluate(SHAKEN_STIR, product(bundles=(linked(sid, status),)))
    submitted = status in ("pending-review", "in-review", "twilio-approved")
    assert evaluation.status == ("compliant" if submitted else "noncompliant")
    (result,) = evaluation.results
    items = result["valid"] + result["invalid"]
    assert [each["object_field"] for each in items] == ["bundle_status"]
    primary = sid == policies.PRIMARY
    assert result["object_type"] == (
        "primary_customer_profile_type_business"
        if primary
        else "secondary_customer_profile_type_business"
    )
    if not submitted:
        assert result["failure_reason"] == f"Customer profile bundle status is {status}"


def test_a_product_without_a_profile() -> None:
    (result,) = evaluate(SHAKEN_STIR, product(bundles=())).results
    assert result["failure_reason"] == "Customer profile bundle is null"
    assert result["invalid"][0]["object_field"] == "bundle_status"


def test_an_optional_profile_may_be_left_out_but_not_unsubmitted() -> None:
    toll_free = policies.named("toll_free")
    assert evaluate(toll_free, product(bundles=())) == Evaluation("compliant", [])
    draft = product(bundles=(linked(status="draft"),))
    assert evaluate(toll_free, draft).status == "noncompliant"


def test_one_submitted_profile_among_two_is_enough() -> None:
    both = (linked(policies.PRIMARY, "draft"), linked(policies.SECONDARY))
    (result,) = evaluate(SHAKEN_STIR, product(bundles=both)).results
    assert result["passed"] is True
    assert result["object_type"] == "secondary_customer_profile_type_business"


def test_the_kind_of_the_policy_decides_even_on_the_other_path() -> None:
    # The published example evaluates a customer profile with a trust product's policy.
    evaluation = evaluate(SHAKEN_STIR, profile(bundles=(linked(),)))
    assert evaluation.results[0]["valid"][0]["object_field"] == "bundle_status"


def test_branded_calling_wants_a_voice_integrity_product() -> None:
    policy = policies.named("branded_calling_enhanced_v2")
    with_it = product(bundles=(linked(), linked(policies.VOICE_INTEGRITY)))
    assert row(evaluate(policy, with_it), "voice_integrity_trust_product")["passed"] is True
    without = row(evaluate(policy, product()), "voice_integrity_trust_product")
    assert without["failure_reason"] == "Voice integrity trust product bundle is null"


@pytest.mark.parametrize("name", ["ACME PLUMBING", "  ACME   CO  "])
def test_a_display_name_that_fits(name: str) -> None:
    assert evaluate(CNAM, product(display_name(name))).status == "compliant"


@pytest.mark.parametrize("name", ["SIXTEEN LETTERSX", "1ST", "SMITH & SONS"])
def test_a_display_name_that_does_not(name: str) -> None:
    result = row(evaluate(CNAM, product(display_name(name))), "cnam_information")
    assert result["invalid"][0]["failure_reason"] == "The CNAM Display Name is invalid"


@pytest.mark.parametrize("said", ["public", "PRIVATE", " Private ", "", None, ["private"]])
def test_a_name_s_visibility_is_public_or_private_or_not_said(said: Any) -> None:
    named = EndUser("IT1", "cnam_information", {"cnam_display_name": "ACME"})
    plain = evaluate(CNAM, product(named))
    wished = replace(named, attributes={**named.attributes, "cnam_visibility": said})
    # Whoever reads the rows finds those of Twilio and no other.
    assert evaluate(CNAM, product(wished)) == plain
    assert plain.status == "compliant"


@pytest.mark.parametrize("said", ["hidden", "privat", "no", True, False, 0, {"a": 1}, ["x"]])
def test_another_visibility_is_found_with_the_code_of_a_bad_name(said: Any) -> None:
    named = EndUser("IT1", "cnam_information", {"cnam_display_name": "A", "cnam_visibility": said})
    result = row(evaluate(CNAM, product(named)), "cnam_information")
    (found,) = result["invalid"]
    assert (found["object_field"], found["error_code"]) == ("cnam_visibility", 11009)
    assert found["failure_reason"] == "The CNAM Visibility is invalid; it is private or public"
    assert not result["passed"]
    # Another end user beside it, without a wish, does not make up for it.
    both = evaluate(CNAM, product(display_name("ACME"), named))
    assert row(both, "cnam_information")["error_code"] == 11009


@pytest.mark.parametrize("nonsense", [{}, {"business_name": {"a": [1]}}, {"x": None}])
def test_nonsense_never_raises(nonsense: dict[str, Any]) -> None:
    strange = EndUser("IT1", "customer_profile_business_information", nonsense)
    facts = profile(end_users=(strange,), documents=(paper({"a": 1}), paper(None)))
    assert evaluate(SECONDARY, facts).status == "noncompliant"
