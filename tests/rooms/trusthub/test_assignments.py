"""What may join a bundle, in which order, and what may leave it again."""

from __future__ import annotations

import pytest

from phonotary.errors import Reason
from phonotary.trusthub import assignments, bundles, lifecycle, numbers, policies
from phonotary.trusthub.records import CUSTOMER_PROFILE, TRUST_PRODUCT, Bundle, Number, Party
from phonotary.trusthub.store import Ask
from tests.rooms import office
from tests.rooms.memory import MemoryStore
from tests.rooms.office import NOW, nobody, refused


def join(store: MemoryStore, party: Party, bundle: Bundle, object_sid: str) -> str:
    made = assignments.assign_entity(
        store, party, NOW, bundle.kind, bundle.sid, object_sid=object_sid
    )
    assert store.entity_assignments.get(made.sid) == made
    return made.object_type


def both(store: MemoryStore, party: Party) -> tuple[Bundle, Bundle]:
    """A profile and a product linked to it."""
    profile = office.draft(store, party, policies.PRIMARY)
    return profile, office.product(store, party, profile)


def test_an_assignment_says_what_type_it_holds(store: MemoryStore, parent: Party) -> None:
    bundle = office.draft(store, parent)
    profile = office.draft(store, parent, policies.PRIMARY)
    name = office.end_user(store, parent, "cnam_information", {})
    assert join(store, parent, bundle, name) == "cnam_information"
    paper = office.document(store, parent)
    assert join(store, parent, bundle, paper) == "customer_profile_address"
    assert join(store, parent, bundle, profile.sid) == policies.PRIMARY
    assert assignments.profiles_of(store, bundle.sid) == [profile]


@pytest.mark.parametrize("prefix", ["AC", "PN", "AD", "RN", "", "it"])
def test_only_end_users_documents_and_bundles_join(
    store: MemoryStore, parent: Party, prefix: str
) -> None:
    with refused(Reason.OBJECT_TYPE_WRONG):
        join(store, parent, office.draft(store, parent), nobody(prefix))


@pytest.mark.parametrize("prefix", ["IT", "RD", "BU"])
def test_what_does_not_exist_does_not_join(store: MemoryStore, parent: Party, prefix: str) -> None:
    with refused(Reason.OBJECT_UNKNOWN):
        join(store, parent, office.draft(store, parent), nobody(prefix))


def test_a_bundle_does_not_join_itself(store: MemoryStore, parent: Party) -> None:
    bundle = office.draft(store, parent)
    with refused(Reason.OBJECT_UNKNOWN):
        join(store, parent, bundle, bundle.sid)


def test_an_object_joins_once(store: MemoryStore, parent: Party) -> None:
    bundle, paper = office.draft(store, parent), office.document(store, parent)
    join(store, parent, bundle, paper)
    with refused(Reason.ALREADY_ASSIGNED):
        join(store, parent, bundle, paper)
    join(store, parent, office.draft(store, parent), paper)


@pytest.mark.parametrize("status", lifecycle.STATUSES)
def test_entities_come_and_go_while_a_bundle_is_open(
    store: MemoryStore, parent: Party, status: str
) -> None:
    bundle = office.draft(store, parent)
    join(store, parent, bundle, office.document(store, parent))
    (held,) = store.entity_assignments.all()
    office.forced(store, bundle, status)
    paper = office.document(store, parent)
    if status in ("draft", "twilio-rejected"):
        join(store, parent, bundle, paper)
        assignments.unassign_entity(store, parent, bundle.kind, bundle.sid, held.sid)
        assert store.entity_assignments.get(held.sid) is None
        return
    with refused(Reason.FROZEN):
        join(store, parent, bundle, paper)
    with refused(Reason.FROZEN):
        assignments.unassign_entity(store, parent, bundle.kind, bundle.sid, held.sid)


def test_an_assignment_is_found_in_its_own_bundle_only(store: MemoryStore, parent: Party) -> None:
    profile, product = both(store, parent)
    number = office.number(store, parent)
    entity = store.entity_assignments.first(bundle_sid=product.sid)
    assert entity is not None
    on = office.on(store, parent, profile, number)
    at = (store, parent, TRUST_PRODUCT, product.sid)
    assert assignments.entity(*at, entity.sid) == entity
    assert assignments.entities(*at, Ask(), {}).rows == [entity]
    assert assignments.entities(*at, Ask(), {"object_type": "other"}).rows == []
    other = (store, parent, CUSTOMER_PROFILE, profile.sid)
    assert assignments.number_assignment(*other, on).channel_endpoint_sid == number.sid
    assert len(assignments.number_assignments(*other, Ask(), {}).rows) == 1
    for look, args, sid in (
        (assignments.entity, other, entity.sid),
        (assignments.entity, at, nobody("BV")),
        (assignments.unassign_entity, other, entity.sid),
        (assignments.number_assignment, at, on),
        (assignments.unassign_number, at, on),
    ):
        with refused(Reason.NOT_FOUND):
            look(*args, sid)


@pytest.mark.parametrize("status", lifecycle.STATUSES)
def test_numbers_come_and_go_in_every_status(
    store: MemoryStore, parent: Party, status: str
) -> None:
    profile, product = both(store, parent)
    number = office.number(store, parent)
    for bundle in (profile, product):
        office.forced(store, bundle, status)
    made = [(b, office.on(store, parent, b, number)) for b in (profile, product)]
    for bundle, sid in made[::-1]:
        assignments.unassign_number(store, parent, bundle.kind, bundle.sid, sid)
    assert store.endpoint_assignments.all() == []


