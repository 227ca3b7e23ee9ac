"""What the database does not take before the end waits in a file, and comes in once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from phonotary.shaken.ledger import Call, Dropped, Full, Started, read
from phonotary.storage import ledger_audit, ledger_kept, ledger_left
from phonotary.storage.database import Database
from phonotary.storage.ledger import BATCH, LedgerWriter
from phonotary.storage.ledger_left import Leftovers
from phonotary.storage.ledger_table import opened
from tests.rooms.shaken.calls import credential, issued, origid, sealed, signed
from tests.storage.test_ledger import away, origids, rows, until

CALLS = 2 * BATCH + 7


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


def files(beside: Path) -> list[Path]:
    return sorted(beside.parent.glob("*-calls-*"))


def left_behind(database: Database, beside: Path, count: int = CALLS) -> LedgerWriter:
    """A writer that ended while the database took nothing."""
    chains = {credential().fingerprint: issued().chain_pem}
    with away(database):
        writer = LedgerWriter(database.url, patience=50, beside=beside, chain_of=chains.get).start()
        for n in range(count):
            writer.append(sealed(n % 3, at=signed(n).at, origid=origid(n)))
        assert writer.close(0.3) == 0
        writer._thread.join(5)
    return writer


@contextmanager
def started(database: Database, beside: Path) -> Iterator[LedgerWriter]:
    writer = LedgerWriter(database.url, beside=beside).start()
    try:
        yield writer
    finally:
        writer.close()


def all_there_once(database: Database, count: int = CALLS) -> None:
    assert origids(database) == [origid(n) for n in range(count)]
    assert ledger_audit.verify(database).faults == ()


def test_the_next_start_writes_what_was_left_before_its_own_and_the_file_is_gone(
    database: Database, beside: Path
) -> None:
    ended = left_behind(database, beside)
    assert origids(database) == []
    (file,) = files(beside)
    assert file.name == f"hub.db-calls-{ended.chain}"
    assert file.stat().st_mode & 0o777 == 0o600
    with started(database, beside) as writer:
        writer.append(signed(CALLS))
        assert writer.flush()
        until(lambda: files(beside) == [])
    assert sorted(map(str, origids(database))) == [origid(n) for n in range(CALLS + 1)]
    assert ledger_audit.verify(database).faults == ()
    began = read(next(row.body for row in rows(database) if row.chain == writer.chain))
    assert isinstance(began, Started) and began.after[0][0] == ended.chain
    with database.reading() as store:
        last = ledger_kept.by_origid(store.connection, origid(CALLS - 1), 1).rows[0]
        call = read(last.body)
        assert isinstance(call, Call) and call.frame
        certificate = ledger_kept.certificate(store.connection, call.frame)
    assert certificate is not None and certificate.chain_pem == issued().chain_pem.decode()


def test_a_chain_that_goes_on_in_the_file_is_one_chain(database: Database, beside: Path) -> None:
    writer = LedgerWriter(database.url, patience=50, beside=beside).start()
    writer.append(sealed(0, origid=origid(0)))
    assert writer.flush()
    with away(database):
        for n in range(1, 9):
            writer.append(sealed(n % 3, origid=origid(n)))
        assert writer.close(0.3) == 0
    with started(database, beside):
        until(lambda: files(beside) == [])
    all_there_once(database, 9)
    assert {row.chain for row in rows(database)} == {writer.chain}


def test_a_commit_whose_answer_came_too_late_is_not_written_twice(
    database: Database, beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = LedgerWriter(database.url, beside=beside)
    add, kept, answered = writer._table.add, threading.Event(), threading.Event()

    def answers_late(*given: Any) -> None:
        add(*given)
        kept.set()
        answered.wait(10)

    monkeypatch.setattr(writer._table, "add", answers_late)
    writer.start()
    writer.append(sealed(0))
    assert kept.wait(10)
    writer.append(sealed(1))
    assert writer.close(0.05) == 0
    answered.set()
    writer._thread.join(10)
    with started(database, beside):
        until(lambda: files(beside) == [])
    all_there_once(database, 2)


def test_a_start_that_is_killed_anywhere_loses_and_doubles_nothing(
    database: Database, beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(database, beside)
    for before_it in range(4):
        # As many transactions as there are, and then the file is not removed any more.
        killed = Leftovers(opened(database.url, 1000), beside)
        killed.look()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", lambda *given, **more: pytest.fail("too far"))
            for _ in range(min(before_it, 2)):
                killed.write()
            if before_it == 3:
                with pytest.raises(pytest.fail.Exception):
                    killed.write()
        killed.close()
        killed._table.close()
        assert len(files(beside)) == 1
    with started(database, beside):
        until(lambda: files(beside) == [])
    all_there_once(database)


def test_a_file_that_one_process_reads_no_other_does(database: Database, beside: Path) -> None:
    left_behind(database, beside)
    one, two = (Leftovers(opened(database.url, 1000), beside) for _ in range(2))
    for each in (one, two):
        each.look()
    one.write()
    two.write()
    assert one.waiting and not two.waiting
    while one.waiting:
        one.write()
    for each in (one, two):
        each._table.close()
    all_there_once(database)


def test_whoever_is_still_there_finds_what_another_leaves(database: Database, beside: Path) -> None:
    writer = LedgerWriter(database.url, beside=beside, look=0).start()
    left_behind(database, beside, 3)
    writer.append(signed(3))
    assert writer.flush()
    until(lambda: files(beside) == [])
    writer.close()
    assert sorted(map(str, origids(database))) == sorted(origid(n) for n in range(4))


def test_what_is_no_such_file_stays_and_stops_nobody(
    database: Database, beside: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    left_behind(database, beside, 3)
    (file,) = files(beside)
    whole = file.read_bytes()
    file.write_bytes(whole[:-5])
    other, part = Path(f"{beside}-calls-other"), Path(f"{file}.part")
    other.write_bytes(b"something else")
    part.write_bytes(whole)
    with started(database, beside) as writer:
        writer.append(signed(0))
        assert writer.flush()
        until(lambda: not writer._left.waiting)
        assert writer.lag.last_error is None
    assert origids(database) == [origid(0)]
    assert files(beside) == [file, part, other]
    assert capfd.readouterr().err.count("cannot be read") == 2


def test_where_no_file_can_be_made_the_rows_are_told(
    database: Database, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no directory")
    with away(database):
        writer = LedgerWriter(
            database.url, patience=50, beside=tmp_path / "file" / "hub.db"
        ).start()
        writer.append(signed(0))
        assert writer.close(0.2) == 2
    assert "cannot be left" in capfd.readouterr().err
    # The thread goes on trying for as long as there is a process.
    until(lambda: origids(database) == [origid(0)])


def test_what_was_dropped_before_the_end_is_told_by_the_next_start(
    database: Database, beside: Path
) -> None:
    with away(database):
        writer = LedgerWriter(
            database.url, patience=50, beside=beside, bound=5, when_full="drop-visible"
        ).start()
        for n in range(50):
            writer.append(signed(n))
        assert writer.close(0.2) == 0
    with started(database, beside):
        until(lambda: files(beside) == [])
    bodies = [read(row.body) for row in rows(database)]
    missing = sum(each.count for each in bodies if isinstance(each, Dropped))
    assert missing >= 40 and len(origids(database)) + missing == 50
    assert ledger_audit.verify(database).faults == ()


def test_nothing_is_left_where_all_is_written(database: Database, beside: Path) -> None:
    with started(database, beside) as writer:
        writer.append(signed(0))
    assert files(beside) == []
    with pytest.raises(Full):
        writer.append(signed(1))


def test_each_database_has_files_of_its_own(tmp_path: Path) -> None:
    def of(url: str) -> Path:
        return ledger_left.beside(url, tmp_path)

    assert of("sqlite:////srv/service.db") == Path("/srv/service.db")
    server = of("postgresql+psycopg://one:secret@db.example/phonotary")
    assert server.parent == tmp_path
    assert server == of("postgresql+psycopg://two:other@db.example/phonotary")
    others: list[Callable[[], Path]] = [
        lambda: of("postgresql+psycopg://one:secret@db.example/other"),
        lambda: of("postgresql+psycopg://one:secret@db.example:5433/phonotary"),
        lambda: of("postgresql+psycopg://one@/phonotary?host=/run/one"),
        lambda: of("postgresql+psycopg://one@/phonotary?host=/run/two"),
    ]
    assert len({server, *(other() for other in others)}) == 5
