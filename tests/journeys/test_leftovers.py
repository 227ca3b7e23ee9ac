"""A run that was killed leaves its directories behind, and the next run puts them away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from phonotary.cli import leftovers
from tests.journeys.sandbox import Sandbox

_MARKED = """
import sys, time
from pathlib import Path
from phonotary.cli import leftovers
leftovers.mark(Path(sys.argv[1]))
print("marked", flush=True)
time.sleep(60)
"""


def test_only_what_a_dead_run_of_ours_left_is_put_away(tmp_path: Path) -> None:
    running, strange, mine = (tmp_path / f"phonotary-{name}" for name in ("a", "b", "c"))
    other = tmp_path / "else"
    for directory in (running, strange, mine, other):
        directory.mkdir(0o700)
        (directory / "ca.pem").write_text("x")
    (other / "owner.pid").write_text("1")
    leftovers.mark(mine)
    command = [sys.executable, "-c", _MARKED, str(running)]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "marked\n"
    assert (running / "owner.pid").read_text() == f"{owner.pid}\n"
    leftovers.sweep(tmp_path)
    assert all(directory.exists() for directory in (running, strange, mine, other))
    owner.kill()
    owner.communicate()
    leftovers.sweep(tmp_path)
    assert not running.exists()
    assert all(directory.exists() for directory in (strange, mine, other))


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "owner.pid").write_text("1")
    (tmp_path / "phonotary-link").symlink_to(elsewhere)
    leftovers.sweep(tmp_path)
    assert os.listdir(elsewhere) == ["owner.pid"]


def test_a_killed_sandbox_is_cleaned_up_by_the_next(tmp_path: Path) -> None:
    one, other = (tmp_path / name for name in ("one", "other"))
    one.mkdir()
    other.mkdir()
    first, second = Sandbox(one), Sandbox(other)
    first.start()
    left = Path(first.ready["ca"]).parent
    first.kill()
    assert left.exists()
    second.start()
    assert not left.exists()
    second.stop()
