"""A sandbox in a process of its own, as the demonstration and a person's tests start one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PATIENCE = 30.0


class NotStarted(RuntimeError):
    """The process ended, or did not serve in time; what it said of it went to its own output."""


@contextmanager
def sandbox(directory: Path, *options: str) -> Iterator[dict[str, Any]]:
    """``phonotary up`` on a free port with its data in ``directory``, gone again at the end.

    Gives what it wrote into its ready file. ``options`` are further options of ``up``. Raises
    NotStarted.
    """
    ready = directory / "ready.json"
    command = [sys.executable, "-m", "phonotary", "up", "--port", "0"]
    command += ["--data", str(directory / "data"), "--ready-file", str(ready), *options]
    # The person's own Twilio credentials must not become those of a sandbox.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TWILIO_", "PHONOTARY_"))}
    server = subprocess.Popen(command, env=kept, stdout=subprocess.DEVNULL)
    try:
        yield _wait(ready, server)
    finally:
        server.terminate()
        server.wait(timeout=_PATIENCE)


def _wait(ready: Path, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        if ready.exists():
            content: dict[str, Any] = json.loads(ready.read_text())
            return content
        time.sleep(0.01)
    raise NotStarted("phonotary up did not start; run it by hand to see why")
