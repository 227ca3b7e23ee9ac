"""Whether the ledger is as it was written: the other half of :mod:`phonotary.shaken.ledger`."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.shaken.ledger import (
    SPAN,
    Batch,
    Call,
    Link,
    Row,
    Seen,
    Started,
    Witnessed,
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
    beside: bool = False
    """Whether the row is as it was written, and what it names by its digest is not."""

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


HashOf = Callable[[str, int], bytes | None]
"""A row's hash by its chain and its position, None where there is no such row."""


def check(
    batches: Iterable[Batch],
    frames: Container[str],
    hash_of: HashOf,
    others: Iterable[Batch] = (),
    holds: Callable[[Witnessed], bool] = lambda witnessed: False,
) -> Check:
    """Whether the rows of batches, in the order of chain and position, are all there and as they
    were written, and other chains' rows that they name are.

    ``frames`` are the digests of the frames that are kept. ``others`` are batches of other chains
    that may name rows of these; their own rows are not checked. ``holds`` says whether a history
    is still what a row saw of it. After a fault the check goes on
    from the row it met, so one change is told once.
    """
    run = _Run(frames, hash_of, holds)
    for batch in batches:
        run.batch(batch)
    if run.chain is not None:
        for batch in others:
            run.witness(batch, run.chain)
    faults = run.faults + run.contradicted + run.beside
    return Check(run.chains, run.rows, tuple(faults)[:MOST_FAULTS])


class _Run:
    """One pass over the rows."""

    def __init__(
        self, frames: Container[str], hash_of: HashOf, holds: Callable[[Witnessed], bool]
    ) -> None:
        self.frames = frames
        self.hash_of = hash_of
        self.holds = holds
        self.faults: list[Fault] = []
        self.beside: list[Fault] = []
        """What rows name: told last, for rows that are altered name nothing."""
        self.contradicted: list[Fault] = []
        """What other chains say of rows: told after, for the chain itself names the row better."""
        self.chains = self.rows = 0
        self.chain: str | None = None
        self.position = 0
        self.previous: bytes | None = None

    def batch(self, batch: Batch) -> None:
        if batch.chain != self.chain:
            self.chains += 1
            self.chain = batch.chain
            self.position, self.previous = 0, genesis(batch.chain)
        try:
            rows = batch.unpacked()
        except Refused:
            _add(self.faults, batch.chain, batch.position, "its batch cannot be read as rows")
            self.position, self.previous = batch.position + max(batch.rows, 1) - 1, None
            return
        times = [self._row(row, batch.origids[4 * n : 4 * n + 4]) for n, row in enumerate(rows)]
        told = [each for each in times if each is not None]
        stated = (batch.first_at, batch.last_at)
        wrong = len(batch.origids) != 4 * len(rows) or batch.last_at - batch.first_at > SPAN
        if wrong or (len(told) == len(rows) and stated != (min(told), max(told))):
            self._fault(rows[0], _COLUMNS)

    def witness(self, batch: Batch, of: str) -> None:
        """What a batch of another chain says of the chain ``of``."""
        try:
            bodies = [(row, read(row.body)) for row in batch.unpacked()]
        except Refused:
            # Whoever checks its own chain says so.
            return
        for row, body in bodies:
            if isinstance(body, Started | Seen):
                self._links(row, (link for link in body.after if link[0] == of))

    def _row(self, row: Row, marked: bytes) -> Instant | None:
        """Its time; None where it cannot be read."""
        self.rows += 1
        expected = self.position + 1
        if row.position != expected:
            gone = f"row {expected}" if row.position == expected + 1 else f"rows from {expected}"
            self._fault(row, f"{gone} before it missing")
            self.previous = None
        if self.previous is not None and chained(self.previous, row.body) != row.hash:
            self._fault(row, "altered, or not the row that was written after the one before it")
        self.position, self.previous = row.position, row.hash
        return self._contents(row, marked)

    def _links(self, row: Row, links: Iterable[Link]) -> None:
        for chain, position, newest in links:
            found = self.hash_of(chain, position)
            if found is None:
                what = f"missing, yet chain {row.chain} row {row.position} has seen it"
                _add(self.contradicted, chain, position, what)
            elif found.hex() != newest:
                what = f"not the row that chain {row.chain} row {row.position} has seen"
                _add(self.contradicted, chain, position, what)

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
                self._beside(row, "its certificate record is missing, or not what was recorded")
        elif isinstance(body, Started | Seen):
            self._links(row, body.after)
        elif isinstance(body, Witnessed) and not self.holds(body):
            of = f"{body.of} {body.runs[0][0]} to {body.runs[-1][1]}" if body.runs else body.of
            self._beside(row, f"{of} are not what this row saw")
        if mark(origid).to_bytes(4, "big") != marked:
            self._fault(row, _COLUMNS)
        return body.at

    def _fault(self, row: Row, what: str) -> None:
        _add(self.faults, row.chain, row.position, what)

    def _beside(self, row: Row, what: str) -> None:
        _add(self.beside, row.chain, row.position, what, beside=True)


def _add(
    faults: list[Fault], chain: str, position: int, what: str, *, beside: bool = False
) -> None:
    if len(faults) < MOST_FAULTS:
        faults.append(Fault(chain, position, what, beside))
