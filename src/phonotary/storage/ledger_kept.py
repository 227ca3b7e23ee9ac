"""The ledger read back: calls found, chains checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from heapq import nlargest
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, and_, func, literal, or_, select, text

from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.shaken import certificates, ledger_check
from phonotary.shaken.ledger import SPAN, Batch, Body, Call, Frame, Link, Row, Witnessed, mark, read
from phonotary.shaken.ledger_check import Check
from phonotary.storage import ledger_histories
from phonotary.storage.database import Database
from phonotary.storage.ledger_table import NEWEST, Certificate, links, x5u_of
from phonotary.storage.schema import calls, ledger_batches, ledger_certificates

_COLUMNS = [calls.c[name] if name in calls.c else ledger_batches.c[name] for name in Batch._fields]
# A batch without its other half is still a batch: a check must see it.
_WHOLE = ledger_batches.outerjoin(calls, calls.c.seq == ledger_batches.c.seq)
_SELECTED = select(*_COLUMNS).select_from(_WHOLE)
# Batches that are read at once: a megabyte each, at most.
_PIECE = 16
_KEY_BYTES = 4


class Found(NamedTuple):
    """What a search found."""

    rows: list[Row]
    """The newest calls, newest first: as many as were asked for."""
    total: int
    """How many there are in all."""


def by_origid(
    connection: Connection,
    origid: str,
    limit: int,
    since: Instant | None = None,
    until: Instant | None = None,
) -> Found:
    """Calls of one ``origid``, in capitals or not.

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


def by_numbers(
    connection: Connection,
    orig: Collection[str],
    dest: Collection[str],
    since: Instant,
    until: Instant,
    limit: int,
) -> Found:
    """Calls from a number, to one, or both, with ``since`` <= time < ``until``. Each number is
    given in every spelling that counts; without any, every number does."""
    wanted = [[msgspec.json.encode(one)[1:-1] for one in each] for each in (orig, dest) if each]
    # A batch spans so little that the index on its end bounds it on both sides.
    near = ledger_batches.c.last_at.between(since, until + SPAN)
    somewhere = [or_(*(_holds(connection, calls.c.bodies, one) for one in each)) for each in wanted]
    asked = and_(near, ledger_batches.c.first_at < until, *somewhere)

    def may_be(_batch: Batch, _n: int, body: bytes) -> bool:
        return all(any(one in body for one in each) for each in wanted)

    def same(call: Call) -> bool:
        from_it = not orig or _is_one_of(call.orig, orig)
        to_it = not dest or any(_is_one_of(one, dest) for one in call.dest)
        return since <= call.at < until and from_it and to_it

    return _search(connection, asked, may_be, same, limit)


def _is_one_of(number: str, spellings: Collection[str]) -> bool:
    return number in spellings or number.removeprefix("+") in spellings


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
) -> Found:
    """Rows of the batches that are asked for: what ``may_be`` is read, and is one when its body
    says so."""
    found: list[tuple[Instant, int, Row]] = []
    total = 0
    seqs = select(ledger_batches.c.seq).select_from(_WHOLE).where(asked)
    for (seq,) in connection.execute(seqs.order_by(ledger_batches.c.seq.desc())).all():
        (batch,) = _batches(connection, ledger_batches.c.seq == seq)
        for n, row in enumerate(_readable(batch)):
            if may_be(batch, n, row.body):
                call = _call(row)
                if call is not None and is_it(call):
                    total += 1
                    found.append((call.at, seq, row))
        found = nlargest(limit, found, key=lambda each: (each[0], each[1], each[2].position))
    return Found([row for _, _, row in found], total)


def _readable(batch: Batch) -> list[Row]:
    """A batch that was altered hides no other; a check tells of it."""
    try:
        return batch.unpacked()
    except Refused:
        return []


def _call(row: Row) -> Call | None:
    body = _body(row)
    return body if isinstance(body, Call) else None


def _body(row: Row) -> Body | None:
    try:
        return read(row.body)
    except Refused:
        return None


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
    """The hash of the row before this one in its chain, None where there is none."""
    return hash_of(connection, row.chain, row.position - 1)


def hash_of(connection: Connection, chain: str, position: int) -> bytes | None:
    """The hash of a chain's row, None where there is no such row."""
    if not 0 < position < 1 << 63:
        return None
    found = ledger_batches.c
    statement = (
        select(found.position, calls.c.hashes)
        .select_from(_WHOLE)
        .where(found.chain == chain, found.position <= position)
        .order_by(found.position.desc())
        .limit(1)
    )
    batch = connection.execute(statement).first()
    if batch is None:
        return None
    at = 32 * (position - batch.position)
    return bytes(batch.hashes or b"")[at : at + 32] or None


def newest(connection: Connection, limit: int) -> list[Link]:
    """The newest row of each chain, the chain that grew last first."""
    return links(connection.execute(text(f"{NEWEST} {limit:d}")))


