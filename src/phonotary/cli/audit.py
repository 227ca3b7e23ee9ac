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
    Which one it is stands on standard error, for the setting in the TOML file of ``serve`` is not
    read here: nobody should take a sandbox's calls for those of the service beside it.
    Exit 2 when there is none, for opening it would make one, or two: one of them is a sandbox's."""
    url = config.database_url() or _only_file(data or config.default_data_directory())
    typer.echo(f"phonotary: reads {_told(url)}", err=True)
    return url


def _only_file(directory: Path) -> str:
    here = directory.absolute()
    urls = (config.sqlite_url(here), config.service_url(here))
    found = [url for url in urls if Path(url.removeprefix("sqlite:///")).exists()]
    if len(found) == 1:
        return found[0]
    what = "no hub; give --data"
    if found:
        what = f"two hubs; set PHONOTARY_DATABASE_URL to one, {' or '.join(found)}"
    typer.echo(f"phonotary: {directory} holds {what}.", err=True)
    raise typer.Exit(2)


def _told(url: str) -> str:
    """Without what is secret in it: a driver takes a password from the query as well."""
    from sqlalchemy.engine import make_url

    whole = make_url(url)
    shown = {name: whole.query[name] for name in ("host", "port") if name in whole.query}
    return whole.set(query=shown).render_as_string(hide_password=True)


def counted(number: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


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
    chains, rows = counted(found.chains, "chain"), counted(found.rows, "row")
    typer.echo(f"{chains}, {rows}, all as written")
    for link in found.newest:
        typer.echo(witnessing.written(link))
    for sentence in found.open:
        typer.echo(f"phonotary: {sentence}", err=True)
    if noted:
        held = "is there as it was" if len(noted) == 1 else "are there as they were"
        typer.echo(f"phonotary: {counted(len(noted), 'row')} of {witness} {held}", err=True)


def _text_of(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError as error:
        typer.echo(f"phonotary: {file} cannot be read: {error.strerror}.", err=True)
        raise typer.Exit(2) from None
