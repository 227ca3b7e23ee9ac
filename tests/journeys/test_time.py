"""Everything that waits obeys the hub's clock: review, propagation, expiry."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from phonotary.shaken import identity_header
from phonotary.testing import Sandbox, start
from tests.compat.office import SHAKEN, Office, reset_office

CALL = "/stir/v1/signing"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with start("--vetting", "delayed") as sandbox:
        yield sandbox


@pytest.fixture
def office(running: Sandbox) -> Iterator[Office]:
    with reset_office(running) as office:
        yield office


def name_of(office: Office, number: str) -> str | None:
    found = office.http.get(f"/v2/PhoneNumbers/{number}", params={"Fields": "caller_name"}).json()
    name: str | None = found["caller_name"]["caller_name"]
    return name


def level_of(office: Office, number: str) -> int | str:
    answer = signed(office, number)
    return answer.headers.get("x-phonotary-attestation", answer.status_code)


def signed_by(office: Office, number: str) -> str:
    """Where the certificate of a call signed now is."""
    identity = signed(office, number).json()["signingResponse"]["identity"]
    return identity_header.parse(identity).info


def signed(office: Office, number: str) -> httpx.Response:
    call = {
        "attest": "A",
        "orig": {"tn": number.lstrip("+")},
        "dest": {"tn": ["12125551213"]},
        "iat": int(time.time()),
        "origid": "de305d54-75b4-431b-adb2-eb6b9e546014",
    }
    return office.http.post(CALL, json={"signingRequest": call})


def test_a_profile_takes_24_hours_and_a_seal_72(running: Sandbox, office: Office) -> None:
    number = running.account.numbers[0]
    profile = office.profile()
    office.assign_number(profile, number["sid"])
    office.submit(profile)
    running.clock.advance("23h")
    assert office.state(profile)[0] == "pending-review"
    running.clock.advance("1h")
    assert office.state(profile)[0] == "twilio-approved"
    product = office.product(SHAKEN, profile)
    office.assign_number(product, number["sid"])
    office.submit(product)
    running.clock.advance("71h")
    assert level_of(office, number["phone_number"]) == "B"
    running.clock.advance("1h")
    assert level_of(office, number["phone_number"]) == "A"


def filed_name(running: Sandbox, office: Office) -> tuple[str, str, str]:
    """An approved profile and a CNAM product just submitted: number, profile, product."""
    number = running.account.numbers[0]
    profile = office.profile()
    office.assign_number(profile, number["sid"])
    office.submit(profile)
    running.clock.advance("24h")
    product = office.cnam_product(profile, "HARBOR BOOKS")
    office.assign_number(product, number["sid"])
    office.submit(product)
    return number["phone_number"], profile, product


def test_a_name_takes_48_to_72_hours_from_its_approval(running: Sandbox, office: Office) -> None:
    number, _, product = filed_name(running, office)
    running.clock.advance("24h")
    assert office.state(product)[0] == "twilio-approved"
    running.clock.advance("47h")
    assert name_of(office, number) is None
    running.clock.advance("26h")
    assert name_of(office, number) == "HARBOR BOOKS"


def test_an_approval_runs_out_after_a_year(running: Sandbox, office: Office) -> None:
    number, profile, _ = filed_name(running, office)
    # The ISV's own profile was approved before this one, and runs out before it.
    running.clock.advance("363d")
    assert name_of(office, number) == "HARBOR BOOKS"
    running.clock.advance("1d")
    assert office.state(profile)[0] == "twilio-approved"
    assert name_of(office, number) is None


def test_the_sandbox_renews_its_certificate_at_two_thirds_of_its_life(
    running: Sandbox, office: Office
) -> None:
    number = running.account.numbers[0]["phone_number"]
    before = signed_by(office, number)
    running.clock.advance("59d")
    assert signed_by(office, number) == before
    running.clock.advance("2d")
    assert signed_by(office, number) != before
    # Calls signed before are still under way, so the old chain is served beside the new one.
    assert httpx.get(before, trust_env=False).status_code == 200


def test_a_sandbox_starts_from_a_state_file(
    running: Sandbox, office: Office, tmp_path: Path
) -> None:
    office.end_user("cnam_information")
    running.clock.advance("5d")
    file = tmp_path / "state.json"
    file.write_text(json.dumps(running.dump()))
    with start("--state", str(file)) as other:
        assert other.account == running.account
        assert other.clock.now[:10] == running.clock.now[:10]
        listed = httpx.get(
            f"{other.url}/v1/EndUsers",
            auth=(other.account.account_sid, other.account.auth_token),
            trust_env=False,
        ).json()["results"]
        assert "cnam_information" in {row["type"] for row in listed}
        other.reset()
        assert other.clock.now[:10] == running.clock.now[:10]
