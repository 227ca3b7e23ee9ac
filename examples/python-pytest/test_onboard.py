"""What phonotary's pytest plugin is for: time, rejection, lost answers, all in one process.

Run: ``pytest examples/python-pytest`` with phonotary and twilio installed.
"""

from __future__ import annotations

import pytest
from onboard import Customer, onboard
from requests.exceptions import ConnectionError
from twilio.rest import Client

from phonotary.testing import Sandbox


@pytest.fixture
def client(phonotary: Sandbox) -> Client:
    made = Client(phonotary.account.account_sid, phonotary.account.auth_token)
    made.trusthub.base_url = made.api.base_url = phonotary.url
    return made


@pytest.fixture
def customer(phonotary: Sandbox) -> Customer:
    return Customer(
        number="C-1001",
        email="jane@acme-plumbing.example.com",
        business={
            "business_name": "Acme Plumbing LLC",
            "business_identity": "direct_customer",
            "business_type": "Limited Liability Corporation",
            "business_industry": "CONSUMER",
            "business_registration_identifier": "EIN",
            "business_registration_number": "12-3456789",
            "business_regions_of_operation": "USA_AND_CANADA",
            "website_url": "https://acme-plumbing.example.com",
        },
        representative={
            "first_name": "Jane",
            "last_name": "Doe",
            "email": "jane@acme-plumbing.example.com",
            "phone_number": "+14155550123",
            "business_title": "Owner",
            "job_position": "CEO",
        },
        address={
            "customer_name": "Acme Plumbing LLC",
            "street": "123 Main Street",
            "city": "San Francisco",
            "region": "CA",
            "postal_code": "94105",
            "iso_country": "US",
        },
        phone_number_sid=phonotary.account.numbers[0]["sid"],
        display_name="ACME PLUMBING",
    )


def primary(phonotary: Sandbox) -> str:
    assert phonotary.account.primary_profile_sid
    return phonotary.account.primary_profile_sid


def test_a_customer_is_approved(phonotary: Sandbox, client: Client, customer: Customer) -> None:
    profile, *products = onboard(client, primary(phonotary), customer)
    assert client.trusthub.v1.customer_profiles(profile).fetch().status == "twilio-approved"
    for product in products:
        assert client.trusthub.v1.trust_products(product).fetch().status == "twilio-approved"
    assert phonotary.log.traps() == []


def test_a_rejected_customer_is_told_the_code(
    phonotary: Sandbox, client: Client, customer: Customer
) -> None:
    phonotary.outcomes.reject(18602, business_name="Acme*")
    profile, *_ = onboard(client, primary(phonotary), customer)
    bundle = client.trusthub.v1.customer_profiles(profile).fetch()
    assert (bundle.status, bundle.errors) == ("twilio-rejected", [{"code": 18602}])


POSTS = 21
"""How many POSTs the whole walk takes."""


def test_the_walk_takes_as_many_posts_as_the_next_test_cuts(
    phonotary: Sandbox, client: Client, customer: Customer
) -> None:
    onboard(client, primary(phonotary), customer)
    assert len(phonotary.log.search(method="POST")) == POSTS


@pytest.mark.parametrize("lost", range(POSTS))
def test_it_resumes_without_a_duplicate_whichever_answer_is_lost(
    phonotary: Sandbox, client: Client, customer: Customer, lost: int
) -> None:
    phonotary.faults.add("cut-after", method="POST", skip=lost, times=1)
    with pytest.raises(ConnectionError):
        onboard(client, primary(phonotary), customer)
    phonotary.faults.clear()
    profile, shaken, cnam = onboard(client, primary(phonotary), customer)
    hub = client.trusthub.v1
    assert hub.customer_profiles(profile).fetch().status == "twilio-approved"
    for product in (shaken, cnam):
        assert hub.trust_products(product).fetch().status == "twilio-approved"
    ours = [p for p in hub.customer_profiles.list() if p.friendly_name.startswith("C-1001")]
    assert [p.sid for p in ours] == [profile]
    assert {p.sid for p in hub.trust_products.list()} == {shaken, cnam}
    assert len(hub.trust_products.list()) == 2
    assert sum(e.friendly_name.startswith("C-1001") for e in hub.end_users.list()) == 3
    assert sum(d.friendly_name.startswith("C-1001") for d in hub.supporting_documents.list()) == 1
    assert sum(a.friendly_name.startswith("C-1001") for a in client.addresses.list()) == 1
    assert len(hub.customer_profiles(profile).customer_profiles_entity_assignments.list()) == 4
    numbers = hub.customer_profiles(profile).customer_profiles_channel_endpoint_assignment
    assert len(numbers.list()) == 1


def test_three_days_of_vetting_pass_at_once(phonotary: Sandbox) -> None:
    before = phonotary.clock.now
    assert phonotary.clock.advance("72h") > before
