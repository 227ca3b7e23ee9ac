"""Every way to change the ledger is found, and named by the row it was done to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from phonotary.shaken.ledger import Batch, Call, Chain, Pruned, Row, chained, mark, read
from phonotary.shaken.ledger_check import MOST_FAULTS, Known, check
from tests.rooms.shaken.calls import NOW, sealed, signed

ONE, TWO = "LG" + "1" * 32, "LG" + "2" * 32


def ledger() -> list[Row]:
    """Two chains; the second began after the last row of the first."""
    one, two = Chain(ONE), Chain(TWO)
    one.start(NOW, None)
    one.add(signed(n) for n in range(4))
    rows = rows_of(one)
    two.start(NOW, (ONE, one.position, one.newest.hex()))
    two.add(signed(n) for n in range(3))
    return [*rows, *rows_of(two)]


def rows_of(chain: Chain) -> list[Row]:
    return [row for batch in chain.packed() for row in batch.unpacked()]


def batch_of(row: Row) -> Batch:
    """The row alone, found by what its body says."""
    body = read(row.body)
    marked = mark(body.origid) if isinstance(body, Call) else 0
    found_by = (1, body.at, body.at, marked.to_bytes(4, "big"))
    return Batch(row.chain, row.position, *found_by, row.body, row.hash)


def faults(rows: list[Row], frames: tuple[str, ...] | None = None) -> list[tuple[str, int]]:
    return faults_of([batch_of(row) for row in rows], frames)


def faults_of(batches: list[Batch], frames: tuple[str, ...] | None = None) -> list[tuple[str, int]]:
    known = Known(batch for batch in batches if batch.position <= 2)
    kept = frames if frames is not None else {call_frame(row) for row in ledger()}
    return [(each.chain, each.position) for each in check(batches, known, kept).faults]


def call_frame(row: Row) -> str:
    marked = row.body.partition(b'"frame":"')[2]
    return marked[:32].decode()


def test_what_was_written_checks() -> None:
    batches = [batch_of(row) for row in ledger()]
    found = check(batches, Known(batches), {call_frame(row) for row in ledger()})
    assert (found.chains, found.rows, found.faults) == (2, 9, ())


def _altered(rows: list[Row]) -> None:
    rows[2] = rows[2]._replace(body=rows[2].body.replace(b'"level":"A"', b'"level":"B"'))


def _altered_and_hashed_again(rows: list[Row]) -> None:
    _altered(rows)
    rows[2] = rows[2]._replace(hash=chained(rows[1].hash, rows[2].body))


def _swapped(rows: list[Row]) -> None:
    rows[2], rows[3] = rows[3]._replace(position=3), rows[2]._replace(position=4)


CHANGES: dict[str, tuple[Callable[[list[Row]], object], tuple[str, int]]] = {
    "a body": (_altered, (ONE, 3)),
    "a body and its hash": (_altered_and_hashed_again, (ONE, 4)),
    "a removed row": (lambda rows: rows.pop(2), (ONE, 4)),
    "the start of a chain": (lambda rows: rows.pop(0), (ONE, 2)),
    "the end of a chain another began after": (lambda rows: rows.pop(4), (ONE, 5)),
    "two rows in each other's place": (_swapped, (ONE, 3)),
    "a whole chain": (lambda rows: rows.__delitem__(slice(0, 5)), (ONE, 5)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found(name: str) -> None:
    change, where = CHANGES[name]
    rows = ledger()
    change(rows)
    assert faults(rows)[0] == where


@pytest.mark.parametrize(
    "column, value, where",
    [
        ("first_at", 5, 2),
        ("first_at", NOW + 1, 2),
        ("last_at", NOW + 2, 2),
        ("last_at", NOW + 70, 2),
        ("origids", b"", 2),
        ("origids", bytes(16), 2),
        ("rows", 3, 2),
        ("rows", 0, 2),
        ("hashes", b"", 2),
        ("bodies", b"", 2),
        ("position", 3, 3),
    ],
)
def test_a_column_that_would_hide_a_call_is_found(column: str, value: object, where: int) -> None:
    chain = Chain(ONE)
    chain.start(NOW, None)
    chain.add(signed(n) for n in range(4))
    batches = chain.packed()
    frames = tuple(chain.frames.values())
    assert faults_of(batches, frames) == []
    batches[1] = batches[1]._replace(**{column: value})
    assert faults_of(batches, frames)[0] == (ONE, where)


def test_a_row_that_is_altered_within_a_batch_is_named() -> None:
    chain = Chain(ONE)
    chain.start(NOW, None)
    chain.add(signed(n) for n in range(4))
    first, second = chain.packed()
    bodies = second.bodies.split(b"\n")
    bodies[2] = bodies[2].replace(b'"level":"A"', b'"level":"B"')
    altered = [first, second._replace(bodies=b"\n".join(bodies))]
    assert faults_of(altered, tuple(chain.frames.values())) == [(ONE, 4)]


def test_a_chain_written_anew_is_found_by_the_one_that_began_after_it() -> None:
    rows = ledger()
    forged = Chain(ONE)
    forged.start(NOW, None)
    forged.add(signed(n + 50) for n in range(4))
    rows[:5] = rows_of(forged)
    assert faults(rows) == [(ONE, 5)]


def test_a_chain_under_another_name_is_found() -> None:
    rows = [row._replace(chain="LG" + "3" * 32) if row.chain == TWO else row for row in ledger()]
    assert faults(rows)[0] == ("LG" + "3" * 32, 1)


def test_a_call_without_its_certificate_record_is_found() -> None:
    assert len(faults(ledger(), frames=())) == 7


def test_a_pruned_chain_checks_from_where_it_was_cut() -> None:
    rows = ledger()
    keeper = Chain("LG" + "4" * 32)
    ends = {ONE: (3, rows[2].hash.hex())}
    keeper.start(NOW, None)
    keeper.control(Pruned(NOW, NOW, ends, 3))
    record = rows_of(keeper)
    assert faults([*rows[3:], *record]) == []
    # A pruning that was interrupted has left some rows.
    assert faults([*rows[1:], *record]) == []
    assert faults([*rows[4:], *record]) == [(ONE, 5)]


def test_a_chain_that_was_pruned_whole_is_not_missed() -> None:
    rows = ledger()
    keeper = Chain("LG" + "4" * 32)
    ends = {ONE: (5, rows[4].hash.hex())}
    keeper.start(NOW, None)
    keeper.control(Pruned(NOW, NOW, ends, 5))
    record = rows_of(keeper)
    assert faults([*rows[5:], *record]) == []
    wrong = {ONE: (5, rows[3].hash.hex())}
    keeper = Chain("LG" + "4" * 32)
    keeper.start(NOW, None)
    keeper.control(Pruned(NOW, NOW, wrong, 5))
    record = rows_of(keeper)
    assert faults([*rows[5:], *record]) == [(ONE, 5)]


def test_many_faults_are_told_up_to_a_number() -> None:
    chain = Chain(ONE)
    chain.start(NOW, None)
    chain.add(sealed() for _ in range(300))
    assert len(faults(rows_of(chain), frames=())) == MOST_FAULTS
