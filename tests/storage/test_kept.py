"""The SQLite file is its owner's alone; no lock or failure on it outlives its cause."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from phonotary.bootstrap import together
from phonotary.bootstrap.hub import Hub, open_hub
from phonotary.config import Settings
from phonotary.errors import Reason, Refused
from phonotary.storage import direct, migrate
from phonotary.storage.database import Database


def mode(file: Path) -> int:
    return stat.S_IMODE(os.stat(file).st_mode)


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    migrate.upgrade(database)
    database.write(lambda store: store.put_setting("a", "b"))
    found = {file.name: mode(file) for file in tmp_path.iterdir()}
    database.close()
    assert found == dict.fromkeys(("hub.db", "hub.db-shm", "hub.db-wal"), 0o600)


def test_an_old_file_becomes_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "hub.db"
    sqlite3.connect(file).close()
    file.touch()
    file.chmod(0o644)
    Database(f"sqlite:///{file}").close()
    assert mode(file) == 0o600


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = open_hub(Settings(f"sqlite:///{tmp_path / 'hub.db'}"))
    hub.serve_at("http://127.0.0.1:1")
    yield hub
    hub.database.close()


@pytest.fixture
def locked(hub: Hub) -> Iterator[sqlite3.Connection]:
    other = sqlite3.connect(hub.database.url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


def test_a_lock_of_somebody_else_ends_in_unavailable_and_holds_up_no_reader(
    hub: Hub, locked: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "_PATIENCE", 0.5)

    async def both() -> float:
        writing = asyncio.create_task(hub.write(lambda store: store.put_setting("a", "b")))
        slowest = 0.0
        while not writing.done():
            started = time.monotonic()
            await hub.read(lambda store: store.setting("a"))
            await asyncio.sleep(0.01)
            slowest = max(slowest, time.monotonic() - started)
        with pytest.raises(Refused) as refused:
            await writing
        assert refused.value.reason is Reason.UNAVAILABLE
        return slowest

    assert asyncio.run(both()) < 0.25
    with pytest.raises(Refused):
        hub.database.write(lambda store: store.put_setting("a", "b"))


def test_a_lock_that_ends_is_waited_for(hub: Hub, locked: sqlite3.Connection) -> None:
    async def both() -> None:
        asyncio.get_running_loop().call_later(0.3, locked.execute, "ROLLBACK")
        await hub.write(lambda store: store.put_setting("a", "b"))

    asyncio.run(both())
    assert hub.database.read(lambda store: store.setting("a")) == "b"


@pytest.mark.parametrize("warm", [True, False])
def test_a_connection_that_could_not_roll_back_serves_nobody_else(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, warm: bool
) -> None:
    if warm:
        hub.database.write(lambda store: store.put_setting("before", "done"))
    real = direct.tell

    def tell(connection: Connection, sql: str) -> None:
        if sql == "ROLLBACK":
            raise sqlite3.OperationalError("disk I/O error")
        real(connection, sql)

    def work(store: object) -> None:
        store.put_setting("half", "done")  # type: ignore[attr-defined]
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(direct, "tell", tell)
        with pytest.raises((ZeroDivisionError, sqlite3.OperationalError)):
            hub.database.write(work)
    hub.database.write(lambda store: store.put_setting("whole", "done"))
    assert hub.database.read(lambda store: store.setting("whole")) == "done"
    assert hub.database.read(lambda store: store.setting("half")) is None
