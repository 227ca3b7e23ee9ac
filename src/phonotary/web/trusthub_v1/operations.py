"""The Trust Hub v1 table: every published operation, one row each."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any, TypeVar

from phonotary.errors import Reason, Refused
from phonotary.trusthub import (
    assignments,
    bundles,
    end_users,
    evaluations,
    filing,
    policies,
    supporting_documents,
    types,
)
from phonotary.trusthub.ownership import not_found
from phonotary.trusthub.records import CUSTOMER_PROFILE, TRUST_PRODUCT, Bundle
from phonotary.trusthub.store import Page
from phonotary.web.forms import Field
from phonotary.web.operations import Call, Listing, Operation
from phonotary.web.trusthub_v1 import inquiries
from phonotary.web.trusthub_v1 import resources as render

T = TypeVar("T")

# Digits of ASCII only: what Python takes for a digit may be more than what it can count with.
_CATALOGUE_TOKEN = re.compile(r"PA([0-9]{12})([0-9a-f]{16})")

_BUNDLE_FILTERS = (Field("Status"), Field("FriendlyName"), Field("PolicySid"))
_BUNDLE_FORM = (
    Field("FriendlyName", required=True),
    Field("Email", required=True),
    Field("PolicySid", required=True),
    Field("StatusCallback"),
)
_BUNDLE_CHANGES = (
    Field("Status"),
    Field("StatusCallback"),
    Field("FriendlyName"),
    Field("Email"),
)
_NUMBER_FORM = (
    Field("ChannelEndpointType", required=True),
    Field("ChannelEndpointSid", required=True),
)
_NUMBER_FILTERS = (Field("ChannelEndpointSid"), Field("ChannelEndpointSids"))
_PAPER_FORM = (
    Field("FriendlyName", required=True),
    Field("Type", required=True),
    Field("Attributes", kind="attributes"),
)
_PAPER_CHANGES = (Field("FriendlyName"), Field("Attributes", kind="attributes"))


def _update_bundle(call: Call, kind: str) -> Bundle:
    """Properties, then status. Both at once is for bundles that are not under review (22204)."""
    form = dict(call.form)
    status = form.pop("status", None) or None
    sid = call.path["bundle_sid"]
    if status is None:
        return bundles.update(call.store, call.party, call.now, kind, sid, **form)
    if form:
        current = bundles.own(call.store, call.party, kind, sid)
        if current.status in ("pending-review", "in-review"):
            raise Refused(
                Reason.STATUS_WITH_PROPERTIES,
                "Bundle status and properties cannot be updated in the same request",
            )
        bundles.update(call.store, call.party, call.now, kind, sid, **form)
    return filing.set_status(call.store, call.party, call.now, kind, sid, status, call.hub.vetting)


def _number_filter(call: Call) -> dict[str, Any]:
    """``ChannelEndpointSids`` is several, separated by commas; both filters mean one column."""
    several = call.where.pop("channel_endpoint_sids", None)
    if several:
        wanted = tuple(part.strip() for part in several.split(",") if part.strip())
        one = call.where.get("channel_endpoint_sid")
        call.where["channel_endpoint_sid"] = tuple(sid for sid in wanted if one in (None, sid))
    return call.where


def _bundle_rows(kind: str) -> list[Operation]:
    root = f"/v1/{render.COLLECTION[kind]}"
    one = f"{root}/{{bundle_sid}}"

    def sid(call: Call) -> str:
        return call.path["bundle_sid"]

    return [
        Operation(
            "GET",
            root,
            lambda c: bundles.page(c.store, c.party, kind, c.ask, c.where),
            render.bundle,
            listing=Listing(filters=_BUNDLE_FILTERS),
        ),
        Operation(
            "POST",
            root,
            lambda c: bundles.create(c.store, c.party, c.now, kind, **c.form),
            render.bundle,
            _BUNDLE_FORM,
            201,
        ),
        Operation(
            "GET", one, lambda c: bundles.fetch(c.store, c.party, kind, sid(c)), render.bundle
        ),
        Operation("POST", one, lambda c: _update_bundle(c, kind), render.bundle, _BUNDLE_CHANGES),
        Operation(
            "DELETE", one, lambda c: bundles.delete(c.store, c.party, kind, sid(c)), status=204
        ),
        Operation(
            "POST",
            f"{one}/ProvisionalCopy",
            lambda c: bundles.provisional_copy(c.store, c.party, c.now, kind, sid(c)),
            render.provisional_copy,
            status=201,
        ),
        Operation(
            "GET",
            f"{one}/ProvisionalCopy",
            lambda c: bundles.fetch_copy(c.store, c.party, kind, sid(c)),
            render.provisional_copy,
        ),
        *_entity_rows(kind, f"{one}/EntityAssignments"),
        *_number_rows(kind, f"{one}/ChannelEndpointAssignments"),
        *_evaluation_rows(kind, f"{one}/Evaluations"),
    ]


def _entity_rows(kind: str, root: str) -> list[Operation]:
    resource = render.entity_assignment(kind)

    def at(c: Call) -> tuple[Any, ...]:
        return c.store, c.party, kind, c.path["bundle_sid"], c.path["sid"]

    return [
        Operation(
            "GET",
            root,
            lambda c: assignments.entities(
                c.store, c.party, kind, c.path["bundle_sid"], c.ask, c.where
            ),
            resource,
            listing=Listing(filters=(Field("ObjectType"),)),
        ),
        Operation(
            "POST",
            root,
            lambda c: assignments.assign_entity(
                c.store, c.party, c.now, kind, c.path["bundle_sid"], **c.form
            ),
            resource,
            (Field("ObjectSid", required=True),),
            201,
        ),
        Operation("GET", f"{root}/{{sid}}", lambda c: assignments.entity(*at(c)), resource),
        Operation(
            "DELETE", f"{root}/{{sid}}", lambda c: assignments.unassign_entity(*at(c)), status=204
        ),
    ]


def _number_rows(kind: str, root: str) -> list[Operation]:
    resource = render.channel_endpoint_assignment(kind)

    def at(c: Call) -> tuple[Any, ...]:
        return c.store, c.party, kind, c.path["bundle_sid"], c.path["sid"]

    return [
        Operation(
            "GET",
            root,
            lambda c: assignments.number_assignments(
                c.store, c.party, kind, c.path["bundle_sid"], c.ask, _number_filter(c)
            ),
            resource,
            listing=Listing(filters=_NUMBER_FILTERS),
        ),
        Operation(
            "POST",
            root,
            lambda c: assignments.assign_number(
                c.store, c.party, c.now, kind, c.path["bundle_sid"], **c.form
            ),
            resource,
            _NUMBER_FORM,
            201,
        ),
        Operation(
            "GET", f"{root}/{{sid}}", lambda c: assignments.number_assignment(*at(c)), resource
        ),
        Operation(
            "DELETE", f"{root}/{{sid}}", lambda c: assignments.unassign_number(*at(c)), status=204
        ),
    ]


def _evaluation_rows(kind: str, root: str) -> list[Operation]:
    resource = render.evaluation(kind)
    return [
        Operation(
            "GET",
            root,
            lambda c: evaluations.page(c.store, c.party, kind, c.path["bundle_sid"], c.ask),
            resource,
            listing=Listing(),
        ),
        Operation(
            "POST",
            root,
            lambda c: evaluations.create(
                c.store, c.party, c.now, kind, c.path["bundle_sid"], **c.form
            ),
            resource,
            (Field("PolicySid", required=True),),
            201,
        ),
        Operation(
            "GET",
            f"{root}/{{sid}}",
            lambda c: evaluations.fetch(
                c.store, c.party, kind, c.path["bundle_sid"], c.path["sid"]
            ),
            resource,
        ),
    ]


def _paper_rows(room: Any, root: str, resource: Any) -> list[Operation]:
    """End users and supporting documents have the same five operations."""

    def at(c: Call) -> str:
        return c.path["sid"]

    return [
        Operation(
            "GET", root, lambda c: room.page(c.store, c.party, c.ask), resource, listing=Listing()
        ),
        Operation(
            "POST",
            root,
            lambda c: room.create(c.store, c.party, c.now, **c.form),
            resource,
            _PAPER_FORM,
            201,
        ),
        Operation(
            "GET", f"{root}/{{sid}}", lambda c: room.fetch(c.store, c.party, at(c)), resource
        ),
        Operation(
            "POST",
            f"{root}/{{sid}}",
            lambda c: room.update(c.store, c.party, c.now, at(c), **c.form),
            resource,
            _PAPER_CHANGES,
        ),
        Operation(
            "DELETE",
            f"{root}/{{sid}}",
            lambda c: room.delete(c.store, c.party, at(c)),
            status=204,
        ),
    ]


def _catalogue_rows(root: str, rows: Any, find: Any, resource: Any, key: str) -> list[Operation]:
    """Policies and types are data: listed, fetched, never written."""

    def fetch(call: Call) -> Any:
        found = find(call.path["sid"])
        if found is None:
            raise not_found(f"{root}/{call.path['sid']}")
        return found

    return [
        Operation(
            "GET", root, lambda c: catalogue_page(root, rows, c), resource, listing=Listing(key=key)
        ),
        Operation("GET", f"{root}/{{sid}}", fetch, resource),
    ]


def catalogue_page(root: str, rows: tuple[T, ...], call: Call) -> Page[T]:
    """A page of a constant list; its token is the place where the next page starts, and a digest
    of the list it was given out for."""
    digest = blake2b(root.encode(), digest_size=8).hexdigest()
    start = _place(call.ask.cursor, digest, len(rows)) if call.ask.cursor else 0
    end = start + call.ask.size
    before = max(start - call.ask.size, 0)
    return Page(
        list(rows[start:end]),
        f"PA{end:012d}{digest}" if end < len(rows) else None,
        f"PA{before:012d}{digest}" if start > 0 else None,
    )


def _place(token: str, digest: str, length: int) -> int:
    found = _CATALOGUE_TOKEN.fullmatch(token)
    if found is None or found[2] != digest or int(found[1]) > length:
        raise Refused(Reason.INVALID_PAGE_TOKEN, "Invalid PageToken; use the paging URLs")
    return int(found[1])


OPERATIONS: tuple[Operation, ...] = (
    *_bundle_rows(CUSTOMER_PROFILE),
    *_bundle_rows(TRUST_PRODUCT),
    *_paper_rows(end_users, "/v1/EndUsers", render.end_user),
    *_paper_rows(supporting_documents, "/v1/SupportingDocuments", render.supporting_document),
    *_catalogue_rows("/v1/Policies", policies.POLICIES, policies.find, render.policy, "results"),
    *_catalogue_rows(
        "/v1/EndUserTypes",
        types.end_user_types(),
        types.end_user_type,
        render.type_resource("EndUserTypes"),
        "end_user_types",
    ),
    *_catalogue_rows(
        "/v1/SupportingDocumentTypes",
        types.supporting_document_types(),
        types.supporting_document_type,
        render.type_resource("SupportingDocumentTypes"),
        "supporting_document_types",
    ),
    *inquiries.OPERATIONS,
)
