"""The lock files say what is installed, never where from: every machine has its own registry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
NODE_LOCKS = [
    _ROOT / "tests" / "compat" / "node" / "package-lock.json",
    _ROOT / "examples" / "node-vitest" / "package-lock.json",
    _ROOT / "benchmarks" / "node" / "package-lock.json",
    _ROOT / "tests" / "journeys" / "clients" / "cli" / "package-lock.json",
]
LOCKS = [
    _ROOT / "requirements.lock",
    _ROOT / "tests" / "compat" / "twilio7.lock",
    _ROOT / "tests" / "compat" / "oai.sha512",
    _ROOT / "scripts" / "asterisk.lock",
]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_file_names_no_host(lock: Path) -> None:
    assert "://" not in lock.read_text("utf-8")
    assert "--index" not in lock.read_text("utf-8")


@pytest.mark.parametrize("lock", NODE_LOCKS, ids=lambda path: path.parent.parent.name)
def test_a_node_lock_file_gives_each_package_a_digest_and_no_address(lock: Path) -> None:
    packages = json.loads(lock.read_text("utf-8"))["packages"]
    # A package of this project is linked from where it lies; there is nothing to download.
    bought = {n: row for n, row in packages.items() if n and "packages/" not in str(row) + n}
    assert bought
    assert [name for name, row in bought.items() if "integrity" not in row] == []
    assert [name for name, row in bought.items() if "resolved" in row] == []
