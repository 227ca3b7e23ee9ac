"""Who a customer is and who decided so: an account's bundles with all that was filed, as JSON."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from phonotary.bootstrap.masking import masked
from phonotary.clock import Instant, iso8601
from phonotary.storage.schema import standing_changes, status_changes
from phonotary.storage.store import SqlStore
from phonotary.trusthub import bundles, filed, lifecycle, policies
from phonotary.trusthub.records import Bundle, Party
from phonotary.trusthub.store import Ask

_EVALUATIONS = 20
_MOST_CHANGES = 500
_BUSINESS = "customer_profile_business_information"


def account(store: SqlStore, sid: str, unmasked: bool) -> dict[str, Any] | None:
    """The account as it is now; None when it is gone."""
    found = store.account(sid)
    if found is None:
        return None
    return {
        "friendly_name": masked(found.friendly_name, unmasked),
        "status": found.status,
        "owner_account_sid": found.owner_account_sid,
        "date_created": iso8601(found.date_created),
    }


def primary_sid(store: SqlStore, account_sid: str) -> str | None:
    """The primary profile that stands for an account today: its own, else its owner's."""
    found = store.account(account_sid)
    if found is None:
        return None
    primary = bundles.primary_of(store, Party(account_sid, found.owner_account_sid))
    return primary.sid if primary else None


def bundle(store: SqlStore, sid: str, unmasked: bool) -> dict[str, Any] | None:
    """A profile or product as it is today, its history and its evaluations.

    A bundle that was deleted leaves its history: then ``record`` and ``today`` are None. None when
    there is neither. What was approved is put into ``filed`` as calls ask for it.
    """
    history = _history(store, sid, unmasked)
    found = store.bundles.get(sid)
    if found is None and not history:
        return None
    return {
        "record": _record(found, unmasked) if found else None,
        "history": history,
        "evaluations": _evaluations(store, found) if found else [],
        "filed": {},
        "today": _told(filed.contents(store, found), unmasked) if found else None,
    }


def approved(
    store: SqlStore, sid: str, version: str, unmasked: bool
) -> tuple[int, dict[str, Any]] | None:
    """What a bundle held when it was approved last, by ``version`` of its history: the version of
    the approval, and the contents. None when nothing was kept."""
    found = store.filed(sid, int(version)) if _is_version(version) else None
    if found is None or not isinstance(found[1], dict):
        return None
    return found[0], _told(found[1], unmasked)


def is_primary(filed: dict[str, Any], accounts: frozenset[str]) -> bool:
    """Whether contents are those of a primary profile of one of these accounts."""
    policy = policies.find(str(filed.get("policy_sid")))
    return policy is not None and policy.role == "primary" and filed.get("account_sid") in accounts


def at_the_time(bundle: dict[str, Any], version: str, at: Instant) -> dict[str, Any]:
    """The status that a decision rested on, and who had made it so. ``version`` is the entry of
    the history that was read; ``0`` is a draft's, which has none. An entry that is not there, for
    the history was put back, leaves both open."""
    read = next((each for each in bundle["history"] if str(each["version"]) == version), None)
    evaluations = [each for each in bundle["evaluations"] if each["at"] <= iso8601(at)]
    status = read["after"] if read else None
    return {
        "status": lifecycle.DRAFT if version == "0" else status,
        "decided": read,
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
            "version": row["seq"],
            "at": iso8601(row["at"]),
            "kind": row["kind"],
            "subject": row["subject"],
            "about": row["about"],
            "account_sid": row["account_sid"],
        }
        for row in reversed(rows)
    ]


def _record(found: Bundle, unmasked: bool) -> dict[str, Any]:
    policy = policies.find(found.policy_sid)
    return {
        "sid": found.sid,
        "account_sid": found.account_sid,
        "kind": found.kind,
        "policy_sid": found.policy_sid,
        "policy_role": policy.role if policy else None,
        "friendly_name": masked(found.friendly_name, unmasked),
        "email": found.email,
        "status": found.status,
        "codes": list(found.errors),
        "valid_until": iso8601(found.valid_until) if found.valid_until else None,
        "date_created": iso8601(found.date_created),
        "date_updated": iso8601(found.date_updated),
    }


_HISTORY = [column for column in status_changes.c if column.name != "filed"]


def _history(store: SqlStore, sid: str, unmasked: bool) -> list[dict[str, Any]]:
    """Every decision with its number, which is the version that signers note."""
    table = status_changes.c
    asked = select(*_HISTORY).where(table.bundle_sid == sid).order_by(table.seq)
    return [
        {
            "version": row["seq"],
            "at": iso8601(row["at"]),
            "before": row["before"],
            "after": row["after"],
            "by": row["by"],
            "because": masked(row["because"], unmasked),
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


def _told(contents: dict[str, Any], unmasked: bool) -> dict[str, Any]:
    """Contents for whoever reads evidence. A name counts where the reviewed business has it, and
    not where somebody put one among other attributes."""
    told = {"business_name": _business_name(contents), **_dated(contents)}
    shown: dict[str, Any] = masked(told, unmasked)
    return shown


def _business_name(contents: dict[str, Any]) -> Any:
    for each in contents.get("end_users", ()):
        if isinstance(each, dict) and each.get("type") == _BUSINESS:
            attributes = each.get("attributes")
            if isinstance(attributes, dict) and attributes.get("business_name"):
                return attributes["business_name"]
    return None


def _dated(value: Any) -> Any:
    """The same with ``date_updated`` written as everywhere else: it shows what was changed after
    a decision."""
    if isinstance(value, list):
        return [_dated(each) for each in value]
    if not isinstance(value, dict):
        return value
    told = {key: each if key == "attributes" else _dated(each) for key, each in value.items()}
    if isinstance(updated := told.get("date_updated"), int):
        told["date_updated"] = iso8601(updated)
    return told


def _is_version(version: str) -> bool:
    return version.isascii() and version.isdigit() and len(version) < 19
