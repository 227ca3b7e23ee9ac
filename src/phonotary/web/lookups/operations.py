"""Lookups v1 and v2: whose number is it, and which name was registered for it.

Both answer for anybody's number, as a dip does. A name is there only where an approved CNAM product
vouches for it; numbers outside the United States have none (CNAM guide).
"""

from __future__ import annotations

from typing import Any

from phonotary.cnam import dips
from phonotary.cnam.clients import Client
from phonotary.errors import Reason, Refused
from phonotary.tn import Tn, fault, parse
from phonotary.trusthub import privacy, standing
from phonotary.web.forms import Field
from phonotary.web.operations import Call, Operation

_V2_PACKAGES = (
    "sim_swap",
    "call_forwarding",
    "line_type_intelligence",
    "line_status",
    "identity_match",
    "reassigned_number",
    "sms_pumping_risk",
    "phone_number_quality_score",
    "pre_fill",
)


def _caller_name(call: Call, tn: Tn) -> dict[str, Any]:
    """``caller_type`` is BUSINESS for every name we keep: only businesses register here.

    Read anew, in the request's own transaction: who asks here waits for it, and a call does not.
    """
    named = None
    if dips.where(tn.e164) is dips.Where.US:
        delay = call.hub.vetting.propagation(tn.e164)
        name = standing.display_name(call.store, tn.e164, call.now, delay)
        private = name is not None and privacy.is_private(call.store, tn.e164)
        named = dips.Named(dips.shown(name), private)
    shown = dips.answer(tn.e164, named, None, Client(call.account.sid), call.now).name
    return {
        "caller_name": shown,
        "caller_type": "BUSINESS" if shown else None,
        "error_code": None,
    }


def _number(call: Call) -> Tn | None:
    text = call.path["phone_number"].strip()
    country = call.form.get("country_code")
    if country and not text.startswith("+"):
        return parse(text) if country.upper() == "US" else None
    return parse(text if text.startswith("+") else f"+{text}") or parse(text)


def _v1(call: Call) -> dict[str, Any]:
    tn = _number(call)
    if tn is None:
        raise Refused(
            Reason.NOT_FOUND,
            f"The requested resource /v1/PhoneNumbers/{call.path['phone_number']} was not found",
        )
    wants_name = "caller-name" in call.form.get("type", "").split(",")
    return {
        "caller_name": _caller_name(call, tn) if wants_name else None,
        "country_code": tn.country,
        "phone_number": tn.e164,
        "national_format": tn.national,
        "carrier": None,
        "add_ons": None,
        "url": f"{call.origin}/v1/PhoneNumbers/{tn.e164}",
    }


def _v2(call: Call) -> dict[str, Any]:
    """17 keys; packages nobody here sells are null. What is no number is ``valid: false``."""
    tn = _number(call)
    text = call.path["phone_number"]
    wanted = [field.strip() for field in call.form.get("fields", "").split(",") if field.strip()]
    body: dict[str, Any] = {
        "calling_country_code": tn.calling_code if tn else None,
        "country_code": tn.country or None if tn else None,
        "phone_number": tn.e164 if tn else text,
        "national_format": tn.national if tn else None,
        "valid": tn is not None,
        "validation_errors": [] if tn else [fault(text)],
        "caller_name": _caller_name(call, tn) if tn and "caller_name" in wanted else None,
        **dict.fromkeys(_V2_PACKAGES),
        "url": f"{call.origin}/v2/PhoneNumbers/{tn.e164 if tn else text}",
    }
    return body


def _as_is(body: dict[str, Any], call: Call) -> dict[str, Any]:
    return body


OPERATIONS = (
    Operation(
        "GET",
        "/v1/PhoneNumbers/{phone_number}",
        _v1,
        _as_is,
        query=(Field("CountryCode", into="country_code"), Field("Type")),
    ),
    Operation(
        "GET",
        "/v2/PhoneNumbers/{phone_number}",
        _v2,
        _as_is,
        query=(Field("Fields"), Field("CountryCode")),
    ),
)
