"""Every way to change the ledger is found, and named by the row it was done to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from phonotary.errors import Refused
from phonotary.shaken.ledger import Batch, Call, Chain, Row, chained, mark, read
from phonotary.shaken.ledger_check import MOST_FAULTS, check
from tests.rooms.shaken.calls import NOW, sealed, signed

ONE, TWO = "LG" + "1" * 32, "LG" + "2" * 32


def ledger() -> list[Row]:
    """Two chains; the second began after the last row of the first."""
    one, two = Chain(ONE), Chain(TWO)
    one.start(NOW, ())
    one.add(signed(n) for n in range(4))
    rows = rows_of(one)
    two.start(NOW, [(ONE, one.position, one.newest.hex())])
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
    kept = frames if frames is not None else {call_frame(row) for row in ledger()}
    rows = [row for batch in batches for row in _readable(batch)]
    return [(each.chain, each.position) for each in check(batches, kept, kept_in(rows)).faults]


def _readable(batch: Batch) -> list[Row]:
    with suppress(Refused):
        return batch.unpacked()
    return []


def kept_in(rows: list[Row]) -> Callable[[str, int], bytes | None]:
    hashes = {(row.chain, row.position): row.hash for row in rows}
    return lambda chain, position: hashes.get((chain, position))


def call_frame(row: Row) -> str:
    marked = row.body.partition(b'"frame":"')[2]
    return marked[:32].decode()


def test_what_was_written_checks() -> None:
    batches = [batch_of(row) for row in ledger()]
    found = check(batches, {call_frame(row) for row in ledger()}, kept_in(ledger()))
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
    chain.start(NOW, ())
    chain.add(signed(n) for n in range(4))
    batches = chain.packed()
    frames = tuple(chain.frames.values())
    assert faults_of(batches, frames) == []
    batches[1] = batches[1]._replace(**{column: value})
    assert faults_of(batches, frames)[0] == (ONE, where)


def test_a_row_that_is_altered_within_a_batch_is_named() -> None:
    chain = Chain(ONE)
    chain.start(NOW, ())
    chain.add(signed(n) for n in range(4))
    first, second = chain.packed()
    bodies = second.bodies.split(b"\n")
    bodies[2] = bodies[2].replace(b'"level":"A"', b'"level":"B"')
    altered = [first, second._replace(bodies=b"\n".join(bodies))]
    assert faults_of(altered, tuple(chain.frames.values())) == [(ONE, 4)]


def test_a_chain_written_anew_is_found_by_the_one_that_began_after_it() -> None:
    rows = ledger()
    forged = Chain(ONE)
    forged.start(NOW, ())
    forged.add(signed(n + 50) for n in range(4))
    rows[:5] = rows_of(forged)
    assert faults(rows) == [(ONE, 5)]


def test_a_chain_under_another_name_is_found() -> None:
    rows = [row._replace(chain="LG" + "3" * 32) if row.chain == TWO else row for row in ledger()]
    assert faults(rows)[0] == ("LG" + "3" * 32, 1)


def test_a_call_without_its_certificate_record_is_found() -> None:
    assert len(faults(ledger(), frames=())) == 7


def side_by_side() -> list[Row]:
    """Two chains that are written at the same time; each looks at the other."""
    one, two = Chain(ONE), Chain(TWO)
    one.start(NOW, ())
    two.start(NOW, ())
    one.add(signed(n) for n in range(3))
    rows = {ONE: rows_of(one), TWO: rows_of(two)}
    two.look(NOW, [(ONE, one.position, one.newest.hex())])
    rows[TWO] += rows_of(two)
    one.look(NOW, [(TWO, two.position, two.newest.hex())])
    one.add([signed(9)])
    return [*rows[ONE], *rows_of(one), *rows[TWO]]


def _rehashed(rows: list[Row], altered: int, last: int) -> list[Row]:
    """A row's level is another, and all that follow up to ``last`` are hashed again."""
    body = rows[altered].body.replace(b'"level":"A"', b'"level":"B"')
    assert body != rows[altered].body
    rows[altered] = rows[altered]._replace(body=body)
    for at in range(altered, last):
        rows[at] = rows[at]._replace(hash=chained(rows[at - 1].hash, rows[at].body))
    return rows


def test_a_chain_written_anew_contradicts_the_one_beside_it() -> None:
    rows = side_by_side()
    assert faults(rows) == []
    # Six rows of the first chain, then two of the second; the fourth is the one that was seen.
    assert faults(_rehashed(rows, 1, 6)) == [(ONE, 4)]


def test_what_the_other_saw_before_is_not_forgotten_by_what_it_sees_later() -> None:
    one, two = Chain(ONE), Chain(TWO)
    one.start(NOW, ())
    two.start(NOW, ())
    rows = rows_of(one)
    for n in range(3):
        one.add([signed(n)])
        rows += rows_of(one)
        two.look(NOW, [(ONE, one.position, one.newest.hex())])
    rows += rows_of(two)
    assert faults(rows) == []
    forged = _rehashed(list(rows), 1, 4)
    assert faults(forged) == [(ONE, 2), (ONE, 3), (ONE, 4)]


def test_a_chain_that_loses_its_end_contradicts_the_one_beside_it() -> None:
    rows = side_by_side()
    assert faults([*rows[:3], *rows[6:]]) == [(ONE, 4)]
    assert faults(rows[:5] + rows[6:]) == []


def test_of_one_chain_it_is_asked_what_the_others_say() -> None:
    rows = side_by_side()
    cut = rows[:3]
    others = [batch_of(row) for row in rows[6:]]
    kept, frames = [batch_of(row) for row in cut], {call_frame(row) for row in cut}
    assert check(kept, frames, kept_in(cut)).faults == ()
    found = check(kept, frames, kept_in(cut), others)
    assert [(each.chain, each.position) for each in found.faults] == [(ONE, 4)]


def test_many_faults_are_told_up_to_a_number() -> None:
    chain = Chain(ONE)
    chain.start(NOW, ())
    chain.add(sealed() for _ in range(300))
    assert len(faults(rows_of(chain), frames=())) == MOST_FAULTS
