"""What every store promises the rooms, held against SQLite, PostgreSQL and the rooms' stand-in."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from phonotary.errors import Reason, Refused
from phonotary.events import StatusChanged
from phonotary.trusthub.store import Ask
from tests.storage.keeping import fill, page, read
from tests.storage.samples import (
    JSON,
    MAKE,
    NOW,
    OTHERS,
    OURS,
    TEXT,
    UNIQUE,
    bundle,
    end_user,
    owner_column,
    sid,
)

every_kind = pytest.mark.parametrize("kind", MAKE)


@every_kind
def test_a_record_comes_back_as_it_was_given(kept: Any, kind: str) -> None:
    for record in fill(kept, kind, 2):
        back = read(kept, kind, lambda rows, record=record: rows.get(record.sid))
        assert back == record
        for field in fields(back):
            assert type(getattr(back, field.name)) is type(getattr(record, field.name))


def test_attributes_keep_the_order_of_their_names(kept: Any) -> None:
    fill(kept, "end_users", 1)
    back = read(kept, "end_users", lambda rows: rows.get(sid("IT", 1)))
    assert list(back.attributes) == list(JSON)


def test_what_a_reader_does_to_a_record_is_not_kept(kept: Any) -> None:
    given = replace(end_user(1, OURS), attributes={"a": 1})
    kept.write(lambda store: store.end_users.add(given))
    given.attributes["a"] = 2
    assert read(kept, "end_users", lambda rows: rows.get(given.sid)).attributes == {"a": 1}


@every_kind
def test_nothing_is_found_under_a_name_nobody_has(kept: Any, kind: str) -> None:
    fill(kept, kind, 1)
    for unknown in ("", "BU", sid("ZZ"), "BU\x00", TEXT, "x" * 500):
        assert read(kept, kind, lambda rows, unknown=unknown: rows.get(unknown)) is None


@every_kind
def test_replacing_changes_that_record_and_no_other(kept: Any, kind: str) -> None:
    one, other = fill(kept, kind, 2)
    changed = replace(MAKE[kind](3, OTHERS), sid=one.sid)
    kept.write(lambda store: getattr(store, kind).replace(changed))
    assert read(kept, kind, lambda rows: rows.get(one.sid)) == changed
    assert read(kept, kind, lambda rows: rows.get(other.sid)) == other
    assert read(kept, kind, lambda rows: rows.all()) == [changed, other]


@every_kind
def test_a_removed_record_is_gone_and_can_be_removed_again(kept: Any, kind: str) -> None:
    one, other = fill(kept, kind, 2)
    for _ in range(2):
        kept.write(lambda store: getattr(store, kind).remove(one.sid))
    assert read(kept, kind, lambda rows: rows.get(one.sid)) is None
    assert read(kept, kind, lambda rows: rows.all()) == [other]


@every_kind
def test_all_and_first_are_the_oldest_first(kept: Any, kind: str) -> None:
    late = fill(kept, kind, 2, start=5)
    early = fill(kept, kind, 2, start=1)
    theirs = fill(kept, kind, 1, OTHERS, start=9)
    where = {owner_column(kind): OURS}
    assert read(kept, kind, lambda rows: rows.all(**where)) == late + early
    assert read(kept, kind, lambda rows: rows.first(**where)) == late[0]
    assert read(kept, kind, lambda rows: rows.all()) == late + early + theirs
    assert read(kept, kind, lambda rows: rows.first(**{owner_column(kind): sid("AC", 77)})) is None


@every_kind
def test_several_values_mean_any_of_these(kept: Any, kind: str) -> None:
    one, two, three = fill(kept, kind, 3)
    asked = (three.sid, one.sid, sid("ZZ"))
    assert read(kept, kind, lambda rows: rows.all(sid=asked)) == [one, three]
    assert read(kept, kind, lambda rows: rows.first(sid=(two.sid,))) == two
    assert read(kept, kind, lambda rows: rows.all(sid=())) == []
    assert page(kept, kind, sid=asked).rows == [three, one]


def test_a_question_may_ask_for_several_columns(kept: Any) -> None:
    bundles = fill(kept, "bundles", 9)
    where = {"account_sid": OURS, "kind": "trust_product", "status": ("draft", "pending-review")}
    wanted = [b for b in bundles if b.kind == "trust_product" and b.status != "twilio-rejected"]
    assert read(kept, "bundles", lambda rows: rows.all(**where)) == wanted
    assert read(kept, "bundles", lambda rows: rows.page(Ask(), where)).rows == wanted[::-1]


@every_kind
def test_a_sid_is_taken_once(kept: Any, kind: str) -> None:
    (one,) = fill(kept, kind, 1)
    again = replace(MAKE[kind](2, OTHERS), sid=one.sid)
    with pytest.raises(Refused) as refused:
        kept.write(lambda store: getattr(store, kind).add(again))
    assert refused.value.reason is Reason.CONFLICT
    assert read(kept, kind, lambda rows: rows.all()) == [one]


@pytest.mark.parametrize("kind", UNIQUE)
def test_what_must_be_unique_conflicts_and_takes_the_rest_back(kept: Any, kind: str) -> None:
    (one,) = fill(kept, kind, 1)
    shared = {name: getattr(one, name) for name in UNIQUE[kind]}
    double = replace(MAKE[kind](2, OURS), **shared)

    def two(store: Any) -> None:
        getattr(store, kind).add(MAKE[kind](3, OURS))
        getattr(store, kind).add(double)

    with pytest.raises(Refused) as refused:
        kept.write(two)
    assert refused.value.reason is Reason.CONFLICT
    assert read(kept, kind, lambda rows: rows.all()) == [one]


@every_kind
@pytest.mark.parametrize("error", [Refused(Reason.FROZEN, "no"), RuntimeError("a fault")])
def test_a_transaction_that_fails_keeps_nothing(kept: Any, kind: str, error: Exception) -> None:
    one, two = fill(kept, kind, 2)

    def fails(store: Any) -> None:
        rows = getattr(store, kind)
        rows.add(MAKE[kind](3, OURS))
        rows.replace(replace(MAKE[kind](4, OTHERS), sid=one.sid))
        rows.remove(two.sid)
        raise error

    with pytest.raises(type(error)):
        kept.write(fails)
    assert read(kept, kind, lambda rows: rows.all()) == [one, two]


def test_a_move_wins_once(kept: Any) -> None:
    before = replace(bundle(1, OURS), status="draft")
    after = replace(before, status="pending-review", errors=(), date_updated=NOW + 1)
    other = replace(before, status="twilio-approved")
    kept.write(lambda store: store.bundles.add(before))
    assert kept.write(lambda store: store.move(before, after)) is True
    assert kept.write(lambda store: store.move(before, other)) is False
    assert read(kept, "bundles", lambda rows: rows.get(before.sid)) == after


def test_a_bundle_that_is_gone_does_not_move(kept: Any) -> None:
    gone = bundle(1, OURS)
    assert kept.write(lambda store: store.move(gone, gone)) is False


def test_a_bundles_history_is_told_oldest_first(kept: Any) -> None:
    events = [
        StatusChanged(sid("BU", n % 2), OURS, "a", "b", f"reviewer:{TEXT}", NOW - n, TEXT, codes)
        for n, codes in enumerate([(), (18601,), (18602, 22214), ()])
    ]

    def keep(store: Any) -> None:
        for event in events:
            store.record(event)

    kept.write(keep)
    assert kept.read(lambda store: store.history(sid("BU", 1))) == events[1::2]
    assert kept.read(lambda store: store.history(sid("BU", 7))) == []


def test_a_subaccount_is_owned_by_its_parent(kept: Any) -> None:
    parent, child = MAKE["accounts"](1, sid("AC", 101)), MAKE["accounts"](2, sid("AC", 101))
    kept.write(lambda store: (store.add_account(parent), store.add_account(child)))
    assert kept.read(lambda store: store.owner_of(child.sid)) == parent.sid
    assert kept.read(lambda store: store.owner_of(parent.sid)) == parent.sid
    assert kept.read(lambda store: store.owner_of(sid("AC", 999))) is None


def test_accounts_and_keys_go_by_their_own_names(kept: Any) -> None:
    account, key = MAKE["accounts"](1, OURS), MAKE["keys"](1, OURS)
    kept.write(lambda store: (store.add_account(account), store.add_key(key)))
    renamed = replace(account, friendly_name="renamed"), replace(key, friendly_name="renamed")
    kept.write(lambda store: (store.replace_account(renamed[0]), store.replace_key(renamed[1])))
    assert kept.read(lambda store: (store.account(account.sid), store.key(key.sid))) == renamed
    assert kept.write(lambda store: store.hold_account(account.sid)) == renamed[0]
    kept.write(lambda store: store.remove_key(key.sid))
    assert kept.read(lambda store: store.key(key.sid)) is None


def test_a_setting_is_what_was_put_last(kept: Any) -> None:
    assert kept.read(lambda store: store.setting("name")) is None
    for value in ("", TEXT, "x" * 5000):
        kept.write(lambda store, value=value: store.put_setting("name", value))
        assert kept.read(lambda store: store.setting("name")) == value
    assert kept.read(lambda store: store.setting("other")) is None
