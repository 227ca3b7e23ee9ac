"""Who a customer is and who decided so: an account's bundles with all that was filed, as JSON."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import select

from phonotary.clock import Instant, iso8601
from phonotary.storage.schema import standing_changes, status_changes
from phonotary.storage.store import SqlStore
from phonotary.trusthub import bundles, policies
from phonotary.trusthub.records import Bundle, EndUser, Party
from phonotary.trusthub.store import Ask

_EVALUATIONS = 20
_MOST_CHANGES = 500

# An EIN by its form wherever it stands, and every number of a registration by its name.
_EIN = re.compile(r"\b\d{2}-?\d{7}\b")
_REGISTRATION = re.compile(r"registration_number|tax_?id|\bein\b|\bssn\b|government_id")


def account(store: SqlStore, sid: str) -> dict[str, Any] | None:
    """The account as it is now; None when it is gone."""
    found = store.account(sid)
    if found is None:
        return None
    return {
        "friendly_name": found.friendly_name,
        "status": found.status,
        "owner_account_sid": found.owner_account_sid,
        "date_created": iso8601(found.date_created),
    }


def primary_sid(store: SqlStore, account_sid: str) -> str | None:
    """The primary profile that stands for an account: its own, else its owner's."""
    found = store.account(account_sid)
    if found is None:
        return None
    primary = bundles.primary_of(store, Party(account_sid, found.owner_account_sid))
    return primary.sid if primary else None


def bundle(store: SqlStore, sid: str, unmasked: bool) -> dict[str, Any] | None:
    """A profile or product with what is in it, its history and its evaluations.

    A bundle that was deleted leaves its history: then ``record`` is None. None when there is
    neither.
    """
    history = _history(store, sid)
    found = store.bundles.get(sid)
    if found is None:
        return {"record": None, "history": history} if history else None
    return {
        "record": _record(found),
        "history": history,
        "evaluations": _evaluations(store, found),
        **_contents(store, found, unmasked),
    }


def at_the_time(bundle: dict[str, Any], version: str, at: Instant) -> dict[str, Any]:
    """The status that was valid for one call, and the decision that made it so. ``version`` is
    the entry of the history that the signer read; where there is none, the time tells."""
    history = bundle["history"]
    read = [each for each in history if str(each["version"]) == version]
    until = read or [each for each in history if each["at"] <= iso8601(at)]
    evaluations = [e for e in bundle.get("evaluations", ()) if e["at"] <= iso8601(at)]
    return {
        "status": until[-1]["after"] if until else None,
        "decided": until[-1] if until else None,
        "evaluation": evaluations[-1] if evaluations else None,
    }


def number_history(store: SqlStore, phone_number: str) -> list[dict[str, Any]]:
    """Who had a number and what it was assigned to, oldest first; the newest 500 changes."""
    table = standing_changes.c
    newest = (
        select(table.seq, table.at, table.kind, table.subject, table.about, table.account_sid)
        .where(table.phone_number == phone_number)
        .order_by(table.seq.desc())
        .limit(_MOST_CHANGES)
    )
    rows = store.connection.execute(newest).mappings().all()
    return [
        {
            "at": iso8601(row["at"]),
            "kind": row["kind"],
            "subject": row["subject"],
            "about": row["about"],
            "account_sid": row["account_sid"],
        }
        for row in reversed(rows)
    ]


def _record(found: Bundle) -> dict[str, Any]:
    policy = policies.find(found.policy_sid)
    return {
        "sid": found.sid,
        "account_sid": found.account_sid,
        "kind": found.kind,
        "policy_sid": found.policy_sid,
        "policy_role": policy.role if policy else None,
        "friendly_name": found.friendly_name,
        "email": found.email,
        "status": found.status,
        "codes": list(found.errors),
        "valid_until": iso8601(found.valid_until) if found.valid_until else None,
        "date_created": iso8601(found.date_created),
        "date_updated": iso8601(found.date_updated),
    }


def _history(store: SqlStore, sid: str) -> list[dict[str, Any]]:
    """Every decision with its number, which is the version that signers note."""
    table = status_changes.c
    asked = select(status_changes).where(table.bundle_sid == sid).order_by(table.seq)
    return [
        {
            "version": row["seq"],
            "at": iso8601(row["at"]),
            "before": row["before"],
            "after": row["after"],
            "by": row["by"],
            "because": row["because"],
            "codes": list(row["codes"]),
        }
        for row in store.connection.execute(asked).mappings()
    ]


def _evaluations(store: SqlStore, found: Bundle) -> list[dict[str, Any]]:
    newest = store.evaluations.page(Ask(_EVALUATIONS), {"bundle_sid": found.sid}).rows
    return [
        {
            "sid": each.sid,
            "at": iso8601(each.date_created),
            "status": each.status,
            "policy_sid": each.policy_sid,
        }
        for each in reversed(newest)
    ]


def _contents(store: SqlStore, found: Bundle, unmasked: bool) -> dict[str, Any]:
    """Who and what was filed. ``date_updated`` shows what was changed after a decision."""
    people: list[dict[str, Any]] = []
    papers: list[dict[str, Any]] = []
    addresses: list[dict[str, Any]] = []
    linked: list[str] = []
    for assignment in store.entity_assignments.all(bundle_sid=found.sid):
        sid = assignment.object_sid
        if sid.startswith("BU"):
            linked.append(sid)
        elif (end_user := store.end_users.get(sid)) is not None:
            people.append(_end_user(end_user, unmasked))
        elif (document := store.documents.get(sid)) is not None:
            papers.append(
                {
                    "sid": sid,
                    "type": document.type,
                    "status": document.status,
                    "attributes": _masked(document.attributes, unmasked),
                    "date_updated": iso8601(document.date_updated),
                }
            )
            for each in bundles.address_sids(document.attributes):
                addresses += _address(store, each, document.account_sid)
    names = [one["attributes"].get("business_name") for one in people]
    return {
        "business_name": next((name for name in names if name), None),
        "end_users": people,
        "supporting_documents": papers,
        "addresses": addresses,
        "linked_bundles": linked,
    }


def _end_user(end_user: EndUser, unmasked: bool) -> dict[str, Any]:
    return {
        "sid": end_user.sid,
        "type": end_user.type,
        "attributes": _masked(end_user.attributes, unmasked),
        "date_updated": iso8601(end_user.date_updated),
    }


def _address(store: SqlStore, sid: str, account_sid: str) -> list[dict[str, Any]]:
    """The address where it is the account's own, as the rules read it; else nothing."""
    found = store.addresses.get(sid)
    if found is None or found.account_sid != account_sid:
        return []
    return [
        {
            "sid": sid,
            "customer_name": found.customer_name,
            "street": found.street,
            "street_secondary": found.street_secondary,
            "city": found.city,
            "region": found.region,
            "postal_code": found.postal_code,
            "iso_country": found.iso_country,
            "date_updated": iso8601(found.date_updated),
        }
    ]


def _masked(value: Any, unmasked: bool, name: str = "") -> Any:
    """The same value with its registration numbers hidden but for their last four characters."""
    if unmasked:
        return value
    if isinstance(value, dict):
        return {key: _masked(each, unmasked, str(key)) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(each, unmasked, name) for each in value]
    if value is not None and _REGISTRATION.search(name.lower()):
        return _hidden(str(value))
    if isinstance(value, str):
        return _EIN.sub(lambda found: _hidden(found[0]), value)
    return value


def _hidden(text: str) -> str:
    shown = 4 if len(text) > 8 else 0
    return "*" * (len(text) - shown) + text[len(text) - shown :]
