"""One schema history for both databases. Alembic is only loaded when there is something to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, ProgrammingError

if TYPE_CHECKING:
    from alembic.config import Config

from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore

HEAD = "0008"


def current(database: Database) -> str | None:
    """The revision the database is at; None when it has no history yet. Raises Refused
    (UNAVAILABLE) where the database is away."""
    try:
        with database.reading() as store:
            version: str | None = store.connection.execute(
                text("SELECT version_num FROM alembic_version")
            ).scalar()
            return version
    except (OperationalError, ProgrammingError):
        return None


def upgrade(database: Database) -> bool:
    """Bring the schema to HEAD; whether anything had to be done."""
    if current(database) == HEAD:
        return False
    from alembic import command

    with database.engine.begin() as connection:
        # Two processes that start at once: the second waits, and finds the work done.
        SqlStore(connection, writing=True).alone()
        command.upgrade(_config(connection), "head")
    return True


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
