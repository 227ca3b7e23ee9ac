"""What the ledger's writer promises, held against SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from struct import pack
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update

from phonotary.errors import Reason
from phonotary.shaken.ledger import (
    Batch,
    Call,
    Dropped,
    Entry,
    Full,
    Link,
    Row,
    Seen,
    identity_of,
    mark,
    read,
)
from phonotary.shaken.ledger import Started as Started_
from phonotary.shaken.ledger_check import Check
from phonotary.storage import ledger_audit, ledger_kept
from phonotary.storage.database import Database
from phonotary.storage.ledger import BATCH, LedgerWriter
from phonotary.storage.schema import calls, ledger_batches
from tests.rooms.shaken.calls import NOW, credential, identity, issued, origid, sealed, signed

PATIENCE = 10.0


@pytest.fixture
def started(database: Database) -> Iterator[Callable[..., LedgerWriter]]:
    """Starts writers, and ends them after the test."""
    writers: list[LedgerWriter] = []

    def start(**options: Any) -> LedgerWriter:
        writers.append(LedgerWriter(database.url, patience=200, **options).start())
        return writers[-1]

    yield start
    for writer in writers:
        writer.close()


def batches(database: Database) -> list[Batch]:
    """In the order they were written."""
    columns = [
        calls.c[name] if name in calls.c else ledger_batches.c[name] for name in Batch._fields
    ]
    joined = ledger_batches.join(calls, calls.c.seq == ledger_batches.c.seq)
    statement = select(*columns).select_from(joined).order_by(ledger_batches.c.seq)
    with database.reading() as store:
        return [Batch(*each) for each in store.connection.execute(statement)]


def rows(database: Database) -> list[Row]:
    return [row for batch in batches(database) for row in batch.unpacked()]


def origids(database: Database) -> list[str | None]:
    bodies = [read(row.body) for row in rows(database)]
    return [body.origid for body in bodies if isinstance(body, Call) and body.kind == "signed"]


def rewrite(database: Database, batch: Batch, bodies: list[bytes]) -> None:
    """Another's hand on what a batch holds."""
    one = ledger_batches.c.chain == batch.chain, ledger_batches.c.position == batch.position
    seq = select(ledger_batches.c.seq).where(*one).scalar_subquery()
    change(database, update(calls).where(calls.c.seq == seq).values(bodies=b"\n".join(bodies)))


def remove(database: Database, chain: str, position: int) -> None:
    one = ledger_batches.c.chain == chain, ledger_batches.c.position == position
    change(database, delete(ledger_batches).where(*one))


def newest(database: Database) -> Link:
    with database.reading() as store:
        return ledger_kept.newest(store.connection, 1)[0]


def forget(database: Database) -> None:
    change(database, delete(calls))
    change(database, delete(ledger_batches))


def change(database: Database, statement: Any) -> None:
    database.write(lambda store: store.connection.execute(statement))


def first_fault(check: Check) -> tuple[str, int]:
    return check.faults[0].chain, check.faults[0].position


@contextmanager
def away(database: Database) -> Iterator[None]:
    """The database answers every insert with an error."""
    change(database, text("ALTER TABLE calls RENAME TO calls_away"))
    try:
        yield
    finally:
        change(database, text("ALTER TABLE calls_away RENAME TO calls"))


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never became so"
        time.sleep(0.005)


Started = Callable[..., LedgerWriter]


def test_what_is_appended_is_there_after_a_flush_in_order(
    database: Database, started: Started
) -> None:
    writer = started()
    for n in range(3 * BATCH + 7):
        writer.append(signed(n))
    assert writer.flush() is True
    assert origids(database) == [origid(n) for n in range(3 * BATCH + 7)]
    found = ledger_audit.verify(database)
    assert (found.chains, found.rows, found.faults) == (1, 3 * BATCH + 8, ())
    assert writer.lag.waiting == 0
    assert writer.written == newest(database)


def test_nobody_has_to_flush(database: Database, started: Started) -> None:
    started().append(signed())
    until(lambda: origids(database) == [origid(0)])


def test_a_writer_that_records_nothing_writes_nothing(database: Database, started: Started) -> None:
    assert started().flush() is True
    assert rows(database) == []


