"""End users are kept as they were given, and do not change under a frozen bundle."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phonotary.errors import Reason
from phonotary.trusthub import end_users, lifecycle, types
from phonotary.trusthub.records import EndUser, Party
from phonotary.trusthub.store import Ask
from tests.rooms import office
from tests.rooms.memory import MemoryStore
from tests.rooms.office import NOW, nobody, refused

LATER = NOW + 60


@pytest.fixture
def kept(store: MemoryStore, parent: Party) -> EndUser:
    return end_users.create(
        store,
        parent,
        NOW,
        friendly_name="Acme",
        type="cnam_information",
        attributes={"cnam_display_name": "ACME", "unheard of": [1]},
    )


def test_every_published_type_can_be_made(store: MemoryStore, parent: Party) -> None:
    for each in types.end_user_types():
        made = end_users.create(store, parent, NOW, friendly_name="", type=each.machine_name)
        assert (made.type, made.attributes) == (each.machine_name, {})
        assert store.end_users.get(made.sid) == made


@pytest.mark.parametrize("type", ["", "customer_profile_address", "CNAM_INFORMATION"])
def test_an_unknown_type_is_refused(store: MemoryStore, parent: Party, type: str) -> None:
    with refused(Reason.END_USER_TYPE_UNKNOWN):
        end_users.create(store, parent, NOW, friendly_name="", type=type)


def test_what_is_not_given_stays(store: MemoryStore, parent: Party, kept: EndUser) -> None:
    same = end_users.update(store, parent, LATER, kept.sid)
    assert same == replace(kept, date_updated=LATER)
    emptied = end_users.update(store, parent, LATER, kept.sid, friendly_name="", attributes={})
    assert (emptied.friendly_name, emptied.attributes) == ("", {})
    assert end_users.fetch(store, parent, kept.sid) == emptied


@pytest.mark.parametrize("status", lifecycle.STATUSES)
def test_an_end_user_changes_while_all_its_bundles_are_open(
    store: MemoryStore, parent: Party, kept: EndUser, status: str
) -> None:
    for bundle in (office.draft(store, parent), office.draft(store, parent)):
        office.assigned(store, parent, bundle, kept.sid)
    office.forced(store, bundle, status)
    if status in ("draft", "twilio-rejected"):
        end_users.update(store, parent, LATER, kept.sid, friendly_name="new")
        return
    with refused(Reason.FROZEN) as caught:
        end_users.update(store, parent, LATER, kept.sid, friendly_name="new")
    assert caught.value.because == (
        "Cannot update end-user. A bundle it belongs to is in an immutable state."
    )
    assert store.end_users.get(kept.sid) == kept


def test_an_assigned_end_user_is_not_deleted(
    store: MemoryStore, parent: Party, kept: EndUser
) -> None:
    office.assigned(store, parent, office.draft(store, parent), kept.sid)
    with refused(Reason.END_USER_ASSIGNED):
        end_users.delete(store, parent, kept.sid)
    (held,) = store.entity_assignments.all()
    store.entity_assignments.remove(held.sid)
    end_users.delete(store, parent, kept.sid)
    with refused(Reason.NOT_FOUND):
        end_users.fetch(store, parent, kept.sid)


def test_a_list_holds_the_partys_own(
    store: MemoryStore, parent: Party, child: Party, kept: EndUser
) -> None:
    office.end_user(store, child, "cnam_information", {})
    assert end_users.page(store, parent, Ask()).rows == [kept]


def test_what_does_not_exist_is_not_found(store: MemoryStore, parent: Party) -> None:
    with refused(Reason.NOT_FOUND):
        end_users.update(store, parent, NOW, nobody("IT"))
    with refused(Reason.NOT_FOUND):
        end_users.delete(store, parent, nobody("IT"))
