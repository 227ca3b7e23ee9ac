"""End users: the business, its representatives, its display name. Trust Hub v1 ``/EndUsers``."""

from __future__ import annotations

from typing import Any

from phonotary import sids
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.trusthub import attributed, types
from phonotary.trusthub.ownership import changeable, readable
from phonotary.trusthub.records import EndUser, Party
from phonotary.trusthub.store import Ask, Page, Store

PATH = "/v1/EndUsers"


def create(
    store: Store,
    party: Party,
    now: Instant,
    *,
    friendly_name: str,
    type: str,
    attributes: dict[str, Any] | None = None,
) -> EndUser:
    """A new end user of a known type; its attributes are checked by evaluation, not here."""
    if types.end_user_type(type) is None:
        raise Refused(Reason.END_USER_TYPE_UNKNOWN, f"{type} is not an End-User Type")
    end_user = EndUser(
        sid=sids.mint("IT"),
        account_sid=party.sid,
        friendly_name=friendly_name,
        type=type,
        attributes=attributes or {},
        date_created=now,
        date_updated=now,
    )
    store.end_users.add(end_user)
    return end_user


def fetch(store: Store, party: Party, sid: str) -> EndUser:
    return readable(store, party, store.end_users, sid, PATH)


def page(store: Store, party: Party, ask: Ask) -> Page[EndUser]:
    return store.end_users.page(ask, {"account_sid": party.sid})


def update(
    store: Store,
    party: Party,
    now: Instant,
    sid: str,
    *,
    friendly_name: str | None = None,
    attributes: dict[str, Any] | None = None,
) -> EndUser:
    """Rename or give new attributes; refused (70002) while a bundle that holds it is frozen."""
    end_user = changeable(party, store.end_users, sid, PATH)
    return attributed.update(
        store, store.end_users, end_user, now, "end-user", friendly_name, attributes
    )


def delete(store: Store, party: Party, sid: str) -> None:
    end_user = changeable(party, store.end_users, sid, PATH)
    if store.entity_assignments.first(object_sid=sid):
        raise Refused(
            Reason.END_USER_ASSIGNED,
            "End-User cannot be deleted due to an active assignment to a Bundle",
        )
    store.end_users.remove(end_user.sid)
