"""Twilio's real traps, told from the log: which answers a program is likely to misread.

Nothing here changes an answer: the traps behave as at Twilio. The log only says, beside the answer,
which one was stepped in. Each row names what integrators report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from phonotary.trusthub import policies
from phonotary.web.sandbox.log import Entry

Log = Sequence[Entry]
_DECIDED = ("twilio-approved", "twilio-rejected")
_ENOUGH = 5


@dataclass(frozen=True, slots=True)
class Trap:
    id: str
    says: str
    stepped_in: Callable[[Entry, Log], bool]


def _answered(entry: Entry, *codes: int) -> bool:
    return entry.status >= 400 and entry.code in codes


def _says(entry: Entry, sentence: str) -> bool:
    return sentence.encode() in entry.response_body


def _wrong_list(entry: Entry, _: Log) -> bool:
    """EntityAssignments asked with the filters of ChannelEndpointAssignments, or the reverse."""
    if entry.method != "GET" or entry.status != 200:
        return False
    asked = entry.asked
    if entry.path.endswith("/EntityAssignments"):
        return "ChannelEndpointSid" in asked or "ChannelEndpointSids" in asked
    return entry.path.endswith("/ChannelEndpointAssignments") and "ObjectType" in asked


def _next_page(entry: Entry) -> str | None:
    if entry.method != "GET" or entry.status != 200:
        return None
    body = entry.answer
    if not isinstance(body, dict):
        return None
    meta: Any = body.get("meta") or {}
    return meta.get("next_page_url") or body.get("next_page_uri")


def _first_page_only(entry: Entry, log: Log) -> bool:
    """There was a next page, and nobody has fetched it since."""
    url = _next_page(entry)
    if not url:
        return False
    query = url.partition("?")[2]
    return not any(
        later.number > entry.number and later.path == entry.path and later.query == query
        for later in log
    )


def _created_twice(entry: Entry, log: Log) -> bool:
    """The same FriendlyName on the same collection by the same account: two records now."""
    if entry.method != "POST" or entry.status != 201:
        return False
    name = entry.form.get("FriendlyName")
    return bool(name) and any(
        earlier.number < entry.number
        and earlier.method == "POST"
        and earlier.status == 201
        and earlier.path == entry.path
        and earlier.account == entry.account
        and earlier.form.get("FriendlyName") == name
        for earlier in log
    )


def _lost_reply(entry: Entry, log: Log) -> bool:
    """A create whose answer was lost is sent again, although its record was made."""
    return entry.method == "POST" and any(
        earlier.number < entry.number
        and earlier.fault == "cut-after"
        and earlier.path == entry.path
        and earlier.request_body == entry.request_body
        for earlier in log
    )


def _other_policy(entry: Entry, log: Log) -> bool:
    """Evaluated with a policy that is not the bundle's own."""
    if entry.method != "POST" or not entry.path.endswith("/Evaluations"):
        return False
    sid = entry.path.split("/")[3]
    for earlier in log:
        body = earlier.answer if earlier.status in (200, 201) else None
        if isinstance(body, dict) and body.get("sid") == sid and "policy_sid" in body:
            return bool(body["policy_sid"] != entry.form.get("PolicySid"))
    return False


def _empty_submitted(entry: Entry, log: Log) -> bool:
    """Submitted although nothing was ever assigned to it."""
    if entry.method != "POST" or entry.form.get("Status") != "pending-review":
        return False
    return entry.status == 200 and not any(
        earlier.path == f"{entry.path}/EntityAssignments" and earlier.status == 201
        for earlier in log
        if earlier.number < entry.number
    )


def _dotted_attributes(entry: Entry, _: Log) -> bool:
    return entry.method == "POST" and any(k.startswith("Attributes.") for k in entry.form)


def _placeholder(entry: Entry, _: Log) -> bool:
    """The guides' own placeholders were sent as they stand."""
    values = entry.form.values() if entry.method == "POST" else ()
    return any(v == "BB" or v.startswith("YOUR_") or v == "EMAIL@EXAMPLE.COM" for v in values)


