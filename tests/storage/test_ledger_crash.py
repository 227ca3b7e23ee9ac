"""A process that is killed while it records keeps what it said was written, and nothing breaks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from phonotary.shaken.ledger import Call, read
from phonotary.storage import ledger_audit
from phonotary.storage.database import Database
from phonotary.storage.ledger import LedgerWriter
from tests.rooms.shaken.calls import signed
from tests.storage.test_ledger import rows

ROOT = Path(__file__).parents[2]


def test_what_was_flushed_is_there_after_a_kill(database: Database) -> None:
    flushed = [_killed_after(database.url, lines) for lines in (3, 1)]
    writer = LedgerWriter(database.url).start()
    writer.append(signed())
    writer.close()
    sources: dict[str, list[int]] = {}
    for row in rows(database):
        body = read(row.body)
        if isinstance(body, Call) and row.chain != writer.chain:
            sources.setdefault(row.chain, []).append(int(body.source))
    for numbers, last in zip(sources.values(), flushed, strict=True):
        assert numbers == list(range(len(numbers)))
        assert numbers[-1] >= last
    found = ledger_audit.verify(database)
    assert (found.chains, found.faults) == (3, ())


def _killed_after(url: str, lines: int) -> int:
    """The last call that the program said was flushed."""
    command = [sys.executable, "-m", "tests.storage.appending", url]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        said = [process.stdout.readline() for _ in range(lines)]
    finally:
        process.kill()
        process.wait()
    process.stdout.close()
    return int(said[-1])
