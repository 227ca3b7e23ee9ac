"""Numbers an account holds, buys, moves and gives back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from phonotary.errors import Reason
from phonotary.trusthub import addresses, numbers
from phonotary.trusthub.records import Number, Party
from phonotary.trusthub.store import Ask
from tests.rooms import office
from tests.rooms.memory import MemoryStore
from tests.rooms.office import ADDRESS, NOW, nobody, refused

LATER = NOW + 60


@pytest.fixture
def kept(store: MemoryStore, parent: Party) -> Number:
    return numbers.buy(
        store, parent, NOW, phone_number="(415) 236-0100", settings={"voice_url": "http://a"}
    )


def test_a_number_is_kept_in_e164(store: MemoryStore, parent: Party, kept: Number) -> None:
    assert (kept.phone_number, kept.kind, kept.iso_country) == ("+14152360100", "local", "US")
    assert kept.friendly_name == "(415) 236-0100"
    assert numbers.fetch(store, parent, kept.sid) == kept
    assert numbers.page(store, parent, Ask(), {}).rows == [kept]


def test_none_is_sold_without_an_approved_primary(store: MemoryStore, parent: Party) -> None:
    with refused(Reason.PRIMARY_NOT_APPROVED):
        numbers.buy(store, parent, NOW, phone_number="+14152360100", vouched=False)


@pytest.mark.parametrize("text", ["", "hello", "+1", "+1415236010012345678", "4" * 40])
def test_what_is_no_number_is_not_sold(store: MemoryStore, parent: Party, text: str) -> None:
    with refused(Reason.NUMBER_INVALID):
        numbers.buy(store, parent, NOW, phone_number=text)
    with refused(Reason.NUMBER_INVALID):
        numbers.add_caller_id(store, parent, NOW, text, None)


@pytest.mark.parametrize(
    ("text", "kind", "sold"),
    [
        ("+14152360100", "local", True),
        ("+14152360100", "mobile", True),
        ("+14152360100", "toll-free", False),
        ("+18882360100", "toll-free", True),
        ("+18882360100", "local", False),
        ("+18882360100", "mobile", False),
    ],
)
def test_a_number_is_sold_as_what_it_is(
    store: MemoryStore, parent: Party, text: str, kind: str, sold: bool
) -> None:
    if sold:
        numbers.buy(store, parent, NOW, phone_number=text, kind=kind)
        return
    with refused(Reason.NUMBER_INVALID):
        numbers.buy(store, parent, NOW, phone_number=text, kind=kind)


def test_a_number_is_sold_once(store: MemoryStore, stranger: Party, kept: Number) -> None:
    with refused(Reason.NUMBER_NOT_AVAILABLE):
        numbers.buy(store, stranger, NOW, phone_number=kept.phone_number)


def test_an_address_must_be_the_accounts_own(
    store: MemoryStore, parent: Party, stranger: Party, kept: Number
) -> None:
    own = addresses.create(store, parent, NOW, **ADDRESS)
    theirs = addresses.create(store, stranger, NOW, **ADDRESS)
    assert numbers.update(store, parent, NOW, kept.sid, address_sid=own.sid).address_sid == own.sid
    assert [n.sid for n in addresses.dependents(store, parent, own.sid, Ask()).rows] == [kept.sid]
    for sid in (theirs.sid, nobody("AD")):
        with refused(Reason.INVALID_PARAMETER) as caught:
            numbers.update(store, parent, NOW, kept.sid, address_sid=sid)
        assert caught.value.because == f"AddressSid {sid} was not found"
        with refused(Reason.INVALID_PARAMETER):
            numbers.buy(store, parent, NOW, phone_number="+14152360199", address_sid=sid)


def test_an_empty_value_takes_an_address_and_a_bundle_away(
    store: MemoryStore, parent: Party, kept: Number
) -> None:
    own = addresses.create(store, parent, NOW, **ADDRESS)
    numbers.update(store, parent, NOW, kept.sid, address_sid=own.sid, bundle_sid=nobody("BU"))
    cleared = numbers.update(store, parent, NOW, kept.sid, address_sid="", bundle_sid="")
    assert (cleared.address_sid, cleared.bundle_sid) == (None, None)


def test_what_is_not_given_stays(store: MemoryStore, parent: Party, kept: Number) -> None:
    same = numbers.update(store, parent, LATER, kept.sid)
    assert same == replace(kept, date_updated=LATER)
    changed = numbers.update(
        store, parent, LATER, kept.sid, friendly_name="Desk", settings={"sms_url": "http://b"}
    )
    assert changed.friendly_name == "Desk"
    assert changed.settings == {"voice_url": "http://a", "sms_url": "http://b"}
    assert store.numbers.get(kept.sid) == changed


@pytest.mark.parametrize(("text", "may"), [("+14152360100", True), ("+442079460000", False)])
def test_names_are_looked_up_in_the_us_and_canada_only(
    store: MemoryStore, parent: Party, text: str, may: bool
) -> None:
    number = numbers.buy(store, parent, NOW, phone_number=text)
    numbers.update(store, parent, NOW, number.sid, voice_caller_id_lookup=False)
    if may:
        changed = numbers.update(store, parent, NOW, number.sid, voice_caller_id_lookup=True)
        assert changed.voice_caller_id_lookup
        return
    with refused(Reason.CALLER_ID_LOOKUP_UNSUPPORTED):
        numbers.update(store, parent, NOW, number.sid, voice_caller_id_lookup=True)


def test_a_moved_number_is_the_other_accounts(
    store: MemoryStore, parent: Party, child: Party, kept: Number
) -> None:
    numbers.update(store, parent, NOW, kept.sid, new_account_sid=child.sid)
    assert numbers.fetch(store, child, kept.sid).account_sid == child.sid
    with refused(Reason.NOT_FOUND):
        numbers.fetch(store, parent, kept.sid)


def test_a_number_given_back_can_be_had_again(
    store: MemoryStore, parent: Party, stranger: Party, kept: Number
) -> None:
    numbers.release(store, parent, kept.sid)
    for call in (numbers.fetch, numbers.release):
        with refused(Reason.NOT_FOUND):
            call(store, parent, kept.sid)
    assert numbers.buy(store, stranger, NOW, phone_number=kept.phone_number).sid != kept.sid


def test_an_account_may_buy_once_its_primary_or_its_parents_is_approved(
    store: MemoryStore, parent: Party, child: Party, stranger: Party
) -> None:
    assert not numbers.may_buy(store, parent, NOW)
    approved = office.approved(store, office.profile(store, parent))
    assert approved.valid_until is not None
    for party in (parent, child):
        assert numbers.may_buy(store, party, NOW)
        assert not numbers.may_buy(store, party, approved.valid_until)
    assert not numbers.may_buy(store, stranger, NOW)


def search(store: MemoryStore, country: str = "US", kind: str = "local", **asked: Any) -> list[str]:
    asked = {"area_code": None, "contains": None, "size": 3, **asked}
    return [tn.e164 for tn in numbers.available(store, country, kind, **asked)]


def test_a_search_finds_what_nobody_holds(store: MemoryStore, parent: Party) -> None:
    assert search(store) == ["+14152360000", "+14152360001", "+14152360002"]
    office.number(store, parent, 1)
    assert search(store) == ["+14152360000", "+14152360002", "+14152360003"]
    assert search(store, area_code="212", size=1) == ["+12122360000"]
    assert search(store, kind="toll-free", size=1) == ["+18882360000"]
    assert search(store, "CA", size=1) == ["+16132360000"]
    assert search(store, "CA", area_code="415") == []
    assert search(store, contains="+1415*3600*7", size=1) == ["+14152360007"]
    assert search(store, "FR") == []
    assert search(store, area_code="888") == []
    for nonsense in ("41", "4155", "*", "000", "\u0664\u0661\u0665"):
        assert search(store, area_code=nonsense) == []
    assert search(store, contains="236(0)") == []


def test_a_caller_id_is_recorded_once_and_renamed(store: MemoryStore, parent: Party) -> None:
    kept = numbers.add_caller_id(store, parent, NOW, "(212) 236-0100", None)
    assert (kept.phone_number, kept.friendly_name) == ("+12122360100", "(212) 236-0100")
    assert numbers.add_caller_id(store, parent, LATER, "+12122360100", "other") == kept
    renamed = numbers.rename_caller_id(store, parent, LATER, kept.sid, "Desk")
    assert numbers.rename_caller_id(store, parent, LATER, kept.sid, None) == renamed
    assert numbers.caller_id(store, parent, kept.sid) == renamed


def test_a_number_moves_to_no_account_that_is_not_active(
    store: MemoryStore, parent: Party, child: Party, kept: Number
) -> None:
    account = store.account(child.sid)
    assert account is not None
    store.replace_account(replace(account, status="closed"))
    with refused(Reason.ACCOUNT_NOT_ACTIVE):
        numbers.update(store, parent, NOW, kept.sid, new_account_sid=child.sid)
    assert store.numbers.get(kept.sid) == kept
