"""What the Trust Hub says of a number: the facts an attestation rests on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phonotary.trusthub import numbers, policies, standing
from phonotary.trusthub.records import Bundle, Number, Party
from phonotary.trusthub.standing import NumberStanding
from tests.rooms import office
from tests.rooms.memory import MemoryStore
from tests.rooms.office import NOW
from tests.rooms.trusthub.samples import BUSINESS


def of(store: MemoryStore, number: Number, caller: Party, now: int = NOW) -> NumberStanding:
    return standing.of_number(store, number.phone_number, caller, now)


def vouched(store: MemoryStore, party: Party) -> tuple[Bundle, Bundle, Number]:
    """A number on an approved profile and on an approved product of it."""
    profile, product = office.approved_pair(store, party)
    number = office.number(store, party)
    office.on(store, party, profile, number)
    office.on(store, party, product, number)
    return profile, product, number


def test_all_that_an_a_rests_on(store: MemoryStore, parent: Party) -> None:
    profile, product, number = vouched(store, parent)
    assert of(store, number, parent) == NumberStanding(
        phone_number=number.phone_number,
        known=True,
        number=number,
        right_valid=True,
        profile=profile,
        profile_vouching=True,
        number_on_profile=True,
        product=product,
        product_vouching=True,
        product_linked=True,
        number_on_product=True,
        account_vouched=True,
        on=(profile, product),
    )


def test_nothing_is_said_of_a_number_nobody_holds(store: MemoryStore, stranger: Party) -> None:
    found = standing.of_number(store, "+14155550100", stranger, NOW)
    assert (found.known, found.number, found.profile, found.product) == (False, None, None, None)
    facts = (found.right_valid, found.profile_vouching, found.product_vouching)
    assert not any((*facts, found.number_on_profile, found.product_linked, found.account_vouched))


def test_a_stranger_learns_nothing_of_anothers_number(
    store: MemoryStore, parent: Party, child: Party, stranger: Party
) -> None:
    _, _, number = vouched(store, parent)
    for caller in (stranger, child):
        found = of(store, number, caller)
        assert (found.number, found.profile, found.right_valid) == (None, None, False)
    assert not of(store, number, stranger).account_vouched
    assert of(store, number, child).account_vouched


def test_a_parent_calls_from_its_subaccounts_number(
    store: MemoryStore, parent: Party, child: Party
) -> None:
    profile, product = office.approved_pair(store, parent)
    number = office.number(store, child)
    office.on(store, parent, profile, number)
    office.on(store, parent, product, number)
    for caller in (parent, child):
        found = of(store, number, caller)
        assert (found.right_valid, found.number_on_profile, found.number_on_product) == (True,) * 3


def test_an_approval_that_ends_stops_vouching_at_once(store: MemoryStore, parent: Party) -> None:
    profile, product, number = vouched(store, parent)
    office.forced(store, product, "twilio-rejected")
    found = of(store, number, parent)
    assert (found.profile_vouching, found.product_vouching) == (True, False)
    assert not found.account_vouched
    office.forced(store, profile, "twilio-rejected")
    assert not of(store, number, parent).profile_vouching


def test_an_approval_that_expires_stops_vouching(store: MemoryStore, parent: Party) -> None:
    profile, _, number = vouched(store, parent)
    assert profile.valid_until is not None
    assert of(store, number, parent, profile.valid_until - 1).profile_vouching
    found = of(store, number, parent, profile.valid_until)
    assert (found.profile_vouching, found.product_vouching, found.account_vouched) == (False,) * 3


@pytest.mark.parametrize("down", [True, False], ids=["to a subaccount", "to the parent"])
def test_a_number_that_changed_hands_keeps_nothing_of_the_old_customer(
    store: MemoryStore, parent: Party, child: Party, down: bool
) -> None:
    old, new = (parent, child) if down else (child, parent)
    profile, product = office.approved_pair(store, old)
    number = office.number(store, old)
    for bundle in (profile, product):
        office.on(store, old, bundle, number)
    assert of(store, number, old).number_on_product
    numbers.update(store, old, NOW, number.sid, new_account_sid=new.sid)
    for caller in (old, new):
        found = of(store, number, caller)
        assert (found.profile, found.number_on_profile, found.number_on_product) == (
            None,
            False,
            False,
        )
    # Coming back revives nothing: it has to be assigned anew, and can be.
    numbers.update(store, new, NOW, number.sid, new_account_sid=old.sid)
    assert not of(store, number, old).number_on_profile
    for bundle in (profile, product):
        office.on(store, old, bundle, number)
    assert of(store, number, old).number_on_product
    assert len(store.endpoint_assignments.all(channel_endpoint_sid=number.sid)) == 2


def test_a_number_of_an_account_that_is_not_active_has_no_right(
    store: MemoryStore, parent: Party, child: Party
) -> None:
    profile, product = office.approved_pair(store, parent)
    number = office.number(store, child)
    for bundle in (profile, product):
        office.on(store, parent, bundle, number)
    assert of(store, number, parent).right_valid
    account = store.account(child.sid)
    assert account is not None
    store.replace_account(replace(account, status="suspended"))
    assert not of(store, number, parent).right_valid


def test_a_customers_profile_falls_with_the_primary_it_stands_on(
    store: MemoryStore, parent: Party
) -> None:
    primary = office.approved(store, office.profile(store, parent))
    secondary = office.profile(store, parent, policies.SECONDARY, "direct_customer")
    office.assigned(store, parent, secondary, primary.sid)
    office.approved(store, secondary)
    product = office.approved(store, office.product(store, parent, secondary))
    number = office.number(store, parent)
    for bundle in (secondary, product):
        office.on(store, parent, bundle, number)
    assert of(store, number, parent).profile_vouching
    office.forced(store, primary, "twilio-rejected")
    assert not of(store, number, parent).profile_vouching
    office.forced(store, primary, "twilio-approved")
    assert of(store, number, parent).profile_vouching
    store.bundles.remove(primary.sid)
    assert not of(store, number, parent).profile_vouching


def test_a_product_that_lacks_the_number_is_named_all_the_same(
    store: MemoryStore, parent: Party
) -> None:
    profile, product = office.approved_pair(store, parent)
    number = office.number(store, parent)
    office.on(store, parent, profile, number)
    found = of(store, number, parent)
    assert (found.number_on_profile, found.number_on_product) == (True, False)
    assert (found.product, found.product_linked) == (product, True)
    assert found.account_vouched


def test_of_two_profiles_the_one_that_vouches_speaks(store: MemoryStore, parent: Party) -> None:
    silent = office.draft(store, parent, policies.SECONDARY)
    speaking = office.approved(store, office.profile(store, parent))
    number = office.number(store, parent)
    for profile in (silent, speaking):
        office.on(store, parent, profile, number)
    assert of(store, number, parent).profile == speaking
    assert standing.business_name(store, speaking) == BUSINESS["business_name"]
    assert standing.business_name(store, silent) is None


def named(store: MemoryStore, party: Party, display_name: str) -> tuple[Bundle, Bundle, Number]:
    """A number on an approved profile and an approved CNAM product."""
    profile = office.approved(store, office.profile(store, party))
    cnam = office.draft(store, party, policies.CNAM)
    name = {"cnam_display_name": display_name}
    office.assigned(
        store, party, cnam, profile.sid, office.end_user(store, party, "cnam_information", name)
    )
    number = office.number(store, party)
    for bundle in (profile, cnam):
        office.on(store, party, bundle, number)
    return profile, office.approved(store, cnam), number


def test_an_approved_name_is_shown_until_something_ends_it(
    store: MemoryStore, parent: Party
) -> None:
    profile, cnam, number = named(store, parent, "ACME PLUMBING")
    assert standing.display_name(store, number.phone_number, NOW) == "ACME PLUMBING"
    assert standing.display_name(store, "+14155550100", NOW) is None
    for bundle in (profile, cnam):
        office.forced(store, bundle, "twilio-rejected")
        assert standing.display_name(store, number.phone_number, NOW) is None
        store.bundles.replace(replace(bundle, status="twilio-approved"))
    assert standing.display_name(store, number.phone_number, NOW) == "ACME PLUMBING"
    assert cnam.valid_until is not None
    assert standing.display_name(store, number.phone_number, cnam.valid_until) is None


@pytest.mark.parametrize("down", [True, False], ids=["to a subaccount", "to the parent"])
def test_a_name_does_not_follow_a_number_that_changed_hands(
    store: MemoryStore, parent: Party, child: Party, down: bool
) -> None:
    old, new = (parent, child) if down else (child, parent)
    _, _, number = named(store, old, "ACME PLUMBING")
    assert standing.display_name(store, number.phone_number, NOW) == "ACME PLUMBING"
    numbers.update(store, old, NOW, number.sid, new_account_sid=new.sid)
    assert standing.display_name(store, number.phone_number, NOW) is None


def test_a_number_of_a_closed_account_has_no_name(store: MemoryStore, child: Party) -> None:
    _, _, number = named(store, child, "ACME PLUMBING")
    account = store.account(child.sid)
    assert account is not None
    store.replace_account(replace(account, status="closed"))
    assert standing.display_name(store, number.phone_number, NOW) is None
