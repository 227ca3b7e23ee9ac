"""``phonotary env``: a shell is pointed at the ``up`` that runs, and at no other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from phonotary.cli import clients
from tests.simulators import hub as hubs

ROOT = Path(__file__).parents[2]


def env(data: Path, *options: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TWILIO_", "PHONOTARY_"))}
    return subprocess.run(
        [sys.executable, "-m", "phonotary", "env", "--data", str(data), *options],
        env=kept,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_its_lines_lead_a_shell_to_the_running_hub(tmp_path: Path) -> None:
    with hubs.running(tmp_path) as hub:
        told = env(tmp_path / "data")
        assert told.returncode == 0, told.stderr
        script = f"{told.stdout}\ncurl -sS -u $TWILIO_ACCOUNT_SID:$TWILIO_AUTH_TOKEN " + (
            f"https://api.twilio.com/2010-04-01/Accounts/{hub.account_sid}.json"
        )
        done = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, check=True)
        assert json.loads(done.stdout)["sid"] == hub.account_sid
        as_json = json.loads(env(tmp_path / "data", "--json").stdout)
        assert as_json["TWILIO_AUTH_TOKEN"] == hub.auth_token
        assert set(as_json) == {variable.name for variable in clients.VARIABLES}


def test_what_it_knows_is_its_owners_alone_and_goes_with_the_hub(tmp_path: Path) -> None:
    with hubs.running(tmp_path):
        state = tmp_path / "data" / "running.json"
        assert state.stat().st_mode & 0o077 == 0
        ca = Path(json.loads(state.read_text())["ca"])
        assert ca.parent.stat().st_mode & 0o077 == 0
    assert not state.exists()
    assert not ca.parent.exists()


def test_it_refuses_when_none_runs(tmp_path: Path) -> None:
    refused = env(tmp_path)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert f"no `phonotary up` runs on {tmp_path}" in refused.stderr


def test_a_hub_that_was_killed_is_not_believed_and_is_cleared_away(tmp_path: Path) -> None:
    with hubs.running(tmp_path):
        state = json.loads((tmp_path / "data" / "running.json").read_text())
        os.kill(state["pid"], signal.SIGKILL)
        deadline = time.monotonic() + 30
        while (refused := env(tmp_path / "data")).returncode == 0:
            assert time.monotonic() < deadline
    assert refused.returncode == 2
    left = Path(state["ca"]).parent
    assert left.exists()
    # The next one on the same data puts away what the killed one could not.
    (tmp_path / "ready.json").unlink()
    with hubs.running(tmp_path):
        assert not left.exists()


def test_a_certificate_may_be_put_where_other_containers_read_it(tmp_path: Path) -> None:
    shared = tmp_path / "shared" / "ca.pem"
    with hubs.running(tmp_path, "--ca-file", str(shared)):
        ready = json.loads((tmp_path / "ready.json").read_text())
        assert shared.read_bytes() == Path(ready["ca"]).read_bytes()
        assert shared.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("variable", clients.VARIABLES, ids=lambda variable: variable.name)
def test_every_variable_is_explained(variable: clients.Variable) -> None:
    assert f"`{variable.name}`" in (ROOT / "docs" / "zero-change.md").read_text()
