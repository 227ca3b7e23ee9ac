"""Trust Hub resources as JSON, field for field as published (twilio-oai, trusthub_v1)."""

from __future__ import annotations

from typing import Any

from phonotary.clock import iso8601
from phonotary.trusthub import records as r
from phonotary.trusthub.policies import Policy
from phonotary.web.operations import Call

COLLECTION = {r.CUSTOMER_PROFILE: "CustomerProfiles", r.TRUST_PRODUCT: "TrustProducts"}
_LINKS = {r.CUSTOMER_PROFILE: "customer_profiles", r.TRUST_PRODUCT: "trust_products"}


def _own_key(kind: str) -> str:
    return f"{kind}_sid"


def bundle_url(call: Call, kind: str, sid: str) -> str:
    return f"{call.origin}/v1/{COLLECTION[kind]}/{sid}"


def bundle(row: r.Bundle, call: Call) -> dict[str, Any]:
    """A CustomerProfile or TrustProduct. ``errors`` is null unless a rejection gave codes."""
    url = bundle_url(call, row.kind, row.sid)
    links = _LINKS[row.kind]
    return {
        "sid": row.sid,
        "account_sid": row.account_sid,
        "policy_sid": row.policy_sid,
        "friendly_name": row.friendly_name,
        "status": row.status,
        "email": row.email,
        "status_callback": row.status_callback,
        "valid_until": None if row.valid_until is None else iso8601(row.valid_until),
        "date_created": iso8601(row.date_created),
        "date_updated": iso8601(row.date_updated),
        "url": url,
        "links": {
            f"{links}_entity_assignments": f"{url}/EntityAssignments",
            f"{links}_evaluations": f"{url}/Evaluations",
            f"{links}_channel_endpoint_assignment": f"{url}/ChannelEndpointAssignments",
        },
        "errors": [{"code": code} for code in row.errors] or None,
    }


def provisional_copy(row: r.Bundle, call: Call) -> dict[str, Any]:
    """The bundle's fields and the SID of the bundle it copies (twilio-python 9.11)."""
    body = bundle(row, call)
    original = row.copy_of or row.sid
    url = f"{bundle_url(call, row.kind, original)}/ProvisionalCopy"
    return {**body, _own_key(row.kind): original, "url": url}


def _bundle_path(call: Call, kind: str) -> str:
    return bundle_url(call, kind, call.path["bundle_sid"])


def entity_assignment(kind: str) -> Any:
    def render(row: r.EntityAssignment, call: Call) -> dict[str, Any]:
        return {
            "sid": row.sid,
            _own_key(kind): row.bundle_sid,
            "account_sid": row.account_sid,
            "object_sid": row.object_sid,
            "date_created": iso8601(row.date_created),
            "url": f"{_bundle_path(call, kind)}/EntityAssignments/{row.sid}",
        }

    return render


def channel_endpoint_assignment(kind: str) -> Any:
    def render(row: r.ChannelEndpointAssignment, call: Call) -> dict[str, Any]:
        return {
            "sid": row.sid,
            _own_key(kind): row.bundle_sid,
            "account_sid": row.account_sid,
            "channel_endpoint_sid": row.channel_endpoint_sid,
            "channel_endpoint_type": row.channel_endpoint_type,
            "date_created": iso8601(row.date_created),
            "url": f"{_bundle_path(call, kind)}/ChannelEndpointAssignments/{row.sid}",
        }

    return render


def evaluation(kind: str) -> Any:
    def render(row: r.StoredEvaluation, call: Call) -> dict[str, Any]:
        return {
            "sid": row.sid,
            "account_sid": row.account_sid,
            "policy_sid": row.policy_sid,
            _own_key(kind): row.bundle_sid,
            "status": row.status,
            "results": row.results,
            "date_created": iso8601(row.date_created),
            "url": f"{_bundle_path(call, kind)}/Evaluations/{row.sid}",
        }

    return render


def end_user(row: r.EndUser, call: Call) -> dict[str, Any]:
    return {
        "sid": row.sid,
        "account_sid": row.account_sid,
        "friendly_name": row.friendly_name,
        "type": row.type,
        "attributes": row.attributes,
        "date_created": iso8601(row.date_created),
        "date_updated": iso8601(row.date_updated),
        "url": f"{call.origin}/v1/EndUsers/{row.sid}",
    }


def supporting_document(row: r.SupportingDocument, call: Call) -> dict[str, Any]:
    return {
        "sid": row.sid,
        "account_sid": row.account_sid,
        "friendly_name": row.friendly_name,
        "mime_type": row.mime_type,
        "status": row.status,
        "type": row.type,
        "attributes": row.attributes,
        "date_created": iso8601(row.date_created),
        "date_updated": iso8601(row.date_updated),
        "url": f"{call.origin}/v1/SupportingDocuments/{row.sid}",
    }


def policy(row: Policy, call: Call) -> dict[str, Any]:
    return {**row.wire(), "url": f"{call.origin}/v1/Policies/{row.sid}"}


def type_resource(collection: str) -> Any:
    def render(row: Any, call: Call) -> dict[str, Any]:
        return {**row.wire(), "url": f"{call.origin}/v1/{collection}/{row.sid}"}

    return render