def leftovers(database: Database) -> list[str]:
    """What was left of rows that are gone: halves of batches, and all that is beside a ledger that
    is empty. Whoever takes that away too is contradicted only by what was noted elsewhere."""
    halves = calls.outerjoin(ledger_batches, ledger_batches.c.seq == calls.c.seq)
    orphans = select(func.count()).select_from(halves).where(ledger_batches.c.seq.is_(None))
    with database.reading() as store:
        count = store.connection.execute(orphans).scalar() or 0
        ask = store.connection.execute
        empty = ask(select(ledger_batches.c.seq).limit(1)).first() is None
        frames = ask(select(ledger_certificates.c.frame).limit(1)).first()
        began = frames or store.setting(ledger_histories.MARKER)
    found = [f"{count} batches of calls belong to no chain"] if count else []
    if empty and began:
        found.append("the ledger is empty, and was written once")
    return found


def verify(
    database: Database, only: str | None = None, histories: Histories | None = None
) -> Check:
    """Check every chain, or ``only`` one: each row is read once, in pieces, so that a ledger that
    is being written neither waits nor makes others wait. Of one chain it is also asked what the
    others say of it."""
    with database.reading() as store:
        chains = _chains(store.connection) if only is None else [only]

    def hashed(chain: str, position: int) -> bytes | None:
        with database.reading() as store:
            return hash_of(store.connection, chain, position)

    others = _naming(database, only) if only is not None else ()
    histories = histories or Histories(database)
    rows = _in_order(database, chains)
    return ledger_check.check(rows, _Frames(database), hashed, others, histories.holds)


class Histories:
    """What witnesses are held against."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.as_of = ledger_histories.put_back(self._ask)
        self._held: dict[Witnessed, bool] = {}

    def _ask(self, sql: str) -> Sequence[Any]:
        with self._database.reading() as store:
            return store.connection.exec_driver_sql(sql).all()

    def is_void(self, witness: Witnessed) -> bool:
        return ledger_histories.is_void(witness, self.as_of)

    def holds(self, witness: Witnessed) -> bool:
        """Whether a history is as it was witnessed; also where a sandbox has put it away since."""
        if witness not in self._held:
            found = self.is_void(witness) or ledger_histories.holds(self._ask, witness)
            self._held[witness] = found
        return self._held[witness]

    @property
    def put_back_at(self) -> Instant | None:
        """When a sandbox was put back last, by the hub's clock; None for never."""
        if not self.as_of:
            return None
        found: Instant = self._ask(ledger_histories.at_of(self.as_of))[0][0]
        return found

    def entries(self, of: str) -> int:
        """How many a history has."""
        found: int = self._ask(ledger_histories.count_of(of))[0][0]
        return found


def witnesses(database: Database) -> Iterator[tuple[Row, Witnessed]]:
    """Every row that witnesses a history, in the order they were written."""
    with database.reading() as store:
        witnessed = _holds(store.connection, calls.c.bodies, b'"kind":"witnessed"')
    found = ledger_batches.c
    for batch in _pieces(database, and_(found.rows == 1, witnessed), found.seq):
        for row in _readable(batch):
            body = _body(row)
            if isinstance(body, Witnessed):
                yield row, body


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
            self._sound[name] = found is not None and is_as_recorded(found)
        return self._sound[name]


def is_as_recorded(certificate: Certificate) -> bool:
    """Whether a record is the one that rows know by its digest, and holds no other certificate's
    chain or address: the digest covers the fingerprint, and the fingerprint the leaf."""
    frame = frame_of(certificate)
    its_own = certificate.x5u == x5u_of(frame) and not is_another(certificate)
    return its_own and frame.digest() == certificate.frame


def is_another(certificate: Certificate) -> bool:
    """Whether the chain that is kept is not of the certificate that the record names."""
    pem = certificate.chain_pem
    if pem is None:
        return False
    try:
        return certificates.fingerprint(pem.encode()) != certificate.fingerprint
    except Refused:
        return True


def frame_of(certificate: Certificate) -> Frame:
    return Frame(certificate.fingerprint, certificate.header, certificate.tail)


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


def _in_order(database: Database, chains: Sequence[str]) -> Iterator[Batch]:
    found = ledger_batches.c
    for chain in chains:
        yield from _pieces(database, found.chain == chain, found.position)


def _naming(database: Database, chain: str) -> Iterator[Batch]:
    """Batches of other chains that may name a row of this one. A row that does is alone in its
    batch, and was written later than the chain's first."""
    found = ledger_batches.c
    with database.reading() as store:
        began = select(func.min(found.seq)).where(found.chain == chain, found.position == 1)
        since = store.connection.execute(began).scalar() or 0
        names = _holds(store.connection, calls.c.bodies, chain.encode())
    asked = and_(found.seq > since, found.chain != chain, found.rows == 1, names)
    yield from _pieces(database, asked, found.seq)


def _pieces(database: Database, asked: Any, by: Any) -> Iterator[Batch]:
    """Batches in the order of ``by``, read in pieces."""
    last = 0
    while True:
        statement = _SELECTED.add_columns(by).where(asked, by > last).order_by(by).limit(_PIECE)
        with database.reading() as store:
            piece = store.connection.execute(statement).all()
        yield from (_batch(columns) for *columns, _ in piece)
        if len(piece) < _PIECE:
            return
        last = piece[-1][-1]


def _batches(connection: Connection, asked: Any) -> list[Batch]:
    return [_batch(each) for each in connection.execute(_SELECTED.where(asked))]


def _batch(found: Any) -> Batch:
    batch = Batch(*found)
    return batch._replace(
        origids=bytes(batch.origids),
        bodies=bytes(batch.bodies or b""),
        hashes=bytes(batch.hashes or b""),
    )
