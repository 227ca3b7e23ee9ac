"""Whose record is it? The one place that decides what a party may see and touch.

A party reads its own records and its subaccounts'; it changes its own only. A subaccount may
refer to its parent's primary profile (ISV with subaccounts), and a parent to its subaccounts'
numbers (direct with subaccounts): both are the SHAKEN/STIR guides' own flows.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from phonotary.errors import Reason, Refused
from phonotary.trusthub.records import Party
from phonotary.trusthub.store import Collection, Store


class Owned(Protocol):
    @property
    def sid(self) -> str: ...
    @property
    def account_sid(self) -> str: ...


R = TypeVar("R", bound=Owned)


def not_found(path: str) -> Refused:
    return Refused(Reason.NOT_FOUND, f"The requested resource {path} was not found")


def readable(store: Store, party: Party, collection: Collection[R], sid: str, path: str) -> R:
    """The party's or its subaccount's record; NOT_FOUND for everybody else's."""
    record = collection.get(sid)
    if record is None or not is_in_family(store, party, record.account_sid):
        raise not_found(f"{path}/{sid}")
    return record


def changeable(party: Party, collection: Collection[R], sid: str, path: str) -> R:
    """The party's own record; NOT_FOUND for everybody else's, its subaccounts' included."""
    record = collection.get(sid)
    if record is None or record.account_sid != party.sid:
        raise not_found(f"{path}/{sid}")
    return record


def is_in_family(store: Store, party: Party, account_sid: str) -> bool:
    """The party itself or one of its subaccounts."""
    return account_sid == party.sid or store.owner_of(account_sid) == party.sid
