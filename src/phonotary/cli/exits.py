"""How an error becomes an exit code and one sentence."""

from __future__ import annotations

from collections.abc import Callable

import typer

from phonotary.errors import Reason, Refused


def code_of(work: Callable[[], object]) -> int:
    """Run ``work``: 0 when it is done, 1 when a rule or the database said no."""
    try:
        work()
    except Refused as refused:
        typer.echo(f"phonotary: {refused.because}{_why(refused)}", err=True)
        return 1
    except Exception as error:
        if not _is_the_databases(error):
            raise
        typer.echo(f"phonotary: the database does not answer: {_said(error)}", err=True)
        return 1
    return 0


def _why(refused: Refused) -> str:
    """What the driver says of a database that is away: whoever runs a command is to mend it."""
    cause = refused.__cause__
    away = refused.reason is Reason.UNAVAILABLE and _is_the_databases(cause)
    return f" ({_said(cause)})" if away else ""


def _is_the_databases(error: object) -> bool:
    """Told by name: a command that needs no database should not load its library."""
    return type(error).__module__ == "sqlalchemy.exc"


def _said(error: object) -> str:
    return str(getattr(error, "orig", error)).strip().splitlines()[0]
