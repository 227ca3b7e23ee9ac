"""``phonotary evidence``: all that is known of a call, for whoever traces it back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from phonotary.cli.audit import DATA, database_of


def evidence(
    origid: Annotated[str | None, typer.Option(help="The origid claim of the call.")] = None,
    number: Annotated[str | None, typer.Option(help="The calling number, as +14155550100.")] = None,
    minute: Annotated[
        str | None, typer.Option(help="With --number: the minute in UTC, as 2026-11-20T18:05.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A new file that only you may read; else standard output.")
    ] = None,
    unmasked: Annotated[bool, typer.Option(help="Show registration numbers whole.")] = False,
    data: DATA = None,
) -> None:
    """Write the call, its PASSporT, why it was signed so, and for whom, as JSON."""
    if (origid is None) == (number is None) or (number is None) != (minute is None):
        typer.echo("phonotary: give --origid, or --number with --minute.", err=True)
        raise typer.Exit(2)
    from phonotary.bootstrap import evidence as collecting
    from phonotary.clock import Clock

    with database_of(data) as database:
        found = collecting.evidence(
            database,
            now=Clock.wall(),
            origid=origid,
            number=number,
            minute=collecting.minute_of(minute) if minute else None,
            unmasked=unmasked,
        )
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
        return
    _write(out, text)
    typer.echo(f"{_counted(found)} in {out}", err=True)


def _write(out: Path, text: str) -> None:
    """Readable by its owner from its first moment on; what is there already is not overwritten,
    for it may be somebody's evidence and its mode somebody's choice."""
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        typer.echo(f"phonotary: {out} cannot be written: {error.strerror}.", err=True)
        raise typer.Exit(1) from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def _counted(found: dict[str, Any]) -> str:
    calls, total = len(found["calls"]), found["total"]
    return f"{calls} calls" if calls == total else f"the newest {calls} of {total} calls"
