"""Automatic vetting: the evaluation first, then the checks a reviewer would make.

All findings come back at once. What is checked, for which policies, with which code and whether it
rejects or only warns is the table in ``checks``. No sentence ever repeats a registration number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from phonotary.trusthub import codes
from phonotary.trusthub.checks import (
    CHECKS,
    NOT_APPROVED,
    Case,
    DisplayCheck,
    NameCheck,
    NameFinding,
    Said,
    text_of,
)
from phonotary.trusthub.display import Logo
from phonotary.trusthub.evaluation import BundleFacts, evaluate
from phonotary.trusthub.policies import Policy

__all__ = ["Decision", "DisplayCheck", "NameCheck", "NameFinding", "vet"]

_REHEARSED = re.compile(r"1860[1-9]$")


@dataclass(frozen=True, slots=True)
class Decision:
    """What automatic vetting decided and why."""

    approved: bool
    codes: list[int]
    """Catalogue codes, each once, empty when approved."""
    because: list[str]
    """One sentence per finding; never a registration number."""
    warnings: list[str]
    """Findings a person should see that do not reject."""


def vet(
    policy: Policy,
    facts: BundleFacts,
    now: int,
    *,
    name_findings: NameCheck,
    display_findings: DisplayCheck,
    logo: Logo | None = None,
    rehearse: bool = True,
) -> Decision:
    """Decide one bundle at ``now`` (epoch seconds). ``logo`` is what was found behind the URL of
    its logo; a bundle that names one is rejected where nobody looked.

    With ``rehearse`` a registration number that ends in a rejection code, 18601 to 18609, is
    rejected with that code and no other check is made: the sandbox's way to rehearse failure.
    Production must pass False, or one business in eleven thousand would be refused for its number.
    """
    found = list(_evaluated(policy, facts))
    warnings: list[str] = []
    rehearsed = _rehearsed(facts) if rehearse else None
    if rehearsed is not None:
        found.append(rehearsed)
    else:
        case = Case(policy, facts, now, name_findings, display_findings, logo)
        _check(case, found, warnings)
    return Decision(
        approved=not found,
        codes=list(dict.fromkeys(said.code for said in found if said.code is not None)),
        because=list(dict.fromkeys(said.sentence for said in found)),
        warnings=warnings,
    )


def _check(case: Case, found: list[Said], warnings: list[str]) -> None:
    for check in CHECKS:
        if not check.applies(case.policy):
            continue
        for said in check.look(case):
            if check.rejects:
                found.append(Said(said.sentence, said.code or check.code_for(case.policy)))
            else:
                warnings.append(said.sentence)


def _evaluated(policy: Policy, facts: BundleFacts) -> Iterator[Said]:
    """What the evaluation found. Its own codes say best what is missing (22214 to 22219); a
    missing supporting bundle has none, and is refused like one that is not approved."""
    unlinked = NOT_APPROVED.code_for(policy)
    for result in evaluate(policy, facts).results:
        if result["passed"]:
            continue
        for each in (result, *result["invalid"]):
            yield Said(each["failure_reason"], each["error_code"] or unlinked)


def _rehearsed(facts: BundleFacts) -> Said | None:
    for end_user in facts.end_users:
        number = re.sub(r"\D", "", text_of(end_user, "business_registration_number"))
        asked = _REHEARSED.search(number)
        known = codes.find(int(asked[0])) if asked else None
        if known is not None:
            return Said(known.message, known.code)
    return None
