"""The ledger read back: calls found, chains checked, and old rows pruned for good."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, delete, func, insert, literal, or_, select

from phonotary import sids
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.shaken import ledger_check
from phonotary.shaken.ledger import SPAN, Batch, Call, Chain, Frame, Pruned, Row, mark, read
from phonotary.shaken.ledger_check import Check, Known
from phonotary.storage.database import Database
from phonotary.storage.ledger_table import Certificate
from phonotary.storage.schema import calls, ledger_batches, ledger_certificates
from phonotary.storage.store import SqlStore

_TABLE = {name: calls if name in calls.c else ledger_batches for name in Batch._fields}
_COLUMNS = [table.c[name] for name, table in _TABLE.items()]
# A batch without its other half is still a batch: a check must see it.
_WHOLE = ledger_batches.outerjoin(calls, calls.c.seq == ledger_batches.c.seq)
# Batches that are read at once: a megabyte each, at most.
_PIECE = 16
_DELETED = 100
# A chain begins with the row that starts it, and a pruning is the only other row of its chain.
_CONTROL = (1, 2)
_KEY_BYTES = 4


def by_origid(
    connection: Connection,
    origid: str,
    limit: int,
    since: Instant | None = None,
    until: Instant | None = None,
) -> list[Row]:
    """Calls of one ``origid``, in capitals or not, oldest first.

    Four bytes of every call are read through, a day of 10 million in a moment; ``since`` <=
    time < ``until`` narrows that down.
    """
    key = mark(origid).to_bytes(_KEY_BYTES, "big")
    asked = [_holds(connection, ledger_batches.c.origids, key)]
    if since is not None:
        asked.append(ledger_batches.c.last_at >= since)
    if until is not None:
        asked.append(ledger_batches.c.first_at < until)

    def found(batch: Batch, n: int, _body: bytes) -> bool:
        return batch.origids[_KEY_BYTES * n : _KEY_BYTES * (n + 1)] == key

    def same(call: Call) -> bool:
        within = (since is None or since <= call.at) and (until is None or call.at < until)
        return within and (call.origid or "").lower() == origid.lower()

    return _search(connection, and_(*asked), found, same, limit)


def by_number(
    connection: Connection, orig: str, since: Instant, until: Instant, limit: int
) -> list[Row]:
    """Calls from a number (no plus sign) with ``since`` <= time < ``until``, oldest first."""
    needle = msgspec.json.encode(orig)[1:-1]
    # A batch spans so little that the index on its end bounds it on both sides.
    near = ledger_batches.c.last_at.between(since, until + SPAN)
    asked = and_(
        near, ledger_batches.c.first_at < until, _holds(connection, calls.c.bodies, needle)
    )

    def same(call: Call) -> bool:
        return since <= call.at < until and call.orig.removeprefix("+") == orig

    return _search(connection, asked, lambda _batch, _n, body: needle in body, same, limit)


def _holds(connection: Connection, column: Any, needle: bytes) -> Any:
    """Whether bytes are somewhere in a column's."""
    if connection.dialect.name == "sqlite":
        return func.instr(column, needle) > 0
    return func.position(literal(needle).op("IN")(column)) > 0


def _search(
    connection: Connection,
    asked: Any,
    may_be: Callable[[Batch, int, bytes], bool],
    is_it: Callable[[Call], bool],
    limit: int,
) -> list[Row]:
    """Rows of the batches that are asked for, oldest first: what ``may_be`` is read, and is one
    when its body says so."""
    found: list[tuple[Instant, Row]] = []
    seqs = select(ledger_batches.c.seq).select_from(_WHOLE).where(asked)
    for (seq,) in connection.execute(seqs.order_by(ledger_batches.c.seq)).all():
        (batch,) = _batches(connection, ledger_batches.c.seq == seq)
        for n, row in enumerate(_readable(batch)):
            if may_be(batch, n, row.body):
                call = _call(row)
                if call is not None and is_it(call):
                    found.append((call.at, row))
        if len(found) >= limit:
            break
    found.sort(key=lambda each: each[0])
    return [row for _, row in found[:limit]]


def _readable(batch: Batch) -> list[Row]:
    """A batch that was altered hides no other; a check tells of it."""
    try:
        return batch.unpacked()
    except Refused:
        return []


