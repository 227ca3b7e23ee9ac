"""What must exist before an operation can be driven, made through the API itself.

A path of the document is made concrete from left to right: each ``{…}`` is an object created in
the collection before it, with the form that ``FORMS`` has for that collection.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count

import httpx

from tests.compat.office import PRODUCTS, PROFILES, SECONDARY, SHAKEN, Office, sid_of
from tests.conformance.published import Operation

CORE = "/2010-04-01/Accounts/{AccountSid}"
_INQUIRIES = "/v1/ComplianceInquiries"
_GB = "RegulatoryCompliance/GB/Initialize"

Form = dict[str, str]
_fresh = count()


class Desk(Office):
    """An office that remembers the number it is about to put on a product."""

    number_sid = ""

    def product_for_a_number(self) -> str:
        """A draft linked to a profile that holds a number no other product has."""
        self.number_sid = self.made(f"{core(self)}/IncomingPhoneNumbers.json", **_local(self))
        profile = self.profile()
        assert self.assign_number(profile, self.number_sid).status_code == 201
        return self.product(SHAKEN, profile)


def _approved_product(office: Desk) -> str:
    product = office.product(SHAKEN, office.approved_profile())
    office.submit(product)
    assert office.state(product)[0] == "twilio-approved"
    return product


def _bundle(policy_sid: str) -> Callable[[Desk], Form]:
    return lambda office: {
        "FriendlyName": "Conformance",
        "Email": "trust@example.com",
        "PolicySid": policy_sid,
        "StatusCallback": "https://example.com/status",
    }


def _paper(kind: str) -> Callable[[Desk], Form]:
    return lambda office: {"FriendlyName": "Paper", "Type": kind, "Attributes": json.dumps({})}


def _object(office: Desk) -> Form:
    return {"ObjectSid": office.end_user("authorized_representative_1")}


def _endpoint(office: Desk) -> Form:
    sid = office.number_sid or office.hub.local[0].sid
    return {"ChannelEndpointType": "phone-number", "ChannelEndpointSid": sid}


def _address(office: Desk) -> Form:
    return {
        "CustomerName": "Harbor Books",
        "Street": "1 Quay Street",
        "City": "Portland",
        "Region": "ME",
        "PostalCode": "04101",
        "IsoCountry": "US",
    }


def _for_sale(kind: str) -> Callable[[Desk], Form]:
    def form(office: Desk) -> Form:
        path = f"{core(office)}/AvailablePhoneNumbers/US/{kind}.json"
        found = office.http.get(path, params={"PageSize": 1}).json()["available_phone_numbers"]
        return {"PhoneNumber": found[0]["phone_number"]}

    return form


_local = _for_sale("Local")


def _caller_id(office: Desk) -> Form:
    return {"PhoneNumber": f"+1207555{next(_fresh) + 100:04d}"}


def _named(office: Desk) -> Form:
    return {"FriendlyName": "Conformance"}


# What is sent to create something, by the path it is sent to.
FORMS: dict[str, Callable[[Desk], Form]] = {
    PROFILES: _bundle(SECONDARY),
    PRODUCTS: _bundle(SHAKEN),
    f"{PROFILES}/{{}}/EntityAssignments": _object,
    f"{PRODUCTS}/{{}}/EntityAssignments": _object,
    f"{PROFILES}/{{}}/ChannelEndpointAssignments": _endpoint,
    f"{PRODUCTS}/{{}}/ChannelEndpointAssignments": _endpoint,
    f"{PROFILES}/{{}}/Evaluations": lambda office: {"PolicySid": SECONDARY},
    f"{PRODUCTS}/{{}}/Evaluations": lambda office: {"PolicySid": SHAKEN},
    "/v1/EndUsers": _paper("authorized_representative_1"),
    "/v1/SupportingDocuments": _paper("customer_profile_address"),
    f"{_INQUIRIES}/Customers/Initialize": lambda office: {
        "PrimaryProfileSid": office.hub.primary_profile_sid
    },
    f"{_INQUIRIES}/Customers/{{}}/Initialize": lambda office: {
        "PrimaryProfileSid": office.hub.primary_profile_sid
    },
    f"{_INQUIRIES}/Registration/{_GB}": lambda office: {
        "EndUserType": "Business",
        "PhoneNumberType": "local",
    },
    f"{_INQUIRIES}/Tollfree/Initialize": lambda office: {
        "TollfreePhoneNumber": office.hub.toll_free.phone_number,
        "NotificationEmail": "trust@example.com",
    },
    "/2010-04-01/Accounts": _named,
    "/2010-04-01/Accounts/{}/Addresses": _address,
    "/2010-04-01/Accounts/{}/Keys": _named,
    "/2010-04-01/Accounts/{}/SigningKeys": _named,
    "/2010-04-01/Accounts/{}/OutgoingCallerIds": _caller_id,
    "/2010-04-01/Accounts/{}/IncomingPhoneNumbers": _local,
    "/2010-04-01/Accounts/{}/IncomingPhoneNumbers/Local": _local,
    "/2010-04-01/Accounts/{}/IncomingPhoneNumbers/Mobile": _for_sale("Mobile"),
    "/2010-04-01/Accounts/{}/IncomingPhoneNumbers/TollFree": _for_sale("TollFree"),
}


def core(office: Desk) -> str:
    return f"/2010-04-01/Accounts/{office.hub.account_sid}"


def _first(collection: str, key: str) -> Callable[[Desk], str]:
    return lambda office: str(office.http.get(collection).json()[key][0]["sid"])


def _inquiry(way: str, key: str) -> Callable[[Desk], str]:
    path = f"{_INQUIRIES}/{way}"
    return lambda office: str(office.post(path, **FORMS[path](office)).json()[key])


def _verified(office: Desk) -> str:
    form = _caller_id(office)
    assert office.post(f"{core(office)}/OutgoingCallerIds.json", **form).status_code == 200
    path = f"{core(office)}/OutgoingCallerIds.json"
    (row,) = office.http.get(path, params=form).json()["outgoing_caller_ids"]
    return str(row["sid"])


# What stands for a ``{…}`` that is not simply created in the collection before it.
MADE: dict[str, Callable[[Desk], str]] = {
    f"{PRODUCTS}/{{}}": lambda office: sid_of(office.product_for_a_number()),
    "/v1/Policies/{}": _first("/v1/Policies", "results"),
    "/v1/EndUserTypes/{}": _first("/v1/EndUserTypes", "end_user_types"),
    "/v1/SupportingDocumentTypes/{}": _first(
        "/v1/SupportingDocumentTypes", "supporting_document_types"
    ),
    f"{_INQUIRIES}/Customers/{{}}": _inquiry("Customers/Initialize", "customer_id"),
    f"{_INQUIRIES}/Registration/{{}}": _inquiry(f"Registration/{_GB}", "registration_id"),
    "/2010-04-01/Accounts/{}/OutgoingCallerIds/{}": _verified,
    "/2010-04-01/Accounts/{}/AvailablePhoneNumbers/{}": lambda office: "US",
    "/v1/PhoneNumbers/{}": lambda office: office.hub.local[0].phone_number,
    "/v2/PhoneNumbers/{}": lambda office: office.hub.local[0].phone_number,
}


def anonymous(path: str) -> str:
    """The document's path without the names of its parameters and without ``.json``."""
    parts = path.removesuffix(".json").split("/")
    return "/".join("{}" if part.startswith("{") else part for part in parts)


