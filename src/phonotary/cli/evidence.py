"""``phonotary evidence``: all that is known of a call, for whoever traces it back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from phonotary.cli.audit import DATA, counted, database_of

_AS = "in UTC, as 2026-11-20T18:05 or with seconds"


def evidence(
    origid: Annotated[str | None, typer.Option(help="The origid claim of the call.")] = None,
    number: Annotated[str | None, typer.Option(help="The calling number, as +14155550100.")] = None,
    dest: Annotated[str | None, typer.Option(help="The called number.")] = None,
    minute: Annotated[
        str | None, typer.Option(help="The minute, in UTC, as 2026-11-20T18:05.")
    ] = None,
    since: Annotated[str | None, typer.Option(help=f"The first second, {_AS}.")] = None,
    until: Annotated[
        str | None, typer.Option(help=f"The second after the last, {_AS}; else now.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Calls at most, the newest.")] = 100,
    out: Annotated[
        Path | None, typer.Option(help="A new file that only you may read; else standard output.")
    ] = None,
    unmasked: Annotated[bool, typer.Option(help="Show registration numbers whole.")] = False,
    data: DATA = None,
) -> None:
    """Write the calls of an origid, or of a number (--number, --dest) within a time (--minute,
    --since, --until): PASSporT, why each was signed so, and for whom, as JSON."""
    by_number = number is not None or dest is not None
    timed = (minute is None) is not (since is None)
    if by_number is (origid is not None) or (by_number and not timed) or (minute and until):
        typer.echo(
            "phonotary: give --origid, or --number or --dest with --minute, or with --since and "
            "perhaps --until.",
            err=True,
        )
        raise typer.Exit(2)
    from phonotary.bootstrap import evidence as collecting
    from phonotary.bootstrap.question import Question, instant_of
    from phonotary.clock import Clock

    now = Clock.wall()
    began = minute or since
    first = instant_of(began) if began else None
    if minute and first is not None:
        last: int | None = first + 60
    else:
        last = instant_of(until) if until else now + 1 if by_number else None
    asked = Question(origid=origid, number=number, dest=dest, since=first, until=last, limit=limit)
    with database_of(data) as database:
        found = collecting.evidence(database, asked, now=now, unmasked=unmasked)
    _hand_over(found, out)
    if len(found["calls"]) < found["total"]:
        typer.echo(f"phonotary: {_more(found, minute)}", err=True)


def _hand_over(found: dict[str, Any], out: Path | None) -> None:
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        _write(out, text)
        typer.echo(f"{counted(len(found['calls']), 'call')} in {out}", err=True)


def _more(found: dict[str, Any], minute: str | None) -> str:
    """How to get the others. Times are whole seconds and ``--until`` is the one after the last, so
    the page before this one begins with the second that this one ends in: others of its calls may
    not be here. Where that is the only second here, that page would be this one again."""
    from phonotary.bootstrap.question import instant_of
    from phonotary.clock import iso8601

    calls, total = found["calls"], found["total"]
    said = f"these are the newest {len(calls)} of {total} calls; --limit {total} gives all"
    oldest = calls[-1]["at"]
    if oldest == calls[0]["at"]:
        return f"{said}."
    since = f"instead of --minute, --since {minute} " if minute else ""
    until = f"--until {iso8601(instant_of(oldest) + 1)}"
    return f"{said}, {since}{until} the older ones and again those of {oldest}."


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