def _call(row: Row) -> Call | None:
    try:
        body = read(row.body)
    except Refused:
        return None
    return body if isinstance(body, Call) else None


def certificate(connection: Connection, frame: str) -> Certificate | None:
    columns = [ledger_certificates.c[name] for name in Certificate._fields]
    statement = select(*columns).where(ledger_certificates.c.frame == frame)
    found = connection.execute(statement).first()
    return Certificate(*found) if found else None


def of_fingerprint(connection: Connection, fingerprint: str) -> Certificate | None:
    """A certificate by its fingerprint, one whose chain is known before others."""
    columns = [ledger_certificates.c[name] for name in Certificate._fields]
    statement = (
        select(*columns)
        .where(ledger_certificates.c.fingerprint == fingerprint)
        .order_by(ledger_certificates.c.chain_pem.is_(None))
        .limit(1)
    )
    found = connection.execute(statement).first()
    return Certificate(*found) if found else None


def before(connection: Connection, row: Row) -> bytes | None:
    """The hash of the row before this one in its chain, None where that was pruned."""
    sought = row.position - 1
    asked = and_(ledger_batches.c.chain == row.chain, ledger_batches.c.position <= sought)
    newest_first = ledger_batches.c.position.desc()
    rows = _rows_of(_batches(connection, asked, newest_first, limit=1))
    return next((each.hash for each in rows if each.position == sought), None)


def newest(connection: Connection) -> Row | None:
    rows = _rows_of(_batches(connection, None, ledger_batches.c.seq.desc(), limit=1))
    return rows[-1] if rows else None


def _rows_of(batches: Sequence[Batch]) -> list[Row]:
    return [row for batch in batches for row in _readable(batch)]


def verify(database: Database, only: str | None = None) -> Check:
    """Check every chain, or ``only`` one: each row is read once, in pieces, so that a ledger that
    is being written neither waits nor makes others wait."""
    with database.reading() as store:
        chains = _chains(store.connection)
        known = Known(_control(store.connection, chains))
    if only is not None:
        known.ties = {tie: by for tie, by in known.ties.items() if tie[0] == only}
        chains = [only]
    return ledger_check.check(_in_order(database, chains), known, _Frames(database))


