"""One writer of a race: a function that threads call and other processes import."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from phonotary.errors import Refused
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.trusthub import (
    assignments,
    bundles,
    end_users,
    filing,
    lifecycle,
    numbers,
    review,
)
from phonotary.trusthub.lifecycle import By
from phonotary.trusthub.records import Party
from tests.rooms.office import MANUAL, NOW

WON = "won"


@lru_cache
def opened(url: str) -> Database:
    """Each process opens a database once, and lets it go when it ends."""
    return Database(url)


def attempt(url: str, action: str, party: Party, *what: Any) -> str:
    """Do one thing in a transaction of its own: ``won``, or the reason it was refused for."""
    try:
        opened(url).write(lambda store: ACTIONS[action](store, party, *what))
    except Refused as refused:
        return refused.reason.value
    return WON


def _submit(store: SqlStore, party: Party, kind: str, sid: str) -> None:
    filing.set_status(store, party, NOW, kind, sid, lifecycle.PENDING, MANUAL)


def _decide(store: SqlStore, party: Party, sid: str, approve: bool) -> None:
    bundle = store.bundles.get(sid)
    assert bundle is not None
    verdict = review.Verdict(approve, () if approve else (18602,))
    review.decide(store, NOW, bundle, verdict, By.REVIEWER, "rita")


def _assign_number(store: SqlStore, party: Party, kind: str, sid: str, number: str) -> None:
    assignments.assign_number(
        store,
        party,
        NOW,
        kind,
        sid,
        channel_endpoint_sid=number,
        channel_endpoint_type=assignments.PHONE_NUMBER,
    )


def _assign_entity(store: SqlStore, party: Party, kind: str, sid: str, object_sid: str) -> None:
    assignments.assign_entity(store, party, NOW, kind, sid, object_sid=object_sid)


def _rename(store: SqlStore, party: Party, sid: str, change: dict[str, Any]) -> None:
    end_users.update(store, party, NOW, sid, **change)


ACTIONS: dict[str, Callable[..., None]] = {
    "submit": _submit,
    "decide": _decide,
    "assign number": _assign_number,
    "assign entity": _assign_entity,
    "rename": _rename,
    "copy": lambda store, party, kind, sid: bundles.provisional_copy(store, party, NOW, kind, sid),
    "buy": lambda store, party, number: numbers.buy(store, party, NOW, phone_number=number),
    "delete end user": end_users.delete,
    "delete bundle": bundles.delete,
    "set": lambda store, party, name, value: store.put_setting(name, value),
}
