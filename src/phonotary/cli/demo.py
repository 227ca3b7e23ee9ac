"""``phonotary demo``: both guides walked against a fresh sandbox, every step asserted."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import typer

from phonotary import child


def demo() -> None:
    """Onboard a business, seal its call, name it, then take both away again. Exit 0 if all held."""
    from rich.console import Console

    from phonotary.cli.story import Broken, Story

    console = Console(highlight=False, soft_wrap=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="phonotary-demo-") as directory:
        try:
            with child.sandbox(Path(directory)) as ready:
                console.print(f"A sandbox serves {ready['http']}.")
                story = Story(ready, lambda line: console.print(line))
                story.tell()
        except Broken as broken:
            console.print(f"[bold red]It does not hold:[/] {broken}")
            raise typer.Exit(1) from broken
        except child.NotStarted as fault:
            typer.echo(f"phonotary: {fault}.", err=True)
            raise typer.Exit(1) from None
    took = time.monotonic() - started
    console.print(f"[bold green]All {story.held} steps held[/], in {took:.1f} s.")
