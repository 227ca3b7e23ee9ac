"""What belongs to a bundle: entities that prove it, numbers it speaks for.

Trust Hub v1 ``EntityAssignments`` and ``ChannelEndpointAssignments``. The order the guides insist
on is held here: a number must be on the business profile before it can be on a product of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from phonotary import sids
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.tn import parse
from phonotary.trusthub import bundles, lifecycle, policies
from phonotary.trusthub.ownership import is_in_family, not_found
from phonotary.trusthub.records import (
    CUSTOMER_PROFILE,
    TRUST_PRODUCT,
    Bundle,
    ChannelEndpointAssignment,
    EntityAssignment,
    Number,
    Party,
)
from phonotary.trusthub.store import Ask, Page, Store

# Seen live for end users; the same sentence fits every entity (HTTP 400, code 70002).
FROZEN = "Cannot update {what}. A bundle it belongs to is in an immutable state."
PHONE_NUMBER = "phone-number"


def assign_entity(
    store: Store, party: Party, now: Instant, kind: str, bundle_sid: str, *, object_sid: str
) -> EntityAssignment:
    """Put an end user, a supporting document or another bundle into a bundle that is still open."""
    bundle = bundles.own(store, party, kind, bundle_sid)
    _require_open(bundle)
    object_type = _object_type(store, party, bundle, object_sid)
    _require_one_profile(store, bundle, object_sid)
    if store.entity_assignments.first(bundle_sid=bundle_sid, object_sid=object_sid):
        raise Refused(Reason.ALREADY_ASSIGNED, f"{object_sid} is already assigned to {bundle_sid}")
    assignment = EntityAssignment(
        sid=sids.mint("BV"),
        account_sid=party.sid,
        bundle_sid=bundle_sid,
        object_sid=object_sid,
        object_type=object_type,
        date_created=now,
    )
    store.entity_assignments.add(assignment)
    return assignment


def entity(store: Store, party: Party, kind: str, bundle_sid: str, sid: str) -> EntityAssignment:
    every = store.entity_assignments
    return bundles.part(store, party, kind, bundle_sid, every, "EntityAssignments", sid)


def entities(
    store: Store, party: Party, kind: str, bundle_sid: str, ask: Ask, where: Mapping[str, Any]
) -> Page[EntityAssignment]:
    """One page, by ``object_type`` where given."""
    bundle = bundles.fetch(store, party, kind, bundle_sid)
    return store.entity_assignments.page(ask, {**where, "bundle_sid": bundle.sid})


def unassign_entity(store: Store, party: Party, kind: str, bundle_sid: str, sid: str) -> None:
    bundle = bundles.own(store, party, kind, bundle_sid)
    found = entity(store, party, kind, bundle_sid, sid)
    _require_open(bundle)
    store.entity_assignments.remove(found.sid)


def assign_number(
    store: Store,
    party: Party,
    now: Instant,
    kind: str,
    bundle_sid: str,
    *,
    channel_endpoint_sid: str,
    channel_endpoint_type: str,
) -> ChannelEndpointAssignment:
    """Put one number on a bundle, in any status.

    On a trust product the number must already be on the linked business profile (both guides), a
    CNAM product takes US long codes only (CNAM guide), and a number is on at most one product of a
    policy (integrators' reports).
    """
    bundle = bundles.own(store, party, kind, bundle_sid)
    if channel_endpoint_type != PHONE_NUMBER:
        raise Refused(Reason.INVALID_PARAMETER, f"ChannelEndpointType must be {PHONE_NUMBER}")
    number = _number(store, party, channel_endpoint_sid)
    carriers = {a.bundle_sid for a in of_number(store, number)}
    if bundle_sid in carriers:
        raise Refused(Reason.ALREADY_ASSIGNED, f"{number.sid} is already assigned to {bundle_sid}")
    if kind == TRUST_PRODUCT:
        _require_on_profile(store, bundle, carriers, number)
        _require_eligible(bundle, number)
        _require_no_other_product(store, bundle, carriers)
    _forget_orphan(store, bundle_sid, number)
    assignment = ChannelEndpointAssignment(
        sid=sids.mint("RA"),
        account_sid=party.sid,
        bundle_sid=bundle_sid,
        channel_endpoint_sid=number.sid,
        channel_endpoint_type=channel_endpoint_type,
        holder_sid=number.account_sid,
        date_created=now,
    )
    store.endpoint_assignments.add(assignment)
    return assignment


def of_number(store: Store, number: Number) -> list[ChannelEndpointAssignment]:
    """The assignments of a number that count: those made for the account that holds it now."""
    every = store.endpoint_assignments.all(channel_endpoint_sid=number.sid)
    return [assignment for assignment in every if assignment.holder_sid == number.account_sid]


def orphan_all(store: Store, number: Number) -> None:
    """The number changes hands: what spoke for it before is listed still and counts no more, also
    if it comes back. At Twilio, too, a moved number has to be assigned anew."""
    for assignment in store.endpoint_assignments.all(channel_endpoint_sid=number.sid):
        store.endpoint_assignments.replace(replace(assignment, holder_sid=""))


def _forget_orphan(store: Store, bundle_sid: str, number: Number) -> None:
    old = store.endpoint_assignments.first(bundle_sid=bundle_sid, channel_endpoint_sid=number.sid)
    if old is not None:
        store.endpoint_assignments.remove(old.sid)


def number_assignment(
    store: Store, party: Party, kind: str, bundle_sid: str, sid: str
) -> ChannelEndpointAssignment:
    every = store.endpoint_assignments
    return bundles.part(store, party, kind, bundle_sid, every, "ChannelEndpointAssignments", sid)


def number_assignments(
    store: Store, party: Party, kind: str, bundle_sid: str, ask: Ask, where: Mapping[str, Any]
) -> Page[ChannelEndpointAssignment]:
    """One page, by ``channel_endpoint_sid`` (one or several) where given."""
    bundle = bundles.fetch(store, party, kind, bundle_sid)
    return store.endpoint_assignments.page(ask, {**where, "bundle_sid": bundle.sid})


def unassign_number(store: Store, party: Party, kind: str, bundle_sid: str, sid: str) -> None:
    """Take a number off a bundle, in any status: this is how a name or an A is given up."""
    bundles.own(store, party, kind, bundle_sid)
    store.endpoint_assignments.remove(number_assignment(store, party, kind, bundle_sid, sid).sid)


def profiles_of(store: Store, bundle_sid: str) -> list[Bundle]:
    """The customer profiles a bundle is linked to."""
    linked = (store.bundles.get(a.object_sid) for a in _bundles_in(store, bundle_sid))
    return [bundle for bundle in linked if bundle and bundle.kind == CUSTOMER_PROFILE]


def _bundles_in(store: Store, bundle_sid: str) -> list[EntityAssignment]:
    every = store.entity_assignments.all(bundle_sid=bundle_sid)
    return [assignment for assignment in every if assignment.object_sid.startswith("BU")]


def is_frozen(store: Store, object_sid: str) -> bool:
    """Whether any bundle that holds the object no longer takes edits."""
    held = store.entity_assignments.all(object_sid=object_sid)
    holders = (store.bundles.get(assignment.bundle_sid) for assignment in held)
    return any(not lifecycle.permits(bundle, "edit") for bundle in holders if bundle)


def _require_open(bundle: Bundle) -> None:
    if not lifecycle.permits(bundle, "assign-entities"):
        raise Refused(Reason.FROZEN, FROZEN.format(what="bundle assignment"))


def _object_type(store: Store, party: Party, bundle: Bundle, object_sid: str) -> str:
    """The type of what is assigned, once it is sure the party may assign it."""
    prefix = object_sid[:2]
    if prefix not in ("IT", "RD", "BU"):
        raise Refused(
            Reason.OBJECT_TYPE_WRONG,
            f"{object_sid} is not an End-User, a Supporting Document or a Bundle",
        )
    unknown = Refused(Reason.OBJECT_UNKNOWN, f"Object {object_sid} was not found")
    if prefix == "BU":
        other = store.bundles.get(object_sid)
        if other is None or not _may_link(party, other):
            raise unknown
        if other.sid == bundle.sid:
            raise Refused(Reason.OBJECT_UNKNOWN, "A bundle cannot be assigned to itself")
        return other.policy_sid
    record = store.end_users.get(object_sid) or store.documents.get(object_sid)
    if record is None or record.account_sid != party.sid:
        raise unknown
    return record.type


def _require_one_profile(store: Store, bundle: Bundle, object_sid: str) -> None:
    """A bundle stands on one business profile: of two, one would be checked, the other used."""
    other = store.bundles.get(object_sid) if object_sid.startswith("BU") else None
    if other is None or other.kind != CUSTOMER_PROFILE:
        return
    for profile in profiles_of(store, bundle.sid):
        if profile.sid != object_sid:
            raise Refused(
                Reason.OBJECT_UNKNOWN,
                f"{bundle.sid} already has a business profile, {profile.sid}; remove that first",
            )


def _may_link(party: Party, other: Bundle) -> bool:
    """Its own, or its parent's primary profile, on which a subaccount's secondary stands."""
    if other.account_sid == party.sid:
        return True
    policy = policies.find(other.policy_sid)
    return other.account_sid == party.owner_sid and policy is not None and policy.role == "primary"


def _number(store: Store, party: Party, sid: str) -> Number:
    """The party's number or its subaccount's (the guide for direct customers with subaccounts)."""
    number = store.numbers.get(sid)
    if number is None or not is_in_family(store, party, number.account_sid):
        raise not_found(f"/2010-04-01/Accounts/{party.sid}/IncomingPhoneNumbers/{sid}")
    return number


def _require_on_profile(
    store: Store, product: Bundle, bundle_sids: set[str], number: Number
) -> None:
    if not any(profile.sid in bundle_sids for profile in profiles_of(store, product.sid)):
        raise Refused(
            Reason.NUMBER_NOT_ON_PROFILE,
            f"{number.sid} must be assigned to the supporting Customer Profile before it can be "
            f"assigned to {product.sid}",
        )


def _require_eligible(product: Bundle, number: Number) -> None:
    policy = policies.find(product.policy_sid)
    if policy is None or not policy.us_long_codes_only:
        return
    tn = parse(number.phone_number)
    if tn is None or not tn.in_united_states or tn.kind == "toll-free":
        raise Refused(
            Reason.NUMBER_NOT_ELIGIBLE,
            f"{number.sid} is not a US local number; CNAM is not available for toll-free numbers "
            "or numbers of other countries, including Canada",
        )


def _require_no_other_product(store: Store, product: Bundle, bundle_sids: set[str]) -> None:
    for sid in bundle_sids:
        other = store.bundles.get(sid)
        if other and other.policy_sid == product.policy_sid and other.sid != product.copy_of:
            raise Refused(
                Reason.ALREADY_ASSIGNED,
                f"The number is already assigned to {other.sid}, a product of the same policy",
            )
