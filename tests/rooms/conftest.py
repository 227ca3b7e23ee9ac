"""Who the rooms' tests are about: a parent, its subaccount, and a stranger, kept in memory."""

from __future__ import annotations

import pytest

from phonotary.trusthub.records import Party
from tests.rooms import office
from tests.rooms.memory import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def parent(store: MemoryStore) -> Party:
    """Called the ISV elsewhere: the account that owns the subaccount."""
    return office.party_of(office.opened(store))


@pytest.fixture
def child(store: MemoryStore, parent: Party) -> Party:
    owner = store.account(parent.sid)
    assert owner is not None
    return office.party_of(office.opened(store, owner))


@pytest.fixture
def stranger(store: MemoryStore) -> Party:
    return office.party_of(office.opened(store))