def parameters(office: Desk, operation: Operation) -> dict[str, str]:
    """A value for every ``{…}`` of the path, each naming something that was just made."""
    found: dict[str, str] = {}
    pattern = concrete = ""
    for part in operation.path.removesuffix(".json").split("/")[1:]:
        if part.startswith("{"):
            value = _value(office, operation, part.strip("{}"), pattern, concrete)
            found[part.strip("{}")] = value
            part, shown = "{}", value
        else:
            shown = part
        pattern, concrete = f"{pattern}/{part}", f"{concrete}/{shown}"
    return found


def _value(office: Desk, operation: Operation, name: str, pattern: str, concrete: str) -> str:
    if name == "AccountSid":
        return office.hub.account_sid
    if operation.id.endswith("ProvisionalCopy"):
        return _copied(office, operation)
    make = MADE.get(f"{pattern}/{{}}")
    if make is not None:
        return make(office)
    suffix = ".json" if operation.api == "api_v2010" else ""
    return office.made(concrete + suffix, **FORMS[pattern](office))


def _copied(office: Desk, operation: Operation) -> str:
    """An approved bundle, which alone can be copied; to be fetched, the copy must be there."""
    is_profile = operation.path.startswith(PROFILES)
    approved = office.approved_profile() if is_profile else _approved_product(office)
    if operation.method == "GET":
        office.made(f"{approved}/ProvisionalCopy")
    return sid_of(approved)


def form(office: Desk, operation: Operation) -> Form:
    """What a valid request of the operation sends as its body."""
    make = FORMS.get(anonymous(operation.path))
    if make is not None:
        return make(office)
    return _named(office) if operation.method == "POST" else {}


def path(office: Desk, operation: Operation) -> str:
    return operation.path.format(**parameters(office, operation))


def drive(office: Desk, operation: Operation) -> httpx.Response:
    """One request that must succeed. A list is asked for with what it lists already made."""
    url = path(office, operation)
    if operation.id == "ListDependentPhoneNumber":
        address = url.split("/")[-2]
        office.made(
            f"{core(office)}/IncomingPhoneNumbers.json", **_local(office), AddressSid=address
        )
    make = FORMS.get(anonymous(operation.path))
    if operation.method == "GET" and make is not None:
        made = office.post(url, **make(office))
        assert made.status_code in (200, 201), made.text
    sent = form(office, operation) if operation.method == "POST" else None
    return office.http.request(operation.method, url, data=sent)
