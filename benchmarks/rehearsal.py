"""Onboard many customers as an ISV would, from the first call to the last, and time all of it.

``python -m benchmarks.rehearsal --customers 10000`` makes 360,000 calls: for each customer a
business profile, a SHAKEN/STIR product and a CNAM product with five numbers (21 + 3 x 5 calls). The
numbers are bought beforehand and are not counted. Two client processes share the machine with the
hub, which is one process.
"""

from __future__ import annotations

import argparse
import base64
import json
import multiprocessing
import socket
import statistics
import time
from typing import Any
from urllib.parse import urlencode

from phonotary.testing import Sandbox, start
from phonotary.trusthub import policies

CLIENTS = 2
NUMBERS = 5
_BUSINESS = {
    "business_name": "Acme Plumbing LLC",
    "business_identity": "direct_customer",
    "business_type": "Limited Liability Corporation",
    "business_industry": "CONSUMER",
    "business_registration_identifier": "EIN",
    "business_registration_number": "12-3456789",
    "business_regions_of_operation": "USA_AND_CANADA",
    "website_url": "https://acme-plumbing.example.com",
}
_PERSON = {
    "first_name": "Jane",
    "last_name": "Doe",
    "email": "jane@acme-plumbing.example.com",
    "phone_number": "+14155550123",
    "business_title": "Owner",
    "job_position": "CEO",
}
_ADDRESS = {
    "CustomerName": "Acme Plumbing LLC",
    "Street": "123 Main Street",
    "City": "San Francisco",
    "Region": "CA",
    "PostalCode": "94105",
    "IsoCountry": "US",
}


class Wire:
    """One kept-alive connection, as lean as a client can be: it must not be what is measured."""

    def __init__(self, url: str, account_sid: str, auth_token: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        proof = base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode()
        self._head = f"Host: {host}:{port}\r\nAuthorization: Basic {proof}\r\n"
        self.account_sid = account_sid
        self.seconds: list[float] = []

    def call(self, method: str, path: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        body = urlencode(form or {}).encode()
        head = f"{method} {path} HTTP/1.1\r\n{self._head}"
        if method == "POST":
            head += "Content-Type: application/x-www-form-urlencoded\r\n"
            head += f"Content-Length: {len(body)}\r\n"
        began = time.perf_counter()
        self._socket.sendall(head.encode() + b"\r\n" + body)
        status, answer = self._answer()
        self.seconds.append(time.perf_counter() - began)
        if status not in (200, 201):
            raise RuntimeError(f"{method} {path} answered {status}: {answer!r}")
        decoded: dict[str, Any] = json.loads(answer)
        return decoded

    def _answer(self) -> tuple[int, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._socket.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self._socket.recv(65536)
        return int(head[9:12]), body


def onboard(wire: Wire, primary: str, name: str, number_sids: list[str]) -> None:
    """21 + 3n calls, in the order of the guides."""
    form = {"FriendlyName": name, "Email": _PERSON["email"]}
    account = f"/2010-04-01/Accounts/{wire.account_sid}"
    profile = wire.call("POST", "/v1/CustomerProfiles", {**form, "PolicySid": policies.SECONDARY})
    address = wire.call("POST", f"{account}/Addresses.json", _ADDRESS)
    document = _made(
        wire, "SupportingDocuments", "customer_profile_address", {"address_sids": address["sid"]}
    )
    entities = [
        primary,
        document,
        _made(wire, "EndUsers", "customer_profile_business_information", _BUSINESS),
        _made(wire, "EndUsers", "authorized_representative_1", _PERSON),
    ]
    _fill(wire, f"/v1/CustomerProfiles/{profile['sid']}", entities, number_sids)
    for policy, extra in ((policies.SHAKEN_STIR, []), (policies.CNAM, ["cnam"])):
        product = wire.call("POST", "/v1/TrustProducts", {**form, "PolicySid": policy})
        entities = [profile["sid"]]
        if extra:
            display = {"cnam_display_name": "ACME PLUMBING"}
            entities.append(_made(wire, "EndUsers", "cnam_information", display))
        _fill(wire, f"/v1/TrustProducts/{product['sid']}", entities, number_sids)


def _made(wire: Wire, collection: str, kind: str, attributes: dict[str, str]) -> str:
    form = {"FriendlyName": kind, "Type": kind, "Attributes": json.dumps(attributes)}
    return str(wire.call("POST", f"/v1/{collection}", form)["sid"])


def _fill(wire: Wire, bundle: str, entities: list[str], number_sids: list[str]) -> None:
    for sid in entities:
        wire.call("POST", f"{bundle}/EntityAssignments", {"ObjectSid": sid})
    for sid in number_sids:
        form = {"ChannelEndpointType": "phone-number", "ChannelEndpointSid": sid}
        wire.call("POST", f"{bundle}/ChannelEndpointAssignments", form)
    wire.call("POST", bundle, {"Status": "pending-review"})
    status = wire.call("GET", bundle)["status"]
    if status != "twilio-approved":
        raise RuntimeError(f"{bundle} is {status}")


def _client(sandbox: tuple[str, str, str, str], first: int, count: int, pipe: Any) -> None:
    url, sid, token, primary = sandbox
    wire = Wire(url, sid, token)
    path = f"/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json"
    held = [
        wire.call("POST", path, {"PhoneNumber": f"+1415{2000000 + first * NUMBERS + n:07d}"})["sid"]
        for n in range(count * NUMBERS)
    ]
    wire.seconds.clear()
    pipe.send("ready")
    pipe.recv()
    for each in range(count):
        numbers = held[each * NUMBERS : (each + 1) * NUMBERS]
        onboard(wire, primary, f"Customer {first + each}", numbers)
    pipe.send(wire.seconds)


def rehearse(sandbox: Sandbox, customers: int) -> dict[str, float]:
    """Calls, calls a second, and the times of one call in milliseconds."""
    account = sandbox.account
    who = (sandbox.url, account.account_sid, account.auth_token, account.primary_profile_sid or "")
    each = customers // CLIENTS
    clients = []
    for number in range(CLIENTS):
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.Process(
            target=_client, args=(who, number * each, each, theirs), daemon=True
        )
        process.start()
        clients.append((process, ours))
    for _, pipe in clients:
        pipe.recv()
    began = time.perf_counter()
    for _, pipe in clients:
        pipe.send("go")
    seconds = [one for _, pipe in clients for one in pipe.recv()]
    took = time.perf_counter() - began
    cuts = statistics.quantiles(seconds, n=100)
    return {
        "customers": each * CLIENTS,
        "calls": len(seconds),
        "seconds": round(took, 1),
        "calls_per_second": round(len(seconds) / took),
        "p50_ms": round(cuts[49] * 1000, 2),
        "p99_ms": round(cuts[98] * 1000, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1000)
    with start() as sandbox:
        print(json.dumps(rehearse(sandbox, parser.parse_args().customers), indent=2))


if __name__ == "__main__":
    main()