def test_a_number_must_be_on_the_profile_before_the_product(
    store: MemoryStore, parent: Party
) -> None:
    profile, product = both(store, parent)
    unlinked = office.draft(store, parent)
    number = office.number(store, parent)
    with refused(Reason.NUMBER_NOT_ON_PROFILE):
        office.on(store, parent, product, number)
    office.on(store, parent, profile, number)
    with refused(Reason.NUMBER_NOT_ON_PROFILE):
        office.on(store, parent, unlinked, number)
    office.on(store, parent, product, number)


def test_a_number_joins_a_bundle_once(store: MemoryStore, parent: Party) -> None:
    profile, _ = both(store, parent)
    number = office.number(store, parent)
    office.on(store, parent, profile, number)
    with refused(Reason.ALREADY_ASSIGNED):
        office.on(store, parent, profile, number)


def test_only_phone_numbers_are_endpoints(store: MemoryStore, parent: Party) -> None:
    profile, _ = both(store, parent)
    with refused(Reason.INVALID_PARAMETER):
        assignments.assign_number(
            store,
            parent,
            NOW,
            profile.kind,
            profile.sid,
            channel_endpoint_sid=office.number(store, parent).sid,
            channel_endpoint_type="sip-trunk",
        )


def test_a_number_that_does_not_exist_is_not_found(store: MemoryStore, parent: Party) -> None:
    profile, _ = both(store, parent)
    number = office.number(store, parent)
    numbers.release(store, parent, number.sid)
    with refused(Reason.NOT_FOUND):
        office.on(store, parent, profile, number)


@pytest.mark.parametrize(("area", "eligible"), [("415", True), ("888", False), ("613", False)])
def test_a_name_is_shown_for_us_long_codes_only(
    store: MemoryStore, parent: Party, area: str, eligible: bool
) -> None:
    profile, shaken = both(store, parent)
    cnam = office.draft(store, parent, policies.CNAM)
    office.assigned(store, parent, cnam, profile.sid)
    number = office.number(store, parent, area=area)
    office.on(store, parent, profile, number)
    office.on(store, parent, shaken, number)
    if eligible:
        office.on(store, parent, cnam, number)
        return
    with refused(Reason.NUMBER_NOT_ELIGIBLE):
        office.on(store, parent, cnam, number)


def test_a_number_is_on_one_product_of_a_policy(store: MemoryStore, parent: Party) -> None:
    profile, product = both(store, parent)
    other = office.product(store, parent, profile)
    number = office.number(store, parent)
    office.on(store, parent, profile, number)
    made = office.on(store, parent, product, number)
    with refused(Reason.ALREADY_ASSIGNED):
        office.on(store, parent, other, number)
    assignments.unassign_number(store, parent, product.kind, product.sid, made)
    office.on(store, parent, other, number)


def moved(store: MemoryStore, before: Party, number: Number, after: Party) -> Number:
    return numbers.update(store, before, NOW, number.sid, new_account_sid=after.sid)


def test_a_number_that_changed_hands_is_assigned_anew(
    store: MemoryStore, parent: Party, child: Party
) -> None:
    old_profile, old_product = both(store, child)
    number = office.number(store, child)
    office.on(store, child, old_profile, number)
    office.on(store, child, old_product, number)
    number = moved(store, child, number, parent)
    profile, product = both(store, parent)
    office.on(store, parent, profile, number)
    office.on(store, parent, product, number)


def test_a_copy_may_take_a_number_its_original_has(store: MemoryStore, parent: Party) -> None:
    profile, product = both(store, parent)
    number = office.number(store, parent)
    office.on(store, parent, profile, number)
    office.forced(store, product, lifecycle.APPROVED)
    copy = bundles.provisional_copy(store, parent, NOW, TRUST_PRODUCT, product.sid)
    office.on(store, parent, product, number)
    office.on(store, parent, copy, number)


def test_a_parent_assigns_its_subaccounts_number(
    store: MemoryStore, parent: Party, child: Party
) -> None:
    profile, product = both(store, parent)
    number = office.number(store, child)
    office.on(store, parent, profile, number)
    office.on(store, parent, product, number)


def test_a_subaccount_does_not_assign_its_parents_number(
    store: MemoryStore, parent: Party, child: Party
) -> None:
    profile, _ = both(store, child)
    with refused(Reason.NOT_FOUND):
        office.on(store, child, profile, office.number(store, parent))


def test_a_subaccount_links_to_its_parents_primary(
    store: MemoryStore, parent: Party, child: Party, stranger: Party
) -> None:
    primary = office.draft(store, parent, policies.PRIMARY)
    secondary = office.draft(store, child, policies.SECONDARY)
    assert join(store, child, secondary, primary.sid) == policies.PRIMARY
    for party in (stranger, parent):
        other = office.draft(store, party, policies.SECONDARY)
        with refused(Reason.OBJECT_UNKNOWN):
            join(store, party, other, secondary.sid)


def test_a_subaccount_links_to_nothing_else_of_its_parents(
    store: MemoryStore, parent: Party, child: Party
) -> None:
    other = office.draft(store, child)
    for held in (office.draft(store, parent, policies.SECONDARY), office.draft(store, parent)):
        with refused(Reason.OBJECT_UNKNOWN):
            join(store, child, other, held.sid)


@pytest.mark.parametrize("policy", [policies.CNAM, policies.SHAKEN_STIR, policies.SECONDARY])
def test_a_bundle_stands_on_one_business_profile(
    store: MemoryStore, parent: Party, policy: str
) -> None:
    bundle = office.draft(store, parent, policy)
    first, second = (office.profile(store, parent) for _ in range(2))
    office.assigned(store, parent, bundle, first.sid)
    with office.refused(Reason.OBJECT_UNKNOWN):
        office.assigned(store, parent, bundle, second.sid)
    # A profile that is gone leaves its place to another.
    store.bundles.remove(first.sid)
    office.assigned(store, parent, bundle, second.sid)
