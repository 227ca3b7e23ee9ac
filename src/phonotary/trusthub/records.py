"""The nouns of the Trust Hub as values, one field for each thing the wire or a rule needs.

Twilio's v1 resources (Trust Hub) and the two 2010-04-01 resources they lean on (addresses and
numbers). All instants are seconds since 1970 (``phonotary.clock``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from phonotary.clock import Instant


@dataclass(frozen=True, slots=True)
class Party:
    """The account a request acts for, and the account that owns it (itself, for a parent)."""

    sid: str
    owner_sid: str


CUSTOMER_PROFILE = "customer_profile"
TRUST_PRODUCT = "trust_product"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A CustomerProfile or a TrustProduct: one thing with two paths."""

    sid: str
    account_sid: str
    kind: str
    policy_sid: str
    friendly_name: str
    status: str
    email: str
    status_callback: str | None
    valid_until: Instant | None
    errors: tuple[int, ...]
    """Catalogue codes of the last rejection; empty unless rejected."""
    copy_of: str | None
    """The bundle this one is a provisional copy of."""
    date_created: Instant
    date_updated: Instant
    display_approved: bool = False
    """Its approval was made by the rules for how a business is shown. Versions before them
    approved whatever stood there, and that is shown to nobody."""


@dataclass(frozen=True, slots=True)
class EndUser:
    sid: str
    account_sid: str
    friendly_name: str
    type: str
    attributes: dict[str, Any]
    date_created: Instant
    date_updated: Instant


@dataclass(frozen=True, slots=True)
class SupportingDocument:
    sid: str
    account_sid: str
    friendly_name: str
    type: str
    attributes: dict[str, Any]
    mime_type: str | None
    status: str
    date_created: Instant
    date_updated: Instant


@dataclass(frozen=True, slots=True)
class EntityAssignment:
    """An end user, a document or another bundle that belongs to a bundle."""

    sid: str
    account_sid: str
    bundle_sid: str
    object_sid: str
    object_type: str
    """The end user's or document's type, or the policy SID of an assigned bundle."""
    date_created: Instant


@dataclass(frozen=True, slots=True)
class ChannelEndpointAssignment:
    """A number that a bundle speaks for."""

    sid: str
    account_sid: str
    bundle_sid: str
    channel_endpoint_sid: str
    channel_endpoint_type: str
    holder_sid: str
    """The account that held the number when it was assigned; empty once the number has moved. An
    assignment counts only while its holder holds the number: it speaks of nobody else's."""
    date_created: Instant


@dataclass(frozen=True, slots=True)
class StoredEvaluation:
    sid: str
    account_sid: str
    bundle_sid: str
    policy_sid: str
    status: str
    results: list[Any]
    date_created: Instant


@dataclass(frozen=True, slots=True)
class Address:
    sid: str
    account_sid: str
    friendly_name: str
    customer_name: str
    street: str
    street_secondary: str | None
    city: str
    region: str
    postal_code: str
    iso_country: str
    emergency_enabled: bool
    validated: bool
    verified: bool
    date_created: Instant
    date_updated: Instant


@dataclass(frozen=True, slots=True)
class Number:
    """An IncomingPhoneNumber. ``settings`` holds the voice and messaging URLs no rule reads."""

    sid: str
    account_sid: str
    phone_number: str
    """E.164."""
    kind: str
    """``local``, ``toll-free`` or ``mobile``."""
    iso_country: str
    friendly_name: str
    address_sid: str | None
    bundle_sid: str | None
    voice_caller_id_lookup: bool
    settings: dict[str, str] = field(default_factory=dict)
    date_created: Instant = 0
    date_updated: Instant = 0


@dataclass(frozen=True, slots=True)
class OutgoingCallerId:
    sid: str
    account_sid: str
    friendly_name: str
    phone_number: str
    date_created: Instant
    date_updated: Instant


@dataclass(frozen=True, slots=True)
class Inquiry:
    """An embedded onboarding session: a link a customer opens to fill and submit one bundle."""

    sid: str
    """``inq_`` and 24 letters or digits."""
    account_sid: str
    bundle_sid: str
    kind: str
    """``customer``, ``registration`` or ``tollfree``."""
    token_digest: str
    prefill: dict[str, Any]
    expires: Instant
    date_created: Instant
