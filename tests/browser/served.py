"""The service that the browser is shown: two customers, and a database that people decide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from phonotary.testing import Account
from tests.browser.chromium import INTRANET, Browser
from tests.compat.office import Office, sid_of
from tests.journeys.test_cnam import furnished
from tests.journeys.test_stir_service import Service

REVIEWER = ("rita", "chosen")
NUMBERS = ("+14155550181", "+14155550182")
_SETTINGS = """
reviewer_password = "chosen"

[[database]]
name = "desk"
kind = "manual"
directory = "{directory}"
"""


@dataclass
class Customer:
    account: Account
    office: Office
    number: str

    @property
    def auth(self) -> tuple[str, str]:
        return self.account.account_sid, self.account.auth_token


class Served:
    """Its address, and what the tests need to have happened there."""

    def __init__(self, service: Service, customers: tuple[Customer, ...]) -> None:
        self.http = service.http
        self.intranet = f"http://{INTRANET}:{service.port}"
        self.customers = customers

    def waiting(self, name: str) -> str:
        """The SID of a complete profile of the first customer that waits for a reviewer."""
        office = self.customers[0].office
        profile = office.profile(business_name=name)
        renamed = office.post(profile, FriendlyName=name)
        assert renamed.status_code == 200, renamed.text
        office.submit(profile)
        return sid_of(profile)

    def state(self, profile_sid: str) -> tuple[str, set[int]]:
        return self.customers[0].office.state(f"/v1/CustomerProfiles/{profile_sid}")

    def inquiry(self) -> dict[str, Any]:
        customer = self.customers[0]
        answer = customer.office.post(
            "/v1/ComplianceInquiries/Customers/Initialize",
            PrimaryProfileSid=customer.account.primary_profile_sid,
            NotificationEmail="ada@harbor-bakery.example.com",
        )
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found


def sign_in(browser: Browser, url: str, auth: tuple[str, str]) -> None:
    """As a person does whom the browser asks. It keeps what it was told; the address that said it
    is left at once, for a page's own links would repeat it."""
    scheme, _, rest = url.partition("://")
    browser.open(f"{scheme}://{auth[0]}:{auth[1]}@{rest}")
    browser.open(url)


@contextmanager
def serving(directory: Path) -> Iterator[Served]:
    service = Service(directory / "service")
    service.configure(_SETTINGS.format(directory=directory / "desk"))
    service.command("migrate")
    accounts = [furnished(f"sqlite:///{service.directory / 'service.db'}") for _ in NUMBERS]
    with service.running():
        customers = tuple(
            _named(service, account, number)
            for account, number in zip(accounts, NUMBERS, strict=True)
        )
        try:
            yield Served(service, customers)
        finally:
            for customer in customers:
                customer.office.http.close()


def _named(service: Service, account: Account, number: str) -> Customer:
    """A customer with one number and its approved name."""
    auth = account.account_sid, account.auth_token
    http = httpx.Client(base_url=service.http, auth=auth, trust_env=False, timeout=30)
    office = Office(account, http)
    number_sid = service.command("number", account.account_sid, number).split()[1]
    profile = office.profile()
    assert office.assign_number(profile, number_sid).status_code == 201
    _approve(service, office, profile)
    product = office.cnam_product(profile, "HARBOR BOOKS")
    assert office.assign_number(product, number_sid).status_code == 201
    _approve(service, office, product)
    return Customer(account, office, number)


def _approve(service: Service, office: Office, bundle: str) -> None:
    office.submit(bundle)
    told = httpx.post(
        f"{service.http}/console/reviews/{sid_of(bundle)}",
        data={"decision": "approve"},
        auth=REVIEWER,
        trust_env=False,
        timeout=30,
    )
    assert told.status_code == 303, told.text
