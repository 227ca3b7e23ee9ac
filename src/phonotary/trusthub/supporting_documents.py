"""Supporting documents: proof that points at addresses. Trust Hub v1 ``/SupportingDocuments``.

A document has no status of its own to set: it is DRAFT until a bundle that holds it is submitted,
then it follows that bundle's review.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from phonotary import sids
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.trusthub import attributed, types
from phonotary.trusthub.ownership import changeable, readable
from phonotary.trusthub.records import Party, SupportingDocument
from phonotary.trusthub.store import Ask, Page, Store

PATH = "/v1/SupportingDocuments"
DRAFT, PENDING, REJECTED, APPROVED = "DRAFT", "PENDING_REVIEW", "REJECTED", "APPROVED"


def create(
    store: Store,
    party: Party,
    now: Instant,
    *,
    friendly_name: str,
    type: str,
    attributes: dict[str, Any] | None = None,
) -> SupportingDocument:
    if types.supporting_document_type(type) is None:
        raise Refused(Reason.INVALID_PARAMETER, f"{type} is not a Supporting Document Type")
    document = SupportingDocument(
        sid=sids.mint("RD"),
        account_sid=party.sid,
        friendly_name=friendly_name,
        type=type,
        attributes=attributes or {},
        mime_type=None,
        status=DRAFT,
        date_created=now,
        date_updated=now,
    )
    store.documents.add(document)
    return document


def fetch(store: Store, party: Party, sid: str) -> SupportingDocument:
    return readable(store, party, store.documents, sid, PATH)


def page(store: Store, party: Party, ask: Ask) -> Page[SupportingDocument]:
    return store.documents.page(ask, {"account_sid": party.sid})


def update(
    store: Store,
    party: Party,
    now: Instant,
    sid: str,
    *,
    friendly_name: str | None = None,
    attributes: dict[str, Any] | None = None,
) -> SupportingDocument:
    document = changeable(party, store.documents, sid, PATH)
    return attributed.update(
        store, store.documents, document, now, "supporting document", friendly_name, attributes
    )


def delete(store: Store, party: Party, sid: str) -> None:
    """Not while assigned (21645), not while under review (21646)."""
    document = changeable(party, store.documents, sid, PATH)
    if document.status == PENDING:
        raise Refused(
            Reason.DOCUMENT_UNDER_REVIEW,
            f"Supporting Document {sid} is under review and is not eligible for deletion",
        )
    if store.entity_assignments.first(object_sid=sid):
        raise Refused(
            Reason.DOCUMENT_ASSIGNED,
            "Supporting Document cannot be deleted due to active Bundle assignment",
        )
    store.documents.remove(document.sid)


def follow(store: Store, bundle_sid: str, status: str, now: Instant) -> None:
    """Give every document of a bundle the status its review has reached."""
    for assignment in store.entity_assignments.all(bundle_sid=bundle_sid):
        document = store.documents.get(assignment.object_sid)
        if document and document.status != status:
            store.documents.replace(replace(document, status=status, date_updated=now))
