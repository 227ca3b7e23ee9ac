"""Policies: what a bundle of each kind must hold, as Twilio publishes it and as we add to it.

The wire document is what ``GET /v1/Policies`` serves. Beside it stands our own table: the kind of
bundle, its role, the names under which such a bundle supports another one, and which requirements
may be left out, none of which the wire document says. Every row of ``catalogue/policies.json``
names its source, and ``inferred`` marks a body that we wrote because no public one exists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

Kind = Literal["customer_profile", "trust_product"]
Role = Literal["primary", "secondary", "starter", "product"]

# Static across accounts, says the SHAKEN/STIR ISV guide; the CNAM guide says the same of its own.
PRIMARY = "RN6433641899984f951173ef1738c3bdd0"
SECONDARY = "RNdfbf3fae0e1107f8aded0e7cead80bf5"
SHAKEN_STIR = "RN7a97559effdf62d00f4298208492a5ea"
CNAM = "RNf3db3cd1fe25fcfd3c3ded065c8fea53"
VOICE_INTEGRITY = "RN5b3660f9598883b1df4e77f77acefba0"


@dataclass(frozen=True, slots=True)
class EndUserRequirement:
    """One end user that must be assigned, with the fields the policy lists for it."""

    type: str
    name: str
    requirement_name: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AcceptedDocument:
    """One document type that satisfies a document requirement."""

    type: str
    name: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentRequirement:
    """One document that must be assigned: any of the accepted types will do."""

    name: str
    requirement_name: str
    accepted: tuple[AcceptedDocument, ...]


@dataclass(frozen=True, slots=True)
class AcceptedBundle:
    """One kind of bundle that satisfies a supporting-bundle requirement."""

    type: str
    name: str


@dataclass(frozen=True, slots=True)
class BundleRequirement:
    """One bundle that must be linked: any of the accepted kinds will do."""

    requirement_name: str
    accepted: tuple[AcceptedBundle, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy: the wire document and our own table beside it."""

    sid: str
    friendly_name: str
    requirements: Mapping[str, Any]
    """The wire form, to be served as it is. Callers must not change it."""
    key: str
    """Our short name, such as ``secondary_business`` or ``cnam``."""
    kind: Kind
    role: Role
    stands_for: tuple[str, ...]
    """The supporting types that a bundle under this policy satisfies in another policy."""
    optional: frozenset[str]
    """Requirement names that may be left out of a bundle."""
    us_long_codes_only: bool
    """Whether only US numbers that are not toll-free may join (CNAM guide)."""
    end_users: tuple[EndUserRequirement, ...]
    document_groups: tuple[tuple[DocumentRequirement, ...], ...]
    """Groups stay apart: two groups may accept the same document type."""
    supporting_profiles: tuple[BundleRequirement, ...]
    supporting_products: tuple[BundleRequirement, ...]
    source: str
    confidence: str
    inferred: bool
    """True where we wrote the requirements because no public body exists."""

    def wire(self) -> dict[str, Any]:
        """``{sid, friendly_name, requirements}``; the edge adds ``url``."""
        return {
            "sid": self.sid,
            "friendly_name": self.friendly_name,
            "requirements": self.requirements,
        }


def _end_user(row: Mapping[str, Any]) -> EndUserRequirement:
    return EndUserRequirement(
        row["type"], row["name"], row["requirement_name"], tuple(row["fields"])
    )


def _document(row: Mapping[str, Any]) -> DocumentRequirement:
    accepted = tuple(
        AcceptedDocument(each["type"], each["name"], tuple(each["fields"]))
        for each in row["accepted_documents"]
    )
    return DocumentRequirement(row["name"], row["requirement_name"], accepted)


def _bundles(rows: list[Mapping[str, Any]]) -> tuple[BundleRequirement, ...]:
    # Several entries that share one requirement_name are alternatives: Twilio's Sole Proprietor
    # policy lists the ISV's and the direct customer's starter profile that way.
    accepted: dict[str, list[AcceptedBundle]] = {}
    for row in rows:
        kinds = accepted.setdefault(row["requirement_name"], [])
        kinds.append(AcceptedBundle(row["type"], row["name"]))
    return tuple(BundleRequirement(name, tuple(kinds)) for name, kinds in accepted.items())


def read(row: Mapping[str, Any]) -> Policy:
    """The policy in one row of the catalogue; KeyError names what the row lacks."""
    document, ours = row["document"], row["ours"]
    needs = document["requirements"]
    return Policy(
        sid=document["sid"],
        friendly_name=document["friendly_name"],
        requirements=needs,
        key=ours["key"],
        kind=ours["kind"],
        role=ours["role"],
        stands_for=tuple(ours["stands_for"]),
        optional=frozenset(ours["optional"]),
        us_long_codes_only=ours["us_long_codes_only"],
        end_users=tuple(_end_user(each) for each in needs["end_user"]),
        document_groups=tuple(
            tuple(_document(each) for each in group) for group in needs["supporting_document"]
        ),
        supporting_profiles=_bundles(needs["supporting_customer_profiles"]),
        supporting_products=_bundles(needs["supporting_trust_products"]),
        source=ours["source"],
        confidence=ours["confidence"],
        inferred=ours["inferred"],
    )


_ROWS = json.loads((files(__package__) / "catalogue" / "policies.json").read_text("utf-8"))

POLICIES: tuple[Policy, ...] = tuple(read(row) for row in _ROWS)
"""Every policy, in the order in which the list is served."""

_BY_SID = {policy.sid: policy for policy in POLICIES}
_BY_KEY = {policy.key: policy for policy in POLICIES}

BRANDED_CALLING = frozenset(p.sid for p in POLICIES if p.key.startswith("branded_calling_"))
"""Twilio has seven of that name; they ask for more or less of the same."""


def find(sid: str) -> Policy | None:
    """The policy with this ``RN`` identifier, or None."""
    return _BY_SID.get(sid)


def named(key: str) -> Policy:
    """The policy with this short name of ours; KeyError if there is none."""
    return _BY_KEY[key]


def stands_for(policy_sid: str, supporting_type: str) -> bool:
    """Whether a bundle under ``policy_sid`` satisfies ``supporting_type`` in another policy."""
    policy = _BY_SID.get(policy_sid)
    return policy is not None and supporting_type in policy.stands_for
