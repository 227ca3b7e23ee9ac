"""Outcomes on order (sandbox): what becomes of bundles that match, chosen beforehand.

The first rule that matches decides. A rule matches on any field of the bundle, its end users, its
documents or its numbers; ``*`` in a value stands for any text. An approval still needs a compliant
evaluation: no outcome makes an incomplete bundle vouch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from phonotary.errors import Reason, Refused
from phonotary.trusthub import codes
from phonotary.trusthub.evaluation import BundleFacts
from phonotary.trusthub.records import Bundle

DECISIONS = ("approve", "reject", "hold")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One rule. ``hold`` leaves the bundle to a person; ``once`` forgets the rule when used."""

    decision: str
    match: Mapping[str, str] = field(default_factory=dict)
    codes: tuple[int, ...] = ()
    because: str = ""
    once: bool = False


def read(given: Any) -> Outcome:
    """A rule from JSON: ``{"match": {…}, "decision": "reject", "codes": [18602]}``."""
    if not isinstance(given, dict) or set(given) - {
        "match",
        "decision",
        "codes",
        "because",
        "once",
    }:
        raise _refused("it takes match, decision, codes, because and once")
    decision, match, given_codes = (
        given.get("decision"),
        given.get("match", {}),
        given.get("codes", []),
    )
    if decision not in DECISIONS:
        raise _refused(f"decision must be one of {', '.join(DECISIONS)}")
    if not isinstance(match, dict) or not all(isinstance(v, str) for v in match.values()):
        raise _refused("match holds texts by field name")
    if not isinstance(given_codes, list) or any(_unknown(code) for code in given_codes):
        raise _refused("codes are numbers of the catalogue")
    if decision == "reject" and not given_codes:
        raise _refused("a rejection needs at least one code of the catalogue")
    return Outcome(
        decision=decision,
        match=match,
        codes=tuple(given_codes),
        because=str(given.get("because", "")),
        once=bool(given.get("once", False)),
    )


def shown(outcome: Outcome) -> dict[str, Any]:
    return asdict(outcome)


def choose(
    rules: Sequence[Outcome], bundle: Bundle, facts: BundleFacts
) -> tuple[Outcome | None, list[Outcome]]:
    """The rule that decides this bundle, and the rules that remain."""
    values = list(_values(bundle, facts))
    for rule in rules:
        if all(_matches(values, name, wanted) for name, wanted in rule.match.items()):
            return rule, [other for other in rules if other is not rule or not rule.once]
    return None, list(rules)


def _values(bundle: Bundle, facts: BundleFacts) -> Iterator[tuple[str, str]]:
    for name in ("sid", "account_sid", "kind", "policy_sid", "friendly_name", "email"):
        yield name, str(getattr(bundle, name))
    for end_user in facts.end_users:
        yield from ((name, str(value)) for name, value in end_user.attributes.items())
    for document in facts.documents:
        yield from ((name, str(value)) for name, value in document.attributes.items())
    yield from (("phone_number", number) for number in facts.numbers)


def _matches(values: list[tuple[str, str]], name: str, wanted: str) -> bool:
    return any(found == name and fnmatchcase(text, wanted) for found, text in values)


def _unknown(code: Any) -> bool:
    return not isinstance(code, int) or isinstance(code, bool) or codes.find(code) is None


def _refused(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"That is not an outcome: {what}")
