"""What docs/cnam.md tells a reader to paste does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from phonotary.testing import start
from tests.journeys.test_display import LONG, bmp

DOCS = Path(__file__).parents[2] / "docs" / "cnam.md"


def block(holding: str) -> str:
    """The one shell block that has this in it."""
    found = re.findall(r"```sh\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    (one,) = (each for each in found if holding in each)
    return str(one)


def test_branded_calling_is_set_up_by_what_is_written(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "logo.bmp").write_bytes(bmp())
    with start("--data", str(data)) as sandbox:
        account = sandbox.account
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        given = {
            "PATH": path,
            "PHONOTARY_DATA": str(data),
            "TWILIO_ACCOUNT_SID": account.account_sid,
            "TWILIO_AUTH_TOKEN": account.auth_token,
        }
        ran = subprocess.run(
            ["sh", "-eu", "-c", block("PolicySid").replace("http://127.0.0.1:8080", sandbox.url)],
            cwd=tmp_path,
            env=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    # `explain` says which database it reads, and nobody says more.
    said = [each for each in ran.stderr.splitlines() if not each.startswith("phonotary: reads ")]
    assert (ran.returncode, said) == (0, [])
    assert f"display {LONG!r}: what rich call data shows with an A" in ran.stdout
    assert "logo: https://www.sandboxvoice.example/logo.bmp sha256-" in ran.stdout
    assert "reasons: Your order; Delivery today" in ran.stdout
    assert re.search(r"Branded Calling product: BU[0-9a-f]{32} twilio-approved", ran.stdout)
