"""What the Trust Hub knows of a number, in the words the registry of names asks in.

``cnam`` and ``trusthub`` never import each other; this is where they meet. What vouches for a name
is said by ``trusthub.standing.display_name`` alone; here it is only told which product that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from phonotary.clock import Instant
from phonotary.cnam.registry import Facts
from phonotary.storage.store import SqlStore
from phonotary.trusthub import assignments, lifecycle, policies
from phonotary.trusthub import standing as kyc
from phonotary.trusthub.privacy import is_private
from phonotary.trusthub.records import Bundle, ChannelEndpointAssignment, Number
from phonotary.trusthub.store import Store


class Vouching:
    """Implements ``cnam.registry.Hub`` for one transaction. Numbers that one account has on the
    same bundles stand alike, so a product of ten thousand numbers is read once."""

    def __init__(self, store: SqlStore, now: Instant) -> None:
        # A writer's reading would hold the rows that it only looks at.
        reading = SqlStore(store.connection, writing=False, now=lambda: now)
        self._store = cast(Store, reading)
        self._now = now
        self._alike: dict[tuple[str, ...], Facts] = {}

    def all_facts(self, numbers: Sequence[str]) -> list[Facts]:
        """Of several numbers, in their order: two questions for all of them, and one reading for
        each set of bundles they are on."""
        found = {each.phone_number: each for each in self._numbers(numbers)}
        on: dict[str, list[ChannelEndpointAssignment]] = {each.sid: [] for each in found.values()}
        for assignment in self._assignments(list(on)):
            on[assignment.channel_endpoint_sid].append(assignment)
        return [
            self._facts(number, on[number.sid]) if (number := found.get(tn)) else Facts(tn)
            for tn in numbers
        ]

    def facts(self, phone_number: str) -> Facts:
        return self.all_facts([phone_number])[0]

    def _numbers(self, numbers: Sequence[str]) -> list[Number]:
        return self._store.numbers.all(phone_number=tuple(numbers)) if numbers else []

    def _assignments(self, sids: Sequence[str]) -> list[ChannelEndpointAssignment]:
        if not sids:
            return []
        return self._store.endpoint_assignments.all(channel_endpoint_sid=tuple(sids))

    def _facts(self, number: Number, every: Sequence[ChannelEndpointAssignment]) -> Facts:
        # As ``assignments.of_number``: those made for the account that holds it now.
        counting = [each for each in every if each.holder_sid == number.account_sid]
        alike = (number.account_sid, *(each.bundle_sid for each in counting))
        shared = self._alike.get(alike)
        if shared is None:
            shared = self._alike[alike] = self._read(number)
        assigned = [a.date_created for a in counting if a.bundle_sid == shared.product_sid]
        return replace(
            shared,
            phone_number=number.phone_number,
            number_sid=number.sid,
            since=max([shared.since, *assigned]),
        )

    def _read(self, number: Number) -> Facts:
        facts = Facts(
            number.phone_number,
            number.sid,
            number.account_sid,
            account_active=self._store.is_active(number.account_sid),
        )
        on = kyc.bundles_with(self._store, number)
        products = [bundle for bundle in on if bundle.policy_sid == policies.CNAM]
        # As ``display_name`` goes through them: the first for which all of it holds.
        found = [self._of_product(facts, product, on) for product in products]
        chosen = next((each for each in found if _agrees(each)), found[0] if found else facts)
        if not _agrees(chosen):
            return chosen
        name = kyc.display_name(self._store, number.phone_number, self._now)
        private = name is not None and is_private(self._store, number.phone_number)
        return replace(chosen, name=name, private=private)

    def _of_product(self, facts: Facts, product: Bundle, on: list[Bundle]) -> Facts:
        profiles = assignments.profiles_of(self._store, product.sid)
        sids = {bundle.sid for bundle in on}
        best = max(
            profiles,
            key=lambda p: (kyc.vouches(self._store, p, self._now), p.sid in sids),
            default=None,
        )
        approvals = [
            event.at
            for event in self._store.history(product.sid)
            if event.after == lifecycle.APPROVED
        ]
        return replace(
            facts,
            product_sid=product.sid,
            product_vouching=lifecycle.vouches(product, self._now),
            profile_sid=best.sid if best else None,
            profile_vouching=best is not None and kyc.vouches(self._store, best, self._now),
            number_on_profile=best is not None and best.sid in sids,
            since=approvals[-1] if approvals else 0,
            until=self._until(product, profiles),
        )

    def _until(self, product: Bundle, profiles: list[Bundle]) -> Instant | None:
        """The next end of anything this may stand on; to ask once too often does no harm."""
        primaries = (assignments.profiles_of(self._store, profile.sid) for profile in profiles)
        every = [product, *profiles, *(each for several in primaries for each in several)]
        ends = (bundle.valid_until for bundle in every)
        return min((end for end in ends if end is not None and end > self._now), default=None)


def _agrees(facts: Facts) -> bool:
    return facts.product_vouching and facts.profile_vouching and facts.number_on_profile