class _Frames:
    """The digests of the frames that are kept whole, found as rows ask for them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sound: dict[str, bool] = {}

    def __contains__(self, digest: object) -> bool:
        name = str(digest)
        if name not in self._sound:
            with self._database.reading() as store:
                found = certificate(store.connection, name)
            self._sound[name] = found is not None and frame_of(found).digest() == name
        return self._sound[name]


def frame_of(certificate: Certificate) -> Frame:
    return Frame(certificate.fingerprint, certificate.header, certificate.tail)


def prune(database: Database, before: Instant, now: Instant) -> int:
    """Delete rows of calls older than ``before``; how many.

    Each chain loses its oldest batches up to the first with a row that is to stay: some rows stay
    up to :data:`SPAN` seconds longer. A row in a chain of its own
    says what was removed, so that what stays still checks; it is written first, and a pruning
    that is interrupted is finished by the next. Refused for an instant to come.
    """
    if before > now:
        raise Refused(Reason.INVALID_PARAMETER, "Calls that are still to come cannot be pruned")

    ends = database.write(lambda store: _say_pruned(store.connection, before, now))
    return sum(_delete(database, chain, position) for chain, (position, _) in ends.items())


_Ends = dict[str, tuple[int, bytes]]


def _say_pruned(connection: Connection, before: Instant, now: Instant) -> _Ends:
    chains = _chains(connection)
    known = Known(_control(connection, chains))
    ends, rows = dict(known.ends), 0
    for chain in chains:
        cut = _last_before(connection, chain, before)
        kept_from = ends.get(chain, (0, b""))[0]
        if cut is not None and cut[0] > kept_from:
            ends[chain] = cut
            rows += cut[0] - kept_from
    if rows:
        last = newest(connection)
        told = {
            chain: (position, at_end.hex())
            for chain, (position, at_end) in ends.items()
            if _is_asked_for(chain, chains, ends, known)
        }
        own = Chain(sids.mint("LG"))
        own.start(now, (last.chain, last.position, last.hash.hex()) if last else None)
        own.control(Pruned(now, before, told, rows))
        for batch in own.packed():
            _insert(connection, batch)
    return ends


def _is_asked_for(chain: str, chains: Sequence[str], ends: _Ends, known: Known) -> bool:
    """Whether a check still asks where this chain was cut: rows of it are there, or a chain whose
    first row stays began after one of its rows."""
    witnesses = (
        witness
        for (tied, _), several in known.ties.items()
        if tied == chain
        for witness, _ in several
    )
    return chain in chains or any(witness not in ends for witness in witnesses)


def _last_before(connection: Connection, chain: str, before: Instant) -> tuple[int, bytes] | None:
    """Position and hash of the last row that goes, None where none does."""
    found = ledger_batches.c
    stays = (
        select(func.min(found.position))
        .where(found.chain == chain, found.last_at >= before)
        .scalar_subquery()
    )
    goes = and_(found.chain == chain, or_(stays.is_(None), found.position < stays))
    batches = _batches(connection, goes, found.position.desc(), limit=1)
    if not batches:
        return None
    return batches[0].position + batches[0].rows - 1, batches[0].hashes[-32:]


def _delete(database: Database, chain: str, position: int) -> int:
    """In pieces, oldest first, so that nobody waits for long."""
    gone = 0
    while True:
        batches, rows = database.write(partial(_delete_piece, chain, position))
        gone += rows
        if batches < _DELETED:
            return gone


def _delete_piece(chain: str, position: int, store: SqlStore) -> tuple[int, int]:
    """How many batches and how many rows of them went."""
    found = ledger_batches.c
    oldest = (
        select(found.seq, found.rows)
        .where(found.chain == chain, found.position <= position)
        .order_by(found.position)
        .limit(_DELETED)
    )
    piece = store.connection.execute(oldest).all()
    seqs = [seq for seq, _ in piece]
    store.connection.execute(delete(calls).where(calls.c.seq.in_(seqs)))
    store.connection.execute(delete(ledger_batches).where(found.seq.in_(seqs)))
    return len(piece), sum(rows for _, rows in piece)


def _insert(connection: Connection, batch: Batch) -> None:
    values = batch._asdict()
    halves = [
        {name: values[name] for name, of in _TABLE.items() if of is table}
        for table in (ledger_batches, calls)
    ]
    key = connection.execute(insert(ledger_batches).values(halves[0])).inserted_primary_key
    assert key is not None
    connection.execute(insert(calls).values(seq=key[0], **halves[1]))


def _chains(connection: Connection) -> list[str]:
    """Every chain, found by stepping through the index from one to the next."""
    found: list[str] = []
    while True:
        last = found[-1] if found else ""
        statement = select(func.min(ledger_batches.c.chain)).where(ledger_batches.c.chain > last)
        chain = connection.execute(statement).scalar()
        if chain is None:
            return found
        found.append(chain)


def _control(connection: Connection, chains: Sequence[str]) -> Iterator[Batch]:
    found = ledger_batches.c
    for chain in chains:
        asked = and_(found.chain == chain, found.position.in_(_CONTROL), found.rows == 1)
        yield from _batches(connection, asked, found.position)


def _in_order(database: Database, chains: Sequence[str]) -> Iterator[Batch]:
    found = ledger_batches.c
    for chain in chains:
        position = 0
        while True:
            asked = and_(found.chain == chain, found.position > position)
            with database.reading() as store:
                piece = _batches(store.connection, asked, found.position, limit=_PIECE)
            yield from piece
            if len(piece) < _PIECE:
                break
            position = piece[-1].position


def _batches(
    connection: Connection, asked: Any, order: Any = None, limit: int | None = None
) -> list[Batch]:
    statement = select(*_COLUMNS).select_from(_WHOLE).order_by(order).limit(limit)
    if asked is not None:
        statement = statement.where(asked)
    return [_batch(each) for each in connection.execute(statement)]


def _batch(found: Any) -> Batch:
    batch = Batch(*found)
    return batch._replace(
        origids=bytes(batch.origids),
        bodies=bytes(batch.bodies or b""),
        hashes=bytes(batch.hashes or b""),
    )
