"""Evaluations: what a bundle lacks, all of it at once, in Twilio's words and codes.

The two body dialects are those of the Trust Hub's published examples: a passing row lists
``valid`` items that carry ``passed``; a failing row lists ``invalid`` items that do not. Codes are
22214 to 22219 of the error dictionary; an attribute of ours has its own, and a missing supporting
bundle has none, as nobody has seen one. What a row says when its end user exists but a field is
wrong is not public: the row then repeats its first invalid field's reason and code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from phonotary.trusthub import lifecycle, types
from phonotary.trusthub.evaluation_rows import Row, a, invalid_item, valid_item
from phonotary.trusthub.policies import (
    AcceptedBundle,
    AcceptedDocument,
    BundleRequirement,
    DocumentRequirement,
    EndUserRequirement,
    Kind,
    Policy,
    stands_for,
)

MISSING_END_USER = 22214
WRONG_END_USER_FIELD = 22215
MISSING_DOCUMENT = 22216
WRONG_DOCUMENT_FIELD = 22217
MISMATCH = 22218
MISSING_ADDRESS = 22219

# A trust product may be evaluated, and pass, while its profile is still with the reviewers (field
# report); whether the profile is approved is for vetting to ask.
SUBMITTED = frozenset({lifecycle.PENDING, lifecycle.IN_REVIEW, lifecycle.APPROVED})

_WHAT = {"customer_profile": "customer profile", "trust_product": "trust product"}


@dataclass(frozen=True, slots=True)
class EndUser:
    """One end user (``IT``) assigned to a bundle: its machine name and attributes."""

    sid: str
    type: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """One supporting document (``RD``) assigned to a bundle."""

    sid: str
    type: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address (``AD``), with the fields of the 2010-04-01 API that a check reads."""

    sid: str
    customer_name: str = ""
    street: str = ""
    street_secondary: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    iso_country: str = ""
    """ISO 3166-1 alpha-2."""


@dataclass(frozen=True, slots=True)
class SupportingBundle:
    """One bundle (``BU``) assigned to another, with what vetting must read of it."""

    sid: str
    policy_sid: str
    status: str
    """The wire status, such as ``twilio-approved``."""
    valid_until: int | None = None
    """Epoch seconds; past it an approved bundle no longer vouches."""
    end_users: tuple[EndUser, ...] = ()
    documents: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """All that evaluation and vetting may know of one bundle; the store gathers it."""

    kind: Kind
    end_users: tuple[EndUser, ...] = ()
    documents: tuple[Document, ...] = ()
    addresses: Mapping[str, Address] = field(default_factory=dict)
    """By SID, every existing address that a document here or in ``bundles`` names."""
    bundles: tuple[SupportingBundle, ...] = ()
    numbers: tuple[str, ...] = ()
    """E.164."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The verdict and its rows, in wire form."""

    status: Literal["compliant", "noncompliant"]
    results: list[dict[str, Any]]


def evaluate(policy: Policy, facts: BundleFacts) -> Evaluation:
    """Hold the facts against the policy. Pure; never raises for what a customer sent."""
    results = list(_results(policy, facts))
    passed = all(result["passed"] for result in results)
    return Evaluation("compliant" if passed else "noncompliant", results)


def _results(policy: Policy, facts: BundleFacts) -> Iterator[dict[str, Any]]:
    for need in policy.end_users:
        given = [part for part in facts.end_users if part.type == need.type]
        # The policies list a second representative that the ISV guide calls optional, and a
        # profile without one has been seen compliant: an absent optional part makes no row.
        if given or need.requirement_name not in policy.optional:
            yield _end_user_row(policy, need, given)
    for group in policy.document_groups:
        for paper in group:
            yield _document_row(policy, paper, facts)
    for bundle in (*policy.supporting_profiles, *policy.supporting_products):
        linked = list(linked_bundles(bundle, facts))
        if linked or bundle.requirement_name not in policy.optional:
            yield _bundle_row(policy, bundle, linked)


def _end_user_row(
    policy: Policy, need: EndUserRequirement, given: Sequence[EndUser]
) -> dict[str, Any]:
    row = Row(need.type, need.name, need.requirement_name)
    if not given:
        invalid = _end_user_fields(row, need, EndUser("", need.type, {}))["invalid"]
        where = _WHAT[policy.kind]
        missing = f"{a(need.name)} {need.name} End-User is missing. Please add one to the {where}."
        return row.failed(missing, MISSING_END_USER, [], invalid)
    # The best of several counts, and a wish of any of them: none may be lost on the way.
    own = [fault for part in given for fault in _own_faults(need.type, part)]
    judged = (_end_user_fields(row, need, part, own) for part in given)
    return min(judged, key=lambda each: len(each["invalid"]))


