"""The checks of automatic vetting: one row each in ``catalogue/checks.json``, one function here.

A row says what is checked, for which policies, with which code of the dictionary, whether it
rejects or only warns, and where the rule comes from. A check that lacks its data says nothing:
what is missing is the evaluation's to say. No sentence repeats a registration number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any, NamedTuple, Protocol
from urllib.parse import SplitResult, urlsplit

from phonotary.trusthub import display, lifecycle, types
from phonotary.trusthub.display import Filed, Logo
from phonotary.trusthub.evaluation import (
    Address,
    BundleFacts,
    Document,
    EndUser,
    SupportingBundle,
    linked_bundles,
    values,
)
from phonotary.trusthub.likeness import resembles
from phonotary.trusthub.policies import Policy

_BUSINESS = "customer_profile_business_information"
_REPRESENTATIVES = ("authorized_representative_1", "authorized_representative_2")
_PO_BOX = re.compile(r"\b(P\.?\s*O\.?\s*BOX|POST\s+OFFICE\s+BOX|POB)\b", re.IGNORECASE)
# A DUNS number has had no check digit since 2006, and an EIN never had one.
_FORMS = {"EIN": re.compile(r"\d{2}-?\d{7}"), "DUNS": re.compile(r"\d{2}-?\d{3}-?\d{4}")}


_ROWS = json.loads((files(__package__) / "catalogue" / "checks.json").read_text("utf-8"))
_UNISSUED = {row["id"]: frozenset(row.get("unissued_ein_prefixes", ())) for row in _ROWS}


class NameFinding(Protocol):
    """What the CNAM room says against a name, a logo or a reason: a sentence and a code."""

    @property
    def sentence(self) -> str: ...
    @property
    def code(self) -> int: ...


NameCheck = Callable[[str], Sequence[NameFinding]]
DisplayCheck = Callable[[Filed], Sequence[NameFinding]]
"""The same of what a Branded Calling product files; the logo's bytes are not its question."""


class Said(NamedTuple):
    """One objection; the code is the row's own unless it brings another."""

    sentence: str
    code: int | None = None


@dataclass(frozen=True)
class Case:
    """One bundle on the table. For a product, ``subject`` is the profile it is linked to."""

    policy: Policy
    facts: BundleFacts
    now: int
    name_findings: NameCheck
    display_findings: DisplayCheck
    logo: Logo | None = None
    """What was found behind the URL of the bundle's logo, where somebody looked."""

    @cached_property
    def linked(self) -> list[SupportingBundle]:
        needs = (*self.policy.supporting_profiles, *self.policy.supporting_products)
        return [bundle for need in needs for _, bundle in linked_bundles(need, self.facts)]

    @cached_property
    def subject(self) -> BundleFacts | SupportingBundle | None:
        if self.policy.kind == "customer_profile":
            return self.facts
        return next(iter(sorted(self.linked, key=lambda each: not self.vouches(each))), None)

    def vouches(self, bundle: SupportingBundle) -> bool:
        in_time = bundle.valid_until is None or self.now < bundle.valid_until
        return bundle.status == lifecycle.APPROVED and in_time

    def end_users(self, *wanted: str) -> list[EndUser]:
        given = self.subject.end_users if self.subject else ()
        return [each for each in given if each.type in wanted]

    def business(self, name: str) -> str:
        """One attribute of the business information, empty when it is not there."""
        return next(
            (text for each in self.end_users(_BUSINESS) if (text := text_of(each, name))), ""
        )

    def addresses(self) -> list[Address]:
        papers: tuple[Document, ...] = self.subject.documents if self.subject else ()
        known = self.facts.addresses
        return [known[sid] for paper in papers for sid in _address_sids(paper) if sid in known]

    def authority(self) -> str:
        """``EIN``, ``DUNS`` or another wire value of the registration identifier."""
        given = self.business("business_registration_identifier")
        kind = types.end_user_type(_BUSINESS)
        field = kind.field("business_registration_identifier") if kind else None
        return field.labels.get(given, given) if field else given


