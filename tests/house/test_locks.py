"""The lock files say what is installed, never where from: every machine has its own registry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_NODE_LOCK = _ROOT / "tests" / "compat" / "node" / "package-lock.json"
LOCKS = [
    _ROOT / "requirements.lock",
    _ROOT / "tests" / "compat" / "twilio7.lock",
    _ROOT / "tests" / "compat" / "oai.sha512",
]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_file_names_no_host(lock: Path) -> None:
    assert "://" not in lock.read_text("utf-8")
    assert "--index" not in lock.read_text("utf-8")


def test_the_node_lock_file_gives_each_package_a_digest_and_no_address() -> None:
    packages = json.loads(_NODE_LOCK.read_text("utf-8"))["packages"]
    bought = {name: row for name, row in packages.items() if name}
    assert bought
    assert [name for name, row in bought.items() if "integrity" not in row] == []
    assert [name for name, row in bought.items() if "resolved" in row] == []
