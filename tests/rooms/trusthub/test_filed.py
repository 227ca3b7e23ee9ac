"""What a bundle held when it was approved is kept with the decision, within a bound."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from phonotary.trusthub import filed, filing, review
from phonotary.trusthub.lifecycle import By
from phonotary.trusthub.records import Party
from phonotary.trusthub.review import Verdict
from tests.rooms import office
from tests.rooms.memory import MemoryStore
from tests.rooms.office import MANUAL, NOW
from tests.rooms.trusthub.samples import BUSINESS

INFORMATION = "customer_profile_business_information"


def test_an_approval_keeps_what_was_approved(store: MemoryStore, parent: Party) -> None:
    profile = office.approved(store, office.profile(store, parent))
    kept = store.filed[profile.sid]
    assert [each["type"] for each in kept["end_users"]] == [
        INFORMATION,
        "authorized_representative_1",
    ]
    number = "business_registration_number"
    assert kept["end_users"][0]["attributes"][number] == BUSINESS[number]
    assert kept["addresses"][0]["city"] == "Austin"
    assert kept["supporting_documents"][0]["attributes"]["address_sids"]
    assert (kept["policy_sid"], kept["friendly_name"]) == (profile.policy_sid, "a bundle")
    product = office.approved(store, office.product(store, parent, profile))
    assert store.filed[product.sid]["linked_bundles"] == [profile.sid]
    assert json.loads(json.dumps(kept)) == kept


def test_automatic_vetting_keeps_it_too(store: MemoryStore, parent: Party) -> None:
    submitted = filing.submit(store, NOW, office.profile(store, parent), MANUAL)
    after = review.vet(
        store,
        NOW,
        submitted.sid,
        name_findings=lambda *_: (),
        display_findings=lambda *_: (),
        rehearse=False,
    )
    assert after is not None and store.filed[after.sid]["end_users"]


def test_what_is_not_approved_keeps_nothing(store: MemoryStore, parent: Party) -> None:
    submitted = filing.submit(store, NOW, office.profile(store, parent), MANUAL)
    assert store.filed == {}
    review.decide(store, NOW, submitted, Verdict(False, (18601,)), By.REVIEWER, "rita")
    assert store.filed == {}


@pytest.mark.parametrize("name, length", [("padding", 60_000), ("business_name", 500_000)])
def test_a_record_that_is_padded_keeps_what_its_type_knows(
    store: MemoryStore, parent: Party, name: str, length: int
) -> None:
    profile = office.profile(store, parent)
    for each in list(store.end_users.all()):
        attributes: dict[str, Any] = {**each.attributes, name: "x" * length}
        store.end_users.replace(replace(each, attributes=attributes))
    kept = filed.as_approved(store, profile)
    assert len(json.dumps(kept)) <= filed.MOST
    assert (len(kept["end_users"]), kept["left_out"]) == (2, 0)
    business = kept["end_users"][0]
    assert business["cut"] is True and "padding" not in business["attributes"]
    for each in ("business_registration_number", "business_type"):
        assert business["attributes"][each] == BUSINESS[each]


def test_what_does_not_fit_is_counted(store: MemoryStore, parent: Party) -> None:
    profile = office.profile(store, parent)
    for n in range(40):
        more = {**BUSINESS, "n": str(n), "padding": "x" * 5_000}
        office.assigned(store, parent, profile, office.end_user(store, parent, "use_case", more))
    kept = filed.as_approved(store, profile)
    assert len(json.dumps(kept)) <= filed.MOST
    assert kept["end_users"][0]["type"] == INFORMATION
    parts = ("end_users", "addresses", "supporting_documents", "linked_bundles")
    assert sum(len(kept[part]) for part in parts) + kept["left_out"] == 44
    assert kept["left_out"] > 20
    assert filed.contents(store, profile)["left_out"] == 0
