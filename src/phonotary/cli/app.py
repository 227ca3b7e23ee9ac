"""The ``phonotary`` command: its subcommands and how an error becomes an exit code.

Exit 0 means done, 1 that a rule or a check said no, 2 that the command was called wrongly.
"""

from __future__ import annotations

import typer

from phonotary.cli import accounts, demo, env, exec, explain, migrate, serve, up
from phonotary.errors import Refused

app = typer.Typer(
    name="phonotary",
    help="The open trust hub for voice: know who calls, seal the call, name the caller.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("up")(up.up)
# Options after the command are the command's own.
app.command("exec", context_settings={"allow_interspersed_args": False})(exec.exec_)
app.command("env")(env.env)
app.command("demo")(demo.demo)
app.command("explain")(explain.explain)
app.command("serve")(serve.serve)
app.command("migrate")(migrate.migrate)
app.command("account")(accounts.account)


def main() -> None:
    try:
        app()
    except Refused as refused:
        typer.echo(f"phonotary: {refused.because}", err=True)
        raise SystemExit(1) from None
    except Exception as error:
        # Told apart by name: a command that needs no database should not load its library.
        if type(error).__module__ != "sqlalchemy.exc":
            raise
        first = str(getattr(error, "orig", error)).strip().splitlines()[0]
        typer.echo(f"phonotary: the database does not answer: {first}", err=True)
        raise SystemExit(1) from None
