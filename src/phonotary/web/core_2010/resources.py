"""2010-04-01 resources as JSON, field for field as published (twilio-oai, api_v2010)."""

from __future__ import annotations

from typing import Any

from phonotary.access.accounts import Account, Key
from phonotary.clock import rfc2822
from phonotary.tn import Tn
from phonotary.trusthub import records as r
from phonotary.web.operations import Call

ROOT = "/2010-04-01/Accounts"
_CAPABILITIES = {"voice": True, "sms": True, "mms": True, "fax": False}
# Numbers for sale: the document says sms and mms, Twilio and its Java client SMS and MMS.
_FOR_SALE = {**_CAPABILITIES, "SMS": True, "MMS": True}


def account(row: Account, call: Call) -> dict[str, Any]:
    uri = f"{ROOT}/{row.sid}"
    return {
        "auth_token": row.auth_token,
        "date_created": rfc2822(row.date_created),
        "date_updated": rfc2822(row.date_updated),
        "friendly_name": row.friendly_name,
        "owner_account_sid": row.owner_account_sid,
        "sid": row.sid,
        "status": row.status,
        "subresource_uris": {
            "addresses": f"{uri}/Addresses.json",
            "available_phone_numbers": f"{uri}/AvailablePhoneNumbers.json",
            "incoming_phone_numbers": f"{uri}/IncomingPhoneNumbers.json",
            "keys": f"{uri}/Keys.json",
            "outgoing_caller_ids": f"{uri}/OutgoingCallerIds.json",
        },
        "type": row.type,
        "uri": f"{uri}.json",
    }


def key(row: Key, call: Call) -> dict[str, Any]:
    return {
        "sid": row.sid,
        "friendly_name": row.friendly_name,
        "date_created": rfc2822(row.date_created),
        "date_updated": rfc2822(row.date_updated),
    }


def new_key(made: tuple[Key, str], call: Call) -> dict[str, Any]:
    """The only answer that shows a secret."""
    return {**key(made[0], call), "secret": made[1]}


def address(row: r.Address, call: Call) -> dict[str, Any]:
    return {
        "sid": row.sid,
        "account_sid": row.account_sid,
        "friendly_name": row.friendly_name,
        "customer_name": row.customer_name,
        "street": row.street,
        "street_secondary": row.street_secondary,
        "city": row.city,
        "region": row.region,
        "postal_code": row.postal_code,
        "iso_country": row.iso_country,
        "emergency_enabled": row.emergency_enabled,
        "validated": row.validated,
        "verified": row.verified,
        "date_created": rfc2822(row.date_created),
        "date_updated": rfc2822(row.date_updated),
        "uri": f"{ROOT}/{row.account_sid}/Addresses/{row.sid}.json",
    }


def _calls(row: r.Number) -> dict[str, Any]:
    """What incoming and dependent numbers share: how calls and messages are handled."""
    kept = row.settings
    return {
        "sid": row.sid,
        "account_sid": row.account_sid,
        "friendly_name": row.friendly_name,
        "phone_number": row.phone_number,
        "api_version": "2010-04-01",
        "address_requirements": "none",
        "capabilities": _CAPABILITIES,
        "date_created": rfc2822(row.date_created),
        "date_updated": rfc2822(row.date_updated),
        "emergency_status": kept.get("emergency_status") or "Inactive",
        "emergency_address_sid": kept.get("emergency_address_sid") or None,
        "sms_application_sid": kept.get("sms_application_sid", ""),
        "sms_fallback_method": kept.get("sms_fallback_method") or "POST",
        "sms_fallback_url": kept.get("sms_fallback_url", ""),
        "sms_method": kept.get("sms_method") or "POST",
        "sms_url": kept.get("sms_url", ""),
        "status_callback": kept.get("status_callback", ""),
        "status_callback_method": kept.get("status_callback_method") or "POST",
        "trunk_sid": kept.get("trunk_sid") or None,
        "voice_application_sid": kept.get("voice_application_sid", ""),
        "voice_caller_id_lookup": row.voice_caller_id_lookup,
        "voice_fallback_method": kept.get("voice_fallback_method") or "POST",
        "voice_fallback_url": kept.get("voice_fallback_url", ""),
        "voice_method": kept.get("voice_method") or "POST",
        "voice_url": kept.get("voice_url", ""),
    }


def number(row: r.Number, call: Call) -> dict[str, Any]:
    return {
        **_calls(row),
        "address_sid": row.address_sid or None,
        "beta": False,
        "bundle_sid": row.bundle_sid or None,
        "emergency_address_status": "unregistered",
        "identity_sid": row.settings.get("identity_sid") or None,
        "origin": "twilio",
        "status": "in-use",
        "type": row.kind,
        "uri": f"{ROOT}/{row.account_sid}/IncomingPhoneNumbers/{row.sid}.json",
        "voice_receive_mode": row.settings.get("voice_receive_mode") or "voice",
    }


def dependent_number(row: r.Number, call: Call) -> dict[str, Any]:
    uri = f"{ROOT}/{row.account_sid}/IncomingPhoneNumbers/{row.sid}.json"
    return {**_calls(row), "uri": uri}


def available_number(tn: Tn, call: Call) -> dict[str, Any]:
    return {
        "friendly_name": tn.national,
        "phone_number": tn.e164,
        "lata": None,
        "locality": None,
        "rate_center": None,
        "latitude": None,
        "longitude": None,
        "region": None,
        "postal_code": None,
        "iso_country": tn.country,
        "address_requirements": "none",
        "beta": False,
        "capabilities": _FOR_SALE,
    }


def caller_id(row: r.OutgoingCallerId, call: Call) -> dict[str, Any]:
    return {
        "sid": row.sid,
        "account_sid": row.account_sid,
        "friendly_name": row.friendly_name,
        "phone_number": row.phone_number,
        "date_created": rfc2822(row.date_created),
        "date_updated": rfc2822(row.date_updated),
        "uri": f"{ROOT}/{row.account_sid}/OutgoingCallerIds/{row.sid}.json",
    }
