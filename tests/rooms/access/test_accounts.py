"""Who is asking, and what each may touch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phonotary import sids
from phonotary.access import accounts
from phonotary.access.accounts import Account
from phonotary.errors import Reason
from tests.rooms import office
from tests.rooms.memory import MemoryStore
from tests.rooms.office import NOW, nobody, refused

LATER = NOW + 60


@pytest.fixture
def main(store: MemoryStore) -> Account:
    return office.opened(store)


@pytest.fixture
def sub(store: MemoryStore, main: Account) -> Account:
    return office.opened(store, main)


@pytest.fixture
def other(store: MemoryStore) -> Account:
    return office.opened(store)


def update(
    store: MemoryStore,
    account: Account,
    caller: Account,
    name: str | None = None,
    status: str | None = None,
) -> Account:
    return accounts.update_account(store, account, caller, LATER, name, status)


def test_a_parent_owns_itself_and_a_subaccount_is_owned(main: Account, sub: Account) -> None:
    assert (main.owner_account_sid, main.is_subaccount) == (main.sid, False)
    assert (sub.owner_account_sid, sub.is_subaccount) == (main.sid, True)
    assert sids.is_sid(main.sid, "AC")
    assert (main.status, main.date_created) == ("active", NOW)
    assert main.auth_token != sub.auth_token


def test_an_account_may_be_opened_with_given_credentials(store: MemoryStore) -> None:
    sid = nobody("AC")
    made = accounts.open_account(store, NOW, "given", sid=sid, auth_token="t" * 32)
    assert (made.sid, made.auth_token) == (sid, "t" * 32)
    assert accounts.by_password(store, sid, "t" * 32) == made


def test_a_subaccount_has_no_subaccounts(store: MemoryStore, sub: Account) -> None:
    with refused(Reason.NESTED_SUBACCOUNT):
        accounts.open_account(store, NOW, "nested", parent=sub)


def test_an_account_signs_in_with_its_token_or_a_key(store: MemoryStore, main: Account) -> None:
    key, secret = accounts.create_key(store, main, NOW, "ours")
    assert accounts.by_password(store, main.sid, main.auth_token) == main
    assert accounts.by_password(store, key.sid, secret) == main


def test_what_is_wrong_with_credentials_is_not_told(store: MemoryStore, main: Account) -> None:
    key, secret = accounts.create_key(store, main, NOW, "ours")
    client, client_secret = accounts.create_key(store, main, NOW, "client", kind="oauth")
    orphan, orphan_secret = accounts.create_key(store, replace(main, sid=nobody("AC")), NOW, "x")
    wrong = [
        (main.sid, ""),
        (main.sid, secret),
        (main.sid, main.auth_token + " "),
        (nobody("AC"), main.auth_token),
        (key.sid, main.auth_token),
        (key.sid, key.secret_digest),
        (nobody("SK"), secret),
        (client.sid, client_secret),
        (orphan.sid, orphan_secret),
        ("", ""),
        ("AC", "é漢"),
        (main.sid.lower(), main.auth_token),
    ]
    for user, password in wrong:
        with refused(Reason.NOT_AUTHENTICATED) as caught:
            accounts.by_password(store, user, password)
        assert caught.value.because == "Authenticate"


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_an_account_that_is_not_active_does_not_sign_in(
    store: MemoryStore, main: Account, sub: Account, status: str
) -> None:
    key, secret = accounts.create_key(store, sub, NOW, "ours")
    update(store, sub, main, status=status)
    for user, password in ((sub.sid, sub.auth_token), (key.sid, secret)):
        with refused(Reason.ACCOUNT_NOT_ACTIVE):
            accounts.by_password(store, user, password)
    with refused(Reason.NOT_AUTHENTICATED):
        accounts.by_password(store, sub.sid, "wrong")


def test_an_account_may_touch_its_own_and_its_subaccounts(
    store: MemoryStore, main: Account, sub: Account, other: Account
) -> None:
    every = (main, sub, other)
    allowed = [(a, b) for a in every for b in every if accounts.may(a, b.sid, b)]
    assert allowed == [(main, main), (main, sub), (sub, sub), (other, other)]
    assert not accounts.may(main, sub.sid, None)
    for caller in every:
        for wanted in every:
            if (caller, wanted) in allowed:
                assert accounts.acting_as(store, caller, wanted.sid) == wanted
                continue
            with refused(Reason.NOT_FOUND) as caught:
                accounts.acting_as(store, caller, wanted.sid)
            assert caught.value.because == f"Account {wanted.sid} was not found"
    with refused(Reason.NOT_FOUND):
        accounts.acting_as(store, main, nobody("AC"))


def test_what_is_not_given_stays(store: MemoryStore, main: Account) -> None:
    assert update(store, main, main) == replace(main, date_updated=LATER)
    assert update(store, main, main, "").friendly_name == ""
    assert store.account(main.sid) == replace(main, friendly_name="", date_updated=LATER)


def test_a_parent_suspends_reactivates_and_closes(
    store: MemoryStore, main: Account, sub: Account
) -> None:
    for status in ("suspended", "active", "closed", "closed"):
        sub = update(store, sub, main, status=status)
        assert sub.status == status
    for status in ("active", "suspended"):
        with refused(Reason.FORBIDDEN):
            update(store, sub, main, status=status)
    assert update(store, sub, main, "renamed").status == "closed"


def test_nobody_changes_its_own_status(store: MemoryStore, main: Account, sub: Account) -> None:
    for account in (main, sub):
        with refused(Reason.FORBIDDEN):
            update(store, account, account, status="closed")


@pytest.mark.parametrize("status", ["", "open", "Active"])
def test_an_unknown_status_is_refused(
    store: MemoryStore, main: Account, sub: Account, status: str
) -> None:
    with refused(Reason.INVALID_PARAMETER):
        update(store, sub, main, status=status)


def test_a_rename_on_an_old_reading_does_not_undo_a_suspension(
    store: MemoryStore, main: Account, sub: Account
) -> None:
    update(store, sub, main, status="suspended")
    assert update(store, sub, sub, "renamed").status == "suspended"


def test_a_secret_is_shown_once_and_not_kept(store: MemoryStore, main: Account) -> None:
    key, secret = accounts.create_key(store, main, NOW, "ours")
    assert sids.is_sid(key.sid, "SK")
    assert secret not in repr(store.key(key.sid))
    assert accounts.same(key.secret_digest, accounts.digest(secret))
    client, _ = accounts.create_key(store, main, NOW, "client", kind="oauth")
    assert sids.is_sid(client.sid, "OQ")


def test_a_key_is_its_own_accounts_alone(
    store: MemoryStore, main: Account, sub: Account, other: Account
) -> None:
    key, secret = accounts.create_key(store, sub, NOW, "ours")
    for account in (main, other):
        for refuse in (
            lambda a: accounts.key_of(store, a, key.sid),
            lambda a: accounts.rename_key(store, a, LATER, key.sid, "theirs"),
            lambda a: accounts.delete_key(store, a, key.sid),
        ):
            with refused(Reason.NOT_FOUND):
                refuse(account)
    assert accounts.rename_key(store, sub, LATER, key.sid, None).friendly_name == "ours"
    assert accounts.rename_key(store, sub, LATER, key.sid, "new").friendly_name == "new"
    accounts.delete_key(store, sub, key.sid)
    with refused(Reason.NOT_AUTHENTICATED):
        accounts.by_password(store, key.sid, secret)
    with refused(Reason.NOT_FOUND):
        accounts.delete_key(store, sub, key.sid)
