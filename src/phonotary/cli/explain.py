"""``phonotary explain +1…``: why a call from this number gets the level and the name it gets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phonotary import config


def explain(
    number: Annotated[str, typer.Argument(help="The calling number, as +14155550100.")],
    account: Annotated[
        str | None, typer.Option(help="The calling account; the number's own when left out.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Directory given to up.")] = None,
) -> None:
    """Say which attestation and which name a call from this number gets now, and why."""
    from phonotary.bootstrap.explain import lines

    url = config.database_url()
    if url is None:
        directory = data or config.default_data_directory()
        if not (directory / "phonotary.db").exists():
            typer.echo(
                f"phonotary: there is no hub in {directory}; give --data, or start one with up.",
                err=True,
            )
            raise typer.Exit(2)
        url = config.sqlite_url(directory)
    for line in lines(url, number, account):
        typer.echo(line)
