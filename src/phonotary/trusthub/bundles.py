"""Customer profiles and trust products: create, read, change, delete, copy.

Trust Hub v1 ``/CustomerProfiles`` and ``/TrustProducts`` are the same resource twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from phonotary import sids
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.trusthub import email as email_address
from phonotary.trusthub import lifecycle, policies
from phonotary.trusthub.ownership import changeable, not_found, readable
from phonotary.trusthub.records import (
    CUSTOMER_PROFILE,
    Bundle,
    ChannelEndpointAssignment,
    Party,
)
from phonotary.trusthub.store import Ask, Collection, Page, Store
from phonotary.trusthub.urls import is_web

PATHS = {CUSTOMER_PROFILE: "/v1/CustomerProfiles", "trust_product": "/v1/TrustProducts"}

# Twilio's own sentences, quoted by its users (twilio/twilio-node#965 and about seven projects).
CONSOLE_ONLY = (
    "This operation is restricted via API for Primary Customer Profiles. "
    + "Use Twilio Console instead."
)
DIRECT_CUSTOMER = (
    "Secondary Customer Profile for direct_customer can only be created through Twilio console."
)
_FRIENDLY_NAME_LIMIT = 255
_BUSINESS_INFORMATION = "customer_profile_business_information"
_PRIMARY_POLICIES = tuple(policy.sid for policy in policies.POLICIES if policy.role == "primary")


def create(
    store: Store,
    party: Party,
    now: Instant,
    kind: str,
    *,
    friendly_name: str,
    email: str,
    policy_sid: str,
    status_callback: str | None = None,
    through_console: bool = False,
) -> Bundle:
    """A new draft. Primary profiles are made in the console only."""
    policy = policies.find(policy_sid)
    if policy is None or policy.kind != kind:
        what = "customer profile" if kind == CUSTOMER_PROFILE else "trust product"
        raise Refused(
            Reason.INVALID_PARAMETER, f"PolicySid {policy_sid} is not the policy of a {what}"
        )
    if policy.role == "primary" and not through_console:
        raise Refused(Reason.CONSOLE_ONLY, CONSOLE_ONLY)
    if (
        policy.role == "secondary"
        and not through_console
        and primary_identity(store, party) == "direct_customer"
    ):
        raise Refused(Reason.CONSOLE_ONLY, DIRECT_CUSTOMER)
    bundle = Bundle(
        sid=sids.mint("BU"),
        account_sid=party.sid,
        kind=kind,
        policy_sid=policy_sid,
        friendly_name=_name(friendly_name),
        status=lifecycle.DRAFT,
        email=email_address.required(email),
        status_callback=_callback(status_callback),
        valid_until=None,
        errors=(),
        copy_of=None,
        date_created=now,
        date_updated=now,
    )
    store.bundles.add(bundle)
    return bundle


def fetch(store: Store, party: Party, kind: str, sid: str) -> Bundle:
    bundle = readable(store, party, store.bundles, sid, PATHS[kind])
    if bundle.kind != kind:
        raise not_found(f"{PATHS[kind]}/{sid}")
    return bundle


class Part(Protocol):
    """What is listed below one bundle."""

    @property
    def bundle_sid(self) -> str: ...


_P = TypeVar("_P", bound=Part)


def part(
    store: Store,
    party: Party,
    kind: str,
    bundle_sid: str,
    every: Collection[_P],
    name: str,
    sid: str,
) -> _P:
    """One of ``every`` that is this bundle's; NOT_FOUND for all others. ``name`` is the list's in
    the path."""
    bundle = fetch(store, party, kind, bundle_sid)
    found = every.get(sid)
    if found is None or found.bundle_sid != bundle.sid:
        raise not_found(f"{PATHS[kind]}/{bundle_sid}/{name}/{sid}")
    return found


def own(store: Store, party: Party, kind: str, sid: str) -> Bundle:
    """The party's own bundle, to be changed."""
    bundle = changeable(party, store.bundles, sid, PATHS[kind])
    if bundle.kind != kind:
        raise not_found(f"{PATHS[kind]}/{sid}")
    return bundle


def page(store: Store, party: Party, kind: str, ask: Ask, where: Mapping[str, Any]) -> Page[Bundle]:
    """One page, newest first, by ``status``, ``friendly_name`` and ``policy_sid`` where given."""
    return store.bundles.page(ask, {**where, "account_sid": party.sid, "kind": kind})


def update(
    store: Store,
    party: Party,
    now: Instant,
    kind: str,
    sid: str,
    *,
    friendly_name: str | None = None,
    email: str | None = None,
    status_callback: str | None = None,
) -> Bundle:
    """Change how a bundle is called and who is told; its status is ``filing``'s matter."""
    bundle = own(store, party, kind, sid)
    changed = replace(
        bundle,
        friendly_name=bundle.friendly_name if friendly_name is None else _name(friendly_name),
        email=bundle.email if email is None else email_address.required(email),
        status_callback=bundle.status_callback
        if status_callback is None
        else _callback(status_callback),
        date_updated=now,
    )
    store.bundles.replace(changed)
    return changed