def test_a_call_is_found_and_its_identity_is_the_one_sent(
    database: Database, started: Started
) -> None:
    pem = issued().chain_pem
    writer = started(chain_of={credential().fingerprint: pem}.get)
    writer.append(sealed(1))
    writer.append(sealed(2))
    writer.flush()
    with database.reading() as store:
        (row,) = ledger_kept.by_origid(store.connection, origid(2).upper(), 10).rows
        call = read(row.body)
        assert isinstance(call, Call) and call.frame
        certificate = ledger_kept.certificate(store.connection, call.frame)
        asked = {"14155550100"}, (), NOW + 1, NOW + 2, 10
        found = ledger_kept.by_numbers(store.connection, *asked).rows
    assert certificate is not None and certificate.chain_pem == pem.decode()
    assert certificate.x5u == credential().x5u
    assert identity_of(call, ledger_kept.frame_of(certificate)) == identity(2)
    (there,) = (read(each.body) for each in found)
    assert isinstance(there, Call) and there.origid == origid(1)


def written_one_by_one(database: Database, started: Started, *entries: Entry) -> None:
    """Each in a batch of its own."""
    writer = started()
    for entry in entries:
        writer.append(entry)
        assert writer.flush()


def by_origid(database: Database, asked: str, limit: int = 10, **when: int) -> list[int]:
    """The sources of the calls that are found."""
    with database.reading() as store:
        found = ledger_kept.by_origid(store.connection, asked, limit, **when).rows
    return [int(body.source) for row in found if isinstance(body := read(row.body), Call)]


def test_a_call_is_found_among_several_batches(database: Database, started: Started) -> None:
    writer = started()
    for n in range(600):
        writer.append(signed(n, source=str(n)))
        if n % 100 == 99:
            assert writer.flush()
    assert len(batches(database)) > 6
    for n in (0, 99, 100, 437, 599):
        assert by_origid(database, origid(n)) == [n]
    assert by_origid(database, origid(600)) == []
    assert by_origid(database, "") == []


# CRC-32 of both is 4ddb0c25.
ALIKE = ("plumless", "buckeroo")


def test_an_origid_with_the_mark_of_another_is_not_taken_for_it(
    database: Database, started: Started
) -> None:
    assert mark(ALIKE[0]) == mark(ALIKE[1])
    writer = started()
    for n, each in enumerate((*ALIKE, *ALIKE, "other")):
        writer.append(signed(n, origid=each, source=str(n)))
    assert writer.flush()
    assert by_origid(database, ALIKE[0]) == [2, 0]
    assert by_origid(database, ALIKE[1].upper()) == [3, 1]


def test_marks_that_only_together_look_like_one_find_no_call(
    database: Database, started: Started
) -> None:
    """Two bytes of one row's mark and two of the next one's are no mark."""
    writer = started()
    pair = (origid(1), origid(2))
    for n, each in enumerate(pair):
        writer.append(signed(n, origid=each))
    assert writer.flush()
    (_, batch) = batches(database)
    across = batch.origids[2:6]
    assert across == pack(">2I", *map(mark, pair))[2:6]
    sought = f"across-{across.hex()}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger_kept, "mark", lambda _origid: int.from_bytes(across, "big"))
        assert by_origid(database, sought) == []


def test_a_search_keeps_to_its_time_and_its_limit(database: Database, started: Started) -> None:
    entries = (signed(100 * n, origid="same", source=str(n)) for n in range(5))
    written_one_by_one(database, started, *entries)
    assert by_origid(database, "SAME") == [4, 3, 2, 1, 0]
    assert by_origid(database, "same", 2) == [4, 3]
    assert by_origid(database, "same", since=NOW + 100, until=NOW + 300) == [2, 1]


def test_a_search_shows_the_newest_and_says_how_many_there_are(
    database: Database, started: Started
) -> None:
    writer = started()
    for n in range(40):
        writer.append(signed(n, origid="same", source=str(n)))
        if n % 10 == 9:
            assert writer.flush()
    with database.reading() as store:
        found = ledger_kept.by_origid(store.connection, "same", 3)
    sources = [body.source for row in found.rows if isinstance(body := read(row.body), Call)]
    assert (sources, found.total) == (["39", "38", "37"], 40)


