"""The example client meets a hub that dies right after a write took effect, and resumes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from requests.exceptions import ConnectionError
from twilio.rest import Client

from tests.journeys import sandbox as sandboxes
from tests.journeys.sandbox import Sandbox

_EXAMPLE = Path(__file__).parents[2] / "examples" / "python-pytest" / "onboard.py"


def example() -> ModuleType:
    """The program as it stands in the example project."""
    spec = importlib.util.spec_from_file_location("example_onboard", _EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def onboarded(sandbox: Sandbox, program: ModuleType) -> Any:
    hub = sandbox.hub
    client = Client(hub.account_sid, hub.auth_token)
    client.trusthub.base_url = client.api.base_url = hub.http
    customer = program.Customer(
        number="C-7",
        email="zoe@harborbooks.example.com",
        business={
            "business_name": "Harbor Books LLC",
            "business_identity": "direct_customer",
            "business_type": "Limited Liability Corporation",
            "business_industry": "RETAIL",
            "business_registration_identifier": "EIN",
            "business_registration_number": "36-4218095",
            "business_regions_of_operation": "USA_AND_CANADA",
            "website_url": "https://www.harborbooks.example.com",
        },
        representative={
            "first_name": "Ana",
            "last_name": "Marsh",
            "email": "ana@harborbooks.example.com",
            "phone_number": "+12065550143",
            "business_title": "Owner",
            "job_position": "CEO",
        },
        address={
            "customer_name": "Harbor Books LLC",
            "street": "601 Union Street",
            "city": "Seattle",
            "region": "WA",
            "postal_code": "98101",
            "iso_country": "US",
        },
        phone_number_sid=hub.local[0].sid,
        display_name="HARBOR BOOKS",
    )
    return client, program.onboard(client, hub.primary_profile_sid, customer)


@pytest.mark.parametrize("lost", [0, 5, 10, 14, 20])
def test_a_hub_killed_after_the_write_costs_no_duplicate(tmp_path: Path, lost: int) -> None:
    program = example()
    with sandboxes.running(tmp_path) as sandbox:
        fault = {"kind": "cut-after", "method": "POST", "path": "/*", "skip": lost, "times": 1}
        url = sandbox.hub.http
        assert httpx.post(f"{url}/_sandbox/faults", json=fault, trust_env=False).status_code == 200
        with pytest.raises(ConnectionError):
            onboarded(sandbox, program)
        sandbox.kill()
        sandbox.start()
        client, (profile, *products) = onboarded(sandbox, program)
        hub = client.trusthub.v1
        assert hub.customer_profiles(profile).fetch().status == "twilio-approved"
        for product in products:
            assert hub.trust_products(product).fetch().status == "twilio-approved"
        ours = [p.sid for p in hub.customer_profiles.list() if p.friendly_name.startswith("C-7")]
        assert ours == [profile]
        assert {p.sid for p in hub.trust_products.list()} == set(products)
        assert sum(e.friendly_name.startswith("C-7") for e in hub.end_users.list()) == 3
