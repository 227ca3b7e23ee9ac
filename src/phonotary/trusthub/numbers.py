"""Numbers an account holds, and the ones it could buy. 2010-04-01 ``IncomingPhoneNumbers``.

The sandbox's inventory is arithmetic, not a table: each served area code has the numbers from
236-0000 on, so searching stores nothing and hardly runs out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from phonotary import sids
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.tn import Tn, parse
from phonotary.trusthub import assignments, bundles, lifecycle
from phonotary.trusthub.ownership import changeable, not_found, readable
from phonotary.trusthub.records import Number, OutgoingCallerId, Party
from phonotary.trusthub.store import Ask, Page, Store

KYC_NEEDED = (
    "Primary compliance profile is not approved. Please complete the KYC process in Trust Hub."
)


def path(party: Party) -> str:
    return f"/2010-04-01/Accounts/{party.sid}/IncomingPhoneNumbers"


def buy(
    store: Store,
    party: Party,
    now: Instant,
    *,
    phone_number: str,
    kind: str | None = None,
    friendly_name: str | None = None,
    settings: dict[str, str] | None = None,
    address_sid: str | None = None,
    bundle_sid: str | None = None,
    voice_caller_id_lookup: bool = False,
    vouched: bool = True,
) -> Number:
    """Take a number for the account.

    Since 2026 Twilio sells none to an account without an approved primary profile (20003);
    ``vouched`` says whether the account has one.
    """
    if not vouched:
        raise Refused(Reason.PRIMARY_NOT_APPROVED, KYC_NEEDED)
    tn = valid(phone_number)
    if kind is not None and tn.kind != kind and not (kind == "mobile" and tn.kind == "local"):
        raise Refused(Reason.NUMBER_INVALID, f"{tn.e164} is not a {kind} number")
    if store.numbers.first(phone_number=tn.e164) is not None:
        raise Refused(Reason.NUMBER_NOT_AVAILABLE, f"{tn.e164} is not available")
    _require_address(store, party, address_sid)
    number = Number(
        sid=sids.mint("PN"),
        account_sid=party.sid,
        phone_number=tn.e164,
        kind=tn.kind,
        iso_country=tn.country,
        friendly_name=friendly_name or tn.national,
        address_sid=address_sid,
        bundle_sid=bundle_sid,
        voice_caller_id_lookup=voice_caller_id_lookup,
        settings=settings or {},
        date_created=now,
        date_updated=now,
    )
    store.numbers.add(number)
    return number


def valid(phone_number: str) -> Tn:
    tn = parse(phone_number)
    if tn is None:
        raise Refused(Reason.NUMBER_INVALID, f"PhoneNumber {phone_number} is not a valid number")
    return tn


def fetch(store: Store, party: Party, sid: str) -> Number:
    number = readable(store, party, store.numbers, sid, path(party))
    if number.account_sid != party.sid:
        raise not_found(f"{path(party)}/{sid}")
    return number


def page(store: Store, party: Party, ask: Ask, where: Mapping[str, Any]) -> Page[Number]:
    return store.numbers.page(ask, {**where, "account_sid": party.sid})


def update(
    store: Store,
    party: Party,
    now: Instant,
    sid: str,
    *,
    new_account_sid: str | None = None,
    friendly_name: str | None = None,
    settings: dict[str, str] | None = None,
    address_sid: str | None = None,
    bundle_sid: str | None = None,
    voice_caller_id_lookup: bool | None = None,
) -> Number:
    """Change settings, or move the number (``AccountSid``) within the family.

    The assignments stay behind on purpose: at Twilio a moved number must be assigned anew, and a
    number that changed hands must not keep the old customer's A.
    """
    number = changeable(party, store.numbers, sid, path(party))
    if voice_caller_id_lookup and number.iso_country not in ("US", "CA"):
        raise Refused(
            Reason.CALLER_ID_LOOKUP_UNSUPPORTED,
            "VoiceCallerIdLookup cannot be set for this phone number",
        )
    _require_address(store, party, address_sid)
    if new_account_sid and new_account_sid != number.account_sid:
        if not store.is_active(new_account_sid):
            raise Refused(Reason.ACCOUNT_NOT_ACTIVE, f"Account {new_account_sid} is not active")
        assignments.orphan_all(store, number)
    changed = replace(
        number,
        account_sid=new_account_sid or number.account_sid,
        friendly_name=friendly_name or number.friendly_name,
        settings={**number.settings, **(settings or {})},
        address_sid=number.address_sid if address_sid is None else address_sid or None,
        bundle_sid=number.bundle_sid if bundle_sid is None else bundle_sid or None,
        voice_caller_id_lookup=number.voice_caller_id_lookup
        if voice_caller_id_lookup is None
        else voice_caller_id_lookup,
        date_updated=now,
    )
    store.numbers.replace(changed)
    return changed


def release(store: Store, party: Party, sid: str) -> None:
    """Give a number back. Its assignments are left as orphans, as at Twilio."""
    store.numbers.remove(changeable(party, store.numbers, sid, path(party)).sid)


def may_buy(store: Store, party: Party, now: Instant) -> bool:
    """Whether an approved primary profile stands for the account."""
    primary = bundles.primary_of(store, party)
    return primary is not None and lifecycle.vouches(primary, now)


def available(
    store: Store, country: str, kind: str, *, area_code: str | None, contains: str | None, size: int
) -> list[Tn]:
    """Numbers nobody holds yet, lowest first, at most ``size``."""
    wanted = _pattern(contains)
    found: list[Tn] = []
    for text in _candidates(country, kind, area_code):
        tn = parse(text) if wanted.search(text) else None
        if tn is not None and store.numbers.first(phone_number=tn.e164) is None:
            found.append(tn)
        if len(found) >= size:
            break
    return found


# Area codes the sandbox sells from when none is asked for, by country and kind.
_AREA_CODES = {
    ("US", "local"): ("415", "212", "303", "512", "206"),
    ("US", "toll-free"): ("888", "877", "866", "855", "844", "833", "800"),
    ("US", "mobile"): ("415", "212", "303", "512", "206"),
    ("CA", "local"): ("613", "416", "604"),
    ("CA", "mobile"): ("613", "416", "604"),
}
COUNTRIES = {"US": "United States", "CA": "Canada"}
_SEARCHED = 20_000


def _candidates(country: str, kind: str, area_code: str | None) -> Iterator[str]:
    areas = (area_code,) if area_code else _AREA_CODES.get((country, kind), ())
    each = _SEARCHED // max(1, len(areas))
    sold = [area for area in areas if _sells(country, kind, area)]
    return (f"+1{area}{2360000 + n:07d}" for area in sold for n in range(each))


def _sells(country: str, kind: str, area: str) -> bool:
    """Whether this is an area code of the country and kind: its first number tells for all."""
    tn = parse(f"+1{area}2360000") if re.fullmatch("[2-9][0-9]{2}", area) else None
    toll_free = kind == "toll-free"
    return tn is not None and tn.country == country and (tn.kind == "toll-free") == toll_free


def _pattern(contains: str | None) -> re.Pattern[str]:
    """``Contains``: digits anywhere; ``*`` stands for any one digit (Twilio's pattern)."""
    return re.compile(re.escape((contains or "").lstrip("+")).replace(r"\*", "[0-9]"))


def _require_address(store: Store, party: Party, sid: str | None) -> None:
    if not sid:
        return
    address = store.addresses.get(sid)
    if address is None or address.account_sid != party.sid:
        raise Refused(Reason.INVALID_PARAMETER, f"AddressSid {sid} was not found")


def caller_id(store: Store, party: Party, sid: str) -> OutgoingCallerId:
    root = f"/2010-04-01/Accounts/{party.sid}/OutgoingCallerIds"
    return changeable(party, store.caller_ids, sid, root)


def add_caller_id(
    store: Store, party: Party, now: Instant, phone_number: str, friendly_name: str | None
) -> OutgoingCallerId:
    """Record a verified caller ID of a number that is not ours. It is worth a B at most."""
    tn = valid(phone_number)
    existing = store.caller_ids.first(account_sid=party.sid, phone_number=tn.e164)
    if existing is not None:
        return existing
    kept = OutgoingCallerId(
        sid=sids.mint("PN"),
        account_sid=party.sid,
        friendly_name=friendly_name or tn.national,
        phone_number=tn.e164,
        date_created=now,
        date_updated=now,
    )
    store.caller_ids.add(kept)
    return kept


def rename_caller_id(
    store: Store, party: Party, now: Instant, sid: str, friendly_name: str | None
) -> OutgoingCallerId:
    kept = caller_id(store, party, sid)
    changed = replace(
        kept,
        friendly_name=kept.friendly_name if friendly_name is None else friendly_name,
        date_updated=now,
    )
    store.caller_ids.replace(changed)
    return changed
