"""Onboard one customer with the official twilio package, so that it can be run again at any time.

Twilio has no idempotency keys and FriendlyName is not unique: a POST whose answer is lost and that
is sent again makes a second record. So every step looks before it makes: records are found by a
FriendlyName that holds our own customer number, and "already assigned" (409) counts as done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

SECONDARY_PROFILE = "RNdfbf3fae0e1107f8aded0e7cead80bf5"
SHAKEN_STIR = "RN7a97559effdf62d00f4298208492a5ea"
CNAM = "RNf3db3cd1fe25fcfd3c3ded065c8fea53"


@dataclass(frozen=True)
class Customer:
    number: str
    """Our own customer number: what makes every FriendlyName unique."""
    email: str
    business: dict[str, str]
    representative: dict[str, str]
    address: dict[str, str]
    phone_number_sid: str
    display_name: str
    """At most 15 characters; shown beside the number."""


def onboard(client: Client, primary_profile_sid: str, customer: Customer) -> tuple[str, str, str]:
    """The SIDs of the customer's submitted profile, SHAKEN/STIR product and CNAM product."""
    hub = client.trusthub.v1
    profile = _bundle(hub.customer_profiles, customer, "profile", SECONDARY_PROFILE)
    entities = hub.customer_profiles(profile.sid).customer_profiles_entity_assignments
    numbers = hub.customer_profiles(profile.sid).customer_profiles_channel_endpoint_assignment
    if profile.status in ("draft", "twilio-rejected"):
        _assign(entities, object_sid=primary_profile_sid)
        for part in _parts(client, customer):
            _assign(entities, object_sid=part)
    _assign(
        numbers,
        channel_endpoint_sid=customer.phone_number_sid,
        channel_endpoint_type="phone-number",
    )
    _submit(hub.customer_profiles, profile.sid)
    shaken = _product(client, customer, "shaken", SHAKEN_STIR, profile.sid)
    cnam = _product(client, customer, "cnam", CNAM, profile.sid)
    return profile.sid, shaken, cnam


def _product(client: Client, customer: Customer, what: str, policy: str, profile_sid: str) -> str:
    """One trust product with the profile, the number and what else its policy asks for."""
    hub = client.trusthub.v1
    product = _bundle(hub.trust_products, customer, what, policy)
    entities = hub.trust_products(product.sid).trust_products_entity_assignments
    numbers = hub.trust_products(product.sid).trust_products_channel_endpoint_assignment
    if product.status in ("draft", "twilio-rejected"):
        _assign(entities, object_sid=profile_sid)
        if policy == CNAM:
            _assign(entities, object_sid=_display_name(client, customer))
    _assign(
        numbers,
        channel_endpoint_sid=customer.phone_number_sid,
        channel_endpoint_type="phone-number",
    )
    _submit(hub.trust_products, product.sid)
    return str(product.sid)


def _display_name(client: Client, customer: Customer) -> str:
    end_users = client.trusthub.v1.end_users
    return _found_or_made(
        end_users,
        f"{customer.number} cnam_information",
        lambda name: end_users.create(
            friendly_name=name,
            type="cnam_information",
            attributes={"cnam_display_name": customer.display_name},
        ),
    )


def _parts(client: Client, customer: Customer) -> list[str]:
    """The end users and the document the profile needs, found or made."""
    hub = client.trusthub.v1
    address = _found_or_made(
        client.addresses,
        f"{customer.number} address",
        lambda name: client.addresses.create(friendly_name=name, **customer.address),
    )
    document = _found_or_made(
        hub.supporting_documents,
        f"{customer.number} document",
        lambda name: hub.supporting_documents.create(
            friendly_name=name,
            type="customer_profile_address",
            attributes={"address_sids": address},
        ),
    )
    found = [document]
    for kind, attributes in (
        ("customer_profile_business_information", customer.business),
        ("authorized_representative_1", customer.representative),
    ):

        def make(name: str, kind: str = kind, attributes: dict[str, str] = attributes) -> Any:
            return hub.end_users.create(friendly_name=name, type=kind, attributes=attributes)

        found.append(_found_or_made(hub.end_users, f"{customer.number} {kind}", make))
    return found


def _found_or_made(collection: Any, name: str, make: Callable[[str], Any]) -> str:
    """``stream`` follows the pages to the end; the first page alone is 50 records."""
    for record in collection.stream():
        if record.friendly_name == name:
            return str(record.sid)
    return str(make(name).sid)


def _bundle(collection: Any, customer: Customer, what: str, policy_sid: str) -> Any:
    name = f"{customer.number} {what}"
    for bundle in collection.stream(friendly_name=name, policy_sid=policy_sid):
        return bundle
    return collection.create(friendly_name=name, email=customer.email, policy_sid=policy_sid)


def _assign(assignments: Any, **what: str) -> None:
    try:
        assignments.create(**what)
    except TwilioRestException as refused:
        if refused.status != 409:
            raise


def _submit(collection: Any, sid: str) -> None:
    """Only what waits for the customer is submitted; anything else has been."""
    if collection(sid).fetch().status in ("draft", "twilio-rejected"):
        collection(sid).update(status="pending-review")
