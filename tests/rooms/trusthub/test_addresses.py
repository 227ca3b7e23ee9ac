"""Addresses, and when one may no longer be touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phonotary.errors import Reason
from phonotary.trusthub import addresses, lifecycle
from phonotary.trusthub.records import Address, Party
from phonotary.trusthub.store import Ask
from tests.rooms import office
from tests.rooms.memory import MemoryStore
from tests.rooms.office import ADDRESS, NOW, nobody, refused

LATER = NOW + 60


@pytest.fixture
def kept(store: MemoryStore, parent: Party) -> Address:
    return addresses.create(
        store, parent, NOW, **{**ADDRESS, "iso_country": "us"}, street_secondary=""
    )


def test_a_new_address_is_kept_as_given(store: MemoryStore, parent: Party, kept: Address) -> None:
    assert (kept.iso_country, kept.street_secondary) == ("US", None)
    assert not kept.validated
    assert not kept.verified
    assert addresses.fetch(store, parent, kept.sid) == kept
    assert addresses.page(store, parent, Ask(), {"customer_name": kept.customer_name}).rows == [
        kept
    ]


@pytest.mark.parametrize("country", ["", "U", "USA", "12", "U "])
def test_a_country_is_two_letters(store: MemoryStore, parent: Party, country: str) -> None:
    with refused(Reason.ADDRESS_INVALID):
        addresses.create(store, parent, NOW, **{**ADDRESS, "iso_country": country})


def test_what_is_not_given_stays(store: MemoryStore, parent: Party, kept: Address) -> None:
    same = addresses.update(store, parent, LATER, kept.sid, city=None)
    assert same == replace(kept, date_updated=LATER)
    changed = addresses.update(store, parent, LATER, kept.sid, city="Dallas")
    assert changed == replace(same, city="Dallas")
    assert store.addresses.get(kept.sid) == changed


@pytest.mark.parametrize("status", lifecycle.STATUSES)
def test_an_address_is_frozen_with_the_bundle_of_its_document(
    store: MemoryStore, parent: Party, status: str
) -> None:
    paper = office.document(store, parent)
    (address,) = store.addresses.all()
    bundle = office.draft(store, parent)
    office.assigned(store, parent, bundle, paper)
    office.forced(store, bundle, status)
    if status in ("draft", "twilio-rejected"):
        addresses.update(store, parent, LATER, address.sid, city="Dallas")
        addresses.delete(store, parent, address.sid)
        with refused(Reason.NOT_FOUND):
            addresses.fetch(store, parent, address.sid)
        return
    with refused(Reason.ADDRESS_FROZEN):
        addresses.update(store, parent, LATER, address.sid, city="Dallas")
    with refused(Reason.ADDRESS_FROZEN):
        addresses.delete(store, parent, address.sid)
    assert store.addresses.get(address.sid) == address


def test_what_does_not_exist_is_not_found(store: MemoryStore, parent: Party) -> None:
    with refused(Reason.NOT_FOUND):
        addresses.update(store, parent, NOW, nobody("AD"))
    with refused(Reason.NOT_FOUND):
        addresses.delete(store, parent, nobody("AD"))
    with refused(Reason.NOT_FOUND):
        addresses.dependents(store, parent, nobody("AD"), Ask())
