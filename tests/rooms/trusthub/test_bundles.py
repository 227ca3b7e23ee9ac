"""Customer profiles and trust products: made, read, changed, deleted and copied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phonotary.errors import Reason
from phonotary.trusthub import addresses, bundles, filing, lifecycle, numbers, policies
from phonotary.trusthub.records import CUSTOMER_PROFILE, TRUST_PRODUCT, Bundle, Party
from phonotary.trusthub.store import Ask
from tests.rooms import office
from tests.rooms.memory import MemoryStore
from tests.rooms.office import NOW, nobody, refused

LATER = NOW + 60


def create(store: MemoryStore, party: Party, kind: str = TRUST_PRODUCT, **given: object) -> Bundle:
    form: dict[str, object] = {
        "friendly_name": "a bundle",
        "email": "office@acme.example",
        "policy_sid": policies.SHAKEN_STIR if kind == TRUST_PRODUCT else policies.SECONDARY,
    }
    return bundles.create(store, party, NOW, kind, **{**form, **given})  # type: ignore[arg-type]


def test_a_new_bundle_is_an_empty_draft(store: MemoryStore, parent: Party) -> None:
    made = create(store, parent, status_callback="https://acme.example/hook")
    assert store.bundles.get(made.sid) == made
    assert (made.status, made.errors, made.valid_until, made.copy_of) == ("draft", (), None, None)
    assert made.status_callback == "https://acme.example/hook"
    assert made.account_sid == parent.sid


@pytest.mark.parametrize("kind", [CUSTOMER_PROFILE, TRUST_PRODUCT])
def test_a_policy_belongs_to_one_kind(store: MemoryStore, parent: Party, kind: str) -> None:
    for policy in policies.POLICIES:
        if policy.kind == kind:
            create(store, parent, kind, policy_sid=policy.sid, through_console=True)
            continue
        with refused(Reason.INVALID_PARAMETER):
            create(store, parent, kind, policy_sid=policy.sid)
    with refused(Reason.INVALID_PARAMETER):
        create(store, parent, kind, policy_sid=nobody("RN"))


def test_every_primary_profile_is_made_in_the_console_only(
    store: MemoryStore, parent: Party
) -> None:
    for policy in policies.POLICIES:
        if policy.role == "primary":
            with refused(Reason.CONSOLE_ONLY):
                create(store, parent, CUSTOMER_PROFILE, policy_sid=policy.sid)
            create(store, parent, CUSTOMER_PROFILE, policy_sid=policy.sid, through_console=True)


def test_a_direct_customer_makes_secondary_profiles_in_the_console_only(
    store: MemoryStore, parent: Party, child: Party
) -> None:
    office.profile(store, parent, identity="direct_customer")
    for party in (parent, child):
        with refused(Reason.CONSOLE_ONLY) as caught:
            create(store, party, CUSTOMER_PROFILE)
        assert caught.value.because == bundles.DIRECT_CUSTOMER
        create(store, party, CUSTOMER_PROFILE, through_console=True)
    create(store, parent, TRUST_PRODUCT)


@pytest.mark.parametrize("name", ["", " \t", "x" * 256])
def test_a_name_has_1_to_255_characters(store: MemoryStore, parent: Party, name: str) -> None:
    kept = create(store, parent, friendly_name="x" * 255)
    with refused(Reason.INVALID_FRIENDLY_NAME):
        create(store, parent, friendly_name=name)
    with refused(Reason.INVALID_FRIENDLY_NAME):
        bundles.update(store, parent, LATER, TRUST_PRODUCT, kept.sid, friendly_name=name)


@pytest.mark.parametrize("email", ["", "acme", "a@b@c.example", "a b@acme.example", "@x.example"])
def test_an_email_has_the_form_of_one(store: MemoryStore, parent: Party, email: str) -> None:
    kept = create(store, parent)
    with refused(Reason.INVALID_PARAMETER):
        create(store, parent, email=email)
    with refused(Reason.INVALID_PARAMETER):
        bundles.update(store, parent, LATER, TRUST_PRODUCT, kept.sid, email=email)


@pytest.mark.parametrize(
    "url",
    [
        "acme.example/hook",
        "ftp://acme.example/",
        "https://",
        "http:///path",
        "http://[::1/",
        "http://acme.example:99999/",
        "http://acme.example:0/",
        "http://acme.example:port/",
        "https://acme.example/" + "x" * 2048,
    ],
)
def test_a_callback_goes_to_an_http_url(store: MemoryStore, parent: Party, url: str) -> None:
    with refused(Reason.INVALID_CALLBACK_URL):
        create(store, parent, status_callback=url)


def test_what_is_not_given_stays_and_an_empty_callback_clears(
    store: MemoryStore, parent: Party
) -> None:
    kept = create(store, parent, status_callback="http://acme.example/")

    def update(**given: str) -> Bundle:
        return bundles.update(store, parent, LATER, TRUST_PRODUCT, kept.sid, **given)

    assert update() == replace(kept, date_updated=LATER)
    renamed = update(friendly_name="renamed", email="new@acme.example")
    assert (renamed.friendly_name, renamed.email) == ("renamed", "new@acme.example")
    assert renamed.status_callback == kept.status_callback
    assert update(status_callback="").status_callback is None
    assert store.bundles.get(kept.sid) == update()


def test_a_bundle_is_found_under_its_own_path_only(store: MemoryStore, parent: Party) -> None:
    kept = create(store, parent, TRUST_PRODUCT)
    assert bundles.fetch(store, parent, TRUST_PRODUCT, kept.sid) == kept
    for look in (bundles.fetch, bundles.own, bundles.delete, bundles.fetch_copy):
        with refused(Reason.NOT_FOUND):
            look(store, parent, CUSTOMER_PROFILE, kept.sid)


def test_a_list_holds_the_partys_own_of_one_kind(
    store: MemoryStore, parent: Party, child: Party
) -> None:
    older, newer = create(store, parent), create(store, parent, friendly_name="newer")
    create(store, child)
    create(store, parent, CUSTOMER_PROFILE)
    assert bundles.page(store, parent, TRUST_PRODUCT, Ask(), {}).rows == [newer, older]
    where = {"friendly_name": "newer"}
    assert bundles.page(store, parent, TRUST_PRODUCT, Ask(), where).rows == [newer]


@pytest.mark.parametrize("status", lifecycle.STATUSES)
def test_a_bundle_is_deleted_unless_it_is_under_review(
    store: MemoryStore, parent: Party, status: str
) -> None:
    kept = office.in_status(store, parent, status)
    if status in ("pending-review", "in-review"):
        with refused(Reason.BUNDLE_UNDER_REVIEW):
            bundles.delete(store, parent, TRUST_PRODUCT, kept.sid)
        return
    bundles.delete(store, parent, TRUST_PRODUCT, kept.sid)
    assert store.bundles.get(kept.sid) is None


def test_a_profile_with_numbers_is_kept_and_a_product_lets_them_go(
    store: MemoryStore, parent: Party
) -> None:
    profile = office.profile(store, parent)
    product = office.product(store, parent, profile)
    number = office.number(store, parent)
    office.on(store, parent, profile, number)
    office.on(store, parent, product, number)
    with refused(Reason.BUNDLE_HAS_NUMBERS):
        bundles.delete(store, parent, CUSTOMER_PROFILE, profile.sid)
    bundles.delete(store, parent, TRUST_PRODUCT, product.sid)
    assert store.entity_assignments.all(bundle_sid=product.sid) == []
    assert [a.bundle_sid for a in store.endpoint_assignments.all()] == [profile.sid]
    assert store.numbers.get(number.sid) == number


def test_a_profile_whose_numbers_were_released_can_be_deleted(
    store: MemoryStore, parent: Party
) -> None:
    profile = office.profile(store, parent)
    number = office.number(store, parent)
    office.on(store, parent, profile, number)
    numbers.release(store, parent, number.sid)
    bundles.delete(store, parent, CUSTOMER_PROFILE, profile.sid)
    assert store.bundles.get(profile.sid) is None
    assert store.endpoint_assignments.all() == []


def test_a_copy_is_a_draft_with_the_same_contents(store: MemoryStore, parent: Party) -> None:
    profile = office.profile(store, parent)
    office.on(store, parent, profile, office.number(store, parent))
    original = office.approved(store, profile)
    copy = bundles.provisional_copy(store, parent, LATER, CUSTOMER_PROFILE, original.sid)
    assert (copy.status, copy.valid_until, copy.copy_of) == ("draft", None, original.sid)
    assert bundles.fetch_copy(store, parent, CUSTOMER_PROFILE, original.sid) == copy
    for kept in (store.entity_assignments, store.endpoint_assignments):
        held = [
            {getattr(a, "object_sid", None) or a.channel_endpoint_sid for a in found}  # type: ignore[attr-defined]
            for found in (kept.all(bundle_sid=copy.sid), kept.all(bundle_sid=original.sid))
        ]
        assert held[0] == held[1] != set()
    filing.submit(store, LATER, copy, office.MANUAL)
    assert store.bundles.get(original.sid) == original
    with refused(Reason.COPY_EXISTS):
        bundles.provisional_copy(store, parent, LATER, CUSTOMER_PROFILE, original.sid)


@pytest.mark.parametrize("status", [s for s in lifecycle.STATUSES if s != "twilio-approved"])
def test_only_an_approved_bundle_is_copied(store: MemoryStore, parent: Party, status: str) -> None:
    kept = office.in_status(store, parent, status)
    with refused(Reason.COPY_NOT_ELIGIBLE):
        bundles.provisional_copy(store, parent, LATER, TRUST_PRODUCT, kept.sid)


def test_a_bundle_whose_address_is_gone_is_not_copied(store: MemoryStore, parent: Party) -> None:
    original = office.approved(store, office.profile(store, parent))
    (address,) = store.addresses.all()
    with refused(Reason.ADDRESS_FROZEN):
        addresses.delete(store, parent, address.sid)
    store.addresses.remove(address.sid)
    with refused(Reason.COPY_ADDRESS_DELETED):
        bundles.provisional_copy(store, parent, LATER, CUSTOMER_PROFILE, original.sid)


def test_a_bundle_without_a_copy_has_none_to_fetch(store: MemoryStore, parent: Party) -> None:
    kept = create(store, parent)
    with refused(Reason.NOT_FOUND):
        bundles.fetch_copy(store, parent, TRUST_PRODUCT, kept.sid)


def test_the_parents_primary_stands_for_its_subaccount(
    store: MemoryStore, parent: Party, child: Party, stranger: Party
) -> None:
    primary = office.profile(store, parent)
    assert bundles.primary_of(store, child) == primary
    assert bundles.primary_identity(store, child) == "isv_reseller_or_partner"
    assert bundles.primary_of(store, stranger) is None
    assert bundles.primary_identity(store, stranger) is None
    own = office.profile(store, child, identity="direct_customer")
    assert bundles.primary_of(store, child) == own
    assert bundles.primary_of(store, parent) == primary


@pytest.mark.parametrize(
    ("value", "found"),
    [("AD1", ("AD1",)), ("AD1, AD2,", ("AD1", "AD2")), (["AD1", 2], ("AD1", "2"))]
    + [(other, ()) for other in (None, 7, {}, "", [])],
)
def test_address_sids_come_as_text_or_as_a_list(value: object, found: tuple[str, ...]) -> None:
    assert bundles.address_sids({"address_sids": value}) == found
    assert bundles.address_sids({}) == ()


def test_an_approved_primary_stands_before_one_that_was_begun_earlier(
    store: MemoryStore, parent: Party, child: Party
) -> None:
    begun = office.draft(store, child, policies.PRIMARY)
    assert bundles.primary_of(store, child) == begun
    parents = office.approved(store, office.profile(store, parent))
    assert bundles.primary_of(store, child) == parents
    own = office.approved(store, office.profile(store, child))
    assert bundles.primary_of(store, child) == own
