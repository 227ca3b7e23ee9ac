"""Automatic vetting: a passing and a failing path for every check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from phonotary.trusthub import codes, policies
from phonotary.trusthub.checks import CHECKS
from phonotary.trusthub.evaluation import BundleFacts, EndUser
from phonotary.trusthub.likeness import resembles
from phonotary.trusthub.vetting import Decision, vet
from tests.rooms.trusthub.samples import (
    ADDRESS,
    business,
    display_name,
    end_user,
    linked,
    paper,
    person,
    product,
    profile,
    voice,
)

NOW = 1_790_000_000


@dataclass(frozen=True)
class Found:
    sentence: str
    code: int


def no_findings(_: object) -> Sequence[Found]:
    return []


def decide(key: str, facts: BundleFacts, **options: Any) -> Decision:
    options = {"name_findings": no_findings, "display_findings": no_findings} | options
    return vet(policies.named(key), facts, NOW, **options)


def decide_profile(**changes: Any) -> Decision:
    facts = profile(end_users=(business(**changes), person()))
    return decide("secondary_business", facts)


def at(**changes: Any) -> BundleFacts:
    return profile(addresses={"AD1": replace(ADDRESS, **changes)})


def whose(*end_users: EndUser, **changes: Any) -> dict[str, Any]:
    """The linked profile, with other end users."""
    return {"bundles": (linked(end_users=end_users, **changes),)}


@pytest.mark.parametrize(
    ("key", "facts"),
    [
        ("secondary_business", profile()),
        ("primary_business", profile(bundles=())),
        ("shaken_stir", product()),
        ("cnam", product(display_name("ACME PLUMBING"))),
        ("voice_integrity", product(voice())),
    ],
)
def test_a_plausible_business_is_approved(key: str, facts: BundleFacts) -> None:
    assert decide(key, facts) == Decision(True, [], [], [])


def test_the_guide_s_sample_person_is_approved() -> None:
    sample = person(
        first_name="rep1",
        last_name="test",
        email="foobar@test.com",
        phone_number="+11234567890",
        business_title="ceo",
        job_position="CEO",
    )
    decision = decide("secondary_business", profile(end_users=(business(), sample)))
    assert decision.approved
    assert decision.warnings == [
        "The e-mail domain test.com differs from the website's domain acme.example."
    ]


def test_an_empty_bundle_is_rejected_with_the_evaluation_s_codes() -> None:
    decision = decide("secondary_business", BundleFacts(kind="customer_profile"))
    assert not decision.approved
    assert decision.codes == [22214, 22215, 22216, 22219, 20412]
    assert "Primary customer profile bundle is null" in decision.because
    assert "Address sids list is empty" in decision.because


@pytest.mark.parametrize(
    ("key", "code"), [("cnam", 11006), ("voice_integrity", 11005), ("shaken_stir", 20412)]
)
def test_a_product_linked_to_nothing(key: str, code: int) -> None:
    facts = product(display_name("ACME"), voice(), bundles=())
    assert decide(key, facts).codes == [code]


@pytest.mark.parametrize("code", range(18601, 18610))
def test_a_rejection_can_be_rehearsed(code: int) -> None:
    decision = decide_profile(business_registration_number=f"12-34{code}")
    message = codes.find(code)
    assert message is not None
    assert decision == Decision(False, [code], [message.message], [])


@pytest.mark.parametrize("number", ["12 341 8603", "12-3418603", "123418603", 123418603, "18603"])
def test_rehearsal_reads_digits_only(number: Any) -> None:
    assert decide_profile(business_registration_number=number).codes == [18603]


@pytest.mark.parametrize("number", ["12-3418600", "12-3418610", "18-6034567"])
def test_other_endings_rehearse_nothing(number: str) -> None:
    assert 18603 not in decide_profile(business_registration_number=number).codes


def test_production_does_not_rehearse() -> None:
    facts = profile(end_users=(business(business_registration_number="12-3418601"), person()))
    assert decide("secondary_business", facts, rehearse=False).approved
    assert not decide("secondary_business", facts).approved


def test_a_product_does_not_rehearse_its_profile_s_number() -> None:
    rehearsing = whose(business(business_registration_number="12-3418601"), person())
    assert decide("shaken_stir", product(**rehearsing)).approved


@pytest.mark.parametrize(
    ("identifier", "number", "expected"),
    [
        ("EIN", "12-3456789", []),
        ("EIN", "123456789", []),
        ("USA: Employer Identification Number (EIN)", "98-7654321", []),
        ("EIN", "12345678", [11004]),
        ("EIN", "1234567890", [11004]),
        ("EIN", "123-45-6789", [11004]),
        ("EIN", "ABCDEFGHI", [11004]),
        ("EIN", "00-0000000", [18602]),
        ("EIN", "07-1234567", [18602]),
        ("EIN", "89-1234567", [18602]),
        ("USA: Employer Identification Number (EIN)", "07-1234567", [18602]),
        ("DUNS", "00-123-4567", []),
        ("DUNS", "123456789", []),
        ("USA: DUNS Number (Dun & Bradstreet)", "07-123-4567", []),
        ("DUNS", "1234567", [11004]),
        ("DUNS", "000000000", [18602]),
        ("DUNS", "99-999-9999", [18602]),
        ("CBN", "BC1234", []),
        ("Other", "anything", []),
    ],
)
def test_registration_numbers(identifier: str, number: str, expected: list[int]) -> None:
    decision = decide_profile(
        business_registration_identifier=identifier, business_registration_number=number
    )
    assert decision.codes == expected


@pytest.mark.parametrize("number", ["12345678", "07-1234567", "12-3418602"])
def test_no_sentence_repeats_the_number(number: str) -> None:
    decision = decide_profile(business_registration_number=number)
    assert decision.because
    digits = number.replace("-", "")
    assert all(number not in each and digits not in each for each in decision.because)


@pytest.mark.parametrize(
    ("website", "good"),
    [
        ("https://acme.example", True),
        ("http://www.acme.example/about?x=1", True),
        ("HTTPS://ACME.EXAMPLE:8443", True),
        ("acme.example", False),
        ("ftp://acme.example", False),
        ("https://localhost", False),
        ("https://acme .example", False),
        ("https://[acme", False),
        ("n/a", False),
    ],
)
def test_website_shape(website: str, good: bool) -> None:
    assert decide_profile(website_url=website).codes == ([] if good else [11001])


@pytest.mark.parametrize(
    ("street", "good"),
    [
        ("123 Main St", True),
        ("1 Boxer Lane", True),
        ("PO Box 12", False),
        ("P.O. Box 12", False),
        ("p o box 12", False),
        ("Post Office Box 12", False),
        ("POB 12", False),
    ],
)
def test_po_boxes(street: str, good: bool) -> None:
    assert decide("secondary_business", at(street=street)).codes == ([] if good else [18603])


def test_a_po_box_in_the_second_line() -> None:
    assert decide("secondary_business", at(street_secondary="PO Box 1")).codes == [18603]


@pytest.mark.parametrize(
    ("email", "warned"),
    [
        ("jane@acme.example", False),
        ("jane@mail.acme.example", False),
        ("jane@ACME.EXAMPLE", False),
        ("jane@gmail.com", True),
        ("jane@notacme.example", True),
    ],
)
def test_an_e_mail_domain_of_its_own_only_warns(email: str, warned: bool) -> None:
    facts = profile(end_users=(business(website_url="https://www.acme.example"), person()))
    facts = replace(facts, end_users=(facts.end_users[0], person(email=email)))
    decision = decide("secondary_business", facts)
    assert decision.approved
    assert bool(decision.warnings) == warned


@pytest.mark.parametrize("key", ["cnam", "voice_integrity", "shaken_stir"])
@pytest.mark.parametrize("status", ["pending-review", "in-review"])
def test_a_product_needs_an_approved_profile(key: str, status: str) -> None:
    own = {"cnam": 11006, "voice_integrity": 11005, "shaken_stir": 20412}
    filed = {"cnam": [display_name("ACME")], "voice_integrity": [voice()], "shaken_stir": []}
    decision = decide(key, product(*filed[key], bundles=(linked(status=status),)))
    assert decision.codes == [own[key]]
    assert decision.because == [
        "The linked customer profile is not approved, or its approval has expired."
    ]


@pytest.mark.parametrize(
    ("valid_until", "good"), [(None, True), (NOW + 1, True), (NOW, False), (NOW - 1, False)]
)
def test_an_expired_profile_no_longer_vouches(valid_until: int | None, good: bool) -> None:
    decision = decide("shaken_stir", product(bundles=(linked(valid_until=valid_until),)))
    assert decision.approved == good


def test_one_approved_profile_among_two_is_enough() -> None:
    both = (linked(policies.PRIMARY, "in-review"), linked())
    assert decide("shaken_stir", product(bundles=both)).approved


def test_a_secondary_profile_needs_an_approved_primary() -> None:
    facts = profile(bundles=(linked(policies.PRIMARY, "in-review"),))
    assert decide("secondary_business", facts).codes == [20412]


@pytest.mark.parametrize("key", ["cnam", "voice_integrity"])
@pytest.mark.parametrize(
    ("identifier", "good"),
    [
        ("EIN", True),
        ("DUNS", True),
        ("USA: DUNS Number (Dun & Bradstreet)", True),
        ("CBN", False),
        ("Other", False),
    ],
)
def test_the_registration_authority(key: str, identifier: str, good: bool) -> None:
    registered = whose(business(business_registration_identifier=identifier), person())
    mine = display_name("ACME") if key == "cnam" else voice()
    assert decide(key, product(mine, **registered)).codes == ([] if good else [18609])


def test_the_profile_that_vouches_is_the_one_that_is_read() -> None:
    foreign = (business(business_registration_identifier="CBN"), person())
    old = linked(policies.PRIMARY, "in-review", end_users=foreign)
    facts = product(display_name("ACME"), bundles=(old, linked()))
    assert decide("cnam", facts).approved


def test_shaken_stir_takes_any_registration_authority() -> None:
    registered = whose(business(business_registration_identifier="CBN"), person())
    assert decide("shaken_stir", product(**registered)).approved


@pytest.mark.parametrize(
    ("people", "good"),
    [
        ([person()], True),
        ([person(), person(2, phone_number="+16505550199")], True),
        ([person(phone_number="+442079460123")], False),
        ([person(), person(2, phone_number="+442079460123")], False),
        ([person(phone_number="+1415555012")], False),
    ],
)
def test_voice_integrity_wants_us_telephones(people: list[EndUser], good: bool) -> None:
    decision = decide("voice_integrity", product(voice(), **whose(business(), *people)))
    assert decision.codes == ([] if good else [11002])


@pytest.mark.parametrize(("country", "good"), [("US", True), ("us", True), ("CA", False)])
def test_voice_integrity_wants_a_us_address(country: str, good: bool) -> None:
    facts = product(voice(), addresses={"AD1": replace(ADDRESS, iso_country=country)})
    assert decide("voice_integrity", facts).codes == ([] if good else [11003])


def test_voice_integrity_wants_https() -> None:
    plain = whose(business(website_url="http://acme.example"), person())
    assert decide("voice_integrity", product(voice(), **plain)).codes == [11001]
    assert decide("cnam", product(display_name("ACME"), **plain)).approved


def test_a_foreign_business_may_have_a_profile() -> None:
    facts = profile(
        end_users=(business(), person(phone_number="+442079460123")),
        addresses={"AD1": replace(ADDRESS, iso_country="GB")},
    )
    assert decide("secondary_business", facts).approved


def test_name_findings_reject_with_their_own_codes() -> None:
    def findings(name: str) -> Sequence[Found]:
        assert name == "ACME POLICE"
        return [Found("Too generic.", 11009), Found("Prohibited.", 11008)]

    decision = decide("cnam", product(display_name("ACME POLICE")), name_findings=findings)
    assert decision.codes == [11009, 11008]
    assert decision.because == ["Too generic.", "Prohibited."]


def test_names_are_asked_of_cnam_only() -> None:
    def findings(name: str) -> Sequence[Found]:
        raise AssertionError(name)

    assert decide("shaken_stir", product(), name_findings=findings).approved


def test_a_name_unlike_the_business() -> None:
    decision = decide("cnam", product(display_name("WELLS FARGO")))
    assert decision.codes == [11007]
    assert decision.because == ["The display name does not resemble the name of the business."]


def test_a_name_like_the_website_will_do() -> None:
    trading = whose(business(website_url="https://www.janes-drains.example"), person())
    assert decide("cnam", product(display_name("JANES DRAINS"), **trading)).approved


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        ("ACME PLUMBING", "Acme Plumbing LLC"),
        ("ACME", "Acme Plumbing LLC"),
        ("ACME PLMBG", "Acme Plumbing LLC"),
        ("ACMEPLUMBING", "Acme Plumbing LLC"),
        ("PLUMBING CO", "Acme Plumbing LLC"),
        ("IBM", "International Business Machines Corporation"),
        ("BOTW", "Bank of the West"),
        ("BW", "Bank of the West"),
        ("JOES DINER", "Joe's Diner, Inc."),
        ("JOES DINER", "Joe\u2019s Diner, Inc."),
        ("SMITH SONS PLMB", "Smith & Sons Plumbing"),
        ("BRIGHT SMILES", "Bright Dental"),
        ("KWIKFIX", "Quick Fix"),
    ],
)
def test_honest_short_names_resemble(name: str, legal: str) -> None:
    assert resembles(name, legal)


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        ("WELLS FARGO", "Acme Plumbing LLC"),
        ("BANK OF AMERICA", "Acme Plumbing LLC"),
        ("IRS", "First Bank"),
        ("ZENITH CORP", "Acme Corp"),
        ("ACME LLC", "Example LLC"),
        ("AMAZON", "Acme Plumbing LLC"),
        ("THE IRS", "The Home Depot"),
        ("Z", "Zenith Corp"),
        ("INL", "Internationalization"),
    ],
)
def test_strangers_names_do_not(name: str, legal: str) -> None:
    assert not resembles(name, legal)


def test_a_website_below_the_mail_domain_is_no_reason_to_warn() -> None:
    shop = business(website_url="https://shop.acme.example")
    facts = profile(end_users=(shop, person()))
    assert decide("secondary_business", facts).warnings == []


def test_every_finding_comes_at_once() -> None:
    facts = profile(
        end_users=(
            business(
                business_type="LLC",
                business_registration_number="12345",
                website_url="acme",
            ),
            person(),
        ),
        addresses={"AD1": replace(ADDRESS, street="PO Box 1")},
        bundles=(linked(policies.PRIMARY, "in-review"),),
    )
    assert decide("secondary_business", facts).codes == [22215, 11004, 11001, 18603, 20412]


def test_codes_and_sentences_come_once() -> None:
    facts = profile(
        documents=(paper(), paper()),
        addresses={"AD1": replace(ADDRESS, street="PO Box 1")},
    )
    decision = decide("secondary_business", facts)
    assert decision.codes == [18603]
    assert len(decision.because) == 1


def test_checks_without_their_data_are_silent() -> None:
    bare = product(voice(), bundles=(linked(end_users=(), documents=()),))
    # Only the authority must be shown; a profile that shows none is not eligible.
    assert decide("voice_integrity", bare).codes == [18609]
    individual = {
        "first_name": "Jane",
        "last_name": "Rivera",
        "email": "jane@acme.example",
        "phone_number": "+14155550123",
    }
    facts = profile(
        end_users=(end_user("starter_customer_profile_information", individual),), bundles=()
    )
    assert decide("primary_individual", facts).approved


def test_the_table_of_checks_is_whole() -> None:
    rejections = {each.code for each in codes.rejections()}
    keys = {policy.key for policy in policies.POLICIES}
    roles = {"primary", "secondary", "starter", "product"}
    assert len({check.id for check in CHECKS}) == len(CHECKS) == 15
    for check in CHECKS:
        assert {check.code, *check.code_by_policy.values()} <= rejections, check.id
        assert check.applies_to <= keys | roles, check.id
        assert check.what.endswith(".") and check.source, check.id
