"""A database that is away is UNAVAILABLE, and serves the next request when it is back."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError

from phonotary.errors import Reason, Refused
from phonotary.storage import database as databases
from phonotary.storage import migrate
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from tests.simulators import postgres
from tests.simulators.postgres import Server

_POOL = 4


@pytest.fixture
def away(stoppable: Server) -> Iterator[Database]:
    """A database whose server may be stopped."""
    with postgres.database(stoppable.url) as url:
        database = Database(url, _POOL)
        migrate.upgrade(database)
        database.write(lambda store: store.put_setting("kept", "before"))
        database.serve()
        yield database
        database.close()


def kept(database: Database) -> str | None:
    return database.read(lambda store: store.setting("kept"))


def unavailable(work: Any, *given: Any) -> str:
    with pytest.raises(Refused) as refused:
        work(*given)
    assert refused.value.reason is Reason.UNAVAILABLE
    return refused.value.because


def put(store: SqlStore) -> None:
    store.put_setting("kept", "after")


def end(store: SqlStore, server: Server) -> None:
    """The server ends the connection of this transaction."""
    pid = store.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    with psycopg.connect(postgres._dsn(server.url), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_whatever_is_asked_of_a_stopped_server_is_unavailable(
    stoppable: Server, away: Database
) -> None:
    with stoppable.stopped():
        for _ in range(2):
            assert "try again" in unavailable(kept, away)
            assert "try again" in unavailable(away.write, put)
            unavailable(migrate.current, away)
    assert kept(away) == "before"
    away.write(put)
    assert kept(away) == "after"


def test_after_a_restart_no_connection_of_before_is_handed_out(
    stoppable: Server, away: Database
) -> None:
    with ExitStack() as all_of_them:
        for _ in range(_POOL):
            all_of_them.enter_context(away.reading())
    with stoppable.stopped():
        pass
    with ExitStack() as all_of_them:
        for _ in range(_POOL):
            store = all_of_them.enter_context(away.reading())
            assert store.setting("kept") == "before"


def test_a_write_whose_connection_ends_is_not_kept_and_not_tried_again(
    stoppable: Server, away: Database
) -> None:
    tries = []

    def work(store: SqlStore) -> None:
        tries.append(store)
        put(store)
        end(store, stoppable)
        store.setting("kept")

    assert "try again" in unavailable(away.write, work)
    assert len(tries) == 1
    assert kept(away) == "before"


def test_where_the_connection_ends_at_commit_nobody_is_told_what_became_of_it(
    stoppable: Server, away: Database
) -> None:
    tries, told = [], []
    away.listeners.append(told.append)

    def work(store: SqlStore) -> None:
        tries.append(store)
        store.changes.everything()
        put(store)

    def cut(connection: Any) -> None:
        """The server has kept it, and its answer is lost."""
        connection.driver_connection.commit()
        connection.driver_connection.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(away.engine.dialect, "do_commit", cut)
        because = unavailable(away.write, work)
    assert "whether this was kept" in because
    # Once, though it was not answered; and whoever remembers standings forgets them.
    assert (len(tries), len(told)) == (1, 1)
    assert kept(away) == "after"

    def ends(store: SqlStore) -> None:
        store.put_setting("kept", "never")
        end(store, stoppable)

    assert "whether this was kept" in unavailable(away.write, ends)
    assert kept(away) == "after"


def test_a_commit_that_the_server_refuses_is_known_not_to_be_kept(away: Database) -> None:
    def refuse(connection: Any) -> None:
        connection.rollback()
        raise psycopg.errors.DiskFull("could not extend file")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(away.engine.dialect, "do_commit", refuse)
        assert "try again" in unavailable(away.write, put)
    assert kept(away) == "before"


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_what_postgresql_undoes_for_anothers_sake_is_tried_again_and_then_unavailable(
    away: Database, state: str
) -> None:
    tries: list[int] = []

    def work(most: int, store: SqlStore) -> None:
        tries.append(most)
        put(store)
        if len(tries) < most:
            raising = f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"
            store.connection.exec_driver_sql(raising)

    away.write(lambda store: work(databases._TRIES, store))
    assert len(tries) == databases._TRIES
    assert kept(away) == "after"
    tries.clear()
    unavailable(away.write, lambda store: work(99, store))
    assert len(tries) == databases._TRIES


def test_a_row_that_somebody_holds_is_waited_for_a_moment_only(away: Database) -> None:
    hold = "SELECT 1 FROM settings WHERE name = 'kept' FOR UPDATE"
    with away.engine.begin() as other:
        other.exec_driver_sql(hold)

        def work(store: SqlStore) -> None:
            store.connection.exec_driver_sql("SET LOCAL lock_timeout = '20ms'")
            store.connection.exec_driver_sql(hold)

        unavailable(away.write, work)


def test_where_every_connection_is_taken_whoever_asks_is_refused(
    away: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(away.engine.pool, "_timeout", 0.02)
    with ExitStack() as all_of_them:
        for _ in range(_POOL):
            all_of_them.enter_context(away.reading())
        unavailable(kept, away)
    assert kept(away) == "before"


def test_a_server_that_takes_no_word_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(databases._POSTGRESQL, "connect_timeout", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        database = Database(f"postgresql+psycopg://phonotary@127.0.0.1:{port}/postgres")
        begun = time.monotonic()
        unavailable(kept, database)
        assert time.monotonic() - begun < 10
    unavailable(kept, database)
    database.close()


def test_a_fault_of_ours_is_not_called_one_of_the_databases(
    away: Database, migrated_sqlite: Database
) -> None:
    for database, error in ((away, ProgrammingError), (migrated_sqlite, OperationalError)):
        with pytest.raises(error):
            database.read(lambda store: store.connection.exec_driver_sql("SELECT 1 FROM nowhere"))
        with pytest.raises(error):
            database.write(lambda store: store.connection.exec_driver_sql("SELECT 1 FROM nowhere"))


def test_an_operator_is_told_once_for_each_time_it_is_away(
    stoppable: Server, away: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        with stoppable.stopped():
            for _ in range(3):
                unavailable(kept, away)
                unavailable(away.write, put)
        assert kept(away) == "before"
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 2
    assert all("the database is away" in line and "connection" in line for line in said)


def test_requests_of_many_threads_are_all_answered_when_it_is_back(
    stoppable: Server, away: Database
) -> None:
    def ask(found: list[str | None]) -> None:
        try:
            found.append(kept(away))
        except Refused as refused:
            found.append(refused.reason)

    def several() -> list[str | None]:
        found: list[str | None] = []
        threads = [threading.Thread(target=ask, args=(found,)) for _ in range(2 * _POOL)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    assert several() == ["before"] * 2 * _POOL
    with stoppable.stopped():
        assert several() == [Reason.UNAVAILABLE] * 2 * _POOL
    assert several() == ["before"] * 2 * _POOL
