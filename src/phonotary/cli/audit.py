"""``phonotary audit verify``: whether the ledger of calls is as it was written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotary import config

if TYPE_CHECKING:
    from phonotary.storage.database import Database

_MOST_FAULTS = 10

DATA = Annotated[Path | None, typer.Option(help="Directory given to up.")]

audit = typer.Typer(help="Check what was recorded.", no_args_is_help=True)


@audit.callback()
def _group() -> None:
    """Without it typer would make the one command of the group the group itself."""


def url_of(data: Path | None) -> str:
    """Where the hub's database is: as the environment says, else the file in the data directory.
    Exit 2 when there is none, for opening it would make one, or two: one of them is a sandbox's."""
    url = config.database_url()
    if url is not None:
        return url
    directory = data or config.default_data_directory()
    found = [name for name in ("phonotary.db", "service.db") if (directory / name).exists()]
    if len(found) != 1:
        what = "two hubs; set PHONOTARY_DATABASE_URL to one" if found else "no hub; give --data"
        typer.echo(f"phonotary: {directory} holds {what}.", err=True)
        raise typer.Exit(2)
    return f"sqlite:///{directory / found[0]}"


@contextmanager
def database_of(data: Path | None) -> Iterator[Database]:
    """That database, open."""
    from phonotary.storage.database import Database

    database = Database(url_of(data))
    try:
        yield database
    finally:
        database.close()


WITNESS = Annotated[
    Path | None,
    typer.Option(help="What this printed before, or a log of serve: its rows must be there."),
]


@audit.command("verify")
def verify(data: DATA = None, witness: WITNESS = None) -> None:
    """Check every chain of the ledger and the histories it witnesses, and print its chains' newest
    hashes, the chain that grew last first. Exit 1 names what is not as it was written."""
    from phonotary.bootstrap import auditing, witnessing

    noted = witnessing.read(_text_of(witness)) if witness else []
    if witness and not noted:
        typer.echo(f"phonotary: {witness} names no row of a ledger.", err=True)
        raise typer.Exit(2)
    with database_of(data) as database:
        found = auditing.audit(database, noted)
    if found.faults:
        for fault in found.faults[:_MOST_FAULTS]:
            typer.echo(f"phonotary: {fault}", err=True)
        if len(found.faults) > _MOST_FAULTS:
            typer.echo(f"phonotary: and {len(found.faults) - _MOST_FAULTS} more", err=True)
        raise typer.Exit(1)
    typer.echo(f"{found.chains} chains, {found.rows} rows, all as written")
    for link in found.newest:
        typer.echo(witnessing.written(link))
    for sentence in found.open:
        typer.echo(f"phonotary: {sentence}", err=True)
    if noted:
        typer.echo(f"phonotary: {len(noted)} rows of {witness} are there as they were", err=True)


def _text_of(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError as error:
        typer.echo(f"phonotary: {file} cannot be read: {error.strerror}.", err=True)
        raise typer.Exit(2) from None
