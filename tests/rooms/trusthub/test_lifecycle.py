"""The two tables a bundle lives by, every cell of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phonotary.errors import Reason
from phonotary.trusthub import lifecycle
from phonotary.trusthub.lifecycle import By, Facts, permits, step, vouches
from tests.rooms.office import NOW, refused
from tests.storage.samples import OURS, bundle

STATUSES = ("draft", "pending-review", "in-review", "twilio-rejected", "twilio-approved")
ACTIONS = ("submit", "claim", "release", "approve", "reject", "suspend", "expire", "")
ACTORS = ("customer", "vetting", "reviewer")

# Written by hand from the design, not read from the table that it tests.
ALLOWED = {
    ("draft", "submit", "customer"): "pending-review",
    ("twilio-rejected", "submit", "customer"): "pending-review",
    ("pending-review", "claim", "vetting"): "in-review",
    ("pending-review", "claim", "reviewer"): "in-review",
    ("in-review", "release", "vetting"): "pending-review",
    ("in-review", "release", "reviewer"): "pending-review",
    ("in-review", "approve", "vetting"): "twilio-approved",
    ("in-review", "approve", "reviewer"): "twilio-approved",
    ("in-review", "reject", "vetting"): "twilio-rejected",
    ("in-review", "reject", "reviewer"): "twilio-rejected",
    ("twilio-approved", "suspend", "reviewer"): "twilio-rejected",
}
PERMITTED = {
    "draft": {"edit", "assign-entities", "assign-numbers", "delete"},
    "pending-review": {"assign-numbers"},
    "in-review": {"assign-numbers"},
    "twilio-rejected": {"edit", "assign-entities", "assign-numbers", "delete"},
    "twilio-approved": {"assign-numbers", "delete", "vouch"},
}
ALL_TRUE = Facts(compliant=True, own_filing=False, codes=(18601,), because="a reason")

cells = [(s, a, by) for s in STATUSES for a in ACTIONS for by in ACTORS]


@pytest.mark.parametrize(("status", "action", "by"), cells)
def test_a_move_is_made_or_refused_as_the_design_says(status: str, action: str, by: str) -> None:
    target = ALLOWED.get((status, action, by))
    if target:
        assert step(status, action, By(by), ALL_TRUE) == target
        return
    with refused(Reason.STATUS_NOT_YOURS):
        step(status, action, By(by), ALL_TRUE)


@pytest.mark.parametrize(
    ("status", "action", "facts", "reason"),
    [
        ("in-review", "approve", replace(ALL_TRUE, compliant=False), Reason.NOT_COMPLIANT),
        ("in-review", "approve", replace(ALL_TRUE, own_filing=True), Reason.OWN_FILING),
        ("in-review", "reject", replace(ALL_TRUE, codes=()), Reason.CODE_REQUIRED),
        ("twilio-approved", "suspend", replace(ALL_TRUE, because=" \n"), Reason.CODE_REQUIRED),
    ],
)
def test_a_move_needs_what_must_be_true(
    status: str, action: str, facts: Facts, reason: Reason
) -> None:
    with refused(reason):
        step(status, action, By.REVIEWER, facts)


def test_a_move_asks_for_nothing_it_does_not_need() -> None:
    nothing = Facts()
    assert step("draft", "submit", By.CUSTOMER, nothing) == "pending-review"
    assert step("pending-review", "claim", By.VETTING, nothing) == "in-review"
    assert step("in-review", "release", By.REVIEWER, nothing) == "pending-review"


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_permits_exactly_what_the_design_says(status: str) -> None:
    words = set().union(*PERMITTED.values()) | {"unheard-of"}
    held = replace(bundle(1, OURS), status=status)
    assert {word for word in words if permits(held, word)} == PERMITTED[status]


def test_the_statuses_are_those_of_the_wire() -> None:
    assert lifecycle.STATUSES == STATUSES


@pytest.mark.parametrize("status", STATUSES)
def test_only_an_approved_bundle_vouches_and_only_until_it_expires(status: str) -> None:
    held = replace(bundle(1, OURS), status=status, valid_until=None)
    approved = status == "twilio-approved"
    assert vouches(held, NOW) is approved
    dated = replace(held, valid_until=NOW)
    assert [vouches(dated, NOW + by) for by in (-1, 0, 1)] == [approved, False, False]
