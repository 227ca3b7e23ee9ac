"""The ledger held against itself, and against the histories it witnesses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, and_, func, select

from phonotary.clock import Instant
from phonotary.shaken import ledger_check
from phonotary.shaken.ledger import Batch, Row, Witnessed
from phonotary.shaken.ledger_check import Check
from phonotary.storage import ledger_histories, ledger_kept
from phonotary.storage.database import Database
from phonotary.storage.schema import calls, ledger_batches, ledger_certificates

# Batches that are read at once: a megabyte each, at most.
_PIECE = 16


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
            return ledger_kept.hash_of(store.connection, chain, position)

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
        witnessed = ledger_kept.containing(store.connection, calls.c.bodies, b'"kind":"witnessed"')
    found = ledger_batches.c
    for batch in _pieces(database, and_(found.rows == 1, witnessed), found.seq):
        for row in ledger_kept.readable(batch):
            body = ledger_kept.body_of(row)
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
                found = ledger_kept.certificate(store.connection, name)
            self._sound[name] = found is not None and ledger_kept.is_as_recorded(found)
        return self._sound[name]


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
        names = ledger_kept.containing(store.connection, calls.c.bodies, chain.encode())
    asked = and_(found.seq > since, found.chain != chain, found.rows == 1, names)
    yield from _pieces(database, asked, found.seq)


def _pieces(database: Database, asked: Any, by: Any) -> Iterator[Batch]:
    """Batches in the order of ``by``, read in pieces."""
    last = 0
    while True:
        statement = (
            ledger_kept.SELECTED.add_columns(by).where(asked, by > last).order_by(by).limit(_PIECE)
        )
        with database.reading() as store:
            piece = store.connection.execute(statement).all()
        yield from (ledger_kept.batch_of(columns) for *columns, _ in piece)
        if len(piece) < _PIECE:
            return
        last = piece[-1][-1]
