"""The 2010-04-01 table: what onboarding leans on, one row an operation, ``.json`` only."""

from __future__ import annotations

import json
from typing import Any

from phonotary import sids
from phonotary.access import accounts
from phonotary.errors import Reason, Refused
from phonotary.events import Job
from phonotary.tn import Tn, parse
from phonotary.trusthub import addresses, filing, numbers
from phonotary.trusthub.records import Number
from phonotary.trusthub.store import Page
from phonotary.web.core_2010 import resources as render
from phonotary.web.forms import Field
from phonotary.web.operations import Call, Listing, Operation

_ROOT = "/2010-04-01/Accounts"
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

# Kept as they come; no rule of ours reads them.
_SETTINGS = """
ApiVersion SmsApplicationSid SmsFallbackMethod SmsFallbackUrl SmsMethod SmsUrl StatusCallback
StatusCallbackMethod VoiceApplicationSid VoiceFallbackMethod VoiceFallbackUrl VoiceMethod VoiceUrl
EmergencyStatus EmergencyAddressSid TrunkSid VoiceReceiveMode IdentitySid
""".split()
_NUMBER_CHANGES = (
    Field("FriendlyName"),
    Field("AddressSid"),
    Field("BundleSid"),
    Field("VoiceCallerIdLookup", kind="bool"),
    *(Field(name) for name in _SETTINGS),
)
_NUMBER_LIST = (Field("PhoneNumber"), Field("FriendlyName"))
_KINDS = {"Local": "local", "TollFree": "toll-free", "Mobile": "mobile"}


def _settings(form: dict[str, Any]) -> dict[str, Any]:
    """Room arguments: the settings nobody reads go together, the rest by name."""
    loose = {Field(name).key for name in _SETTINGS}
    settings = {key: form.pop(key) for key in list(form) if key in loose}
    return {**form, "settings": settings}


def _buy(call: Call, kind: str | None) -> Number:
    form = _settings(dict(call.form))
    area = form.pop("area_code", None)
    if "phone_number" not in form:
        if not area:
            raise Refused(
                Reason.MISSING_PARAMETER,
                "Missing required parameter PhoneNumber or AreaCode in the post body",
            )
        found = numbers.available(call.store, "US", "local", area_code=area, contains=None, size=1)
        if not found:
            raise Refused(Reason.NUMBER_NOT_AVAILABLE, f"No number in area code {area}")
        form["phone_number"] = found[0].e164
    vouched = numbers.may_buy(call.store, call.party, call.now)
    return numbers.buy(call.store, call.party, call.now, kind=kind, vouched=vouched, **form)


def _change_number(call: Call) -> Number:
    form = _settings(dict(call.form))
    target = form.pop("account_sid", None)
    if target and target != call.account.sid:
        # A number moves within one family only: parent to subaccount, back, or across.
        form["new_account_sid"] = accounts.acting_as(call.store, call.caller, target).sid
    return numbers.update(call.store, call.party, call.now, call.path["sid"], **form)


def _number_page(call: Call, kind: str | None) -> Page[Number]:
    where = dict(call.where)
    if "phone_number" in where:
        tn = parse(where["phone_number"].strip())
        where["phone_number"] = tn.e164 if tn else where["phone_number"]
    if kind:
        where["kind"] = kind
    return numbers.page(call.store, call.party, call.ask, where)


def _number_list(kind: str | None) -> Any:
    return lambda c: _number_page(c, kind)


def _number_buy(kind: str | None) -> Any:
    return lambda c: _buy(c, kind)


def _number_rows() -> list[Operation]:
    root = f"{_ONE}/IncomingPhoneNumbers"
    listing = Listing("incoming_phone_numbers", _NUMBER_LIST, "core")
    buying = (Field("PhoneNumber"), Field("AreaCode"), *_NUMBER_CHANGES)
    by_kind = (Field("PhoneNumber", required=True), *_NUMBER_CHANGES)
    rows = [
        Operation("GET", f"{root}.json", _number_list(None), render.number, listing=listing),
        Operation("POST", f"{root}.json", _number_buy(None), render.number, buying, 201),
        Operation(
            "GET",
            f"{root}/{{sid}}.json",
            lambda c: numbers.fetch(c.store, c.party, c.path["sid"]),
            render.number,
        ),
        Operation(
            "POST",
            f"{root}/{{sid}}.json",
            _change_number,
            render.number,
            (Field("AccountSid"), *_NUMBER_CHANGES),
        ),
        Operation(
            "DELETE",
            f"{root}/{{sid}}.json",
            lambda c: numbers.release(c.store, c.party, c.path["sid"]),
            status=204,
        ),
    ]
    for name, kind in _KINDS.items():
        path = f"{root}/{name}.json"
        rows.insert(0, Operation("GET", path, _number_list(kind), render.number, listing=listing))
        rows.insert(0, Operation("POST", path, _number_buy(kind), render.number, by_kind, 201))
    return rows


def _country(code: str) -> str:
    if code not in numbers.COUNTRIES:
        raise Refused(Reason.NOT_FOUND, f"No numbers are sold in {code}")
    return code


def _country_resource(code: str, call: Call) -> dict[str, Any]:
    uri = f"{_ROOT}/{call.account.sid}/AvailablePhoneNumbers/{code}"
    return {
        "country_code": code,
        "country": numbers.COUNTRIES[code],
        "uri": f"{uri}.json",
        "beta": False,
        "subresource_uris": {
            "local": f"{uri}/Local.json",
            "toll_free": f"{uri}/TollFree.json",
            "mobile": f"{uri}/Mobile.json",
        },
    }


def _available(kind: str) -> Any:
    def search(call: Call) -> Page[Tn]:
        query = call.query
        return Page(
            numbers.available(
                call.store,
                _country(call.path["country"]),
                kind,
                area_code=query.get("AreaCode"),
                contains=query.get("Contains"),
                size=call.ask.size,
            )
        )

    return search


def _available_rows() -> list[Operation]:
    root = f"{_ONE}/AvailablePhoneNumbers"
    rows = [
        Operation(
            "GET",
            f"{root}.json",
            lambda c: Page(list(numbers.COUNTRIES)),
            _country_resource,
            listing=Listing("countries", envelope="core"),
        )
    ]
    for name, kind in _KINDS.items():
        rows.append(
            Operation(
                "GET",
                f"{root}/{{country}}/{name}.json",
                _available(kind),
                render.available_number,
                listing=Listing("available_phone_numbers", envelope="core"),
            )
        )
    rows.append(
        Operation(
            "GET",
            f"{root}/{{country}}.json",
            lambda c: _country(c.path["country"]),
            _country_resource,
        )
    )
    return rows


def _account_rows() -> list[Operation]:
    return [
        Operation(
            "GET",
            f"{_ROOT}.json",
            lambda c: c.store.accounts.page(c.ask, {**c.where, "owner_account_sid": c.caller.sid}),
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
        Field("StatusCallback"),
        Field("StatusCallbackMethod"),
    )
    return [
        Operation(
            "GET",
            f"{root}.json",
            lambda c: c.store.caller_ids.page(c.ask, {**c.where, "account_sid": c.party.sid}),
            render.caller_id,
            listing=Listing("outgoing_caller_ids", _NUMBER_LIST, "core"),
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
    *_account_rows(),
    *_key_rows("Keys"),
    *_key_rows("SigningKeys"),
    *_address_rows(),
    *_number_rows(),
    *_available_rows(),
    *_caller_id_rows(),
)
