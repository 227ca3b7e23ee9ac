"""Whoever holds the event loop waits a moment for PostgreSQL, and not for as long as it hangs."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from phonotary.bootstrap.standing import Standings
from phonotary.errors import Reason, Refused
from phonotary.storage import database as databases
from phonotary.storage import ledger_audit
from phonotary.storage.database import Database
from phonotary.storage.faults import Away
from phonotary.storage.glances import MOMENT, PAUSE, Glances
from phonotary.storage.ledger import LedgerWriter
from phonotary.storage.patient import bounded
from phonotary.storage.store import SqlStore
from tests.journeys.test_revocation import a_family, hanging, opened
from tests.rooms.office import NOW
from tests.rooms.shaken.calls import signed
from tests.simulators import postgres
from tests.storage.feeding import Family

# Far below what a hanging server would take, far above what a busy machine adds.
SOON = 3.0


class Seconds:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def unavailable(work: Callable[[], Any]) -> None:
    began = time.monotonic()
    with pytest.raises(Refused) as refused:
        work()
    assert refused.value.reason is Reason.UNAVAILABLE
    assert time.monotonic() - began < SOON


# The threads


def test_what_is_answered_in_time_is_returned_and_what_is_raised_is_raised() -> None:
    glances = Glances(2, lambda: pytest.fail("nothing was late"))
    assert [glances(lambda: 7) for _ in range(3)] == [7, 7, 7]
    for error in (KeyError("x"), TimeoutError("of its own"), Refused(Reason.NOT_FOUND, "x")):

        def fails(error: Exception = error) -> None:
            raise error

        with pytest.raises(type(error)):
            glances(fails)
    assert len(glances._idle) == 1
    glances.close()


def test_after_a_late_one_nobody_asks_for_a_while_and_no_thread_is_waited_for() -> None:
    seconds, on, late, asked = Seconds(), threading.Event(), list[None](), list[None]()
    glances = Glances(2, lambda: late.append(None), seconds)

    def hangs() -> bool:
        asked.append(None)
        return on.wait(30)

    unavailable(lambda: glances(hangs))
    unavailable(lambda: glances(hangs))
    assert (len(late), len(asked)) == (1, 1)
    seconds.now += PAUSE
    assert glances(lambda: 1) == 1
    unavailable(lambda: glances(hangs))
    seconds.now += PAUSE
    # Both threads are stuck.
    unavailable(lambda: glances(hangs))
    assert (len(late), len(asked)) == (2, 2)
    on.set()
    deadline = time.monotonic() + SOON
    while len(glances._idle) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert glances(lambda: 2) == 2
    glances.close()


def test_many_threads_that_ask_at_once_are_all_answered() -> None:
    glances, found = Glances(2, lambda: None), list[int]()

    def ask(n: int) -> None:
        found.append(glances(lambda: n))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(16))
    assert len(glances._idle) <= 2
    glances.close()


# PostgreSQL


@pytest.fixture
def fresh(postgres_server: str) -> Iterator[Database]:
    with postgres.database(postgres_server) as url, opened(url) as database:
        database.serve()
        yield database


@pytest.fixture
def known(fresh: Database) -> Iterator[tuple[Standings, Family]]:
    family = a_family(fresh)
    standings = Standings(fresh, lambda: NOW)
    standings.start()
    assert standings(family.tn, family.parent.sid).fresh
    yield standings, family
    standings.stop()


def ask_again(database: Database) -> None:
    """The pause is over."""
    database._glances._not_before = 0.0


@contextmanager
def locked(database: Database, table: str) -> Iterator[None]:
    with psycopg.connect(postgres._dsn(database.url)) as other:
        other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def test_one_number_that_is_not_kept_holds_up_no_call_while_the_server_hangs(
    postgres_server: str,
    fresh: Database,
    known: tuple[Standings, Family],
    capfd: pytest.CaptureFixture[str],
) -> None:
    standings, family = known

    def strange() -> None:
        standings("+19995550000", family.parent.sid)

    with hanging(postgres_server, fresh.url):
        # The feed is not lost yet, then it is.
        assert not standings.feed.lost
        unavailable(strange)
        began = time.monotonic()
        for _ in range(50):
            unavailable(strange)
            assert standings(family.tn, family.parent.sid).profile_sid == family.profile
        assert time.monotonic() - began < 1
        deadline = time.monotonic() + 5
        while not standings.cut_off and time.monotonic() < deadline:
            time.sleep(0.02)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fresh, "glance", lambda *given, **more: pytest.fail("it is asked"))
            unavailable(strange)
        assert standings.trouble is not None
        assert not standings(family.tn, family.parent.sid).fresh
    deadline = time.monotonic() + 10
    while standings.cut_off and time.monotonic() < deadline:
        time.sleep(0.02)
    ask_again(fresh)
    strange()
    assert standings.trouble is None
    assert capfd.readouterr().err.count("the database is away") == 1


def test_a_table_that_somebody_has_locked_holds_up_no_call(
    fresh: Database, known: tuple[Standings, Family]
) -> None:
    standings, family = known
    with locked(fresh, "incoming_phone_numbers"):
        unavailable(lambda: standings("+19995550000", family.parent.sid))
        assert standings(family.tn, family.parent.sid).fresh
    ask_again(fresh)
    assert standings("+19995550000", family.parent.sid).number_ours is False


def test_whoever_waits_in_the_other_connections_keeps_nobody_from_glancing(fresh: Database) -> None:
    with ExitStack() as all_of_them:
        for _ in range(8):
            all_of_them.enter_context(fresh.reading())
        assert fresh.glance(lambda store: store.setting("nothing")) is None


def stop(store: SqlStore) -> int:
    """The server's process of this transaction hangs from now on."""
    pid = store.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGSTOP)
    return pid


def test_a_service_gives_a_server_up_that_never_answers(
    fresh: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_POSTGRESQL_HANGS", MOMENT)
    stopped: list[int] = []

    def work(store: SqlStore) -> None:
        store.put_setting("kept", "never")
        stopped.append(stop(store))
        store.setting("kept")

    try:
        with pytest.raises(Away):
            fresh.write(work)
        # Who connects anew meets a process that does not hang.
        assert fresh.read(lambda store: store.setting("kept")) is None
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert len(stopped) == 1
    assert fresh.read(lambda store: store.setting("kept")) is None


def test_the_ledger_goes_on_when_one_process_of_the_server_hangs(
    postgres_server: str, fresh: Database
) -> None:
    writer = LedgerWriter(fresh.url, patience=1000).start()
    writer.append(signed(0))
    assert writer.flush()
    with hanging(postgres_server, fresh.url):
        writer.append(signed(1))
        assert writer.flush()
    writer.close()
    assert ledger_audit.verify(fresh).rows == 3


def test_an_answer_that_comes_too_late_is_nobody_elses(postgres_server: str) -> None:
    longest = [0.2]
    with postgres.database(postgres_server) as url:
        engine = create_engine(url)
        bounded(engine, lambda: longest[0])
        with engine.connect() as connection, pytest.raises(OperationalError, match="no answer"):
            connection.exec_driver_sql("SELECT 'late', pg_sleep(1)")
        longest[0] = float("inf")
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT 'in time', pg_sleep(0.3)").scalar()
        engine.dispose()
