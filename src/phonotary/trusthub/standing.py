"""What KYC says of one number, computed from the bundles it is on.

This is the only reading of "who vouches for this number"; signing, dips and ``explain`` all ask it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from phonotary.clock import Instant
from phonotary.trusthub import assignments, bundles, lifecycle, policies
from phonotary.trusthub.ownership import is_in_family
from phonotary.trusthub.records import CUSTOMER_PROFILE, Bundle, Number, Party
from phonotary.trusthub.store import Store

# How many records are asked for by their SIDs in one question.
_AT_ONCE = 500

_CNAM = frozenset({policies.CNAM})

BUSINESS_INFORMATION = "customer_profile_business_information"


@dataclass(frozen=True, slots=True)
class NumberStanding:
    """Facts, not judgements: ``shaken.attestation`` turns them into a level."""

    phone_number: str
    known: bool
    """Somebody here holds the number, whoever that is."""
    number: Number | None
    """The number, where it is the caller's or its subaccount's."""
    right_valid: bool
    """The number still belongs to the family of the account whose bundles speak for it."""
    profile: Bundle | None
    profile_vouching: bool
    number_on_profile: bool
    product: Bundle | None
    product_vouching: bool
    product_linked: bool
    number_on_product: bool
    account_vouched: bool
    """The caller's parent has an approved primary profile and an approved product linked to it."""
    on: tuple[Bundle, ...] = ()
    """Every bundle that counts for the number, for whoever has more to ask of them."""


def account_vouched(store: Store, caller: Party, now: Instant) -> bool:
    """Twilio's rule for B: an approved primary and an approved product linked to it. It costs as
    much as the account has customers, whose profiles all stand on the primary one."""
    primary = bundles.primary_of(store, Party(caller.owner_sid, caller.owner_sid))
    if primary is None or not lifecycle.vouches(primary, now):
        return False
    return any(lifecycle.vouches(p, now) for p in _products_of(store, [primary]))


Vouched = Callable[[Store, Party, Instant], bool]
""":func:`account_vouched`, or whoever remembers what it said."""


def of_number(
    store: Store,
    phone_number: str,
    caller: Party,
    now: Instant,
    vouched: Vouched = account_vouched,
) -> NumberStanding:
    """What stands for a call from ``phone_number`` (E.164) made by ``caller``."""
    number = store.numbers.first(phone_number=phone_number)
    known = number is not None
    if number is not None and not is_in_family(store, caller, number.account_sid):
        number = None
    on = bundles_with(store, number) if number else []
    right = number is not None and store.is_active(number.account_sid)
    profiles = [b for b in on if b.kind == CUSTOMER_PROFILE]
    carrying = _best([b for b in on if b.policy_sid == policies.SHAKEN_STIR], now)
    # A product that speaks for the profile but lacks the number is worth naming: it is one step
    # short of an A.
    product = carrying or _best(_products_of(store, profiles), now)
    linked = assignments.profiles_of(store, product.sid) if product else []
    both = [b for b in profiles if any(b.sid == other.sid for other in linked)]
    profile = _best(both, now) or _best(profiles, now) or _best(linked, now)
    return NumberStanding(
        phone_number=phone_number,
        known=known,
        number=number,
        right_valid=right,
        profile=profile,
        profile_vouching=profile is not None and vouches(store, profile, now),
        number_on_profile=profile is not None and any(b.sid == profile.sid for b in on),
        product=product,
        product_vouching=product is not None and lifecycle.vouches(product, now),
        product_linked=profile is not None and any(b.sid == profile.sid for b in linked),
        number_on_product=carrying is not None,
        account_vouched=vouched(store, caller, now),
        on=tuple(on),
    )


def bundles_with(store: Store, number: Number) -> list[Bundle]:
    """Every bundle the number is assigned to, for the account that holds it now."""
    counting = assignments.of_number(store, number)
    found = (store.bundles.get(assignment.bundle_sid) for assignment in counting)
    return [bundle for bundle in found if bundle]


