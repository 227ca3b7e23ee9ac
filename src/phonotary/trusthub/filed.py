"""What a bundle holds at one moment, as plain values: kept with the decision that approved it.

A customer may change or delete its records after they were approved. Whoever asks later for whom
a call was signed asks for what was approved.
"""

from __future__ import annotations

import json
from typing import Any

from phonotary.trusthub import bundles, types
from phonotary.trusthub.records import Address, Bundle, EndUser, SupportingDocument
from phonotary.trusthub.store import Store

MOST = 65_536
"""Bytes of JSON that are kept of one bundle. What does not fit is counted in ``left_out``."""
_LONGEST = 2_000
# So that one record cannot keep the others out.
_MOST_OF_ONE = 16_384
# The digits of ``left_out``.
_COUNT = 10


def contents(store: Store, bundle: Bundle, most: int | None = None) -> dict[str, Any]:
    """JSON values: the bundle's names and policy, its end users, documents with their addresses,
    and the SIDs of linked bundles. Registration numbers stand in it as they were filed. ``most``
    bounds its bytes as JSON."""
    kept: dict[str, Any] = {
        "account_sid": bundle.account_sid,
        "kind": bundle.kind,
        "policy_sid": bundle.policy_sid,
        "friendly_name": bundle.friendly_name[:_LONGEST],
        "email": bundle.email[:_LONGEST],
        "end_users": [],
        "supporting_documents": [],
        "addresses": [],
        "linked_bundles": [],
        "left_out": 0,
    }
    used = _size(kept) + _COUNT
    for name, each in _each(store, bundle):
        item = each if most is None or _size(each) <= _MOST_OF_ONE else _least(name, each)
        # Two characters are between it and the one before.
        size = _size(item) + 2
        if most is not None and used + size > most:
            kept["left_out"] += 1
            continue
        kept[name].append(item)
        used += size
    return kept


def as_approved(store: Store, bundle: Bundle) -> dict[str, Any]:
    """What a decision keeps: :func:`contents` of at most :data:`MOST` bytes."""
    return contents(store, bundle, MOST)


def _each(store: Store, bundle: Bundle) -> list[tuple[str, Any]]:
    """Who, where, on what papers, and on what other bundles; the first of these first."""
    found: dict[str, list[Any]] = {
        "end_users": [],
        "addresses": [],
        "supporting_documents": [],
        "linked_bundles": [],
    }
    for assignment in store.entity_assignments.all(bundle_sid=bundle.sid):
        sid = assignment.object_sid
        if sid.startswith("BU"):
            found["linked_bundles"].append(sid)
        elif (end_user := store.end_users.get(sid)) is not None:
            found["end_users"].append(_end_user(end_user))
        elif (document := store.documents.get(sid)) is not None:
            found["supporting_documents"].append(_document(document))
            for each in bundles.address_sids(document.attributes):
                address = store.addresses.get(each)
                # The address where it is the account's own, as the rules read it.
                if address is not None and address.account_sid == document.account_sid:
                    found["addresses"].append(_address(address))
    return [(name, each) for name, items in found.items() for each in items]


def _end_user(end_user: EndUser) -> dict[str, Any]:
    return {
        "sid": end_user.sid,
        "type": end_user.type,
        "friendly_name": end_user.friendly_name,
        "attributes": dict(end_user.attributes),
        "date_updated": end_user.date_updated,
    }


def _document(document: SupportingDocument) -> dict[str, Any]:
    return {
        "sid": document.sid,
        "type": document.type,
        "friendly_name": document.friendly_name,
        "attributes": dict(document.attributes),
        "date_updated": document.date_updated,
    }


def _address(address: Address) -> dict[str, Any]:
    return {
        "sid": address.sid,
        "customer_name": address.customer_name,
        "street": address.street,
        "street_secondary": address.street_secondary,
        "city": address.city,
        "region": address.region,
        "postal_code": address.postal_code,
        "iso_country": address.iso_country,
        "date_updated": address.date_updated,
    }


def _least(name: str, item: Any) -> Any:
    """Of a record that is too long: the attributes its type knows, each cut."""
    if not isinstance(item, dict):
        return item
    known = None
    if name == "end_users":
        known = types.end_user_type(item["type"])
    elif name == "supporting_documents":
        known = types.supporting_document_type(item["type"])
    least = {key: _cut(value) for key, value in item.items()}
    if "attributes" in item:
        names = {field.machine_name for field in known.fields} if known else set()
        given = item["attributes"].items()
        least["attributes"] = {key: _cut(value) for key, value in given if key in names}
        least["cut"] = True
    return least


def _cut(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    return value if len(text) <= _LONGEST else text[:_LONGEST]


def _size(value: Any) -> int:
    return len(json.dumps(value))
