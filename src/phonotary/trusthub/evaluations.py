"""Evaluations that were asked for and kept. Trust Hub v1 ``…/Evaluations``.

The judging itself is ``evaluation``; this module gathers what a bundle holds and keeps the answer.
"""

from __future__ import annotations

from phonotary import sids
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.trusthub import bundles, evaluation, policies
from phonotary.trusthub.facts import facts_of
from phonotary.trusthub.records import Party, StoredEvaluation
from phonotary.trusthub.store import Ask, Page, Store


def create(
    store: Store, party: Party, now: Instant, kind: str, bundle_sid: str, *, policy_sid: str
) -> StoredEvaluation:
    """Evaluate a bundle now against a policy and keep the result."""
    bundle = bundles.own(store, party, kind, bundle_sid)
    policy = policies.find(policy_sid)
    if policy is None:
        raise Refused(Reason.INVALID_PARAMETER, f"PolicySid {policy_sid} was not found")
    result = evaluation.evaluate(policy, facts_of(store, bundle))
    kept = StoredEvaluation(
        sid=sids.mint("EL"),
        account_sid=party.sid,
        bundle_sid=bundle.sid,
        policy_sid=policy_sid,
        status=result.status,
        results=list(result.results),
        date_created=now,
    )
    store.evaluations.add(kept)
    return kept


def fetch(store: Store, party: Party, kind: str, bundle_sid: str, sid: str) -> StoredEvaluation:
    return bundles.part(store, party, kind, bundle_sid, store.evaluations, "Evaluations", sid)


def page(
    store: Store, party: Party, kind: str, bundle_sid: str, ask: Ask
) -> Page[StoredEvaluation]:
    bundle = bundles.fetch(store, party, kind, bundle_sid)
    return store.evaluations.page(ask, {"bundle_sid": bundle.sid})