def delete(store: Store, party: Party, kind: str, sid: str) -> None:
    """Delete a bundle that is not under review.

    A profile that still has numbers is kept (21648); a trust product lets its numbers go, for the
    CNAM guide removes a name "by deleting the CNAM Trust Product".
    """
    bundle = own(store, party, kind, sid)
    if not lifecycle.permits(bundle, "delete"):
        raise Refused(
            Reason.BUNDLE_UNDER_REVIEW,
            f"Bundle {sid} is {bundle.status} and is not eligible for deletion",
        )
    numbers = store.endpoint_assignments.all(bundle_sid=sid)
    if kind == CUSTOMER_PROFILE and any(_counts(store, number) for number in numbers):
        raise Refused(
            Reason.BUNDLE_HAS_NUMBERS,
            f"Bundle {sid} cannot be deleted due to active number assignment",
        )
    for number in numbers:
        store.endpoint_assignments.remove(number.sid)
    for entity in store.entity_assignments.all(bundle_sid=sid):
        store.entity_assignments.remove(entity.sid)
    store.bundles.remove(sid)


def _counts(store: Store, assignment: ChannelEndpointAssignment) -> bool:
    """The assignment of a number that was released or has moved since is an orphan."""
    number = store.numbers.get(assignment.channel_endpoint_sid)
    return number is not None and assignment.holder_sid == number.account_sid


def provisional_copy(store: Store, party: Party, now: Instant, kind: str, sid: str) -> Bundle:
    """A draft with the same contents, to replace an approved bundle before it expires.

    Codes 18607 (not approved), 18608 (copied already) and 18610 (an address is gone) are those of
    the Trust Hub's copy operations. The copy takes the entities and the numbers along.
    """
    bundle = own(store, party, kind, sid)
    if bundle.status != lifecycle.APPROVED:
        raise Refused(
            Reason.COPY_NOT_ELIGIBLE, "Only an approved Customer Profile or Trust Product is copied"
        )
    if store.bundles.first(copy_of=sid) is not None:
        raise Refused(Reason.COPY_EXISTS, "Customer Profile or Trust Product is already copied")
    _require_addresses(store, sid)
    copy = replace(
        bundle,
        sid=sids.mint("BU"),
        status=lifecycle.DRAFT,
        valid_until=None,
        errors=(),
        copy_of=sid,
        date_created=now,
        date_updated=now,
        display_approved=False,
    )
    store.bundles.add(copy)
    for entity in store.entity_assignments.all(bundle_sid=sid):
        store.entity_assignments.add(
            replace(entity, sid=sids.mint("BV"), bundle_sid=copy.sid, date_created=now)
        )
    for number in store.endpoint_assignments.all(bundle_sid=sid):
        store.endpoint_assignments.add(
            replace(number, sid=sids.mint("RA"), bundle_sid=copy.sid, date_created=now)
        )
    return copy


def fetch_copy(store: Store, party: Party, kind: str, sid: str) -> Bundle:
    bundle = fetch(store, party, kind, sid)
    copy = store.bundles.first(copy_of=bundle.sid)
    if copy is None:
        raise not_found(f"{PATHS[kind]}/{sid}/ProvisionalCopy")
    return copy


def primary_of(store: Store, party: Party) -> Bundle | None:
    """The primary profile that stands for a party: its own, else its owner's.

    Of several an approved one: a second may have been begun, or the first rejected.
    """
    begun = None
    for account_sid in dict.fromkeys((party.sid, party.owner_sid)):
        for policy_sid in _PRIMARY_POLICIES:
            for bundle in store.bundles.all(account_sid=account_sid, policy_sid=policy_sid):
                if bundle.status == lifecycle.APPROVED:
                    return bundle
                begun = begun or bundle
    return begun


def primary_identity(store: Store, party: Party) -> str | None:
    """``business_identity`` of the party's primary profile, None when nothing says."""
    primary = primary_of(store, party)
    return identity_of(store, primary) if primary else None


def identity_of(store: Store, primary: Bundle) -> str | None:
    """``business_identity`` in a profile's business information."""
    for assignment in store.entity_assignments.all(bundle_sid=primary.sid):
        if assignment.object_type != _BUSINESS_INFORMATION:
            continue
        end_user = store.end_users.get(assignment.object_sid)
        if end_user and "business_identity" in end_user.attributes:
            return str(end_user.attributes["business_identity"])
    return None


def _require_addresses(store: Store, bundle_sid: str) -> None:
    for assignment in store.entity_assignments.all(bundle_sid=bundle_sid):
        document = store.documents.get(assignment.object_sid)
        for sid in address_sids(document.attributes) if document else ():
            if store.addresses.get(sid) is None:
                raise Refused(
                    Reason.COPY_ADDRESS_DELETED,
                    "Customer Profile or Trust Product cannot be copied due to a deleted Address",
                )


def address_sids(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """``address_sids`` of a document: the type says List, every sample sends one string."""
    value = attributes.get("address_sids", ())
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(str(part) for part in value) if isinstance(value, list) else ()


def _name(text: str) -> str:
    if not text.strip() or len(text) > _FRIENDLY_NAME_LIMIT:
        raise Refused(
            Reason.INVALID_FRIENDLY_NAME,
            f"FriendlyName must be 1..{_FRIENDLY_NAME_LIMIT} characters",
        )
    return text


def _callback(url: str | None) -> str | None:
    """An empty string clears the callback: the Node client sends null as ``StatusCallback=``."""
    if not url:
        return None
    if not is_web(url) or len(url) > 2048:
        raise Refused(Reason.INVALID_CALLBACK_URL, "StatusCallback must be an http or https URL")
    return url
