"""``phonotary account``: open an account of a service."""

from __future__ import annotations

from typing import Annotated

import typer

from phonotary.cli.serve import CONFIG, fail, settings_of

_LONGEST = 64


def account(
    name: Annotated[str, typer.Argument(help="What to call it, up to 64 characters.")],
    config_file: CONFIG = None,
) -> None:
    """Open an account and print its credentials, this once."""
    from phonotary.access import accounts
    from phonotary.clock import Clock
    from phonotary.storage import migrate
    from phonotary.storage.database import Database

    if not name.strip() or len(name) > _LONGEST:
        fail(f"a name has 1 to {_LONGEST} characters")
    database = Database(settings_of(config_file).database_url)
    try:
        migrate.upgrade(database)
        made = database.write(lambda store: accounts.open_account(store, Clock().now(), name))
    finally:
        database.close()
    typer.echo(f"export TWILIO_ACCOUNT_SID={made.sid}")
    typer.echo(f"export TWILIO_AUTH_TOKEN={made.auth_token}")