def _registration_shape(case: Case) -> Iterator[Said]:
    form = _FORMS.get(case.authority())
    number = case.business("business_registration_number")
    if form and number and not form.fullmatch(number):
        yield Said(
            f"The registration number does not have the form of its kind, {case.authority()}."
        )


def _registration_issued(case: Case) -> Iterator[Said]:
    form, digits = _FORMS.get(case.authority()), case.business("business_registration_number")
    if form is None or not form.fullmatch(digits):
        return
    digits = digits.replace("-", "")
    if case.authority() == "EIN" and digits[:2] in _UNISSUED["registration-issued"]:
        yield Said("The registration number begins with digits that the IRS does not assign.")
    if case.authority() == "DUNS" and digits in ("0" * 9, "9" * 9):
        yield Said("The registration number is not one that is ever given out.")


def _website_shape(case: Case) -> Iterator[Said]:
    website = case.business("website_url")
    if website and _url(website) is None:
        yield Said("The website must be a URL such as https://www.example.com.")


def _website_https(case: Case) -> Iterator[Said]:
    website = case.business("website_url")
    url = _url(website)
    if website and (url is None or url.scheme != "https"):
        yield Said("The business's website must be an https URL.")


def _address_not_po_box(case: Case) -> Iterator[Said]:
    for address in case.addresses():
        if _PO_BOX.search(f"{address.street} {address.street_secondary}"):
            yield Said("The business address must be a physical place, not a PO box.")


def _address_us(case: Case) -> Iterator[Said]:
    if any(address.iso_country.upper() != "US" for address in case.addresses()):
        yield Said("The business address must be in the United States.")


def _email_domain(case: Case) -> Iterator[Said]:
    url = _url(case.business("website_url"))
    host = (url.hostname or "").removeprefix("www.") if url else ""
    for person in case.end_users(*_REPRESENTATIVES):
        domain = text_of(person, "email").rpartition("@")[2].lower()
        if host and domain and not _same_domain(domain, host):
            yield Said(f"The e-mail domain {domain} differs from the website's domain {host}.")


def _representative_phone_us(case: Case) -> Iterator[Said]:
    for person in case.end_users(*_REPRESENTATIVES):
        if not re.fullmatch(r"\+1\d{10}", text_of(person, "phone_number")):
            yield Said("Each authorized representative must have a +1 telephone number.")


def _linked_bundle_vouches(case: Case) -> Iterator[Said]:
    for need in (*case.policy.supporting_profiles, *case.policy.supporting_products):
        linked = [bundle for _, bundle in linked_bundles(need, case.facts)]
        if linked and not any(case.vouches(bundle) for bundle in linked):
            what = need.requirement_name.replace("_", " ")
            yield Said(f"The linked {what} is not approved, or its approval has expired.")


def _registration_authority(case: Case) -> Iterator[Said]:
    if case.subject is not None and case.authority() not in _FORMS:
        yield Said("The linked business must be registered by EIN or DUNS number.")


def _display_names(case: Case) -> list[str]:
    mine = (each for each in case.facts.end_users if each.type == "cnam_information")
    return [name for each in mine if (name := text_of(each, "cnam_display_name"))]


def _display_name_rules(case: Case) -> Iterator[Said]:
    for name in _display_names(case):
        for finding in case.name_findings(name):
            yield Said(finding.sentence, finding.code)


def _display_name_likeness(case: Case) -> Iterator[Said]:
    url = _url(case.business("website_url"))
    known = [case.business("business_name"), (url.hostname or "") if url else ""]
    for name in _display_names(case):
        if any(known) and not resembles(name, *known):
            yield Said("The display name does not resemble the name of the business.")


def _displays(case: Case) -> list[Filed]:
    mine = (each for each in case.facts.end_users if each.type == display.INFORMATION)
    return [display.filed(each.attributes) for each in mine]


