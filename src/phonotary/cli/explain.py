"""``phonotary explain +1…``: why a call from this number gets the level and the name it gets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from phonotary import config
from phonotary.cli.audit import url_of

T = TypeVar("T")


def explain(
    number: Annotated[str, typer.Argument(help="The calling number, as +14155550100.")],
    account: Annotated[
        str | None, typer.Option(help="The calling account; the number's own when left out.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="Also what a phone of this carrier shows: ours, fresh, daily, …"),
    ] = None,
    line: Annotated[
        str | None,
        typer.Option(help="With --at: the called line, landline or mobile."),
    ] = None,
    opted_in: Annotated[
        bool,
        typer.Option("--opted-in", help="With --at: the mobile line's subscriber asked for names."),
    ] = False,
    data: Annotated[Path | None, typer.Option(help="Directory given to up.")] = None,
) -> None:
    """Say which attestation and which name a call from this number gets now, and why."""
    from phonotary.bootstrap.explain import Phone, lines
    from phonotary.cnam.propagation import CARRIERS, Line

    carrier = _one_of(CARRIERS, at, "carrier") if at is not None else None
    called = _one_of({each.value: each for each in Line}, line or Line.LANDLINE, "line")
    if carrier is None and (opted_in or line is not None):
        option = "--opted-in" if opted_in else "--line"
        typer.echo(f"phonotary: {option} is of a phone that is called; --at says which.", err=True)
        raise typer.Exit(2)
    phone = Phone(carrier, called, opted_in) if carrier is not None else None
    url = url_of(data)
    directory = data or config.default_data_directory()
    for told in lines(url, number, account, phone, directory):
        typer.echo(told)


def _one_of(known: Mapping[str, T], name: str, what: str) -> T:
    if name not in known:
        names = ", ".join(known)
        typer.echo(f"phonotary: there is no {what} {name!r}; there are {names}.", err=True)
        raise typer.Exit(2)
    return known[name]