def _someone_elses(entry: Entry, _: Log) -> bool:
    """A parent's credentials were answered with a subaccount's record."""
    body = entry.answer if entry.status in (200, 201) else None
    owner = body.get("account_sid") if isinstance(body, dict) else None
    caller = entry.account or ""
    return bool(owner) and caller.startswith("AC") and owner != caller


def _polled_on(entry: Entry, log: Log) -> bool:
    """Nothing will change any more, and it has been asked for five times before."""
    body = entry.answer if entry.method == "GET" and entry.status == 200 else None
    if not isinstance(body, dict) or body.get("status") not in _DECIDED:
        return False
    same = (
        earlier
        for earlier in log
        if earlier.number < entry.number
        and earlier.path == entry.path
        and earlier.response_body == entry.response_body
    )
    return sum(1 for _ in same) >= _ENOUGH


def _registration(entry: Entry) -> str:
    if entry.method != "POST" or entry.status != 201:
        return ""
    body = entry.answer
    attributes = body.get("attributes") if isinstance(body, dict) else None
    found = attributes.get("business_registration_number") if isinstance(attributes, dict) else None
    return str(found or "")


def _same_business(entry: Entry, log: Log) -> bool:
    """The same registration number was filed before, in another record."""
    number = _registration(entry)
    return bool(number) and any(
        earlier.number < entry.number and _registration(earlier) == number for earlier in log
    )


def _starter_as_primary(entry: Entry, _: Log) -> bool:
    starter = policies.named("starter_business").sid
    return entry.method == "POST" and entry.form.get("PolicySid") == starter


TRAPS = (
    Trap(
        "H03",
        "The primary profile is not assigned to this bundle, or has another policy.",
        lambda e, _: e.path.endswith("/Evaluations") and _says(e, "bundle is null"),
    ),
    Trap("H04", "The starter policy is not the primary one.", _starter_as_primary),
    Trap(
        "H05",
        "Primary profiles are made in the console only.",
        lambda e, _: e.status == 400 and _says(e, "restricted via API for Primary"),
    ),
    Trap(
        "H02",
        "The primary's business identity must be ISV, Reseller or Partner.",
        lambda e, _: e.status == 400 and _says(e, "for direct_customer can only be created"),
    ),
    Trap(
        "H06",
        "There is no such policy for this kind of bundle.",
        lambda e, _: e.status == 400 and _says(e, "is not the policy of a"),
    ),
    Trap("H07", "The evaluation's policy is not the bundle's own.", _other_policy),
    Trap("H08", "An empty bundle was submitted.", _empty_submitted),
    Trap("H09", "This list holds other things than its filter asks for.", _wrong_list),
    Trap("H10", "There was another page, and nobody has fetched it.", _first_page_only),
    Trap("H11", "FriendlyName is not unique: there are two records now.", _created_twice),
    Trap("H13", "The first answer was lost, its record was not.", _lost_reply),
    Trap("H14", "It was assigned already; treat that as done.", lambda e, _: _answered(e, 20409)),
    Trap("H15", "This record is a subaccount's, not the caller's own.", _someone_elses),
    Trap(
        "H16",
        "The address is not this account's, or there is none.",
        lambda e, _: e.path.endswith("/Evaluations") and _says(e, "22219"),
    ),
    Trap("H17", "Attributes is one field of JSON text; dots are ignored.", _dotted_attributes),
    Trap("H17", "Attributes must be a JSON object as text.", lambda e, _: _answered(e, 22207)),
    Trap("H19", "That is not a status of a bundle.", lambda e, _: _answered(e, 22203)),
    Trap("H20", "Never processed, always safe to try again.", lambda e, _: _answered(e, 20429)),
    Trap("H21", "It is decided; asking again changes nothing.", _polled_on),
    Trap("H22", "It cannot be copied, or was copied.", lambda e, _: _answered(e, 18607, 18608)),
    Trap("H23", "The same business was filed before; that alone can reject it.", _same_business),
    Trap("H24", "A placeholder of the guides was left in.", _placeholder),
)


def stepped_in(entry: Entry, log: Log) -> list[dict[str, str]]:
    """The traps one answer is, as the log tells them."""
    return [{"id": trap.id, "says": trap.says} for trap in TRAPS if trap.stepped_in(entry, log)]
