"""The guides' flows on Twilio's own clients, and what the calls that follow are worth."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.compat.office import SHAKEN, Office
from tests.simulators.hub import Hub

_HERE = Path(__file__).parent
_NODE = ["node", str(_HERE / "node" / "guides.js")]
_PYTHON = [sys.executable, str(_HERE / "python" / "guides.py")]
_TWILIO_7 = _HERE.parents[1] / ".make" / "twilio7"
_DISPLAY_NAME = json.loads((_HERE / "business.json").read_text("utf-8"))["display_name"]

CLIENTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "node-twilio-6": ([*_NODE, "twilio6"], {}),
    "node-twilio-3": ([*_NODE, "twilio3"], {}),
    "python-twilio-9": ([*_PYTHON, "sync"], {}),
    "python-twilio-9-async": ([*_PYTHON, "async"], {}),
    "python-twilio-7": ([*_PYTHON, "sync"], {"PYTHONPATH": str(_TWILIO_7)}),
}


def test_the_old_python_client_is_the_old_one() -> None:
    """Python would fall back on twilio 9 without a word if the directory were not there."""
    done = subprocess.run(
        [sys.executable, "-c", "import twilio; print(twilio.__version__)"],
        env={"PYTHONPATH": str(_TWILIO_7)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("7.")


@pytest.mark.parametrize("client", CLIENTS)
def test_a_customer_who_followed_the_guides_signs_a_and_shows_a_name(
    fresh_hub: Hub, client: str
) -> None:
    made = follow_the_guides(fresh_hub, client)
    number, products = made["phone_number"], "/v1/TrustProducts"
    with fresh_hub.client() as http:
        assert attestation(http, number) == "A"
        assert caller_name(http, number) == _DISPLAY_NAME

        shaken = f"{products}/{made['shaken_sid']}/ChannelEndpointAssignments"
        listed = http.get(shaken, params={"ChannelEndpointSid": made["number_sid"]})
        (assignment,) = listed.json()["results"]
        assert http.delete(f"{shaken}/{assignment['sid']}").status_code == 204
        assert attestation(http, number) == "B"
        assert caller_name(http, number) == _DISPLAY_NAME

        assert http.delete(f"{products}/{made['cnam_sid']}").status_code == 204
        assert caller_name(http, number) is None


def test_a_number_on_a_product_that_nobody_approved_signs_no_a(office: Office) -> None:
    number = office.hub.local[1]
    product = office.product(SHAKEN, office.approved_profile(number.sid))
    assert office.assign_number(product, number.sid).status_code == 201
    assert attestation(office.http, number.phone_number) == "B"
    office.submit(product)
    assert attestation(office.http, number.phone_number) == "A"


def follow_the_guides(hub: Hub, client: str) -> dict[str, str]:
    """Run one client's program to its end: the identifiers of what it made."""
    command, extra = CLIENTS[client]
    environment = {
        "PATH": os.environ["PATH"],
        "PHONOTARY_URL": hub.http,
        "PHONE_NUMBER": hub.local[0].phone_number,
        "PRIMARY_PROFILE_SID": hub.primary_profile_sid,
        "TWILIO_ACCOUNT_SID": hub.account_sid,
        "TWILIO_AUTH_TOKEN": hub.auth_token,
    }
    done = subprocess.run(
        command, env={**environment, **extra}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"{client}:\n{done.stdout}{done.stderr}"
    made: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    assert made["phone_number"] == environment["PHONE_NUMBER"]
    return made


def attestation(http: httpx.Client, number: str) -> str:
    """The level in the PASSporT that an authentication service signs for a call now."""
    caller, called = number.lstrip("+"), "12025550147"
    asked = {
        "attest": "A",
        "orig": {"tn": caller},
        "dest": {"tn": [called]},
        "iat": int(time.time()),
        "origid": str(uuid.uuid4()),
    }
    answer = http.post("/stir/v1/signing", json={"signingRequest": asked})
    assert answer.status_code == 200, answer.text
    passport = answer.json()["signingResponse"]["identity"].partition(";")[0]
    claims = _decoded(passport.split(".")[1])
    assert (claims["orig"], claims["dest"]) == ({"tn": caller}, {"tn": [called]})
    return str(claims["attest"])


def caller_name(http: httpx.Client, number: str) -> str | None:
    """The name a terminating carrier reads for the number."""
    answer = http.get(f"/v2/PhoneNumbers/{number}", params={"Fields": "caller_name"})
    assert answer.status_code == 200, answer.text
    name: str | None = answer.json()["caller_name"]["caller_name"]
    return name


def _decoded(part: str) -> dict[str, Any]:
    padded = part + "=" * (-len(part) % 4)
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(padded))
    return claims
