"""Accounts, subaccounts and API keys, and the one question ``may()``.

A parent account reads and acts for its subaccounts; a subaccount never sees its parent's or a
sibling's resources. Wire facts: Twilio REST API, Accounts and Keys resources (2010-04-01).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from typing import Protocol

from phonotary import sids
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused

STATUSES = ("active", "suspended", "closed")


@dataclass(frozen=True, slots=True)
class Account:
    sid: str
    owner_account_sid: str
    """The parent's SID; a parent owns itself, as on Twilio's wire."""
    friendly_name: str
    status: str
    type: str
    auth_token: str
    date_created: Instant
    date_updated: Instant

    @property
    def is_subaccount(self) -> bool:
        return self.owner_account_sid != self.sid


@dataclass(frozen=True, slots=True)
class Key:
    """An API key. The secret is shown once; only its digest is kept.

    ``kind`` is ``api`` (SK…, Basic auth) or ``oauth`` (OQ…, the client credentials of /v2/token).
    """

    sid: str
    account_sid: str
    friendly_name: str
    kind: str
    secret_digest: str
    date_created: Instant
    date_updated: Instant


class Accounts(Protocol):
    """What this room needs kept; ``storage`` implements it."""

    def account(self, sid: str) -> Account | None: ...
    def hold_account(self, sid: str) -> Account | None:
        """The account, which nobody else may change until this transaction ends."""
        ...

    def add_account(self, account: Account) -> None: ...
    def replace_account(self, account: Account) -> None: ...
    def key(self, sid: str) -> Key | None: ...
    def add_key(self, key: Key) -> None: ...
    def replace_key(self, key: Key) -> None: ...
    def remove_key(self, sid: str) -> None: ...


def digest(secret: str) -> str:
    """SHA-256 in hexadecimal. Secrets are 128 random bits, so no slow hash is called for."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(a: str, b: str) -> bool:
    """Compared in constant time, so that nothing is learnt from how long it took."""
    return hmac.compare_digest(a.encode(), b.encode())


def by_password(store: Accounts, user: str, password: str) -> Account:
    """The account behind Basic credentials: account SID and token, or key SID and secret.

    Refused(NOT_AUTHENTICATED) tells nothing about which half was wrong.
    """
    account = None
    if user.startswith("AC"):
        found = store.account(user)
        if found and same(found.auth_token, password):
            account = found
    elif user.startswith("SK"):
        key = store.key(user)
        if key and key.kind == "api" and same(key.secret_digest, digest(password)):
            account = store.account(key.account_sid)
    if account is None:
        raise Refused(Reason.NOT_AUTHENTICATED, "Authenticate")
    return active(store, account)


def active(store: Accounts, account: Account) -> Account:
    """The account itself, unless it or its parent is suspended or closed."""
    if not is_active(account, store.account(account.owner_account_sid)):
        raise Refused(Reason.ACCOUNT_NOT_ACTIVE, f"Account {account.sid} is not active")
    return account


def is_active(account: Account, owner: Account | None) -> bool:
    """A subaccount is nothing without its parent: whoever suspends the parent means both."""
    return account.status == "active" and owner is not None and owner.status == "active"


def may(caller: Account, owner_sid: str, owner: Account | None) -> bool:
    """Whether ``caller`` may touch what ``owner_sid`` owns: its own, or its subaccount's."""
    if caller.sid == owner_sid:
        return True
    return owner is not None and owner.owner_account_sid == caller.sid


def acting_as(store: Accounts, caller: Account, sid: str) -> Account:
    """The account a request is for: the caller's own or one of its subaccounts.

    Anything else is NOT_FOUND, so that nobody learns which other accounts exist.
    """
    if sid == caller.sid:
        return caller
    account = store.account(sid)
    if account is None or not may(caller, sid, account):
        raise Refused(Reason.NOT_FOUND, f"Account {sid} was not found")
    return account


def open_account(
    store: Accounts,
    now: Instant,
    friendly_name: str,
    *,
    parent: Account | None = None,
    sid: str | None = None,
    auth_token: str | None = None,
) -> Account:
    """A new account, or a subaccount of ``parent`` (which must not be one itself: 21101)."""
    if parent is not None and parent.is_subaccount:
        raise Refused(Reason.NESTED_SUBACCOUNT, "Subaccounts cannot contain subaccounts")
    new_sid = sid or sids.mint("AC")
    account = Account(
        sid=new_sid,
        owner_account_sid=parent.sid if parent else new_sid,
        friendly_name=friendly_name,
        status="active",
        type="Full",
        auth_token=auth_token or sids.secret(),
        date_created=now,
        date_updated=now,
    )
    store.add_account(account)
    return account


def update_account(
    store: Accounts,
    account: Account,
    caller: Account,
    now: Instant,
    friendly_name: str | None,
    status: str | None,
) -> Account:
    """Rename, suspend, reactivate or close. Only a parent changes a status; closed is final.

    The account is read again: the caller's copy may be older than a change of somebody else's.
    """
    account = store.hold_account(account.sid) or account
    if status is not None:
        if status not in STATUSES:
            raise Refused(Reason.INVALID_PARAMETER, f"Status must be one of {', '.join(STATUSES)}")
        if account.sid == caller.sid:
            raise Refused(Reason.FORBIDDEN, "An account cannot change its own status")
        if account.status == "closed" and status != "closed":
            raise Refused(Reason.FORBIDDEN, "A closed account cannot be opened again")
    changed = replace(
        account,
        friendly_name=account.friendly_name if friendly_name is None else friendly_name,
        status=status or account.status,
        date_updated=now,
    )
    store.replace_account(changed)
    return changed


def create_key(
    store: Accounts, account: Account, now: Instant, friendly_name: str, kind: str = "api"
) -> tuple[Key, str]:
    """A new key and its secret, which is not kept and cannot be shown again."""
    secret = sids.secret()
    key = Key(
        sid=sids.mint("SK" if kind == "api" else "OQ"),
        account_sid=account.sid,
        friendly_name=friendly_name,
        kind=kind,
        secret_digest=digest(secret),
        date_created=now,
        date_updated=now,
    )
    store.add_key(key)
    return key, secret


def key_of(store: Accounts, account: Account, sid: str) -> Key:
    """The account's own key, else NOT_FOUND."""
    key = store.key(sid)
    if key is None or key.account_sid != account.sid:
        raise Refused(Reason.NOT_FOUND, f"Key {sid} was not found")
    return key


def rename_key(
    store: Accounts, account: Account, now: Instant, sid: str, friendly_name: str | None
) -> Key:
    key = key_of(store, account, sid)
    changed = replace(
        key,
        friendly_name=key.friendly_name if friendly_name is None else friendly_name,
        date_updated=now,
    )
    store.replace_key(changed)
    return changed


def delete_key(store: Accounts, account: Account, sid: str) -> None:
    store.remove_key(key_of(store, account, sid).sid)
