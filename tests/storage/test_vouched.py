"""What an account as a whole is worth is asked once, and anew when it may have changed."""

from __future__ import annotations

import pytest

from phonotary.bootstrap.standing import Standings
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.trusthub import review
from phonotary.trusthub import standing as kyc
from tests.rooms import office
from tests.rooms.office import NOW
from tests.storage import feeding
from tests.storage.feeding import bundle_of


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which accounts the store was asked about."""
    found: list[str] = []
    real = kyc.account_vouched

    def noted(store, caller, now):  # type: ignore[no-untyped-def]
        found.append(caller.owner_sid)
        return real(store, caller, now)

    monkeypatch.setattr(kyc, "account_vouched", noted)
    return found


def test_all_customers_of_an_account_ask_once(database: Database, asked: list[str]) -> None:
    family = database.write(feeding.vouched)
    others = [f"{family.tn[:-2]}{n:02}" for n in range(20)]
    standings = Standings(database, lambda: NOW)
    standings.start()
    try:
        for each in (family.tn, *others):
            standings(each, family.parent.sid)
            standings(each, family.child.sid)
        assert asked == [family.parent.sid]
        standings(family.tn, family.stranger.sid)
        assert asked == [family.parent.sid, family.stranger.sid]
    finally:
        standings.stop()


@pytest.mark.parametrize("how", ["primary", "product"])
def test_whatever_it_rests_on_ends_it_for_numbers_not_asked_about_yet(
    database: Database, asked: list[str], how: str
) -> None:
    def linked(store: SqlStore) -> tuple[feeding.Family, str]:
        family = feeding.vouched(store)
        primary = bundle_of(store, family.primary)
        return family, office.approved(store, office.product(store, family.parent, primary)).sid

    family, product = database.write(linked)
    standings = Standings(database, lambda: NOW)
    standings.start()
    try:
        assert standings(family.tn, family.parent.sid).account_vouched
        sid = family.primary if how == "primary" else product
        database.write(
            lambda store: review.suspend(store, NOW, bundle_of(store, sid), "rita", "it is over")
        )
        assert not standings(f"{family.tn[:-1]}9", family.parent.sid).account_vouched
        assert len(asked) == 2
    finally:
        standings.stop()


def test_what_was_read_while_a_change_came_in_is_not_remembered(
    database: Database, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    family = database.write(feeding.vouched)
    standings = Standings(database, lambda: NOW)
    standings.start()
    noted = kyc.account_vouched

    def meanwhile(store, caller, now):  # type: ignore[no-untyped-def]
        found = noted(store, caller, now)
        standings._change(("BU" + "9" * 32,))
        return found

    try:
        monkeypatch.setattr(kyc, "account_vouched", meanwhile)
        standings(family.tn, family.parent.sid)
        standings(f"{family.tn[:-1]}9", family.parent.sid)
        assert len(asked) == 2
    finally:
        standings.stop()


def test_it_is_asked_anew_when_an_approval_runs_out(database: Database, asked: list[str]) -> None:
    family = database.write(feeding.vouched)
    ends = database.read(lambda store: bundle_of(store, family.primary)).valid_until
    assert ends is not None
    now = [NOW]
    standings = Standings(database, lambda: now[0])
    standings.start()
    try:
        standings(family.tn, family.parent.sid)
        now[0] = ends
        standings(f"{family.tn[:-1]}9", family.parent.sid)
        assert len(asked) == 2
    finally:
        standings.stop()
