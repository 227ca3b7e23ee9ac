"""Whether the ledger is as it was written: the other half of :mod:`phonotary.shaken.ledger`."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.shaken.ledger import (
    SPAN,
    Batch,
    Body,
    Call,
    Pruned,
    Row,
    Started,
    chained,
    genesis,
    mark,
    read,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where the ledger is not as it was written."""

    chain: str
    position: int
    what: str

    def __str__(self) -> str:
        return f"chain {self.chain} row {self.position}: {self.what}"


@dataclass(frozen=True, slots=True)
class Check:
    """What :func:`check` found."""

    chains: int
    rows: int
    faults: tuple[Fault, ...]
    """The first of them, at most :data:`MOST_FAULTS`."""


MOST_FAULTS = 100
_COLUMNS = "its columns say something else than its body"


class Known:
    """What the rows that start chains and record prunings say: read before the others."""

    def __init__(self, control: Iterable[Batch] = ()) -> None:
        self.ends: dict[str, tuple[int, bytes]] = {}
        """Chains that were pruned: the last row that was removed."""
        self.ties: dict[tuple[str, int], list[tuple[str, bytes]]] = {}
        """A row that a later chain says it began after: that chain, and the row's hash."""
        for batch in control:
            try:
                for row in batch.unpacked():
                    self._note(row.chain, read(row.body))
            except Refused:
                # Whoever checks its chain says so.
                continue

    def _note(self, of: str, body: Body) -> None:
        if isinstance(body, Started) and body.after:
            chain, position, newest = body.after
            self.ties.setdefault((chain, position), []).append((of, _from_hex(newest)))
        elif isinstance(body, Pruned):
            for chain, (position, newest) in body.ends.items():
                if position >= self.ends.get(chain, (0, b""))[0]:
                    self.ends[chain] = (position, _from_hex(newest))


def check(batches: Iterable[Batch], known: Known, frames: Container[str]) -> Check:
    """Whether the rows of batches, in the order of chain and position, are all there and as they
    were written.

    ``frames`` are the digests of the frames that are kept. After a fault the check goes on from
    the row it met, so one change is told once.
    """
    run = _Run(known, frames)
    for batch in batches:
        run.batch(batch)
    run.end()
    return Check(run.chains, run.rows, tuple(run.faults))


class _Run:
    """One pass over the rows."""

    def __init__(self, known: Known, frames: Container[str]) -> None:
        self.known = known
        self.frames = frames
        self.ties = dict(known.ties)
        self.faults: list[Fault] = []
        self.chains = self.rows = 0
        self.chain: str | None = None
        self.position = 0
        self.previous: bytes | None = None

    def batch(self, batch: Batch) -> None:
        if batch.chain != self.chain:
            self._begin(batch.chain)
        try:
            rows = batch.unpacked()
        except Refused:
            self._add(Fault(batch.chain, batch.position, "its batch cannot be read as rows"))
            self.position, self.previous = batch.position + max(batch.rows, 1) - 1, None
            return
        times = [self._row(row, batch.origids[4 * n : 4 * n + 4]) for n, row in enumerate(rows)]
        told = [each for each in times if each is not None]
        stated = (batch.first_at, batch.last_at)
        wrong = len(batch.origids) != 4 * len(rows) or batch.last_at - batch.first_at > SPAN
        if wrong or (len(told) == len(rows) and stated != (min(told), max(told))):
            self._fault(rows[0], _COLUMNS)

    def _row(self, row: Row, marked: bytes) -> Instant | None:
        """Its time; None where it was pruned, or cannot be read."""
        self.rows += 1
        self._witnessed(row)
        if row.position <= self.known.ends.get(row.chain, (0, b""))[0]:
            # A pruning that was interrupted has left it.
            return None
        expected = self.position + 1
        if row.position != expected:
            gone = f"row {expected}" if row.position == expected + 1 else f"rows from {expected}"
            self._fault(row, f"{gone} before it missing")
            self.previous = None
        if self.previous is not None and chained(self.previous, row.body) != row.hash:
            self._fault(row, "altered, or not the row that was written after the one before it")
        self.position, self.previous = row.position, row.hash
        return self._contents(row, marked)

    def end(self) -> None:
        """Every row that a chain began after must have been met, or have been pruned."""
        for (chain, position), witnesses in self.ties.items():
            end = self.known.ends.get(chain, (0, b""))
            if position < end[0]:
                continue
            for witness, newest in witnesses:
                if end != (position, newest):
                    self._add(
                        Fault(chain, position, f"missing, yet chain {witness} began after it")
                    )

    def _begin(self, chain: str) -> None:
        self.chains += 1
        self.chain = chain
        self.position, self.previous = self.known.ends.get(chain, (0, genesis(chain)))

    def _witnessed(self, row: Row) -> None:
        for witness, newest in self.ties.pop((row.chain, row.position), ()):
            if newest != row.hash:
                self._fault(row, f"not the row that chain {witness} began after")

    def _contents(self, row: Row, marked: bytes) -> Instant | None:
        """The columns rows are looked up by say what the body says."""
        try:
            body = read(row.body)
        except Refused:
            self._fault(row, "its body cannot be read")
            return None
        if row.position == 1 and not (isinstance(body, Started) and body.chain == row.chain):
            self._fault(row, "the chain does not begin with its own first row")
        origid = None
        if isinstance(body, Call):
            origid = body.origid
            if body.frame is not None and body.frame not in self.frames:
                self._fault(row, "its certificate record is missing")
        if mark(origid).to_bytes(4, "big") != marked:
            self._fault(row, _COLUMNS)
        return body.at

    def _fault(self, row: Row, what: str) -> None:
        self._add(Fault(row.chain, row.position, what))

    def _add(self, fault: Fault) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(fault)


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
