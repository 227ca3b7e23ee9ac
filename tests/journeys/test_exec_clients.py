"""One ``exec`` run drives every client that Debian, npm and PyPI offer, each unchanged.

Each program creates profiles, pages to the end of the list, meets 404/20404 and deletes, on
https://trusthub.twilio.com and with no word of a sandbox in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent / "clients"
_ROOT = Path(__file__).parents[2]
_CLI = _HERE / "cli" / "node_modules" / ".bin" / "twilio"
_TWILIO_7 = _ROOT / ".make" / "twilio7"

PROGRAMS: dict[str, list[str]] = {
    "Node SDK 6": ["node", "sdk.js", "twilio6"],
    "Node SDK 3": ["node", "sdk.js", "twilio3"],
    "Node fetch": ["node", "fetch.mjs"],
    "Python SDK 9": [sys.executable, "sync.py"],
    "Python SDK 9, asynchronous": [sys.executable, "asynchronous.py"],
    "Python SDK 7": [
        *("sh", "-c", 'PYTHONPATH="$PYTHONPATH:$0" exec "$@"'),
        *(str(_TWILIO_7), sys.executable, "sync.py"),
    ],
    "curl": ["sh", "curl.sh"],
    "twilio-cli": ["sh", "twilio-cli.sh", str(_CLI)],
    "PHP": ["php", "journey.php"],
    "Ruby": ["ruby", "journey.rb"],
    "Java": ["java", "Journey.java"],
}
_MADE = {"twilio-cli": 3}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    home = tmp_path_factory.mktemp("home")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TWILIO_", "PHONOTARY_"))}
    # twilio-cli keeps its settings in the home directory, and asks the registry for a newer one:
    # --offline shows that it does without.
    kept |= {"HOME": str(home), "NODE_PATH": str(_ROOT / "tests/compat/node/node_modules")}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "phonotary", "exec", "--offline"),
            "--",
            sys.executable,
            "each.py",
        ],
        cwd=_HERE,
        env=kept,
        input=json.dumps(PROGRAMS),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ended: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return ended


@pytest.mark.parametrize("client", PROGRAMS)
def test_a_program_runs_unchanged(told: dict[str, dict[str, Any]], client: str) -> None:
    ended = told[client]
    assert ended["code"] == 0, ended
    made = _MADE.get(client, 5)
    assert ended["out"] == [f"made {made}, all listed, 404/20404, deleted"]
