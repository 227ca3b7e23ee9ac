"""What a sandbox starts with: one account, its approved ISV primary profile, a few numbers.

Everything is made through the rooms a customer would use, so the seeded account has a true history.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from phonotary.access import accounts
from phonotary.access.accounts import Account
from phonotary.clock import Instant
from phonotary.config import Settings
from phonotary.storage.store import SqlStore
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
from phonotary.trusthub.lifecycle import By
from phonotary.trusthub.records import CUSTOMER_PROFILE, Number, Party

_NUMBERS = (
    "+14152360100",
    "+14152360101",
    "+14152360102",
    "+14152360103",
    "+14152360104",
    "+18882360100",
    "+16132360100",
)
_BUSINESS = {
    "business_name": "Sandbox Voice ISV Inc",
    "business_type": "Corporation",
    "business_industry": "TECHNOLOGY",
    "business_registration_identifier": "EIN",
    "business_registration_number": "12-3456789",
    "business_regions_of_operation": "USA_AND_CANADA",
    "website_url": "https://sandbox-voice.example.com",
    "social_media_profile_urls": "",
}
_REPRESENTATIVE = {
    "first_name": "Robin",
    "last_name": "Sample",
    "email": "robin@sandbox-voice.example.com",
    "phone_number": "+14155550100",
    "business_title": "Chief Executive",
    "job_position": "CEO",
}


@dataclass(frozen=True, slots=True)
class Seeded:
    """The first account as it stands, for the ready file and for ``env``."""

    account: Account
    primary_profile_sid: str | None
    numbers: tuple[Number, ...]
    oauth_client: tuple[str, str] | None
    """Client id and secret; the secret is known only when it has just been made."""


def first_account(store: SqlStore, settings: Settings, now: Instant) -> Seeded:
    """The sandbox's account: found, or made and (unless ``empty``) furnished."""
    sid = settings.account_sid or store.setting("first_account")
    account = store.account(sid) if sid else None
    client: tuple[str, str] | None = None
    if account is None:
        account = accounts.open_account(
            store, now, "phonotary sandbox", sid=sid, auth_token=settings.auth_token
        )
        key, secret = accounts.create_key(store, account, now, "sandbox", kind="oauth")
        client = (key.sid, secret)
        if not settings.empty:
            _furnish(store, account, now, settings.primary_identity)
    elif settings.auth_token and account.auth_token != settings.auth_token:
        # The environment names the token its clients will send; the kept one would lock them out.
        account = replace(account, auth_token=settings.auth_token, date_updated=now)
        store.replace_account(account)
    store.put_setting("first_account", account.sid)
    return _seeded(store, account, client)


def another_account(
    store: SqlStore, settings: Settings, now: Instant, friendly_name: str, empty: bool
) -> Seeded:
    """One more account with nothing in common with the first but the hub."""
    account = accounts.open_account(store, now, friendly_name)
    if not empty:
        _furnish(store, account, now, settings.primary_identity)
    return _seeded(store, account, None)


def _seeded(store: SqlStore, account: Account, client: tuple[str, str] | None) -> Seeded:
    primary = store.bundles.first(account_sid=account.sid, policy_sid=policies.PRIMARY)
    return Seeded(
        account,
        primary.sid if primary else None,
        tuple(store.numbers.all(account_sid=account.sid)),
        client,
    )


def _furnish(store: SqlStore, account: Account, now: Instant, identity: str) -> None:
    party = Party(account.sid, account.owner_account_sid)
    _approved_primary(store, party, now, {**_BUSINESS, "business_identity": identity})
    for phone_number in _NUMBERS:
        if store.numbers.first(phone_number=phone_number) is not None:
            phone_number = _another(store, phone_number)
        numbers.buy(store, party, now, phone_number=phone_number)


def _another(store: SqlStore, taken: str) -> str:
    """A free number of the same kind: another account of this data directory has that one."""
    tn = numbers.valid(taken)
    free = numbers.available(
        store, tn.country, tn.kind, area_code=taken[2:5], contains=None, size=1
    )
    return free[0].e164


def _approved_primary(
    store: SqlStore, party: Party, now: Instant, business: dict[str, str]
) -> None:
    address = addresses.create(
        store,
        party,
        now,
        customer_name=_BUSINESS["business_name"],
        street="548 Market Street",
        city="San Francisco",
        region="CA",
        postal_code="94104",
        iso_country="US",
        friendly_name="Head office",
    )
    bundle = bundles.create(
        store,
        party,
        now,
        CUSTOMER_PROFILE,
        friendly_name="Primary business profile",
        email=_REPRESENTATIVE["email"],
        policy_sid=policies.PRIMARY,
        through_console=True,
    )
    document = supporting_documents.create(
        store,
        party,
        now,
        friendly_name="Head office",
        type="customer_profile_address",
        attributes={"address_sids": address.sid},
    )
    objects = [document.sid]
    for kind, attributes in (
        ("customer_profile_business_information", business),
        ("authorized_representative_1", _REPRESENTATIVE),
    ):
        end_user = end_users.create(
            store, party, now, friendly_name=kind, type=kind, attributes=dict(attributes)
        )
        objects.append(end_user.sid)
    for sid in objects:
        assignments.assign_entity(store, party, now, CUSTOMER_PROFILE, bundle.sid, object_sid=sid)
    submitted = filing.submit(store, now, bundle, filing.Vetting("manual"))
    review.decide(store, now, submitted, review.Verdict(approve=True), By.REVIEWER, "sandbox")
