"""What an evaluation finds wanting and what a reviewer rejects, over HTTP, with Twilio's codes.

The codes 22217 and 22218 (a document's own text) are not here: no policy that is served asks a
document for anything but an address. The evaluator's own tests have them.
"""

from __future__ import annotations

import json

import pytest

from tests.compat.office import BUSINESS_INFORMATION, REPRESENTATIVE, SECONDARY, Office


@pytest.mark.parametrize(
    ("missing", "code"),
    [(BUSINESS_INFORMATION, 22214), (REPRESENTATIVE, 22214), ("document", 22216)],
)
def test_an_evaluation_says_which_part_is_missing(office: Office, missing: str, code: int) -> None:
    evaluation = office.evaluation(office.profile(without=missing), SECONDARY)
    assert evaluation["status"] == "noncompliant"
    assert [row["error_code"] for row in evaluation["results"] if not row["passed"]] == [code]


@pytest.mark.parametrize(
    ("field", "value"), [("business_name", ""), ("business_industry", "BOOKS")]
)
def test_an_evaluation_says_which_field_of_an_end_user_is_missing_or_wrong(
    office: Office, field: str, value: str
) -> None:
    evaluation = office.evaluation(office.profile(**{field: value}), SECONDARY)
    assert evaluation["status"] == "noncompliant"
    invalid = [item for row in evaluation["results"] for item in row["invalid"]]
    assert [(item["object_field"], item["error_code"]) for item in invalid] == [(field, 22215)]


@pytest.mark.parametrize("address_sids", [[], ["AD" + "0" * 32]])
def test_an_evaluation_says_that_the_address_is_missing(
    office: Office, address_sids: list[str]
) -> None:
    profile = office.profile(document=office.document(*address_sids))
    evaluation = office.evaluation(profile, SECONDARY)
    assert evaluation["status"] == "noncompliant"
    invalid = [item for row in evaluation["results"] for item in row["invalid"]]
    assert [(item["object_field"], item["error_code"]) for item in invalid] == [
        ("address_sids", 22219)
    ]


def test_an_evaluation_says_that_the_primary_profile_is_missing(office: Office) -> None:
    evaluation = office.evaluation(office.profile(without="primary"), SECONDARY)
    assert evaluation["status"] == "noncompliant"
    reasons = [row["failure_reason"] for row in evaluation["results"] if not row["passed"]]
    assert reasons == ["Primary customer profile bundle is null"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("HARBOR BOOKSHOPS", 11009),  # sixteen characters
        ("1 HARBOR BOOKS", 11009),
        ("HARBOR-BOOKS", 11009),
        ("SEATTLE, WA", 11009),
        ("POLICE BOOKS", 11008),
        ("ZEBRA TAXI", 11007),
    ],
)
def test_a_name_that_breaks_a_rule_is_rejected_with_the_rules_code(
    office: Office, name: str, code: int
) -> None:
    product = office.cnam_product(office.approved_profile(), name)
    office.submit(product)
    decided, codes = office.state(product)
    assert decided == "twilio-rejected"
    assert code in codes


def test_a_business_without_ein_or_duns_gets_no_name(office: Office) -> None:
    profile = office.approved_profile(
        business_registration_identifier="CBN", business_registration_number="123456789"
    )
    product = office.cnam_product(profile, "HARBOR BOOKS")
    office.submit(product)
    assert office.state(product) == ("twilio-rejected", {18609})


@pytest.mark.parametrize("code", range(18601, 18610))
def test_a_rejection_can_be_rehearsed_and_mended(office: Office, code: int) -> None:
    profile = office.profile(business_registration_number=f"3642{code}")
    office.submit(profile)
    assert office.state(profile) == ("twilio-rejected", {code})

    listed = office.http.get(
        f"{profile}/EntityAssignments", params={"ObjectType": BUSINESS_INFORMATION}
    )
    (assignment,) = listed.json()["results"]
    path = f"/v1/EndUsers/{assignment['object_sid']}"
    attributes = office.http.get(path).json()["attributes"]
    mended = attributes | {"business_registration_number": "364218095"}
    assert office.post(path, Attributes=json.dumps(mended)).status_code == 200
    office.submit(profile)
    assert office.state(profile) == ("twilio-approved", set())


def test_numbers_come_and_go_although_the_bundle_is_approved(office: Office) -> None:
    profile = office.approved_profile()
    assigned = office.assign_number(profile, office.hub.local[0].sid)
    assert assigned.status_code == 201
    gone = f"{profile}/ChannelEndpointAssignments/{assigned.json()['sid']}"
    assert office.http.delete(gone).status_code == 204
    assert office.http.get(gone).status_code == 404
