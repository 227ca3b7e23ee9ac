"""A sandbox that is told to end while its database takes nothing loses no call it has signed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import httpx
from sqlalchemy import text

from phonotary.storage import ledger_audit
from phonotary.storage.database import Database
from tests.simulators import hub as hubs

CALLS = 50


def sign(http: httpx.Client, orig: str, n: int) -> int:
    query = {"orig": orig, "dest": f"+1202555{n:04d}", "attest": "A"}
    return http.get("/stir/v1/text/sign", params=query).status_code


def calls(url: str) -> int:
    """How many are in the ledger, whose chains check."""
    database = Database(url)
    try:
        assert ledger_audit.verify(database).faults == ()
        pieces = database.read(
            lambda store: store.connection.execute(text("SELECT bodies FROM calls")).all()
        )
    finally:
        database.close()
    return sum(bytes(bodies).count(b'"kind":"signed"') for (bodies,) in pieces)


def test_what_was_signed_while_the_file_was_locked_is_recorded_by_the_next_start(
    tmp_path: Path,
) -> None:
    file = tmp_path / "data" / "phonotary.db"
    with hubs.running(tmp_path) as hub:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with hub.client() as http:
            for n in range(CALLS):
                assert sign(http, hub.local[0].phone_number, n) == 200
    other.execute("ROLLBACK")
    other.close()
    (left,) = file.parent.glob("phonotary.db-calls-*")
    assert left.stat().st_mode & 0o777 == 0o600
    assert calls(f"sqlite:///{file}") == 0
    (tmp_path / "ready.json").unlink()
    with hubs.running(tmp_path) as hub, hub.client() as http:
        assert sign(http, hub.local[0].phone_number, CALLS) == 200
    assert not left.exists()
    assert calls(f"sqlite:///{file}") == CALLS + 1
