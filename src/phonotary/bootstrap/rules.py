"""The sandbox's outcome rules, kept with everything else so that they decide in its transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence

from phonotary.errors import Reason, Refused
from phonotary.storage.store import SqlStore
from phonotary.trusthub import outcomes
from phonotary.trusthub.facts import facts_of
from phonotary.trusthub.outcomes import Outcome

_NAME = "outcomes"


class OutcomeRules:
    """Reads and writes the rules; the oldest that matches decides."""

    def read(self, store: SqlStore) -> list[Outcome]:
        kept = store.setting(_NAME)
        try:
            rules = json.loads(kept) if kept else []
        except ValueError:
            rules = None
        if not isinstance(rules, list):
            raise Refused(Reason.INVALID_PARAMETER, "The kept outcomes are not a list of rules")
        return [outcomes.read(rule) for rule in rules]

    def keep(self, store: SqlStore, rules: Sequence[Outcome]) -> None:
        store.put_setting(_NAME, json.dumps([outcomes.shown(rule) for rule in rules]))

    def add(self, store: SqlStore, rule: Outcome) -> None:
        self.keep(store, [*self.read(store), rule])

    def for_bundle(self, store: SqlStore, bundle_sid: str) -> Outcome | None:
        """The rule that decides a bundle which waits, used up if it was for once."""
        rules = self.read(store)
        bundle = store.bundles.get(bundle_sid) if rules else None
        if bundle is None:
            return None
        chosen, left = outcomes.choose(rules, bundle, facts_of(store, bundle))
        if len(left) != len(rules):
            self.keep(store, left)
        return chosen
