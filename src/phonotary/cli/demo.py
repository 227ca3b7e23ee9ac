"""``phonotary demo``: both guides walked against a fresh sandbox, every step asserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

_PATIENCE = 20.0


def demo() -> None:
    """Onboard a business, seal its call, name it, then take both away again. Exit 0 if all held."""
    from rich.console import Console

    from phonotary.cli.story import Broken, Story

    console = Console(highlight=False, soft_wrap=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="phonotary-demo-") as directory:
        try:
            with _sandbox(Path(directory)) as ready:
                console.print(f"A sandbox serves {ready['http']}.")
                story = Story(ready, lambda line: console.print(line))
                story.tell()
        except Broken as broken:
            console.print(f"[bold red]It does not hold:[/] {broken}")
            raise typer.Exit(1) from broken
    took = time.monotonic() - started
    console.print(f"[bold green]All {story.held} steps held[/], in {took:.1f} s.")


@contextmanager
def _sandbox(directory: Path) -> Iterator[dict[str, Any]]:
    """``phonotary up`` in a process of its own, gone again at the end."""
    ready = directory / "ready.json"
    command = [sys.executable, "-m", "phonotary", "up", "--port", "0"]
    command += ["--data", str(directory / "data"), "--ready-file", str(ready)]
    # The person's own Twilio credentials must not become a demonstration's.
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
        time.sleep(0.02)
    typer.echo("phonotary: the sandbox did not start; run phonotary up to see why.", err=True)
    raise typer.Exit(1)
