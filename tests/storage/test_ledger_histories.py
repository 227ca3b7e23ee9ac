"""Histories are witnessed in pieces, each entry once it has settled, whoever witnesses them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text

from phonotary.shaken.ledger import Witnessed
from phonotary.storage import ledger_audit, ledger_histories
from phonotary.storage.database import Database
from phonotary.storage.ledger import LedgerWriter
from phonotary.storage.ledger_histories import CHANGES, DECISIONS, PIECE
from tests.rooms.shaken.calls import signed

_CHANGE = text(
    "INSERT INTO standing_changes (kind, subject, account_sid, phone_number, at) "
    "VALUES ('bought', 'PN0', 'AC0', '+14155550100', 1)"
)


def changed(database: Database, times: int = 1) -> None:
    with database.writing() as store:
        for _ in range(times):
            store.connection.execute(_CHANGE)


@contextmanager
def writing(database: Database, **options: Any) -> Iterator[LedgerWriter]:
    writer = LedgerWriter(database.url, **{"look": 0, "settle": 0, **options}).start()
    try:
        yield writer
    finally:
        writer.close()


def call(writer: LedgerWriter, n: int = 0) -> None:
    writer.append(signed(n))
    assert writer.flush()


def runs(database: Database, of: str = CHANGES) -> list[list[int]]:
    """What was witnessed, each row's entries counted from the first that there is."""
    with database.reading() as store:
        first = store.connection.execute(text(f"SELECT MIN(seq) FROM {of}")).scalar() or 0
    found = [row for _, row in ledger_audit.witnesses(database) if row.of == of]
    return [[n - first for run in row.runs for n in run] for row in found]


def test_what_is_new_is_witnessed_once(database: Database) -> None:
    changed(database, 3)
    with writing(database) as writer:
        call(writer, 0)
        call(writer, 1)
        changed(database)
        call(writer, 2)
    assert runs(database) == [[0, 2], [3, 3]]
    assert runs(database, DECISIONS) == []
    assert ledger_audit.verify(database).faults == ()


def test_the_next_writer_goes_on_where_the_last_one_ended(database: Database) -> None:
    changed(database, 2)
    with writing(database) as writer:
        call(writer)
    changed(database)
    with writing(database) as writer:
        call(writer)
    assert runs(database) == [[0, 1], [2, 2]]


def test_a_long_history_is_witnessed_piece_by_piece(database: Database) -> None:
    changed(database, 2 * PIECE + 5)
    with writing(database, look=60) as writer:
        for n in range(4):
            call(writer, n)
        assert len(runs(database)) == 3
        call(writer, 5)
    assert runs(database) == [[0, PIECE - 1], [PIECE, 2 * PIECE - 1], [2 * PIECE, 2 * PIECE + 4]]
    assert ledger_audit.verify(database).faults == ()


def test_a_number_that_is_missing_is_not_taken_for_sealed(database: Database) -> None:
    changed(database, 3)
    with database.writing() as store:
        asked = "DELETE FROM standing_changes WHERE seq = (SELECT MIN(seq) + 1 FROM (SELECT seq "
        store.connection.execute(text(f"{asked} FROM standing_changes) AS kept)"))
    with writing(database) as writer:
        call(writer)
    assert runs(database) == [[0, 0, 2, 2]]
    ((_, row),) = ledger_audit.witnesses(database)
    first = row.runs[0][0]
    assert [ledger_histories.names(row, first + n) for n in range(4)] == [True, False, True, False]


@pytest.mark.parametrize("kept", ["none", "{}", '{"as_of": "x"}', '{"upto": [1]}'])
def test_a_marker_that_is_none_begins_anew(database: Database, kept: str) -> None:
    changed(database, 2)
    database.write(lambda store: store.put_setting(ledger_histories.MARKER, kept))
    with writing(database) as writer:
        call(writer)
    assert runs(database) == [[0, 1]]


def test_on_postgresql_an_entry_settles_before_it_is_sealed(migrated_postgres: Database) -> None:
    database = migrated_postgres
    with database.writing() as store:
        for table in ("standing_changes", "calls", "ledger_batches", "settings"):
            store.connection.execute(text(f"DELETE FROM {table}"))
    with writing(database, settle=0.2) as writer:
        with database.writing() as late:
            # Of a lower number, and committed after a higher one.
            late.connection.execute(_CHANGE)
            changed(database)
            call(writer, 0)
            assert runs(database) == []
        while not runs(database):
            call(writer, 1)
    assert runs(database) == [[0, 1]]


def test_a_row_that_witnesses_nothing_that_is_there_holds_nothing(database: Database) -> None:
    histories = ledger_audit.Histories(database)
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for of, runs_ in ((CHANGES, ()), (CHANGES, ((1, 2),)), ("accounts", ((1, 2),))):
        assert histories.holds(Witnessed(0, 1, digest[::-1], of, runs_)) is False
    assert histories.holds(Witnessed(0, 1, digest, CHANGES, ())) is False
    assert histories.holds(Witnessed(0, 1, digest, "accounts", ((1, 2),))) is False
