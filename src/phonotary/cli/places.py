"""``phonotary places``: where numbers are, for what phones show where there is no name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phonotary import config

places = typer.Typer(help="The cities and states of numbers.", no_args_is_help=True)
"""A group with one command is a group all the same, hence the callback below."""


@places.callback()
def _group() -> None: ...


@places.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV: npa,nxx,[block,]state,ratecenter[,ocn]")],
    names: Annotated[
        Path | None,
        typer.Option(help="CSV: ratecenter,state,display; cities for abbreviated rate centers."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Directory given to up.")] = None,
) -> None:
    """Keep an NPA-NXX table in the data directory, instead of the one before."""
    from phonotary.bootstrap.placing import FILE, import_table

    directory = data or config.default_data_directory()
    table = import_table(directory, file, names)
    typer.echo(f"{directory / FILE}: {table.prefixes} prefixes in {len(table.places)} places")
    if table.left_out:
        typer.echo(f"{table.left_out} rows of other countries were left out")
