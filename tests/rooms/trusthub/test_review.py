"""Deciding a bundle: by automatic vetting or by a person, through one gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from phonotary.errors import Reason
from phonotary.trusthub import filing, policies, review
from phonotary.trusthub.lifecycle import By
from phonotary.trusthub.records import Bundle, Party
from phonotary.trusthub.review import VALIDITY, Verdict
from tests.rooms import office
from tests.rooms.memory import MemoryStore
from tests.rooms.office import MANUAL, NOW, nobody, refused

LATER = NOW + 60


def no_findings(*_: Any) -> Sequence[Any]:
    return ()


def submitted(store: MemoryStore, party: Party) -> Bundle:
    return filing.submit(store, NOW, office.profile(store, party), MANUAL)


def decide(store: MemoryStore, bundle: Bundle, *codes: int, because: str = "") -> Bundle:
    verdict = Verdict(not codes, codes, because)
    return review.decide(store, LATER, bundle, verdict, By.REVIEWER, "rita")


def told(store: MemoryStore, bundle: Bundle) -> list[tuple[str, str]]:
    return [(event.after, event.by) for event in store.history(bundle.sid)]


def vet(store: MemoryStore, sid: str, rehearse: bool = False) -> Bundle | None:
    return review.vet(
        store,
        LATER,
        sid,
        name_findings=no_findings,
        display_findings=no_findings,
        rehearse=rehearse,
    )


def test_an_approval_lasts_a_year(store: MemoryStore, parent: Party) -> None:
    after = decide(store, submitted(store, parent))
    assert (after.status, after.errors) == ("twilio-approved", ())
    assert after.valid_until == LATER + VALIDITY
    assert store.bundles.get(after.sid) == after
    assert told(store, after) == [
        ("pending-review", "customer"),
        ("in-review", "reviewer:rita"),
        ("twilio-approved", "reviewer:rita"),
    ]


def test_a_rejection_keeps_its_codes_and_its_sentence(store: MemoryStore, parent: Party) -> None:
    after = decide(store, submitted(store, parent), 18602, 18601, because="Not found.")
    assert (after.status, after.errors, after.valid_until) == (
        "twilio-rejected",
        (18602, 18601),
        None,
    )
    last = store.history(after.sid)[-1]
    assert (last.codes, last.because) == ((18602, 18601), "Not found.")


def test_a_bundle_already_in_review_is_not_claimed_again(store: MemoryStore, parent: Party) -> None:
    bundle = office.forced(store, submitted(store, parent), "in-review")
    decide(store, bundle)
    assert [after for after, _ in told(store, bundle)] == ["pending-review", "twilio-approved"]


def test_what_is_not_complete_is_not_approved(store: MemoryStore, parent: Party) -> None:
    bundle = filing.submit(store, NOW, office.draft(store, parent), MANUAL)
    with refused(Reason.NOT_COMPLIANT):
        decide(store, bundle)


def test_a_bundle_of_an_unknown_policy_is_not_approved(store: MemoryStore, parent: Party) -> None:
    bundle = replace(submitted(store, parent), policy_sid=nobody("RN"))
    store.bundles.replace(bundle)
    with refused(Reason.NOT_COMPLIANT):
        decide(store, bundle)
    assert vet(store, bundle.sid) is None


def test_whoever_filed_a_bundle_does_not_approve_it(store: MemoryStore, parent: Party) -> None:
    bundle = submitted(store, parent)
    with refused(Reason.OWN_FILING):
        review.decide(store, LATER, bundle, Verdict(True), By.REVIEWER, parent.sid)


def test_a_rejection_needs_a_code_of_the_catalogue(store: MemoryStore, parent: Party) -> None:
    with refused(Reason.CODE_REQUIRED):
        review.decide(store, LATER, submitted(store, parent), Verdict(False), By.REVIEWER, "rita")
    with refused(Reason.INVALID_PARAMETER):
        decide(store, submitted(store, parent), 1)


@pytest.mark.parametrize("status", ["draft", "twilio-rejected", "twilio-approved"])
def test_only_what_was_submitted_is_decided(store: MemoryStore, parent: Party, status: str) -> None:
    bundle = office.forced(store, office.profile(store, parent), status)
    for codes in ((), (18602,)):
        with refused(Reason.STATUS_NOT_YOURS):
            decide(store, bundle, *codes)


def test_a_decision_on_an_old_reading_loses_the_race(store: MemoryStore, parent: Party) -> None:
    bundle = submitted(store, parent)
    decide(store, bundle)
    with refused(Reason.LOST_RACE):
        decide(store, bundle, 18602)


def test_vetting_approves_what_is_in_order(store: MemoryStore, parent: Party) -> None:
    bundle = submitted(store, parent)
    after = vet(store, bundle.sid)
    assert after is not None
    assert (after.status, after.valid_until) == ("twilio-approved", LATER + VALIDITY)
    assert told(store, bundle)[1:] == [("in-review", "vetting"), ("twilio-approved", "vetting")]


def test_vetting_rejects_with_codes_and_sentences(store: MemoryStore, parent: Party) -> None:
    bundle = filing.submit(store, NOW, office.draft(store, parent, policies.PRIMARY), MANUAL)
    after = vet(store, bundle.sid)
    assert after is not None
    assert after.status == "twilio-rejected"
    assert after.errors
    assert store.history(bundle.sid)[-1].because


@pytest.mark.parametrize("status", ["draft", "in-review", "twilio-rejected", "twilio-approved"])
def test_vetting_leaves_alone_what_does_not_wait(
    store: MemoryStore, parent: Party, status: str
) -> None:
    bundle = office.forced(store, office.profile(store, parent), status)
    assert vet(store, bundle.sid) is None
    assert vet(store, nobody("BU")) is None
    assert store.bundles.get(bundle.sid) == bundle


@pytest.mark.parametrize("rehearse", [True, False])
def test_failure_is_rehearsed_in_a_sandbox_only(
    store: MemoryStore, parent: Party, rehearse: bool
) -> None:
    bundle = office.profile(store, parent)
    business = store.end_users.first(type="customer_profile_business_information")
    assert business is not None
    number = {**business.attributes, "business_registration_number": "12-3418603"}
    store.end_users.replace(replace(business, attributes=number))
    filing.submit(store, NOW, bundle, MANUAL)
    after = vet(store, bundle.sid, rehearse)
    assert after is not None
    assert after.errors == ((18603,) if rehearse else ())


def test_a_suspension_ends_the_approval_and_needs_a_reason(
    store: MemoryStore, parent: Party
) -> None:
    bundle = decide(store, submitted(store, parent))
    with refused(Reason.CODE_REQUIRED):
        review.suspend(store, LATER, bundle, "rita", "  ")
    after = review.suspend(store, LATER, bundle, "rita", "Complaints.")
    assert (after.status, after.valid_until) == ("twilio-rejected", None)
    assert store.history(bundle.sid)[-1].because == "Complaints."
    assert {document.status for document in store.documents.all()} == {"REJECTED"}
    with refused(Reason.STATUS_NOT_YOURS):
        review.suspend(store, LATER, after, "rita", "Again.")
    with refused(Reason.LOST_RACE):
        review.suspend(store, LATER, bundle, "rita", "Late.")


def test_a_bundle_is_taken_and_given_back(store: MemoryStore, parent: Party) -> None:
    waiting = submitted(store, parent)
    taken = review.take(store, NOW, waiting, "claim", By.REVIEWER, "rita")
    assert taken.status == "in-review"
    with refused(Reason.STATUS_NOT_YOURS):
        review.take(store, NOW, taken, "claim", By.REVIEWER, "tom")
    given_back = review.take(store, NOW, taken, "release", By.REVIEWER, "rita")
    assert given_back.status == "pending-review"
    assert [change.by for change in store.history(waiting.sid)][-2:] == ["reviewer:rita"] * 2


@pytest.mark.parametrize("change", [str.lower, str.upper])
def test_whoever_filed_it_does_not_approve_it_under_any_spelling(
    store: MemoryStore, parent: Party, change: Callable[[str], str]
) -> None:
    for name in ("account_sid", "email"):
        waiting = submitted(store, parent)
        reviewer = change(getattr(waiting, name))
        with refused(Reason.OWN_FILING):
            review.decide(store, NOW, waiting, review.Verdict(True), By.REVIEWER, reviewer)
