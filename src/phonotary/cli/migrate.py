"""``phonotary migrate``: bring a service's database to this version's schema."""

from __future__ import annotations

import typer

from phonotary.cli.serve import CONFIG, settings_of


def migrate(config_file: CONFIG = None) -> None:
    """Create or upgrade the schema; safe to run again."""
    from phonotary.storage import migrate as schema
    from phonotary.storage.database import Database

    database = Database(settings_of(config_file).database_url)
    try:
        changed = schema.upgrade(database)
    finally:
        database.close()
    typer.echo(f"schema {schema.HEAD}{'' if changed else ', as it was'}")
