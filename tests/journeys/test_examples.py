"""The example projects run as their README says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_pytest_example_passes() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "examples/python-pytest"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "25 passed" in ran.stdout


def test_the_vitest_example_passes() -> None:
    ran = subprocess.run(
        ["npm", "test"],
        cwd=ROOT / "examples" / "node-vitest",
        env={**os.environ, "PHONOTARY": str(Path(sys.executable).parent / "phonotary")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "5 passed" in ran.stdout
