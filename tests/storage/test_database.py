"""The schema history, and what a database does with what it cannot keep."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import IntegrityError

from phonotary.bootstrap.hub import open_hub
from phonotary.bootstrap.standing import standing_in
from phonotary.config import Settings
from phonotary.errors import Reason, Refused
from phonotary.shaken.ports import ShownAs
from phonotary.storage import migrate, schema, schema_names
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from tests.rooms.office import NOW
from tests.storage.samples import OURS, bundle, number
from tests.storage.test_displayed import SHORT, SHOWN, scene


def test_the_migrated_schema_is_the_one_the_program_uses(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert schema_names.cnam_registrations.metadata is schema.metadata
        assert compare_metadata(context, schema.metadata) == []


def test_migrating_twice_does_nothing_the_second_time(empty_url: str) -> None:
    database = Database(empty_url)
    assert migrate.current(database) is None
    assert migrate.upgrade(database) is True
    assert migrate.current(database) == migrate.HEAD
    assert migrate.upgrade(database) is False
    database.close()


def test_an_approval_from_before_shows_nobody(empty_url: str) -> None:
    database = Database(empty_url)
    migrate.upgrade(database)
    known = database.write(scene)

    def shown(store: SqlStore) -> ShownAs | None:
        return standing_in(store, known.first, known.party.sid, NOW).display

    assert database.read(shown) == SHOWN
    with database.engine.begin() as connection:
        command.downgrade(migrate._config(connection), "0007")
    migrate.upgrade(database)
    assert database.read(shown) == SHORT
    database.close()


def test_two_that_start_at_once_become_one_hub(empty_url: str) -> None:
    together = threading.Barrier(2)
    found: list[tuple[str, str]] = []

    def start() -> None:
        together.wait()
        hub = open_hub(Settings(empty_url))
        found.append((hub.reviewer_password, hub.seeded.account.sid))
        hub.database.close()

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert len(set(found)) == 1


def test_what_is_broken_but_not_double_is_no_conflict(database: Database) -> None:
    nameless = replace(bundle(1, OURS), friendly_name=None)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        database.write(lambda store: store.bundles.add(nameless))


@pytest.mark.parametrize("name", ["too long " * 20, "a\x00b"])
def test_what_postgresql_cannot_keep_is_refused(migrated_postgres: Database, name: str) -> None:
    odd = replace(number(1, OURS), bundle_sid=name)
    with pytest.raises(Refused) as refused:
        migrated_postgres.write(lambda store: store.numbers.add(odd))
    assert refused.value.reason is Reason.INVALID_PARAMETER
    with pytest.raises(Refused):
        migrated_postgres.read(lambda store: store.numbers.all(phone_number="\x00"))
