"""Filing a bundle: the one change of status a customer makes, and who is told of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from phonotary.errors import Reason
from phonotary.trusthub import bundles, filing, lifecycle, policies
from phonotary.trusthub.filing import Vetting
from phonotary.trusthub.lifecycle import By
from phonotary.trusthub.records import CUSTOMER_PROFILE, TRUST_PRODUCT, Bundle, Party
from tests.rooms import office
from tests.rooms.memory import MemoryStore
from tests.rooms.office import MANUAL, NOW, nobody, refused

HOUR = 3600
PENDING = "pending-review"


def set_status(store: MemoryStore, party: Party, bundle: Bundle, status: str) -> Bundle:
    return filing.set_status(store, party, NOW, bundle.kind, bundle.sid, status, MANUAL)


@pytest.mark.parametrize("status", lifecycle.STATUSES)
@pytest.mark.parametrize("target", lifecycle.STATUSES)
def test_a_customer_submits_and_does_nothing_else(
    store: MemoryStore, parent: Party, status: str, target: str
) -> None:
    bundle = office.in_status(store, parent, status)
    if target == PENDING and status in ("draft", "twilio-rejected"):
        assert set_status(store, parent, bundle, target).status == PENDING
        return
    with refused(Reason.STATUS_NOT_YOURS) as caught:
        set_status(store, parent, bundle, target)
    assert caught.value.because == "User cannot perform this status update"
    assert store.bundles.get(bundle.sid) == bundle
    assert store.history(bundle.sid) == []


@pytest.mark.parametrize("status", ["", "approved", "PENDING-REVIEW", "provisionally-approved"])
def test_an_unknown_status_is_refused(store: MemoryStore, parent: Party, status: str) -> None:
    with refused(Reason.STATUS_UNKNOWN):
        set_status(store, parent, office.draft(store, parent), status)


def test_a_primary_profile_is_submitted_in_the_console_only(
    store: MemoryStore, parent: Party
) -> None:
    bundle = office.draft(store, parent, policies.PRIMARY)
    for status in (PENDING, "draft"):
        with refused(Reason.CONSOLE_ONLY):
            set_status(store, parent, bundle, status)
    filing.set_status(
        store,
        parent,
        NOW,
        CUSTOMER_PROFILE,
        bundle.sid,
        PENDING,
        MANUAL,
        through_console=True,
    )


def test_a_bundle_that_does_not_exist_is_not_found(store: MemoryStore, parent: Party) -> None:
    with refused(Reason.NOT_FOUND):
        filing.set_status(store, parent, NOW, TRUST_PRODUCT, nobody("BU"), PENDING, MANUAL)


def test_submitting_again_forgets_the_old_codes(store: MemoryStore, parent: Party) -> None:
    rejected = office.in_status(store, parent, "twilio-rejected")
    store.bundles.replace(replace(rejected, errors=(18602,)))
    after = set_status(store, parent, rejected, PENDING)
    assert (after.status, after.errors) == (PENDING, ())
    (event,) = store.history(after.sid)
    assert (event.before, event.after, event.by) == ("twilio-rejected", PENDING, "customer")
    assert (event.because, event.codes, event.at) == ("", (), NOW)


@pytest.mark.parametrize(
    ("mode", "policy_sid", "due"),
    [
        ("instant", policies.SHAKEN_STIR, NOW),
        ("delayed", policies.SHAKEN_STIR, NOW + 72 * HOUR),
        ("delayed", policies.SECONDARY, NOW + 24 * HOUR),
        ("delayed", policies.CNAM, NOW + 24 * HOUR),
        ("manual", policies.SHAKEN_STIR, None),
    ],
)
def test_vetting_is_due_when_the_mode_says(
    store: MemoryStore, parent: Party, mode: str, policy_sid: str, due: int | None
) -> None:
    bundle = office.draft(store, parent, policy_sid)
    filing.submit(store, NOW, bundle, Vetting(mode))
    jobs = [(job.kind, job.subject, job.due) for job in store.jobs.values()]
    assert jobs == ([] if due is None else [("vet", bundle.sid, due)])


def test_each_submission_is_vetted_anew(store: MemoryStore, parent: Party) -> None:
    bundle = office.draft(store, parent)
    for _ in range(2):
        filing.submit(store, NOW, office.forced(store, bundle, "draft"), Vetting())
    assert len(store.jobs) == 2


def test_whoever_comes_second_loses_the_race(store: MemoryStore, parent: Party) -> None:
    stale = office.draft(store, parent)
    filing.submit(store, NOW, stale, MANUAL)
    with refused(Reason.LOST_RACE):
        filing.submit(store, NOW, stale, Vetting())
    assert len(store.history(stale.sid)) == 1
    assert store.jobs == {}


def test_the_customer_is_told_where_the_bundle_says(store: MemoryStore, parent: Party) -> None:
    bundle = office.draft(store, parent)
    url = "https://acme.example/hook"
    bundles.update(store, parent, NOW, TRUST_PRODUCT, bundle.sid, status_callback=url)
    before = bundles.own(store, parent, TRUST_PRODUCT, bundle.sid)
    after = replace(before, status="twilio-rejected")
    filing.advance(store, before, after, By.VETTING, NOW, "No such business.", (18602,))
    (job,) = store.jobs.values()
    assert (job.kind, job.subject, job.due) == ("callback", bundle.sid, NOW)
    assert json.loads(job.body) == {
        "url": url,
        "account_sid": parent.sid,
        "params": {
            "AccountSid": parent.sid,
            "BundleSid": bundle.sid,
            "Status": "twilio-rejected",
            "FailureReason": "No such business.",
        },
    }


def test_nobody_is_told_where_no_callback_is_asked_for(store: MemoryStore, parent: Party) -> None:
    filing.submit(store, NOW, office.draft(store, parent), MANUAL)
    assert store.jobs == {}


def test_a_secondary_under_a_direct_customers_primary_is_not_filed_over_the_api(
    store: MemoryStore, parent: Party
) -> None:
    """Also where the draft was there before the primary said what it is."""
    secondary = office.profile(store, parent, policies.SECONDARY)
    primary = office.approved(
        store, office.profile(store, parent, policies.PRIMARY, "direct_customer")
    )
    office.assigned(store, parent, secondary, primary.sid)
    with office.refused(Reason.CONSOLE_ONLY) as caught:
        filing.set_status(
            store,
            parent,
            NOW,
            secondary.kind,
            secondary.sid,
            "pending-review",
            office.MANUAL,
        )
    assert caught.value.because == bundles.DIRECT_CUSTOMER
    filed = filing.set_status(
        store,
        parent,
        NOW,
        secondary.kind,
        secondary.sid,
        "pending-review",
        office.MANUAL,
        through_console=True,
    )
    assert filed.status == "pending-review"
