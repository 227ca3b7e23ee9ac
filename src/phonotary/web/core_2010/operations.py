"""The 2010-04-01 table: what onboarding leans on, one row an operation, ``.json`` only."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from phonotary import sids
from phonotary.access import accounts
from phonotary.access.accounts import Account
from phonotary.events import Job
from phonotary.trusthub import addresses, filing, numbers
from phonotary.trusthub.store import Page
from phonotary.web.core_2010 import resources as render
from phonotary.web.core_2010.numbers import BY_NUMBER, METHODS
from phonotary.web.core_2010.numbers import OPERATIONS as NUMBERS
from phonotary.web.forms import Field
from phonotary.web.operations import Call, Listing, Operation

_ROOT = render.ROOT
_ONE = f"{_ROOT}/{{account_sid}}"

_ADDRESS_TEXT = ("CustomerName", "Street", "City", "Region", "PostalCode")
_ADDRESS_OPTIONS = (
    Field("FriendlyName"),
    Field("StreetSecondary"),
    Field("EmergencyEnabled", kind="bool"),
)
_ADDRESS_FORM = (
    *(Field(name, required=True) for name in (*_ADDRESS_TEXT, "IsoCountry")),
    *_ADDRESS_OPTIONS,
)
_ADDRESS_CHANGES = (*(Field(name) for name in _ADDRESS_TEXT), *_ADDRESS_OPTIONS)


def _accounts(call: Call) -> Page[Account]:
    """A parent and its subaccounts; a subaccount sees itself."""
    column = "sid" if call.caller.is_subaccount else "owner_account_sid"
    found: Page[Account] = call.store.accounts.page(
        call.ask, {**call.where, column: call.caller.sid}
    )
    return found


def _not_for_keys(rows: list[Operation]) -> tuple[Operation, ...]:
    """Twilio's standard keys manage neither accounts nor keys: whoever has only a key cannot make
    itself another, nor read the auth token that nobody can take back from it."""
    return tuple(replace(row, keys=False) for row in rows)


def _account_rows() -> list[Operation]:
    return [
        Operation(
            "GET",
            f"{_ROOT}.json",
            _accounts,
            render.account,
            listing=Listing("accounts", (Field("FriendlyName"), Field("Status")), "core"),
        ),
        Operation(
            "POST",
            f"{_ROOT}.json",
            lambda c: accounts.open_account(
                c.store, c.now, c.form.get("friendly_name") or "SubAccount", parent=c.caller
            ),
            render.account,
            (Field("FriendlyName"),),
            201,
        ),
        Operation("GET", f"{_ONE}.json", lambda c: c.account, render.account),
        Operation(
            "POST",
            f"{_ONE}.json",
            lambda c: accounts.update_account(
                c.store,
                c.account,
                c.caller,
                c.now,
                c.form.get("friendly_name"),
                c.form.get("status"),
            ),
            render.account,
            (Field("FriendlyName"), Field("Status")),
        ),
    ]


def _key_rows(name: str) -> list[Operation]:
    root = f"{_ONE}/{name}"
    key = name[0].lower() + name[1:] if name == "Keys" else "signing_keys"

    def at(c: Call) -> tuple[Any, ...]:
        return c.store, c.account, c.path["sid"]

    return [
        Operation(
            "GET",
            f"{root}.json",
            lambda c: c.store.keys.page(c.ask, {"account_sid": c.account.sid, "kind": "api"}),
            render.key,
            listing=Listing(key, envelope="core"),
        ),
        Operation(
            "POST",
            f"{root}.json",
            lambda c: accounts.create_key(
                c.store, c.account, c.now, c.form.get("friendly_name", "")
            ),
            render.new_key,
            (Field("FriendlyName"),),
            201,
        ),
        Operation("GET", f"{root}/{{sid}}.json", lambda c: accounts.key_of(*at(c)), render.key),
        Operation(
            "POST",
            f"{root}/{{sid}}.json",
            lambda c: accounts.rename_key(
                c.store, c.account, c.now, c.path["sid"], c.form.get("friendly_name")
            ),
            render.key,
            (Field("FriendlyName"),),
        ),
        Operation(
            "DELETE", f"{root}/{{sid}}.json", lambda c: accounts.delete_key(*at(c)), status=204
        ),
    ]


def _address_rows() -> list[Operation]:
    root = f"{_ONE}/Addresses"
    filters = (
        Field("CustomerName"),
        Field("FriendlyName"),
        Field("IsoCountry"),
        Field("EmergencyEnabled", kind="bool"),
    )
    return [
        Operation(
            "GET",
            f"{root}.json",
            lambda c: addresses.page(c.store, c.party, c.ask, c.where),
            render.address,
            listing=Listing("addresses", filters, "core"),
        ),
        Operation(
            "POST",
            f"{root}.json",
            lambda c: addresses.create(c.store, c.party, c.now, **c.form),
            render.address,
            _ADDRESS_FORM,
            201,
        ),
        Operation(
            "GET",
            f"{root}/{{sid}}.json",
            lambda c: addresses.fetch(c.store, c.party, c.path["sid"]),
            render.address,
        ),
        Operation(
            "POST",
            f"{root}/{{sid}}.json",
            lambda c: addresses.update(c.store, c.party, c.now, c.path["sid"], **c.form),
            render.address,
            _ADDRESS_CHANGES,
        ),
        Operation(
            "DELETE",
            f"{root}/{{sid}}.json",
            lambda c: addresses.delete(c.store, c.party, c.path["sid"]),
            status=204,
        ),
        Operation(
            "GET",
            f"{root}/{{sid}}/DependentPhoneNumbers.json",
            lambda c: addresses.dependents(c.store, c.party, c.path["sid"], c.ask),
            render.dependent_number,
            listing=Listing("dependent_phone_numbers", envelope="core"),
        ),
    ]


def _verify_caller_id(call: Call) -> dict[str, Any]:
    """The sandbox's own call verifies at once; the callback says so (Twilio: after a real call)."""
    kept = numbers.add_caller_id(
        call.store,
        call.party,
        call.now,
        call.form["phone_number"],
        call.form.get("friendly_name"),
    )
    call_sid = sids.mint("CA")
    if call.form.get("status_callback"):
        params = {
            "AccountSid": kept.account_sid,
            "VerificationStatus": "success",
            "OutgoingCallerIdSid": kept.sid,
            "CallSid": call_sid,
            "To": kept.phone_number,
        }
        body = {
            "url": call.form["status_callback"],
            "account_sid": kept.account_sid,
            "params": params,
        }
        call.store.enqueue(
            Job(filing.CALLBACK, f"callback:{call_sid}", kept.sid, call.now, json.dumps(body))
        )
    return {
        "account_sid": kept.account_sid,
        "call_sid": call_sid,
        "friendly_name": kept.friendly_name,
        "phone_number": kept.phone_number,
        "validation_code": f"{int(call_sid[2:], 16) % 1_000_000:06d}",
    }


