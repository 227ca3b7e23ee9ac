"""A family of accounts with one number worth an A, and every way in which that ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from phonotary.bootstrap.standing import standing_in
from phonotary.shaken.attestation import Decision, Level, decide
from phonotary.shaken.ports import Standing, StandingOf
from phonotary.storage import account_state, snapshot
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.trusthub import assignments, bundles, numbers, policies, review
from phonotary.trusthub.records import Bundle, Party
from tests.rooms import office
from tests.rooms.office import NOW


@dataclass(frozen=True, slots=True)
class Family:
    """A reseller, its subaccount and a stranger; a customer's profile stands on the primary."""

    parent: Party
    child: Party
    stranger: Party
    primary: str
    profile: str
    product: str
    on_profile: str
    on_product: str
    number: str
    tn: str

    @property
    def callers(self) -> tuple[str, ...]:
        return (self.parent.sid, self.child.sid, self.stranger.sid, "AC" + "0" * 32)

    @property
    def tns(self) -> tuple[str, ...]:
        """The number, another one of the same account, one that nobody has, and no number."""
        return (self.tn, self.tn[:-1] + "9", "+14155550100", "*67#")


def vouched(store: SqlStore) -> Family:
    account = office.opened(store)
    parent, child = office.party_of(account), office.party_of(office.opened(store, account))
    stranger = office.party_of(office.opened(store))
    primary = office.approved(store, office.profile(store, parent))
    profile = office.profile(store, parent, policies.SECONDARY, "direct_customer")
    office.assigned(store, parent, profile, primary.sid)
    office.approved(store, profile)
    product = office.approved(store, office.product(store, parent, profile))
    number = office.number(store, parent)
    office.number(store, parent, 9)
    return Family(
        parent=parent,
        child=child,
        stranger=stranger,
        primary=primary.sid,
        profile=profile.sid,
        product=product.sid,
        on_profile=office.on(store, parent, profile, number),
        on_product=office.on(store, parent, product, number),
        number=number.sid,
        tn=number.phone_number,
    )


Act = Callable[[SqlStore, Family], object]


def _suspend(which: str) -> Act:
    def act(store: SqlStore, family: Family) -> None:
        bundle = bundle_of(store, getattr(family, which))
        review.suspend(store, NOW, bundle, "rita", "it is not who it says")

    return act


def _account(status: str) -> Act:
    def act(store: SqlStore, family: Family) -> None:
        account = store.account(family.parent.sid)
        assert account is not None
        store.replace_account(replace(account, status=status))

    return act


def _unassign(kind: str, bundle: str, assignment: str) -> Act:
    return lambda store, family: assignments.unassign_number(
        store, family.parent, kind, getattr(family, bundle), getattr(family, assignment)
    )


def _unlink(store: SqlStore, family: Family) -> None:
    for linked in store.entity_assignments.all(bundle_sid=family.product):
        store.entity_assignments.remove(linked.sid)


def _expire(store: SqlStore, family: Family) -> None:
    bundle = bundle_of(store, family.product)
    store.bundles.replace(replace(bundle, valid_until=NOW))


def _lose_the_primary(store: SqlStore, family: Family) -> None:
    for held in store.entity_assignments.all(bundle_sid=family.profile, object_sid=family.primary):
        store.entity_assignments.remove(held.sid)


def _load(store: SqlStore, family: Family) -> None:
    state = json.loads(json.dumps(snapshot.dump(store)))
    for row in state["tables"]["bundles"]:
        if row["sid"] == family.product:
            row["status"] = "draft"
    snapshot.load(store, state)


def _reset_account(store: SqlStore, family: Family) -> None:
    empty: account_state.Rows = {name: [] for name in account_state.dump(store, family.parent.sid)}
    account_state.load(store, family.parent.sid, empty)


ENDINGS: dict[str, Act] = {
    "the profile is suspended": _suspend("profile"),
    "the product is suspended": _suspend("product"),
    "the primary is suspended": _suspend("primary"),
    "the profile is rejected": lambda store, family: office.forced(
        store, bundle_of(store, family.profile), "twilio-rejected"
    ),
    "unassigned from the profile": _unassign("customer_profile", "profile", "on_profile"),
    "unassigned from the product": _unassign("trust_product", "product", "on_product"),
    "unlinked": _unlink,
    "the profile loses its primary": _lose_the_primary,
    "released": lambda store, family: numbers.release(store, family.parent, family.number),
    "moved to a subaccount": lambda store, family: numbers.update(
        store, family.parent, NOW, family.number, new_account_sid=family.child.sid
    ),
    "the account is suspended": _account("suspended"),
    "the account is closed": _account("closed"),
    "the product is deleted": lambda store, family: bundles.delete(
        store, family.parent, "trust_product", family.product
    ),
    "the primary is deleted": lambda store, family: store.bundles.remove(family.primary),
    "the validity is cut short": _expire,
    "another state is loaded": _load,
    "the account is put back": _reset_account,
}
"""Everything that takes an A away, each by what does it in the program."""


def _assign(store: SqlStore, family: Family) -> None:
    other = store.numbers.first(phone_number=family.tns[1])
    assert other is not None
    for sid in (family.profile, family.product):
        office.on(store, family.parent, bundle_of(store, sid), other)


def _rename(store: SqlStore, family: Family) -> None:
    for end_user in store.end_users.all(account_sid=family.parent.sid):
        changed = {**end_user.attributes, "business_name": "Elk"}
        store.end_users.replace(replace(end_user, attributes=changed))


def _open_unknown(store: SqlStore, family: Family) -> None:
    account = store.account(family.stranger.sid)
    assert account is not None
    unknown = family.callers[-1]
    store.add_account(replace(account, sid=unknown, owner_account_sid=unknown))


CHANGES: dict[str, Act] = {
    "another number is assigned": _assign,
    "the business is renamed": _rename,
    "an account is opened": _open_unknown,
    "a number is bought": lambda store, family: numbers.buy(
        store, family.stranger, NOW, phone_number=family.tns[2]
    ),
    "the primary gets a product": lambda store, family: office.approved(
        store, office.product(store, family.parent, bundle_of(store, family.primary))
    ),
    "the stranger is vouched for": lambda store, family: office.approved_pair(
        store, family.stranger
    ),
}
"""What makes something else of what is known, and takes no A away."""


def bundle_of(store: SqlStore, sid: str) -> Bundle:
    bundle = store.bundles.get(sid)
    assert bundle is not None
    return bundle


def level(standing_of: StandingOf, family: Family) -> Decision:
    """What a call of the customer from its number gets."""
    standing = standing_of(family.tn, family.parent.sid)
    return decided(standing)


def decided(standing: Standing) -> Decision:
    return decide(standing, caller_authenticated=True, requested=Level.A)


def read_anew(database: Database, tn: str, caller: str, now: int = NOW) -> Standing:
    return database.read(lambda store: standing_in(store, tn, caller, now))