def _end_user_fields(
    row: Row, need: EndUserRequirement, part: EndUser, own: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    valid, invalid = [], []
    for name in need.fields:
        known = _known(types.end_user_type(need.type), name)
        texts = values(known, part.attributes.get(name))
        called = known.evaluation_name
        if not texts and known.required:
            enter = f"Please enter in {a(called).lower()} {called} on the {need.name}."
            reason = f"The {called} is missing. {enter}"
        elif not all(known.accepts(text) for text in texts):
            # Word for word what a live evaluation said of a registration identifier.
            reason = f"The {called} is invalid"
        else:
            valid.append(valid_item(called, name))
            continue
        invalid.append(invalid_item(called, name, reason, WRONG_END_USER_FIELD))
    return row.judged(valid, [*invalid, *own])


def _own_faults(kind: str, part: EndUser) -> list[dict[str, Any]]:
    """Attributes of ours that nobody can follow. Such a one is named where it is wrong and nowhere
    else, so that whoever knows Twilio's alone is answered as Twilio answers."""
    known = types.end_user_type(kind)
    return [
        invalid_item(field.evaluation_name, field.machine_name, _one_of(field), field.code)
        for field in (known.own if known else ())
        if not all(map(field.accepts, values(field, part.attributes.get(field.machine_name))))
    ]


def _one_of(field: types.Field) -> str:
    return f"The {field.evaluation_name} is invalid; it is {' or '.join(sorted(field.values))}"


def _document_row(policy: Policy, need: DocumentRequirement, facts: BundleFacts) -> dict[str, Any]:
    judged = [
        _document_fields(Row(kind.type, kind.name, need.requirement_name), kind, part, facts)
        for kind in need.accepted
        for part in facts.documents
        if part.type == kind.type
    ]
    if judged:
        return min(judged, key=lambda each: len(each["invalid"]))
    first = need.accepted[0]
    nothing = Document("", first.type, {})
    row = Row(first.type, first.name, need.requirement_name)
    invalid = _document_fields(row, first, nothing, facts)["invalid"]
    where = _WHAT[policy.kind]
    missing = f"{a(first.name)} {first.name} is missing. Please add one to the {where}."
    return row.failed(missing, MISSING_DOCUMENT, [], invalid)


def _document_fields(
    row: Row, kind: AcceptedDocument, part: Document, facts: BundleFacts
) -> dict[str, Any]:
    valid, invalid = [], []
    for name in kind.fields:
        known = _known(types.supporting_document_type(kind.type), name)
        fault = _document_fault(known, kind, part, facts)
        if fault is None:
            valid.append(valid_item(known.evaluation_name, name))
        elif known.refers_to_address:
            invalid.append(invalid_item("Address sid(s)", name, *fault))
        else:
            invalid.append(invalid_item(known.evaluation_name, name, *fault))
    return row.judged(valid, invalid)


def _document_fault(
    known: types.Field, kind: AcceptedDocument, part: Document, facts: BundleFacts
) -> tuple[str, int] | None:
    texts = values(known, part.attributes.get(known.machine_name))
    name = known.evaluation_name
    if known.refers_to_address:
        if not texts:
            return "Address sids list is empty", MISSING_ADDRESS  # a field report's own words
        if not all(sid in facts.addresses for sid in texts):
            sentence = "The Address is missing. Please enter in the address shown on the"
            return f"{sentence} {kind.name}.", MISSING_ADDRESS
        return None
    if not texts and known.required:
        return f"The {name} is missing on the {kind.name}.", WRONG_DOCUMENT_FIELD
    if not all(known.accepts(text) for text in texts):
        return f"The {name} on the {kind.name} is invalid", WRONG_DOCUMENT_FIELD
    if _matches(known, texts, facts):
        return None
    return f"The {name} on the {kind.name} does not match the {name} of the End-User.", MISMATCH


def _matches(known: types.Field, texts: list[str], facts: BundleFacts) -> bool:
    """Whether an end user of the named types holds the same text, or there is none to ask."""
    asked = [part for part in facts.end_users if part.type in known.must_match]
    held = [values(known, part.attributes.get(known.machine_name)) for part in asked]
    return not asked or texts in held


def _bundle_row(
    policy: Policy,
    need: BundleRequirement,
    linked: Sequence[tuple[AcceptedBundle, SupportingBundle]],
) -> dict[str, Any]:
    kind, bundle = next(
        (pair for pair in linked if pair[1].status in SUBMITTED),
        linked[0] if linked else (need.accepted[0], None),
    )
    row = Row(kind.type, kind.name, need.requirement_name)
    # The published examples: a customer profile is asked for its bundle's SID, a trust product
    # for its bundle's status, under one and the same friendly name.
    name = "bundle_sid" if policy.kind == "customer_profile" else "bundle_status"
    subject = need.requirement_name.replace("_", " ").capitalize() + " bundle"
    if bundle is None:
        reason = f"{subject} is null"
    elif name == "bundle_status" and bundle.status not in SUBMITTED:
        reason = f"{subject} status is {bundle.status}"
    else:
        return row.passed([valid_item("Supporting Bundle Status", name)])
    invalid = [invalid_item("Supporting Bundle Status", name, reason, None)]
    return row.failed(reason, None, [], invalid)


def linked_bundles(
    need: BundleRequirement, facts: BundleFacts
) -> Iterator[tuple[AcceptedBundle, SupportingBundle]]:
    """Each assigned bundle that is of an accepted kind, with the kind it was accepted as."""
    for kind in need.accepted:
        for bundle in facts.bundles:
            if stands_for(bundle.policy_sid, kind.type):
                yield kind, bundle


def values(known: types.Field, given: Any) -> list[str]:
    """The texts in one attribute: trimmed, empty ones left out, lists and commas taken apart."""
    if given is None:
        return []
    each = given if isinstance(given, list) else [given]
    if known.many:
        each = [part for one in each for part in str(one).split(",")]
    return [text for one in each if (text := str(one).strip())]


def _known(kind: types.Type | None, name: str) -> types.Field:
    """The field's own table, or an optional field of any text where a policy names an unknown."""
    found = kind.field(name) if kind else None
    title = name.replace("_", " ").title()
    return found or types.Field(name, title, "String", title, required=False)
