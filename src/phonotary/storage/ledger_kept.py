"""The ledger read back: calls and their certificates found."""

from __future__ import annotations

from collections.abc import Callable, Collection
from heapq import nlargest
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, and_, func, literal, or_, select, text

from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.shaken import certificates
from phonotary.shaken.ledger import SPAN, Batch, Body, Call, Frame, Link, Row, mark, read
from phonotary.storage.ledger_table import NEWEST, Certificate, links, x5u_of
from phonotary.storage.schema import calls, ledger_batches, ledger_certificates

_COLUMNS = [calls.c[name] if name in calls.c else ledger_batches.c[name] for name in Batch._fields]
# A batch without its other half is still a batch: a check must see it.
_WHOLE = ledger_batches.outerjoin(calls, calls.c.seq == ledger_batches.c.seq)
SELECTED = select(*_COLUMNS).select_from(_WHOLE)
"""A batch's columns, for :func:`batch_of`."""
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
    asked = [containing(connection, ledger_batches.c.origids, key)]
    if since is not None:
        asked.append(ledger_batches.c.last_at >= since)
    if until is not None:
        asked.append(ledger_batches.c.first_at < until)

    def found(batch: Batch, n: int, body_of: bytes) -> bool:
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
    somewhere = [
        or_(*(containing(connection, calls.c.bodies, one) for one in each)) for each in wanted
    ]
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


def containing(connection: Connection, column: Any, needle: bytes) -> Any:
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
        for n, row in enumerate(readable(batch)):
            if may_be(batch, n, row.body):
                call = _call(row)
                if call is not None and is_it(call):
                    total += 1
                    found.append((call.at, seq, row))
        found = nlargest(limit, found, key=lambda each: (each[0], each[1], each[2].position))
    return Found([row for _, _, row in found], total)


def readable(batch: Batch) -> list[Row]:
    """Its rows. A batch that was altered hides no other; a check tells of it."""
    try:
        return batch.unpacked()
    except Refused:
        return []


def _call(row: Row) -> Call | None:
    body = body_of(row)
    return body if isinstance(body, Call) else None


def body_of(row: Row) -> Body | None:
    """What a row says; None where that cannot be read."""
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


def _batches(connection: Connection, asked: Any) -> list[Batch]:
    return [batch_of(each) for each in connection.execute(SELECTED.where(asked))]


def batch_of(found: Any) -> Batch:
    """A row of :data:`SELECTED`."""
    batch = Batch(*found)
    return batch._replace(
        origids=bytes(batch.origids),
        bodies=bytes(batch.bodies or b""),
        hashes=bytes(batch.hashes or b""),
    )
