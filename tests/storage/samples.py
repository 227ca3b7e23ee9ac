"""One record of every kind, as unpleasant as its fields allow, and numbered to tell them apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from phonotary.access.accounts import Account, Key
from phonotary.trusthub import records as r

NOW = 1_790_000_000
TEXT = "Zoë & Søn 漢字 🐘 \u202etxet 'quoted' \"twice\" 100%_ \\n ; -- \n\t end"
JSON: dict[str, Any] = {
    "z comes first": 1,
    "a comes second": TEXT,
    TEXT: None,
    "": "",
    "nested": [{"list": [1, -2.5, True, None, []], "empty": {}}, ["🐘"]],
    "wide": 2**53 + 1,
    "wider": 10**25,
    "small": 5e-324,
}


def sid(prefix: str, number: int = 1) -> str:
    return f"{prefix}{number:032x}"


OURS, OTHERS = sid("AC", 1), sid("AC", 2)
_DATED = {"date_created": NOW, "date_updated": NOW + 2**32}


def account(n: int, owner: str) -> Account:
    return Account(sid("AC", 100 + n), owner, TEXT, "active", "Full", "t" * 32, **_DATED)


def key(n: int, owner: str) -> Key:
    return Key(sid("SK", n), owner, TEXT, "api", "d" * 64, **_DATED)


def bundle(n: int, owner: str) -> r.Bundle:
    return r.Bundle(
        sid=sid("BU", n),
        account_sid=owner,
        kind="trust_product" if n % 2 else "customer_profile",
        policy_sid=sid("RN", n % 3),
        friendly_name=TEXT,
        status=("draft", "pending-review", "twilio-rejected")[n % 3],
        email="zoë@bücher.example",
        status_callback=None if n % 2 else "https://acme.example/hook?a=1&b=ü",
        valid_until=None if n % 2 else NOW + 2**33,
        errors=(18601, 22214) if n % 2 else (),
        copy_of=sid("BU", 999) if n % 2 else None,
        display_approved=bool(n % 2),
        **_DATED,
    )


def end_user(n: int, owner: str) -> r.EndUser:
    return r.EndUser(sid("IT", n), owner, TEXT, "x" * 200, JSON if n % 2 else {}, **_DATED)


def document(n: int, owner: str) -> r.SupportingDocument:
    mime = "image/png" if n % 2 else None
    return r.SupportingDocument(sid("RD", n), owner, TEXT, "any", JSON, mime, "DRAFT", **_DATED)


def entity_assignment(n: int, owner: str) -> r.EntityAssignment:
    bundle_sid = sid("BU", n % 3)
    return r.EntityAssignment(sid("BV", n), owner, bundle_sid, sid("IT", n), "any", NOW)


def endpoint_assignment(n: int, owner: str) -> r.ChannelEndpointAssignment:
    kind = "phone-number"
    return r.ChannelEndpointAssignment(
        sid("RA", n), owner, sid("BU", n % 3), sid("PN", n), kind, owner, NOW
    )


def evaluation(n: int, owner: str) -> r.StoredEvaluation:
    results = [JSON, {"passed": False, "invalid": [None]}] if n % 2 else []
    return r.StoredEvaluation(
        sid("EL", n), owner, sid("BU", n % 3), sid("RN"), "noncompliant", results, NOW
    )


def address(n: int, owner: str) -> r.Address:
    return r.Address(
        sid=sid("AD", n),
        account_sid=owner,
        friendly_name="",
        customer_name=TEXT,
        street=TEXT,
        street_secondary=None if n % 2 else "",
        city="Łódź",
        region="",
        postal_code="00-001",
        iso_country="PL",
        emergency_enabled=bool(n % 2),
        validated=False,
        verified=not n % 2,
        **_DATED,
    )


def number(n: int, owner: str) -> r.Number:
    return r.Number(
        sid=sid("PN", n),
        account_sid=owner,
        phone_number=f"+1415{2360000 + n}",
        kind="toll-free" if n % 2 else "local",
        iso_country="US",
        friendly_name=TEXT,
        address_sid=sid("AD", n) if n % 2 else None,
        bundle_sid=None,
        voice_caller_id_lookup=bool(n % 2),
        settings={"voice_url": "https://acme.example/ü"} if n % 2 else {},
        **_DATED,
    )


def caller_id(n: int, owner: str) -> r.OutgoingCallerId:
    return r.OutgoingCallerId(sid("PN", n), owner, TEXT, f"+1212{2360000 + n}", **_DATED)


def inquiry(n: int, owner: str) -> r.Inquiry:
    return r.Inquiry(
        f"inq_{n:024x}", owner, sid("BU", n % 3), "customer", "d" * 64, JSON, NOW + 60, NOW
    )


MAKE: dict[str, Callable[[int, str], Any]] = {
    "accounts": account,
    "keys": key,
    "bundles": bundle,
    "end_users": end_user,
    "documents": document,
    "entity_assignments": entity_assignment,
    "endpoint_assignments": endpoint_assignment,
    "evaluations": evaluation,
    "addresses": address,
    "numbers": number,
    "caller_ids": caller_id,
    "inquiries": inquiry,
}
"""How to make the n-th record of each collection."""

UNIQUE: dict[str, tuple[str, ...]] = {
    "entity_assignments": ("bundle_sid", "object_sid"),
    "endpoint_assignments": ("bundle_sid", "channel_endpoint_sid"),
    "numbers": ("phone_number",),
    "caller_ids": ("account_sid", "phone_number"),
}
"""What no two records of a collection may share, beside the SID."""


def owner_column(collection: str) -> str:
    return "owner_account_sid" if collection == "accounts" else "account_sid"