def _caller_id_rows() -> list[Operation]:
    root = f"{_ONE}/OutgoingCallerIds"
    form = (
        Field("PhoneNumber", required=True),
        Field("FriendlyName"),
        Field("CallDelay", kind="int"),
        Field("Extension"),
        Field("StatusCallback", kind="url"),
        Field("StatusCallbackMethod", one_of=METHODS),
    )
    return [
        Operation(
            "GET",
            f"{root}.json",
            lambda c: c.store.caller_ids.page(c.ask, {**c.where, "account_sid": c.party.sid}),
            render.caller_id,
            listing=Listing("outgoing_caller_ids", BY_NUMBER, "core"),
        ),
        Operation("POST", f"{root}.json", _verify_caller_id, lambda body, c: body, form),
        Operation(
            "GET",
            f"{root}/{{sid}}.json",
            lambda c: numbers.caller_id(c.store, c.party, c.path["sid"]),
            render.caller_id,
        ),
        Operation(
            "POST",
            f"{root}/{{sid}}.json",
            lambda c: numbers.rename_caller_id(
                c.store, c.party, c.now, c.path["sid"], c.form.get("friendly_name")
            ),
            render.caller_id,
            (Field("FriendlyName"),),
        ),
        Operation(
            "DELETE",
            f"{root}/{{sid}}.json",
            lambda c: c.store.caller_ids.remove(
                numbers.caller_id(c.store, c.party, c.path["sid"]).sid
            ),
            status=204,
        ),
    ]


OPERATIONS: tuple[Operation, ...] = (
    *_not_for_keys(_account_rows()),
    *_not_for_keys(_key_rows("Keys")),
    *_not_for_keys(_key_rows("SigningKeys")),
    *_address_rows(),
    *NUMBERS,
    *_caller_id_rows(),
)