def test_a_number_is_found_within_its_minute_only(database: Database, started: Started) -> None:
    numbers = ("+14155550100", "14155550100", "141555501000", "4155550100", "+14155550100")
    writer = started()
    for n, number in enumerate(numbers):
        writer.append(signed(20 * n, orig=number, dest=("14155550100",), source=str(n)))
    assert writer.flush()
    for since, until, limit, expected in (
        (0, 60, 10, [1, 0]),
        (0, 60, 1, [1]),
        (0, 81, 10, [4, 1, 0]),
        (1, 80, 10, [1]),
        (81, 200, 10, []),
    ):
        with database.reading() as store:
            times = NOW + since, NOW + until
            asked = {"14155550100"}, (), *times, limit
            found = ledger_kept.by_numbers(store.connection, *asked).rows
        calls_found = [body for row in found if isinstance(body := read(row.body), Call)]
        assert [int(call.source) for call in calls_found] == expected


def test_a_call_is_found_by_whom_it_was_to_and_by_any_spelling(
    database: Database, started: Started
) -> None:
    numbers = [("14155550100", ("12125550143",)), ("+1-415-555-0100", ("12125550144",))]
    numbers += [("13125550100", ("12125550144", "12125550143")), ("14155550100", ("1",))]
    writer = started()
    for n, (orig, dest) in enumerate(numbers):
        writer.append(signed(n, orig=orig, dest=dest, source=str(n)))
    assert writer.flush()
    for orig, dest, expected in (
        ({"14155550100", "+1-415-555-0100"}, (), [3, 1, 0]),
        ({"+1-415-555-0100"}, (), [1]),
        ((), {"12125550143"}, [2, 0]),
        ({"14155550100"}, {"12125550143", "1"}, [3, 0]),
        ({"13125550100"}, {"14155550100"}, []),
    ):
        with database.reading() as store:
            asked = orig, dest, NOW, NOW + 60, 10
            found = ledger_kept.by_numbers(store.connection, *asked).rows
        calls_found = [body for row in found if isinstance(body := read(row.body), Call)]
        assert [int(call.source) for call in calls_found] == expected


def test_a_batch_that_was_altered_hides_no_other(database: Database, started: Started) -> None:
    written_one_by_one(
        database, started, *(signed(n, origid="same", source=str(n)) for n in (0, 1))
    )
    _, first, _ = batches(database)
    rewrite(database, first, [b"{}", b"{}"])
    assert by_origid(database, "same") == [1]
    rewrite(database, first, [b"{}"])
    assert by_origid(database, "same") == [1]


