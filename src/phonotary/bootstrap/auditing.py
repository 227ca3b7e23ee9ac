"""Whether all that was recorded is as it was written: the ledger, and what it witnesses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from phonotary.bootstrap.controls import PRISTINE
from phonotary.clock import iso8601
from phonotary.errors import Reason, Refused
from phonotary.shaken.ledger import Link
from phonotary.storage import ledger_audit, ledger_kept, migrate
from phonotary.storage.database import Database
from phonotary.storage.ledger_histories import CHANGES, DECISIONS

_MOST_CHAINS = 64


class Audit(NamedTuple):
    """What an audit found."""

    chains: int
    rows: int
    faults: tuple[str, ...]
    """What is not as it was written."""
    open: tuple[str, ...]
    """What cannot be proven, for nothing was written that would prove it."""
    newest: tuple[Link, ...]
    """The newest rows of the chains, the chain that grew last first; at most 64."""


def audit(database: Database, noted: Iterable[Link] = ()) -> Audit:
    """Check all of it, and whether rows that were ``noted`` elsewhere are there as they were.
    Refused (NOT_FOUND) where the database holds no hub of this version."""
    if migrate.current(database) != migrate.HEAD:
        raise Refused(Reason.NOT_FOUND, "That database holds no hub of this version")
    found = ledger_audit.verify(database)
    with database.reading() as store:
        newest = ledger_kept.newest(store.connection, _MOST_CHAINS)
        sandbox = store.setting(PRISTINE) is not None
    faults = [str(fault) for fault in found.faults]
    faults += [*ledger_audit.leftovers(database), *_contradicted(database, noted)]
    said = _unwitnessed(database)
    at = ledger_audit.Histories(database).put_back_at
    if at is not None:
        back = f"the state was put back, last at {iso8601(at)}: decisions from before are not kept"
        # A service never does that: somebody who can write has made it look so.
        (said if sandbox else faults).append(back)
    return Audit(found.chains, found.rows, tuple(faults), tuple(said), tuple(newest))


def _contradicted(database: Database, noted: Iterable[Link]) -> Iterator[str]:
    for chain, position, hashed in noted:
        with database.reading() as store:
            found = ledger_kept.hash_of(store.connection, chain, position)
        if found is None:
            yield f"chain {chain} row {position}: missing, yet it was noted"
        elif found.hex() != hashed:
            yield f"chain {chain} row {position}: not the row that was noted"


def _unwitnessed(database: Database) -> list[str]:
    """Entries that no row of the ledger names: those since the last minute that calls came, those
    that were committed late, and those that somebody has put among others."""
    histories = ledger_audit.Histories(database)
    runs: dict[str, list[tuple[int, int]]] = {DECISIONS: [], CHANGES: []}
    for _, witness in ledger_audit.witnesses(database):
        if witness.of in runs and not histories.is_void(witness):
            runs[witness.of] += witness.runs
    missing = {of: histories.entries(of) - _union(each) for of, each in runs.items()}
    return [f"{n} entries of {of} are not witnessed" for of, n in missing.items() if n > 0]


def _union(runs: Iterable[tuple[int, int]]) -> int:
    """How many numbers are in any of these runs: several writers may witness the same."""
    size = reached = 0
    for first, last in sorted(runs):
        size += max(0, last - max(first, reached + 1) + 1)
        reached = max(reached, last)
    return size
