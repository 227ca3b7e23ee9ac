"""How an error becomes an exit code and one sentence."""

from __future__ import annotations

from collections.abc import Callable

import typer

from phonotary.errors import Refused


def code_of(work: Callable[[], object]) -> int:
    """Run ``work``: 0 when it is done, 1 when a rule or the database said no."""
    try:
        work()
    except Refused as refused:
        typer.echo(f"phonotary: {refused.because}", err=True)
        return 1
    except Exception as error:
        # Told apart by name: a command that needs no database should not load its library.
        if type(error).__module__ != "sqlalchemy.exc":
            raise
        first = str(getattr(error, "orig", error)).strip().splitlines()[0]
        typer.echo(f"phonotary: the database does not answer: {first}", err=True)
        return 1
    return 0
