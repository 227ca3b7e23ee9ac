"""How a command learns of a running ``up``: a file in its data directory, its owner's alone."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

_NAME = "running.json"


def state_file(data: Path) -> Path:
    return data.absolute() / _NAME


def remember(path: Path, content: dict[str, Any]) -> None:
    write_json(path, {**content, "pid": os.getpid()})


def forget(path: Path) -> None:
    """Remove the file unless another ``up`` has put its own in its place."""
    found = _read(path)
    if found is not None and found.get("pid") == os.getpid():
        path.unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Put away what an ``up`` that was killed on this data directory could not: its certificate's
    directory and this file."""
    found = _read(path)
    if found is None or _answers(found["proxy"]):
        return
    directory = Path(found["ca"]).parent
    if directory.name.startswith("phonotary-"):
        shutil.rmtree(directory, ignore_errors=True)
    path.unlink(missing_ok=True)


def find(data: Path) -> dict[str, Any] | None:
    """What the ``up`` that runs on this data directory has written; None when none runs.

    One that was killed leaves its file behind, so its proxy's port is tried as well.
    """
    found = _read(state_file(data))
    if found is None or not Path(found["ca"]).exists() or not _answers(found["proxy"]):
        return None
    return found


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content


def _answers(proxy: str) -> bool:
    host, _, port = proxy.removeprefix("http://").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=5):
            return True
    except OSError:
        return False


def write_json(path: Path, content: dict[str, Any]) -> None:
    write(path, json.dumps(content, indent=2).encode())


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """All at once: whoever waits for the file never reads half of it. Only its owner may, unless
    ``mode`` says otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.chmod(name, mode)
    os.replace(name, path)
