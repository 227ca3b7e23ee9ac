"""One plausible business, and the bundles it files: the good case that each test breaks once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from phonotary.trusthub import policies
from phonotary.trusthub.evaluation import (
    Address,
    BundleFacts,
    Document,
    EndUser,
    SupportingBundle,
)

APPROVED = "twilio-approved"

BUSINESS: dict[str, Any] = {
    "business_name": "Acme Plumbing LLC",
    "business_identity": "direct_customer",
    "business_type": "Limited Liability Corporation",
    "business_industry": "CONSUMER",
    "business_registration_identifier": "EIN",
    "business_registration_number": "12-3456789",
    "business_regions_of_operation": "USA_AND_CANADA",
    "website_url": "https://acme.example",
    "social_media_profile_urls": "",
}
PERSON: dict[str, Any] = {
    "first_name": "Jane",
    "last_name": "Rivera",
    "email": "jane@acme.example",
    "phone_number": "+14155550123",
    "business_title": "Owner",
    "job_position": "CEO",
}
VOICE: dict[str, Any] = {
    "use_case": "Appointment Reminders",
    "business_employee_count": "12",
    "average_business_day_call_volume": "40",
    "notes": "",
}
ADDRESS = Address(
    sid="AD1",
    customer_name="Acme Plumbing LLC",
    street="123 Main St",
    city="San Francisco",
    region="CA",
    postal_code="94105",
    iso_country="US",
)


def end_user(type: str, attributes: dict[str, Any]) -> EndUser:
    return EndUser("IT" + type, type, attributes)


def business(**changes: Any) -> EndUser:
    return end_user("customer_profile_business_information", BUSINESS | changes)


def person(number: int = 1, **changes: Any) -> EndUser:
    return end_user(f"authorized_representative_{number}", PERSON | changes)


def paper(address_sids: Any = "AD1", type: str = "customer_profile_address") -> Document:
    return Document("RD1", type, {"address_sids": address_sids})


def linked(
    policy_sid: str = policies.SECONDARY, status: str = APPROVED, **changes: Any
) -> SupportingBundle:
    whole = SupportingBundle("BU9", policy_sid, status, None, (business(), person()), (paper(),))
    return replace(whole, **changes)


def profile(**changes: Any) -> BundleFacts:
    """The secondary profile of the SHAKEN/STIR ISV guide, complete with one representative."""
    whole = BundleFacts(
        kind="customer_profile",
        end_users=(business(), person()),
        documents=(paper(),),
        addresses={"AD1": ADDRESS},
        bundles=(linked(policies.PRIMARY),),
    )
    return replace(whole, **changes)


def product(*end_users: EndUser, **changes: Any) -> BundleFacts:
    """A trust product linked to the approved profile of the same business."""
    whole = BundleFacts(
        kind="trust_product",
        end_users=end_users,
        addresses={"AD1": ADDRESS},
        bundles=(linked(),),
    )
    return replace(whole, **changes)


def display_name(name: str) -> EndUser:
    return end_user("cnam_information", {"cnam_display_name": name})


def voice(**changes: Any) -> EndUser:
    return end_user("voice_integrity_information", VOICE | changes)
