"""Numbers on the 2010-04-01 wire: those an account holds, and those it could buy."""

from __future__ import annotations

import re
from typing import Any

from phonotary.access import accounts
from phonotary.errors import Reason, Refused
from phonotary.tn import Tn, parse
from phonotary.trusthub import numbers
from phonotary.trusthub.records import Number
from phonotary.trusthub.store import Page
from phonotary.web.core_2010 import resources as render
from phonotary.web.forms import Field
from phonotary.web.operations import Call, Listing, Operation

_ROOT = render.ROOT
_ONE = f"{_ROOT}/{{account_sid}}"

_URLS = ("SmsFallbackUrl", "SmsUrl", "StatusCallback", "VoiceFallbackUrl", "VoiceUrl")
_URL_METHODS = (
    "SmsFallbackMethod",
    "SmsMethod",
    "StatusCallbackMethod",
    "VoiceFallbackMethod",
    "VoiceMethod",
)
METHODS = ("GET", "POST")
# Kept and shown; no rule of ours reads them.
_SETTINGS = (
    Field("ApiVersion"),
    *(Field(name, kind="url") for name in _URLS),
    *(Field(name, one_of=METHODS) for name in _URL_METHODS),
    Field("SmsApplicationSid", prefix="AP"),
    Field("VoiceApplicationSid", prefix="AP"),
    Field("TrunkSid", prefix="TK"),
    Field("IdentitySid", prefix="RI"),
    Field("EmergencyAddressSid", prefix="AD"),
    Field("EmergencyStatus", one_of=("Active", "Inactive")),
    Field("VoiceReceiveMode", one_of=("voice", "fax")),
)
_NUMBER_CHANGES = (
    Field("FriendlyName"),
    Field("AddressSid", prefix="AD"),
    Field("BundleSid", prefix="BU"),
    Field("VoiceCallerIdLookup", kind="bool"),
    *_SETTINGS,
)
BY_NUMBER = (Field("PhoneNumber"), Field("FriendlyName"))
_KINDS = {"Local": "local", "TollFree": "toll-free", "Mobile": "mobile"}
# Neither the United States nor Canada has these: they are searched, and nothing is found.
_OTHER_KINDS = ("MachineToMachine", "National", "SharedCost", "Voip")


def _settings(form: dict[str, Any]) -> dict[str, Any]:
    """Room arguments: the settings nobody reads go together, the rest by name."""
    loose = {field.key for field in _SETTINGS}
    settings = {key: form.pop(key) for key in list(form) if key in loose}
    return {**form, "settings": settings}


def _buy(call: Call, kind: str | None) -> Number:
    if not call.hub.settings.sandbox:
        # The sandbox's numbers are arithmetic. Whoever could take any number in a service could
        # have its calls attested A; there, the operator grants those it has (phonotary number).
        raise Refused(
            Reason.NUMBER_NOT_AVAILABLE, "Numbers of this service are granted by its operator"
        )
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
    listing = Listing("incoming_phone_numbers", BY_NUMBER, "core")
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
        area_code = query.get("AreaCode")
        if area_code and not re.fullmatch("[0-9]{3}", area_code):
            raise Refused(Reason.INVALID_PARAMETER, "AreaCode must be three digits")
        return Page(
            numbers.available(
                call.store,
                _country(call.path["country"]),
                kind,
                area_code=area_code,
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
            listing=Listing("countries", envelope="whole"),
        )
    ]
    for name, kind in (*_KINDS.items(), *((other, other) for other in _OTHER_KINDS)):
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


OPERATIONS: tuple[Operation, ...] = (*_number_rows(), *_available_rows())
