"""Deciding a submitted bundle: by automatic vetting or by a person, through the same gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.trusthub import (
    codes,
    display,
    evaluation,
    filed,
    filing,
    lifecycle,
    policies,
    supporting_documents,
    vetting,
)
from phonotary.trusthub.display import Logo
from phonotary.trusthub.facts import facts_of
from phonotary.trusthub.lifecycle import By, Facts
from phonotary.trusthub.outcomes import Outcome
from phonotary.trusthub.records import Bundle
from phonotary.trusthub.store import Store

# The published samples give an approved bundle a valid_until one year on.
VALIDITY = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reviewer decides. ``codes`` are catalogue codes and make it a rejection."""

    approve: bool
    codes: tuple[int, ...] = ()
    because: str = ""
    logo: Logo | None = None
    """What was found behind the URL of the bundle's logo, where it has one."""


def vet(
    store: Store,
    now: Instant,
    bundle_sid: str,
    *,
    name_findings: vetting.NameCheck,
    display_findings: vetting.DisplayCheck,
    rehearse: bool,
    outcome: Outcome | None = None,
    logo: Logo | None = None,
) -> Bundle | None:
    """Run automatic vetting on a bundle that still waits; None when it no longer does.

    ``rehearse`` and ``outcome`` are the sandbox's: the ending of a registration number, or a rule
    that was set before, chooses what becomes of the bundle. Neither makes an incomplete one vouch.
    """
    bundle = store.bundles.get(bundle_sid)
    policy = policies.find(bundle.policy_sid) if bundle else None
    if bundle is None or policy is None or bundle.status != lifecycle.PENDING:
        return None
    if outcome is not None and outcome.decision == "hold":
        return None
    if outcome is not None and (
        outcome.decision == "reject"
        or (_compliant(store, bundle) and display.is_settled(store, bundle, logo))
    ):
        chosen = Verdict(outcome.decision == "approve", outcome.codes, outcome.because, logo)
        return decide(store, now, bundle, chosen, By.VETTING)
    decision = vetting.vet(
        policy,
        facts_of(store, bundle),
        now,
        name_findings=name_findings,
        display_findings=display_findings,
        logo=logo,
        rehearse=rehearse,
    )
    because = " ".join(decision.because)
    verdict = Verdict(decision.approved, tuple(decision.codes), because, logo)
    return decide(store, now, bundle, verdict, By.VETTING)


def decide(
    store: Store, now: Instant, bundle: Bundle, verdict: Verdict, by: By, reviewer: str = ""
) -> Bundle:
    """pending-review → in-review → approved or rejected: two moves, two events, two callbacks.

    An approval pins the bundle's logo (:func:`display.pin`). Refused where it cannot be made."""
    who = _who(by, reviewer)
    if bundle.status == lifecycle.PENDING:
        bundle = take(store, now, bundle, "claim", by, reviewer)
    action = "approve" if verdict.approve else "reject"
    facts = Facts(
        compliant=verdict.approve and _compliant(store, bundle),
        own_filing=reviewer.lower() in (bundle.account_sid.lower(), bundle.email.lower()),
        codes=_known(verdict.codes),
        because=verdict.because,
    )
    target = lifecycle.step(bundle.status, action, by, facts)
    approved = target == lifecycle.APPROVED
    if approved:
        display.pin(store, bundle, verdict.logo, now)
    after = replace(
        bundle,
        status=target,
        errors=() if approved else facts.codes,
        valid_until=now + VALIDITY if approved else None,
        date_updated=now,
        display_approved=approved,
    )
    held = filed.as_approved(store, after) if approved else None
    because = " ".join(each for each in (verdict.because, _unseen(approved, verdict.logo)) if each)
    filing.advance(store, bundle, after, who, now, because, after.errors, held)
    paper = supporting_documents.APPROVED if approved else supporting_documents.REJECTED
    supporting_documents.follow(store, bundle.sid, paper, now)
    return after


def take(
    store: Store, now: Instant, bundle: Bundle, action: str, by: By, reviewer: str = ""
) -> Bundle:
    """``claim`` a bundle for review, or ``release`` it to whoever comes next."""
    target = lifecycle.step(bundle.status, action, by, Facts())
    after = replace(bundle, status=target, date_updated=now)
    filing.advance(store, bundle, after, _who(by, reviewer), now)
    return after


def _who(by: By, reviewer: str) -> str:
    return f"{by}:{reviewer}" if reviewer else str(by)


def suspend(store: Store, now: Instant, bundle: Bundle, reviewer: str, because: str) -> Bundle:
    """Take an approval back; the next call and the next dip are lower."""
    target = lifecycle.step(bundle.status, "suspend", By.REVIEWER, Facts(because=because))
    after = replace(
        bundle, status=target, valid_until=None, date_updated=now, display_approved=False
    )
    filing.advance(store, bundle, after, f"{By.REVIEWER}:{reviewer}", now, because)
    supporting_documents.follow(store, bundle.sid, supporting_documents.REJECTED, now)
    return after


def _unseen(approved: bool, logo: Logo | None) -> str:
    """Said with the approval, for a sandbox that could not see the logo lets its digest do."""
    if not approved or logo is None or logo.digest is not None:
        return ""
    return f"The logo was not seen, and its digest is taken as given: {logo.because}"


def _compliant(store: Store, bundle: Bundle) -> bool:
    policy = policies.find(bundle.policy_sid)
    if policy is None:
        return False
    return evaluation.evaluate(policy, facts_of(store, bundle)).status == "compliant"


def _known(given: Sequence[int]) -> tuple[int, ...]:
    for code in given:
        if codes.find(code) is None:
            raise Refused(Reason.INVALID_PARAMETER, f"{code} is not a code of the catalogue")
    return tuple(given)
