"""Addresses a supporting document points at. 2010-04-01 ``Addresses``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from phonotary import sids
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.trusthub import assignments, bundles
from phonotary.trusthub.ownership import changeable, not_found
from phonotary.trusthub.records import Address, Number, Party
from phonotary.trusthub.store import Ask, Page, Store


def path(party: Party) -> str:
    return f"/2010-04-01/Accounts/{party.sid}/Addresses"


def create(
    store: Store,
    party: Party,
    now: Instant,
    *,
    customer_name: str,
    street: str,
    city: str,
    region: str,
    postal_code: str,
    iso_country: str,
    friendly_name: str | None = None,
    street_secondary: str | None = None,
    emergency_enabled: bool = False,
) -> Address:
    """A new address. ``validated`` stays false: nothing here checks a postal database."""
    if len(iso_country) != 2 or not (iso_country.isascii() and iso_country.isalpha()):
        raise Refused(Reason.ADDRESS_INVALID, "IsoCountry must be two letters, as in US")
    address = Address(
        sid=sids.mint("AD"),
        account_sid=party.sid,
        friendly_name=friendly_name or "",
        customer_name=customer_name,
        street=street,
        street_secondary=street_secondary or None,
        city=city,
        region=region,
        postal_code=postal_code,
        iso_country=iso_country.upper(),
        emergency_enabled=emergency_enabled,
        validated=False,
        verified=False,
        date_created=now,
        date_updated=now,
    )
    store.addresses.add(address)
    return address


def fetch(store: Store, party: Party, sid: str) -> Address:
    address = store.addresses.get(sid)
    if address is None or address.account_sid != party.sid:
        raise not_found(f"{path(party)}/{sid}")
    return address


def page(store: Store, party: Party, ask: Ask, where: Mapping[str, Any]) -> Page[Address]:
    return store.addresses.page(ask, {**where, "account_sid": party.sid})


def update(store: Store, party: Party, now: Instant, sid: str, **changes: Any) -> Address:
    """Change what was given. An address of a verified document does not change (21630)."""
    address = changeable(party, store.addresses, sid, path(party))
    _require_unlinked(store, address)
    given = {name: value for name, value in changes.items() if value is not None}
    changed = replace(address, **given, date_updated=now)
    store.addresses.replace(changed)
    return changed


def delete(store: Store, party: Party, sid: str) -> None:
    address = changeable(party, store.addresses, sid, path(party))
    _require_unlinked(store, address)
    store.addresses.remove(address.sid)


def dependents(store: Store, party: Party, sid: str, ask: Ask) -> Page[Number]:
    """The numbers that need this address."""
    address = fetch(store, party, sid)
    return store.numbers.page(ask, {"account_sid": party.sid, "address_sid": address.sid})


def _require_unlinked(store: Store, address: Address) -> None:
    """Twilio code 21630: an address behind the document of a frozen bundle cannot be touched."""
    for document in store.documents.all(account_sid=address.account_sid):
        named = address.sid in bundles.address_sids(document.attributes)
        if named and assignments.is_frozen(store, document.sid):
            raise Refused(
                Reason.ADDRESS_FROZEN,
                "Cannot mutate Address that is linked to a verified Document.",
            )