def vouches(store: Store, profile: Bundle, now: Instant) -> bool:
    """Whether a business profile vouches: it is approved, and so is what it stands on. Whoever
    loses the primary profile loses what its customers' profiles had from it."""
    policy = policies.find(profile.policy_sid)
    if policy is None or not lifecycle.vouches(profile, now):
        return False
    if not policy.supporting_profiles:
        return True
    return any(lifecycle.vouches(p, now) for p in assignments.profiles_of(store, profile.sid))


def _products_of(store: Store, profiles: list[Bundle]) -> list[Bundle]:
    """The SHAKEN/STIR products linked to any of these profiles.

    Asked for many at once: a reseller's primary profile supports each of its customers' profiles.
    """
    linked = [
        assignment.bundle_sid
        for profile in profiles
        for assignment in store.entity_assignments.all(object_sid=profile.sid)
    ]
    return [
        bundle
        for start in range(0, len(linked), _AT_ONCE)
        for bundle in store.bundles.all(
            sid=tuple(linked[start : start + _AT_ONCE]), policy_sid=policies.SHAKEN_STIR
        )
    ]


def display_name(store: Store, phone_number: str, now: Instant, propagation: int = 0) -> str | None:
    """The approved CNAM display name of a number, None where nothing vouches for one.

    ``propagation`` is how many seconds a name takes from the later of approval and assignment.
    """
    number = store.numbers.first(phone_number=phone_number)
    if number is None or not store.is_active(number.account_sid):
        return None
    for product in speaking(store, bundles_with(store, number), _CNAM, now):
        if not propagation or _vouching_since(store, product, number) + propagation <= now:
            return name_in(store, product)
    return None


def speaking(
    store: Store, on: Sequence[Bundle], policy_sids: frozenset[str], now: Instant
) -> Iterator[Bundle]:
    """The products of these policies that speak for a number that is on the bundles ``on``: each is
    approved, and so is a profile that it is linked to and that has the number as well."""
    for product in on:
        if product.policy_sid not in policy_sids or not lifecycle.vouches(product, now):
            continue
        profiles = assignments.profiles_of(store, product.sid)
        if any(vouches(store, p, now) and any(b.sid == p.sid for b in on) for p in profiles):
            yield product


def _vouching_since(store: Store, product: Bundle, number: Number) -> Instant:
    """Since when the product has been approved and has had this number."""
    approvals = [e.at for e in store.history(product.sid) if e.after == lifecycle.APPROVED]
    assigned = store.endpoint_assignments.all(
        bundle_sid=product.sid, channel_endpoint_sid=number.sid
    )
    return max([*approvals[-1:], *(each.date_created for each in assigned)], default=0)


def business_name(store: Store, profile: Bundle) -> str | None:
    """The legal name in a profile's business information. Other end users may hold attributes of
    any name, and nobody has vetted those."""
    for assignment in store.entity_assignments.all(bundle_sid=profile.sid):
        end_user = store.end_users.get(assignment.object_sid)
        if end_user is None or end_user.type != BUSINESS_INFORMATION:
            continue
        if end_user.attributes.get("business_name"):
            return str(end_user.attributes["business_name"])
    return None


def name_in(store: Store, product: Bundle) -> str | None:
    """The display name that a CNAM product holds, as it was written."""
    for assignment in store.entity_assignments.all(bundle_sid=product.sid):
        end_user = store.end_users.get(assignment.object_sid)
        if end_user and end_user.type == "cnam_information":
            name = end_user.attributes.get("cnam_display_name")
            return str(name) if name else None
    return None


def _best(candidates: list[Bundle], now: Instant) -> Bundle | None:
    """One that vouches before one that does not; else the newest."""
    ordered = sorted(
        candidates, key=lambda b: (lifecycle.vouches(b, now), b.date_created), reverse=True
    )
    return ordered[0] if ordered else None
