"""Databases for the storage tests: migrated once for a run, emptied for every test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from phonotary.storage import migrate, schema
from phonotary.storage.database import Database
from tests.rooms.memory import MemoryDatabase
from tests.simulators import postgres


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'hub.db'}")
    migrate.upgrade(database)
    yield database
    database.close()


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> Iterator[Database]:
    with postgres.database(postgres_server) as url:
        database = Database(url)
        migrate.upgrade(database)
        yield database
        database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """An empty database of each kind."""
    found: Database = request.getfixturevalue(f"migrated_{request.param}")
    with found.writing() as store:
        for table in schema.metadata.sorted_tables:
            store.connection.execute(table.delete())
    return found


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def kept(request: pytest.FixtureRequest) -> Any:
    """Everything that keeps records: both databases, and the rooms' stand-in for them."""
    if request.param == "memory":
        return MemoryDatabase()
    found: Database = request.getfixturevalue(f"migrated_{request.param}")
    with found.writing() as store:
        for table in schema.metadata.sorted_tables:
            store.connection.execute(table.delete())
    return found
