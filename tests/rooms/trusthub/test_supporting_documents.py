"""Supporting documents follow the review of the bundle that holds them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phonotary.errors import Reason
from phonotary.trusthub import filing, lifecycle, review, supporting_documents, types
from phonotary.trusthub.lifecycle import By
from phonotary.trusthub.records import Party
from phonotary.trusthub.store import Ask
from tests.rooms import office
from tests.rooms.memory import MemoryStore
from tests.rooms.office import MANUAL, NOW, nobody, refused

LATER = NOW + 60


@pytest.fixture
def paper(store: MemoryStore, parent: Party) -> str:
    return office.document(store, parent)


def status_of(store: MemoryStore, sid: str) -> str:
    found = store.documents.get(sid)
    assert found is not None
    return found.status


def test_every_published_type_can_be_made(store: MemoryStore, parent: Party) -> None:
    for each in types.supporting_document_types():
        made = supporting_documents.create(
            store, parent, NOW, friendly_name="", type=each.machine_name
        )
        assert (made.type, made.status, made.attributes) == (each.machine_name, "DRAFT", {})
        assert store.documents.get(made.sid) == made


@pytest.mark.parametrize("type", ["", "cnam_information"])
def test_an_unknown_type_is_refused(store: MemoryStore, parent: Party, type: str) -> None:
    with refused(Reason.INVALID_PARAMETER):
        supporting_documents.create(store, parent, NOW, friendly_name="", type=type)


def test_what_is_not_given_stays(store: MemoryStore, parent: Party, paper: str) -> None:
    kept = supporting_documents.fetch(store, parent, paper)
    same = supporting_documents.update(store, parent, LATER, paper)
    assert same == replace(kept, date_updated=LATER)
    changed = supporting_documents.update(
        store, parent, LATER, paper, friendly_name="", attributes={}
    )
    assert (changed.friendly_name, changed.attributes) == ("", {})
    assert store.documents.get(paper) == changed


@pytest.mark.parametrize("status", lifecycle.STATUSES)
def test_a_document_changes_while_its_bundle_is_open(
    store: MemoryStore, parent: Party, paper: str, status: str
) -> None:
    bundle = office.draft(store, parent)
    office.assigned(store, parent, bundle, paper)
    office.forced(store, bundle, status)
    if status in ("draft", "twilio-rejected"):
        supporting_documents.update(store, parent, LATER, paper, friendly_name="new")
        return
    with refused(Reason.FROZEN):
        supporting_documents.update(store, parent, LATER, paper, friendly_name="new")


@pytest.mark.parametrize("approve", [True, False])
def test_a_document_follows_its_bundles_review(
    store: MemoryStore, parent: Party, approve: bool
) -> None:
    bundle = office.profile(store, parent)
    (paper,) = (each.sid for each in store.documents.all())
    assert status_of(store, paper) == "DRAFT"
    submitted = filing.submit(store, NOW, bundle, MANUAL)
    assert status_of(store, paper) == "PENDING_REVIEW"
    verdict = review.Verdict(approve, () if approve else (18602,))
    review.decide(store, NOW, submitted, verdict, By.REVIEWER, "rita")
    assert status_of(store, paper) == ("APPROVED" if approve else "REJECTED")


def test_a_document_is_deleted_when_nothing_holds_it(
    store: MemoryStore, parent: Party, paper: str
) -> None:
    bundle = office.draft(store, parent)
    office.assigned(store, parent, bundle, paper)
    with refused(Reason.DOCUMENT_ASSIGNED):
        supporting_documents.delete(store, parent, paper)
    filing.submit(store, NOW, bundle, MANUAL)
    with refused(Reason.DOCUMENT_UNDER_REVIEW):
        supporting_documents.delete(store, parent, paper)
    free = office.document(store, parent)
    supporting_documents.delete(store, parent, free)
    with refused(Reason.NOT_FOUND):
        supporting_documents.fetch(store, parent, free)


def test_a_list_holds_the_partys_own(
    store: MemoryStore, parent: Party, child: Party, paper: str
) -> None:
    office.document(store, child)
    assert [d.sid for d in supporting_documents.page(store, parent, Ask()).rows] == [paper]


def test_what_does_not_exist_is_not_found(store: MemoryStore, parent: Party) -> None:
    with refused(Reason.NOT_FOUND):
        supporting_documents.update(store, parent, NOW, nobody("RD"))
    with refused(Reason.NOT_FOUND):
        supporting_documents.delete(store, parent, nobody("RD"))
