"""The commands, run as a person runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.simulators import hub as hubs
from tests.simulators.hub import Hub


def phonotary(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TWILIO_", "PHONOTARY_"))}
    return subprocess.run(
        [sys.executable, "-m", "phonotary", *arguments],
        env={**kept, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_demonstration_holds_to_its_end() -> None:
    told = phonotary("demo")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "steps held" in told.stdout
    assert "is signed A" in told.stdout
    assert "the next lookup has no name" in told.stdout


def test_up_stays_on_loopback_unless_told(tmp_path: Path) -> None:
    refused = phonotary("up", "--host", "0.0.0.0", "--port", "0", "--data", str(tmp_path))
    assert refused.returncode == 2
    assert "--expose" in refused.stderr
    assert not (tmp_path / "phonotary.db").exists()


def test_up_says_which_credentials_it_cannot_adopt(tmp_path: Path) -> None:
    refused = phonotary(
        "up",
        *("--port", "0", "--data", str(tmp_path)),
        TWILIO_ACCOUNT_SID="AC-not-one",
        TWILIO_AUTH_TOKEN="x",
    )
    assert refused.returncode == 2
    assert "TWILIO_ACCOUNT_SID" in refused.stderr


def test_a_taken_port_is_one_clear_sentence(hub: Hub, tmp_path: Path) -> None:
    port = str(httpx.URL(hub.http).port)
    refused = phonotary("up", "--port", port, "--data", str(tmp_path))
    assert refused.returncode == 2
    assert "--port" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_ready_file_is_whole_and_its_owners_alone(tmp_path: Path) -> None:
    with hubs.running(tmp_path) as hub:
        path = tmp_path / "ready.json"
        ready = json.loads(path.read_text())
        assert path.stat().st_mode & 0o077 == 0
        assert {"http", "proxy", "ca", "sip", "dns", "account_sid", "auth_token"} <= set(ready)
        assert ready["primary_profile_sid"].startswith("BU")
        kinds = {n["phone_number"][:5] for n in ready["numbers"]}
        assert {"+1415", "+1888", "+1613"} <= kinds
        assert httpx.get(f"{hub.http}/healthz", trust_env=False).text == "ok\n"
        assert httpx.get(f"{hub.http}/readyz", trust_env=False).text == "ok\n"


def test_explain_says_what_stands_between_a_number_and_its_a(tmp_path: Path) -> None:
    with hubs.running(tmp_path) as hub:
        number = hub.local[0].phone_number
        told = phonotary("explain", number, "--data", str(tmp_path / "data"))
    assert told.returncode == 0, told.stderr
    assert "attestation C: no-profile" in told.stdout
    assert "for A," in told.stdout
    assert "name none" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("explain", "12"), 1, "not a telephone number"),
        (("explain", "+14152360100", "--data", "/nowhere/at/all"), 2, "holds no hub"),
    ],
)
def test_explain_refuses_in_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    if "--data" not in arguments:
        with hubs.running(tmp_path):
            pass
        arguments = (*arguments, "--data", str(tmp_path / "data"))
    refused = phonotary(*arguments)
    assert refused.returncode == status
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr


def test_seeded_identifiers_repeat(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with hubs.running(tmp_path / name, "--seed", "7") as hub:
            found.append((hub.account_sid, hub.primary_profile_sid))
    assert found[0] == found[1]


def test_two_do_not_share_a_data_directory(tmp_path: Path) -> None:
    with hubs.running(tmp_path) as hub:
        second = phonotary("up", "--port", "0", "--data", str(tmp_path / "data"))
        assert second.returncode == 2
        assert hub.http in second.stderr


def test_a_state_is_for_an_empty_directory(tmp_path: Path) -> None:
    with hubs.running(tmp_path):
        pass
    arguments = ("--port", "0", "--data", str(tmp_path / "data"), "--state", "/nowhere")
    refused = phonotary("up", *arguments)
    assert refused.returncode == 1
    assert "empty data directory" in refused.stderr
