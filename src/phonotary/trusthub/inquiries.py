"""Embedded onboarding: a link that lets a customer fill and submit one bundle without our API.

Trust Hub v1 ``/ComplianceInquiries``. Initialize makes the draft and a session; opening the link
shows a form with what the bundle's policy asks for; sending it fills the bundle and submits it.
This is also how a primary profile is made, which the API refuses: the link is the console.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from phonotary import sids
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.trusthub import (
    addresses,
    assignments,
    bundles,
    end_users,
    filing,
    lifecycle,
    policies,
    supporting_documents,
    types,
)
from phonotary.trusthub.ownership import not_found
from phonotary.trusthub.records import (
    CUSTOMER_PROFILE,
    TRUST_PRODUCT,
    Bundle,
    Inquiry,
    Party,
)
from phonotary.trusthub.store import Store

LIFE = 86_400
"""Seconds a session lives: the SDK says a token expires in 24 hours."""

ADDRESS_FIELDS = (
    "customer_name",
    "street",
    "street_secondary",
    "city",
    "region",
    "postal_code",
    "iso_country",
)
_REALM = "tri1.us1"


@dataclass(frozen=True, slots=True)
class Session:
    """An inquiry and the token that opens it, which is shown once and not kept."""

    inquiry: Inquiry
    token: str
    resource_id: str
    """``tri1.us1.trusthub.AC….customer.BU…``: what resumes it."""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the form: an end user's fields, or the address behind a document."""

    type: str
    title: str
    fields: tuple[str, ...]
    optional: bool = False


def for_customer(
    store: Store,
    party: Party,
    now: Instant,
    *,
    primary_profile_sid: str | None = None,
    notification_email: str | None = None,
) -> Session:
    """A draft profile and its session: secondary under the primary given, else a primary."""
    primary = _primary(store, party, primary_profile_sid) if primary_profile_sid else None
    bundle = bundles.create(
        store,
        party,
        now,
        CUSTOMER_PROFILE,
        friendly_name="Compliance inquiry",
        email=notification_email or (primary.email if primary else "compliance@example.com"),
        policy_sid=policies.SECONDARY if primary else policies.PRIMARY,
        through_console=True,
    )
    if primary:
        assignments.assign_entity(
            store, party, now, CUSTOMER_PROFILE, bundle.sid, object_sid=primary.sid
        )
    return _open(store, now, bundle, "customer", {})


def resume_customer(
    store: Store, party: Party, now: Instant, customer_id: str, *, primary_profile_sid: str
) -> Session:
    """A new session for an expired inquiry, or for a profile that was rejected."""
    bundle = _resumable(store, party, customer_id, "customer")
    _primary(store, party, primary_profile_sid)
    return _open(store, now, bundle, "customer", _prefill_of(store, bundle))


def for_registration(
    store: Store, party: Party, now: Instant, *, end_user_type: str, prefill: Mapping[str, Any]
) -> Session:
    """GB regulatory compliance. Twilio publishes no policy for it; ours is marked as our own."""
    policy = policies.named("gb_business" if end_user_type == "Business" else "gb_individual")
    bundle = bundles.create(
        store,
        party,
        now,
        TRUST_PRODUCT,
        friendly_name=str(prefill.get("friendly_name") or "GB regulatory compliance"),
        email=str(prefill.get("notification_email") or "compliance@example.com"),
        policy_sid=policy.sid,
        status_callback=prefill.get("status_callback_url"),
    )
    return _open(store, now, bundle, "registration", dict(prefill))


def resume_registration(store: Store, party: Party, now: Instant, registration_id: str) -> Session:
    bundle = _resumable(store, party, registration_id, "registration")
    return _open(store, now, bundle, "registration", _prefill_of(store, bundle))


def for_tollfree(
    store: Store, party: Party, now: Instant, *, phone_number: str, prefill: Mapping[str, Any]
) -> Session:
    """Toll-free verification of one number the account holds."""
    number = store.numbers.first(phone_number=phone_number, account_sid=party.sid)
    if number is None or number.kind != "toll-free":
        raise Refused(
            Reason.INVALID_PARAMETER, "TollfreePhoneNumber is not a toll-free number you hold"
        )
    bundle = bundles.create(
        store,
        party,
        now,
        TRUST_PRODUCT,
        friendly_name=str(prefill.get("business_name") or "Toll-free verification"),
        email=str(prefill["notification_email"]),
        policy_sid=policies.named("toll_free").sid,
    )
    session = _open(store, now, bundle, "tollfree", dict(prefill))
    resource_id = f"{_REALM}.trusthub.{party.sid}.tollfree.{number.sid}"
    return replace(session, resource_id=resource_id)