def _branded_identity_rules(case: Case) -> Iterator[Said]:
    for filed in _displays(case):
        for finding in case.display_findings(filed):
            yield Said(finding.sentence, finding.code)


def _branded_name_likeness(case: Case) -> Iterator[Said]:
    url = _url(case.business("website_url"))
    known = [case.business("business_name"), (url.hostname or "") if url else ""]
    for filed in _displays(case):
        if filed.longest_name and any(known) and not resembles(filed.longest_name, *known):
            yield Said("The name that is shown does not resemble the name of the business.")


def _branded_logo_seen(case: Case) -> Iterator[Said]:
    for filed in _displays(case):
        seen = case.logo
        if filed.logo_url is None:
            continue
        if seen is None or seen.url != filed.logo_url:
            yield Said("The logo was not looked at.")
        elif seen.digest is None:
            if not (seen.excused and filed.logo_digest):
                yield Said(f"The logo cannot be used: {seen.because}")
        elif filed.logo_digest not in (None, seen.digest):
            yield Said("The logo behind its URL is not the one that its digest is of.")


def text_of(end_user: EndUser, name: str) -> str:
    """One attribute, trimmed; empty when it is not there."""
    given = end_user.attributes.get(name)
    return "" if given is None else str(given).strip()


def _address_sids(paper: Document) -> list[str]:
    kind = types.supporting_document_type(paper.type)
    field = kind.field("address_sids") if kind else None
    return values(field, paper.attributes.get("address_sids")) if field else []


def _url(text: str) -> SplitResult | None:
    """The URL when it is http or https with a dotted host name, else None."""
    try:
        url = urlsplit(text.strip())
        host = url.hostname or ""
    except ValueError:
        return None
    if url.scheme not in ("http", "https") or re.search(r"\s", text.strip()):
        return None
    return url if re.fullmatch(r"[^.@]+(\.[^.@]+)+", host) else None


def _same_domain(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


_LOOKS: dict[str, Callable[[Case], Iterator[Said]]] = {
    "registration-shape": _registration_shape,
    "registration-issued": _registration_issued,
    "website-shape": _website_shape,
    "website-https": _website_https,
    "address-not-po-box": _address_not_po_box,
    "address-us": _address_us,
    "email-domain": _email_domain,
    "representative-phone-us": _representative_phone_us,
    "linked-bundle-vouches": _linked_bundle_vouches,
    "registration-authority": _registration_authority,
    "display-name-rules": _display_name_rules,
    "display-name-likeness": _display_name_likeness,
    "branded-identity-rules": _branded_identity_rules,
    "branded-name-likeness": _branded_name_likeness,
    "branded-logo-seen": _branded_logo_seen,
}


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the table of checks."""

    id: str
    what: str
    code: int
    code_by_policy: Mapping[str, int]
    """Policies, by our short name, whose own code differs."""
    rejects: bool
    applies_to: frozenset[str]
    """Roles and short names of policies."""
    source: str
    look: Callable[[Case], Iterator[Said]]
    """The function that looks."""

    def applies(self, policy: Policy) -> bool:
        return not self.applies_to.isdisjoint((policy.role, policy.key))

    def code_for(self, policy: Policy) -> int:
        return self.code_by_policy.get(policy.key, self.code)


def _check(row: Mapping[str, Any]) -> Check:
    return Check(
        id=row["id"],
        what=row["what"],
        code=row["code"],
        code_by_policy=row.get("code_by_policy", {}),
        rejects=row["severity"] == "reject",
        applies_to=frozenset(row["applies_to"]),
        source=row["source"],
        look=_LOOKS[row["id"]],
    )


CHECKS = tuple(_check(row) for row in _ROWS)
"""Every check, in the order in which they are made."""

NOT_APPROVED = next(check for check in CHECKS if check.id == "linked-bundle-vouches")