def test_two_writers_each_keep_their_chain(database: Database, started: Started) -> None:
    writers = [started(), started()]

    def work(writer: LedgerWriter, base: int) -> None:
        for n in range(700):
            writer.append(sealed(base + n % 3))

    threads = [threading.Thread(target=work, args=(w, n)) for n, w in enumerate(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(writer.flush() for writer in writers)
    found = ledger_audit.verify(database)
    assert (found.chains, found.rows, found.faults) == (2, 1402, ())


def grown(writer: LedgerWriter, *numbers: int) -> None:
    """Each call in a batch of its own, and a look at the other chains before each."""
    for n in numbers:
        writer.append(signed(n))
        assert writer.flush()


def test_two_writers_side_by_side_are_each_others_witness(
    database: Database, started: Started
) -> None:
    one, two = started(look=0), started(look=0)
    grown(one, 1)
    grown(two, 2)
    grown(one, 3, 4)
    grown(two, 5)
    assert ledger_audit.verify(database).faults == ()
    with database.reading() as store:
        newest = ledger_kept.newest(store.connection, 10)
        (last,) = ledger_kept.newest(store.connection, 1)
    assert [chain for chain, _, _ in newest] == [two.chain, one.chain]
    assert last == newest[0] == (two.chain, 4, rows(database)[-1].hash.hex())
    own = [batch for batch in batches(database) if batch.chain == one.chain]
    remove(database, one.chain, own[-1].position)
    for only in (None, one.chain):
        assert first_fault(ledger_audit.verify(database, only)) == (one.chain, own[-1].position)
    assert ledger_audit.verify(database, two.chain).faults != ()


def test_a_writer_looks_at_the_others_once_a_minute_and_at_none_when_it_is_alone(
    database: Database, started: Started
) -> None:
    one = started(look=0)
    grown(one, 1, 2, 3)
    two = started()
    grown(two, 4, 5, 6)
    grown(one, 7, 8)
    kinds = [type(read(row.body)).__name__ for row in rows(database) if row.chain == two.chain]
    assert kinds == ["Started", "Call", "Call", "Call"]
    seen = [body for row in rows(database) if isinstance(body := read(row.body), Seen)]
    assert [[(chain, at) for chain, at, _ in each.after] for each in seen] == [[(two.chain, 4)]]


def test_a_chain_that_ended_is_named_by_whoever_starts_later(
    database: Database, started: Started
) -> None:
    ended = [started() for _ in range(3)]
    for n, writer in enumerate(ended):
        grown(writer, n)
    grown(started(), 10)
    body = read(rows(database)[-2].body)
    assert isinstance(body, Started_)
    assert [chain for chain, _, _ in body.after] == [each.chain for each in reversed(ended)]


def test_what_waits_is_bounded_in_bytes(database: Database, started: Started) -> None:
    with away(database):
        writer = started(most_waiting=100_000)
        writer.append(signed(0))
        until(lambda: writer.lag.last_error is not None)
        with pytest.raises(Full):
            for n in range(1, 9):
                writer.append(signed(n, identity="x" * 20_000))
        kept = writer.lag.waiting
        assert kept == 5
        with pytest.raises(Full):
            writer.append(signed(9, dest=("12125551212",) * 700))
        writer.append(signed(5))
    assert writer.flush() is True
    for n in range(10, 30):
        writer.append(signed(n, identity="x" * 80_000))
        assert writer.flush() is True
    assert len(origids(database)) == kept + 1 + 20


def test_a_full_queue_refuses(database: Database, started: Started) -> None:
    with away(database):
        writer = started(bound=5)
        writer.append(signed(0))
        until(lambda: writer.lag.last_error is not None)
        with pytest.raises(Full) as refused:
            for n in range(1, 20):
                writer.append(signed(n))
        assert refused.value.reason is Reason.UNAVAILABLE
        kept = writer.lag.waiting
        assert kept < 10
        assert writer.trouble is not None
    assert writer.flush() is True
    assert origids(database) == [origid(n) for n in range(kept)]
    assert writer.lag.dropped == 0


class Seconds:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_once_a_row_has_waited_too_long_calls_are_refused_until_it_is_written(
    database: Database, started: Started, capfd: pytest.CaptureFixture[str]
) -> None:
    seconds = Seconds()
    with away(database):
        writer = started(wait=5.0, monotonic=seconds)
        assert writer.trouble is None
        writer.append(signed(0))
        until(lambda: writer.lag.last_error is not None)
        assert writer.trouble is not None
        seconds.now += 5.0
        writer.append(signed(1))
        seconds.now += 0.1
        assert writer.lag.seconds > 5.0
        for n in (2, 3):
            with pytest.raises(Full) as refused:
                writer.append(signed(n))
        assert refused.value.reason is Reason.UNAVAILABLE
        assert writer.trouble == (
            "The ledger of calls cannot be written, and no call goes unrecorded"
        )
    until(lambda: writer.lag.waiting == 0 and writer.trouble is None)
    writer.append(signed(2))
    assert writer.flush() is True
    assert origids(database) == [origid(n) for n in range(3)]
    assert capfd.readouterr().err.count("calls are refused") == 1


def test_a_database_that_hangs_without_a_word_refuses_as_well(
    database: Database, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds, asked, on = Seconds(), threading.Event(), threading.Event()
    writer = started(wait=5.0, monotonic=seconds)
    add = writer._table.add

    def hangs(*given: Any) -> None:
        asked.set()
        assert on.wait(PATIENCE)
        add(*given)

    monkeypatch.setattr(writer._table, "add", hangs)
    writer.append(signed(0))
    assert asked.wait(PATIENCE)
    seconds.now += 5.1
    with pytest.raises(Full):
        writer.append(signed(1))
    assert (writer.lag.last_error, writer.trouble is None) == (None, False)
    on.set()
    until(lambda: writer.trouble is None)
    writer.append(signed(1))
    assert writer.flush() is True
    assert origids(database) == [origid(0), origid(1)]


def test_whoever_counts_what_is_missing_is_not_refused_for_waiting(
    database: Database, started: Started
) -> None:
    seconds = Seconds()
    with away(database):
        writer = started(bound=3, when_full="drop-visible", wait=5.0, monotonic=seconds)
        writer.append(signed(0))
        until(lambda: writer.lag.last_error is not None)
        seconds.now += 3600
        for n in range(1, 9):
            writer.append(signed(n))
        assert writer.trouble is None
        assert writer.lag.dropped >= 4
    assert writer.flush() is True
    assert ledger_audit.verify(database).faults == ()


def test_what_is_dropped_is_counted_in_a_row(database: Database, started: Started) -> None:
    with away(database):
        writer = started(bound=5, when_full="drop-visible")
        for n in range(50):
            writer.append(signed(n))
        until(lambda: writer.lag.last_error is not None)
        missing = writer.lag.dropped
        assert missing >= 40
    writer.flush()
    bodies = [read(row.body) for row in rows(database)]
    assert sum(each.count for each in bodies if isinstance(each, Dropped)) == missing
    assert len(origids(database)) + missing == 50
    assert ledger_audit.verify(database).faults == ()


def test_a_database_that_was_away_gets_every_row(database: Database, started: Started) -> None:
    writer = started()
    writer.append(signed(0))
    writer.flush()
    with away(database):
        for n in range(1, 700):
            writer.append(signed(n))
        until(lambda: writer.lag.last_error is not None)
        lag = writer.lag
        assert lag.waiting == 699 and lag.seconds >= 0
        assert writer.flush(0.05) is False
    assert writer.flush() is True
    assert writer.lag.last_error is None
    assert origids(database) == [origid(n) for n in range(700)]
    assert ledger_audit.verify(database).faults == ()


def test_an_error_tells_nothing_of_a_call(database: Database, started: Started) -> None:
    with away(database):
        writer = started()
        writer.append(signed())
        until(lambda: writer.lag.last_error is not None)
        assert "4155550100" not in str(writer.lag.last_error)


def test_a_connection_that_ends_is_opened_again(
    migrated_postgres: Database, postgres_server: str
) -> None:
    forget(migrated_postgres)
    writer = LedgerWriter(migrated_postgres.url).start()
    writer.append(signed(0))
    writer.flush()
    others = "pid <> pg_backend_pid() AND datname = current_database()"
    change(
        migrated_postgres,
        text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"),
    )
    writer.append(signed(1))
    assert writer.flush() is True
    writer.close()
    assert origids(migrated_postgres) == [origid(0), origid(1)]
    assert ledger_audit.verify(migrated_postgres).faults == ()


def test_a_commit_whose_answer_was_lost_is_not_written_twice(
    database: Database, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = started()
    table = writer._table
    add, lost = table.add, []

    def loses(*given: Any) -> None:
        add(*given)
        if not lost:
            lost.append(given)
            raise ConnectionError("no answer")

    monkeypatch.setattr(table, "add", loses)
    writer.append(sealed(0))
    assert writer.flush() is True
    writer.append(sealed(1))
    assert writer.flush() is True
    assert lost and origids(database) == [origid(0), origid(1)]
    assert ledger_audit.verify(database).faults == ()
    assert writer.written == newest(database)


def test_a_commit_that_was_lost_with_the_last_call_counts_as_written(
    database: Database, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = started()
    table = writer._table
    add, lost = table.add, []

    def loses(*given: Any) -> None:
        assert writer.written is None
        add(*given)
        lost.append(given)
        raise ConnectionError("no answer")

    monkeypatch.setattr(table, "add", loses)
    writer.append(sealed(0))
    assert writer.flush() is True
    assert len(lost) == 1
    assert writer.written == newest(database)


def test_a_file_that_another_program_has_locked_is_waited_for(
    migrated_sqlite: Database,
) -> None:
    forget(migrated_sqlite)
    other = sqlite3.connect(str(migrated_sqlite.engine.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer = LedgerWriter(migrated_sqlite.url, patience=20).start()
    writer.append(signed(0))
    until(lambda: "locked" in str(writer.lag.last_error))
    other.execute("ROLLBACK")
    other.close()
    assert writer.close() == 0
    assert origids(migrated_sqlite) == [origid(0)]


def test_closing_writes_what_is_left_and_refuses_what_comes(database: Database) -> None:
    writer = LedgerWriter(database.url).start()
    for n in range(1200):
        writer.append(signed(n))
    assert writer.close() == 0
    assert writer.flush() is True
    assert len(origids(database)) == 1200
    with pytest.raises(Full):
        writer.append(signed(1200))


def test_after_the_end_nothing_is_dropped_unseen(database: Database) -> None:
    writer = LedgerWriter(database.url, when_full="drop-visible").start()
    writer.append(signed(0))
    assert writer.close() == 0
    with pytest.raises(Full):
        writer.append(signed(1))
    assert writer.lag.dropped == 0


def test_closing_says_how_many_could_not_be_written(database: Database) -> None:
    with away(database):
        writer = LedgerWriter(database.url, patience=50).start()
        writer.append(signed(0))
        assert writer.close(0.2) > 0
    until(lambda: origids(database) == [origid(0)])


def test_a_row_that_is_in_hand_is_one_that_waits(
    database: Database, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = started()
    seen, go = threading.Event(), threading.Event()
    others = writer._table.others

    def slow(chain: str) -> list[Link]:
        seen.set()
        go.wait(PATIENCE)
        return others(chain)

    monkeypatch.setattr(writer._table, "others", slow)
    writer.append(signed(0))
    assert seen.wait(PATIENCE)
    assert writer.lag.waiting == 1
    go.set()
    assert writer.flush()
    assert writer.lag.waiting == 0


def test_a_new_start_goes_on_after_the_last(database: Database) -> None:
    for n in range(3):
        writer = LedgerWriter(database.url).start()
        writer.append(signed(n))
        writer.close()
    found = ledger_audit.verify(database)
    assert (found.chains, found.rows, found.faults) == (3, 6, ())
    last = rows(database)[3]
    remove(database, last.chain, 2)
    for only in (None, last.chain):
        assert first_fault(ledger_audit.verify(database, only)) == (last.chain, 2)


def test_an_altered_row_is_found(database: Database, started: Started) -> None:
    writer = started()
    for n in range(9):
        writer.append(signed(n))
    writer.flush()
    _, batch = batches(database)
    bodies = batch.bodies.split(b"\n")
    bodies[3] = bodies[3].replace(b'"level":"A"', b'"level":"C"')
    rewrite(database, batch, bodies)
    assert first_fault(ledger_audit.verify(database)) == (writer.chain, 5)
    assert first_fault(ledger_audit.verify(database, only=writer.chain)) == (writer.chain, 5)


def test_a_deleted_row_is_found(database: Database, started: Started) -> None:
    writer = started()
    for n in range(9):
        writer.append(signed(n))
    writer.flush()
    _, batch = batches(database)
    bodies = batch.bodies.split(b"\n")
    del bodies[3]
    rewrite(database, batch, bodies)
    assert first_fault(ledger_audit.verify(database)) == (writer.chain, 2)


def test_a_deleted_batch_is_found_whichever_half_went(database: Database, started: Started) -> None:
    written_one_by_one(database, started, *map(signed, range(3)))
    _, _, batch, _ = batches(database)
    seq = select(ledger_batches.c.seq).where(ledger_batches.c.position == batch.position)
    change(database, delete(calls).where(calls.c.seq == seq.scalar_subquery()))
    assert first_fault(ledger_audit.verify(database)) == (batch.chain, 3)
    remove(database, batch.chain, batch.position)
    assert first_fault(ledger_audit.verify(database)) == (batch.chain, 4)


def test_an_altered_certificate_record_is_found(database: Database, started: Started) -> None:
    writer = started()
    writer.append(sealed())
    writer.flush()
    change(database, text("UPDATE ledger_certificates SET tail = ';info=<https://x.example>'"))
    assert first_fault(ledger_audit.verify(database)) == (writer.chain, 2)


def test_an_entry_that_is_none_is_counted_and_stops_nobody(
    database: Database, started: Started
) -> None:
    writer = started()
    writer.append(signed(0))
    writer.append(signed(1, reason=object()))
    writer.append(signed(2))
    assert writer.flush() is True
    assert origids(database) == [origid(0), origid(2)]
    assert writer.lag.dropped == 1
    assert isinstance(read(rows(database)[-1].body), Dropped)
