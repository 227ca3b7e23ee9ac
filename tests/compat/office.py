"""The paperwork of a customer, over plain HTTP: what a refusal needs to have happened before it.

The official clients' programs show the whole way; this shortens it for tests about one step of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from phonotary.testing import Sandbox
from tests.simulators.hub import Hub

PRIMARY = "RN6433641899984f951173ef1738c3bdd0"
SECONDARY = "RNdfbf3fae0e1107f8aded0e7cead80bf5"
SHAKEN = "RN7a97559effdf62d00f4298208492a5ea"
CNAM = "RNf3db3cd1fe25fcfd3c3ded065c8fea53"
PROFILES, PRODUCTS = "/v1/CustomerProfiles", "/v1/TrustProducts"

_BUSINESS = json.loads((Path(__file__).parent / "business.json").read_text("utf-8"))
BUSINESS_INFORMATION = "customer_profile_business_information"
REPRESENTATIVE = "authorized_representative_1"


class Office:
    """One account's desk. Each method does one thing and answers with its path or identifier."""

    def __init__(self, hub: Hub, http: httpx.Client) -> None:
        self.hub = hub
        self.http = http

    def post(self, path: str, **form: str) -> httpx.Response:
        return self.http.post(path, data=form)

    def made(self, path: str, **form: str) -> str:
        """The SID of what was made there."""
        answer = self.post(path, **form)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["sid"])

    def bundle(self, path: str, policy_sid: str) -> str:
        """The path of a new draft."""
        sid = self.made(
            path, FriendlyName="Paperwork", Email=_BUSINESS["email"], PolicySid=policy_sid
        )
        return f"{path}/{sid}"

    def assign(self, bundle: str, object_sid: str) -> str:
        sid = self.made(f"{bundle}/EntityAssignments", ObjectSid=object_sid)
        return f"{bundle}/EntityAssignments/{sid}"

    def assign_number(self, bundle: str, number_sid: str) -> httpx.Response:
        return self.post(
            f"{bundle}/ChannelEndpointAssignments",
            ChannelEndpointType="phone-number",
            ChannelEndpointSid=number_sid,
        )

    def submit(self, bundle: str) -> None:
        answer = self.post(bundle, Status="pending-review")
        assert answer.status_code == 200, answer.text

    def evaluation(self, bundle: str, policy_sid: str) -> dict[str, Any]:
        answer = self.post(f"{bundle}/Evaluations", PolicySid=policy_sid)
        assert answer.status_code == 201, answer.text
        evaluation: dict[str, Any] = answer.json()
        return evaluation

    def state(self, bundle: str) -> tuple[str, set[int]]:
        """Status and rejection codes."""
        found = self.http.get(bundle).json()
        return found["status"], {error["code"] for error in found["errors"] or []}

    def end_user(self, kind: str, **changes: str) -> str:
        attributes = _BUSINESS["end_users"].get(kind, {}) | changes
        return self.made(
            "/v1/EndUsers", FriendlyName=kind, Type=kind, Attributes=json.dumps(attributes)
        )

    def document(self, *address_sids: str) -> str:
        return self.made(
            "/v1/SupportingDocuments",
            FriendlyName="Address",
            Type="customer_profile_address",
            Attributes=json.dumps({"address_sids": list(address_sids)}),
        )

    def address(self) -> str:
        wire = {name.title().replace("_", ""): text for name, text in _BUSINESS["address"].items()}
        return self.made(f"/2010-04-01/Accounts/{self.hub.account_sid}/Addresses.json", **wire)

    def profile(self, *, without: str = "", document: str = "", **business: str) -> str:
        """A secondary profile with all it needs, but for what ``without`` names."""
        profile = self.bundle(PROFILES, SECONDARY)
        parts: dict[str, Callable[[], str]] = {
            "primary": lambda: self.hub.primary_profile_sid,
            "document": lambda: document or self.document(self.address()),
            BUSINESS_INFORMATION: lambda: self.end_user(BUSINESS_INFORMATION, **business),
            REPRESENTATIVE: lambda: self.end_user(REPRESENTATIVE),
        }
        for name, make in parts.items():
            if name != without:
                self.assign(profile, make())
        return profile

    def approved_profile(self, *number_sids: str, **business: str) -> str:
        profile = self.profile(**business)
        for sid in number_sids:
            assert self.assign_number(profile, sid).status_code == 201
        self.submit(profile)
        assert self.state(profile) == ("twilio-approved", set())
        return profile

    def product(self, policy_sid: str, profile: str) -> str:
        product = self.bundle(PRODUCTS, policy_sid)
        self.assign(product, sid_of(profile))
        return product

    def cnam_product(self, profile: str, display_name: str, **more: str) -> str:
        product = self.product(CNAM, profile)
        name = self.end_user("cnam_information", cnam_display_name=display_name, **more)
        self.assign(product, name)
        return product

    def first(self, bundle: str, prefix: str) -> str:
        """The SID of the first object in the bundle that begins with the prefix."""
        listed = self.http.get(f"{bundle}/EntityAssignments").json()["results"]
        return str(
            next(row for row in listed if row["object_sid"].startswith(prefix))["object_sid"]
        )


def sid_of(path: str) -> str:
    return path.rpartition("/")[2]


@contextmanager
def reset_office(sandbox: Sandbox) -> Iterator[Office]:
    """The desk of the sandbox's first account, as if nothing had happened there before."""
    sandbox.reset()
    account = sandbox.account
    with httpx.Client(
        base_url=sandbox.url,
        auth=(account.account_sid, account.auth_token),
        trust_env=False,
    ) as http:
        yield Office(account, http)
