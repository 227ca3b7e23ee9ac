"""``phonotary env``: the variables that point a shell at a running ``up``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from phonotary import config
from phonotary.cli import clients, running


def env(
    data: Annotated[Path | None, typer.Option(help="Directory given to up.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
) -> None:
    """Print what to set so that unchanged Twilio programs find the running sandbox."""
    directory = data or config.default_data_directory()
    found = running.find(directory)
    if found is None:
        typer.echo(
            f"phonotary: no `phonotary up` runs on {directory}; start one, or give its --data.",
            err=True,
        )
        raise typer.Exit(2)
    present = config.environment()
    sandbox = sandbox_of(found)
    clients.write_files(sandbox, present)
    variables = clients.environment(sandbox, present)
    if as_json:
        typer.echo(json.dumps(variables, indent=2))
        return
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def sandbox_of(ready: Mapping[str, Any]) -> clients.Sandbox:
    """The ready file's content, as far as a client needs it."""
    return clients.Sandbox(
        http=ready["http"],
        proxy=ready["proxy"],
        tls=ready["tls"],
        ca=Path(ready["ca"]),
        account_sid=ready["account_sid"],
        auth_token=ready["auth_token"],
    )