def opened(store: Store, now: Instant, sid: str, token: str) -> tuple[Inquiry, Bundle]:
    """The inquiry behind a link, if its token is right and still good."""
    inquiry = store.inquiries.get(sid)
    bundle = store.bundles.get(inquiry.bundle_sid) if inquiry else None
    if inquiry is None or bundle is None or not _holds(inquiry, token):
        raise not_found(f"/console/inquiries/{sid}")
    if now >= inquiry.expires:
        raise Refused(Reason.FORBIDDEN, "This link has expired; ask for a new one")
    return inquiry, bundle


def sections(bundle: Bundle) -> tuple[Section, ...]:
    """What the bundle's policy asks a person for, in the policy's order."""
    policy = policies.find(bundle.policy_sid)
    if policy is None:
        return ()
    wanted = [
        Section(e.type, e.name, e.fields, e.requirement_name in policy.optional)
        for e in policy.end_users
    ]
    for group in policy.document_groups:
        for document in group:
            wanted.append(Section(document.accepted[0].type, document.name, ADDRESS_FIELDS))
    return tuple(wanted)


def answer(
    store: Store,
    now: Instant,
    bundle: Bundle,
    owner_sid: str,
    given: Mapping[str, str],
    vetting: filing.Vetting,
) -> Bundle:
    """Fill the bundle with what was typed (``section.field`` keys) and submit it."""
    if not lifecycle.permits(bundle, "edit"):
        raise Refused(Reason.FROZEN, assignments.FROZEN.format(what="bundle"))
    party = Party(bundle.account_sid, owner_sid)
    for section in sections(bundle):
        values = {name: given.get(f"{section.type}.{name}", "").strip() for name in section.fields}
        if section.optional and not any(values.values()):
            continue
        _clear(store, bundle, section.type)
        object_sid = _make(store, party, now, section, values)
        assignments.assign_entity(store, party, now, bundle.kind, bundle.sid, object_sid=object_sid)
    return filing.submit(store, now, bundle, vetting)


def _make(
    store: Store, party: Party, now: Instant, section: Section, values: dict[str, str]
) -> str:
    if types.end_user_type(section.type) is not None:
        end_user = end_users.create(
            store, party, now, friendly_name=section.title, type=section.type, attributes=values
        )
        return end_user.sid
    typed: dict[str, Any] = dict(values)
    address = addresses.create(store, party, now, friendly_name=section.title, **typed)
    document = supporting_documents.create(
        store,
        party,
        now,
        friendly_name=section.title,
        type=section.type,
        attributes={"address_sids": address.sid},
    )
    return document.sid


def _clear(store: Store, bundle: Bundle, object_type: str) -> None:
    for old in store.entity_assignments.all(bundle_sid=bundle.sid):
        if old.object_type == object_type:
            store.entity_assignments.remove(old.sid)


def _primary(store: Store, party: Party, sid: str) -> Bundle:
    primary = store.bundles.get(sid)
    policy = policies.find(primary.policy_sid) if primary else None
    if (
        primary is None
        or primary.account_sid not in (party.sid, party.owner_sid)
        or policy is None
        or policy.role != "primary"
    ):
        raise Refused(Reason.INVALID_PARAMETER, f"PrimaryProfileSid {sid} was not found")
    return primary


def _resumable(store: Store, party: Party, resource_id: str, kind: str) -> Bundle:
    """``tri1.us1.….AC….kind.BU…`` of the party itself."""
    parts = resource_id.split(".")
    bundle = store.bundles.get(parts[-1]) if parts[-2:-1] == [kind] else None
    known = bundle is not None and store.inquiries.first(bundle_sid=bundle.sid, kind=kind)
    if bundle is None or bundle.account_sid != party.sid or not known:
        raise not_found(f"/v1/ComplianceInquiries/{resource_id}")
    return bundle


def _prefill_of(store: Store, bundle: Bundle) -> dict[str, Any]:
    inquiry = store.inquiries.first(bundle_sid=bundle.sid)
    return dict(inquiry.prefill) if inquiry else {}


def _open(
    store: Store, now: Instant, bundle: Bundle, kind: str, prefill: dict[str, Any]
) -> Session:
    token = sids.secret()
    inquiry = Inquiry(
        sid=sids.mint("inq_")[:28],
        account_sid=bundle.account_sid,
        bundle_sid=bundle.sid,
        kind=kind,
        token_digest=hashlib.sha256(token.encode()).hexdigest(),
        prefill=prefill,
        expires=now + LIFE,
        date_created=now,
    )
    store.inquiries.add(inquiry)
    product = "account" if kind == "registration" else "trusthub"
    resource_id = f"{_REALM}.{product}.{bundle.account_sid}.{kind}.{bundle.sid}"
    return Session(inquiry, token, resource_id)


def _holds(inquiry: Inquiry, token: str) -> bool:
    digest = hashlib.sha256(token.encode()).hexdigest()
    return hmac.compare_digest(digest, inquiry.token_digest)
