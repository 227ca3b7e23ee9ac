"""A family of accounts and the papers of one plausible business, made through the rooms.

Works on every Store: the rooms' own tests keep it in memory, the races keep it in a database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from phonotary import sids
from phonotary.access import accounts
from phonotary.access.accounts import Account
from phonotary.errors import Reason, Refused
from phonotary.trusthub import (
    addresses,
    assignments,
    bundles,
    end_users,
    filing,
    numbers,
    policies,
    review,
    supporting_documents,
)
from phonotary.trusthub.display import Logo
from phonotary.trusthub.filing import Vetting
from phonotary.trusthub.lifecycle import By
from phonotary.trusthub.records import TRUST_PRODUCT, Bundle, Number, Party
from tests.rooms.trusthub.samples import BUSINESS, PERSON

NOW = 1_790_000_000
MANUAL = Vetting("manual")
ADDRESS: dict[str, str] = {
    "customer_name": "Acme Plumbing LLC",
    "street": "1 Main Street",
    "city": "Austin",
    "region": "TX",
    "postal_code": "78701",
    "iso_country": "US",
}


@contextmanager
def refused(reason: Reason) -> Iterator[pytest.ExceptionInfo[Refused]]:
    """The body is refused for this reason, with a sentence for the caller."""
    with pytest.raises(Refused) as caught:
        yield caught
    assert caught.value.reason is reason, caught.value.because
    assert caught.value.because


def party_of(account: Account) -> Party:
    return Party(account.sid, account.owner_account_sid)


def opened(store: Any, parent: Account | None = None) -> Account:
    """A new account, or a subaccount of ``parent``."""
    return accounts.open_account(store, NOW, "an account", parent=parent)


def draft(store: Any, party: Party, policy_sid: str = policies.SHAKEN_STIR) -> Bundle:
    """An empty draft of any policy, made as the console would."""
    policy = policies.find(policy_sid)
    assert policy is not None
    return bundles.create(
        store,
        party,
        NOW,
        policy.kind,
        friendly_name="a bundle",
        email="office@acme.example",
        policy_sid=policy_sid,
        through_console=True,
    )


def assigned(store: Any, party: Party, bundle: Bundle, *object_sids: str) -> None:
    for sid in object_sids:
        assignments.assign_entity(store, party, NOW, bundle.kind, bundle.sid, object_sid=sid)


def number(store: Any, party: Party, last: int = 0, area: str = "415") -> Number:
    return numbers.buy(store, party, NOW, phone_number=f"+1{area}236{last:04d}")


def on(store: Any, party: Party, bundle: Bundle, number: Number) -> str:
    """The number joins the bundle; the assignment's SID."""
    made = assignments.assign_number(
        store,
        party,
        NOW,
        bundle.kind,
        bundle.sid,
        channel_endpoint_sid=number.sid,
        channel_endpoint_type=assignments.PHONE_NUMBER,
    )
    return made.sid


def end_user(store: Any, party: Party, type: str, attributes: dict[str, Any]) -> str:
    made = end_users.create(
        store, party, NOW, friendly_name=type, type=type, attributes=dict(attributes)
    )
    return made.sid


def document(store: Any, party: Party, type: str = "customer_profile_address") -> str:
    """A document that points at an address of its own."""
    address = addresses.create(store, party, NOW, **ADDRESS)
    made = supporting_documents.create(
        store,
        party,
        NOW,
        friendly_name="head office",
        type=type,
        attributes={"address_sids": address.sid},
    )
    return made.sid


def profile(
    store: Any,
    party: Party,
    policy_sid: str = policies.PRIMARY,
    identity: str = "isv_reseller_or_partner",
) -> Bundle:
    """A draft profile with all its policy asks for; a secondary still lacks its primary."""
    bundle = draft(store, party, policy_sid)
    business = {**BUSINESS, "business_identity": identity}
    assigned(
        store,
        party,
        bundle,
        end_user(store, party, "customer_profile_business_information", business),
        end_user(store, party, "authorized_representative_1", PERSON),
        document(store, party),
    )
    return bundle


def approved(store: Any, bundle: Bundle, logo: Logo | None = None) -> Bundle:
    """Submitted by its customer and approved by a reviewer, who saw this logo."""
    current = store.bundles.get(bundle.sid)
    submitted = filing.submit(store, NOW, current, MANUAL)
    return review.decide(
        store, NOW, submitted, review.Verdict(True, logo=logo), By.REVIEWER, "rita"
    )


def in_status(store: Any, party: Party, status: str, kind: str = TRUST_PRODUCT) -> Bundle:
    """A bundle of this status, put there as no room would: what a rule of one room starts from."""
    policy = policies.SHAKEN_STIR if kind == TRUST_PRODUCT else policies.SECONDARY
    bundle = draft(store, party, policy)
    return forced(store, bundle, status)


def forced(store: Any, bundle: Bundle, status: str) -> Bundle:
    changed = replace(store.bundles.get(bundle.sid), status=status)
    store.bundles.replace(changed)
    return changed


def approved_pair(store: Any, party: Party) -> tuple[Bundle, Bundle]:
    """An approved primary profile and an approved SHAKEN/STIR product linked to it."""
    primary = approved(store, profile(store, party))
    return primary, approved(store, product(store, party, primary))


def product(store: Any, party: Party, linked: Bundle) -> Bundle:
    """A compliant SHAKEN/STIR draft on a profile: its policy asks for nothing else."""
    bundle = draft(store, party)
    assigned(store, party, bundle, linked.sid)
    return bundle


_BRANDED: dict[str, dict[str, Any]] = {
    "authorized_representative_1": PERSON,
    "authorized_contact": {
        "first_name": "Jane",
        "last_name": "Rivera",
        "verification_email": "jane@acme.example",
        "mobile_phone_number": "+14155550123",
    },
    "business": {
        "business_name": "Acme Plumbing LLC",
        "trade_name": "Acme",
        "business_type": "Limited Liability Corporation",
        "business_identity": "direct_customer",
        "business_registration_number": "12-3456789",
        "business_registration_identifier": "EIN",
        "business_industry": "CONSUMER",
        "business_website": "https://acme.example",
        "is_subassigned": "false",
        "privacy_notice_url": "https://acme.example/privacy",
        "business_employee_count": "12",
    },
    "use_case": {
        "category": "Customer care",
        "use_case_description": "Calls about appointments",
        "consent_description": "Customers ask for them",
        "call_volume_daily": "40",
    },
}


def branded(
    store: Any, party: Party, linked: Bundle, *, key: str = "branded_calling_basic_1", **shown: Any
) -> Bundle:
    """A Branded Calling draft with all its policy asks for; ``shown`` is how it wants to be."""
    bundle = draft(store, party, policies.named(key).sid)
    information = {"branded_calls_display_name": "Acme Plumbing", **shown}
    assigned(
        store,
        party,
        bundle,
        linked.sid,
        end_user(store, party, "branded_calls_information", information),
        *(end_user(store, party, kind, given) for kind, given in _BRANDED.items()),
        document(store, party, "business_address"),
        document(store, party, "letter_of_authorization_document"),
    )
    return bundle


def nobody(prefix: str) -> str:
    """A SID that no record has."""
    return sids.mint(prefix)
