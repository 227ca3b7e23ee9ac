"""On SQLite, whose work is done in line, names are registered beside calls and not before them."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

from phonotary.storage import migrate
from phonotary.storage.database import Database
from tests.storage import registrars
from tests.storage.registrars import Clock, Elsewhere, worker


def test_calls_are_let_in_between_two_transactions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'service.db'}")
    migrate.upgrade(database)
    database.write(registrars.named)
    registering, seen, write = worker(database, Clock(), Elsewhere()), [], database.write

    def noted(work: Any) -> Any:
        seen.append("transaction")
        return write(work)

    monkeypatch.setattr(database, "write", noted)

    async def beside() -> None:
        while True:
            seen.append("call")
            await asyncio.sleep(0)

    async def both() -> None:
        calls = asyncio.create_task(beside())
        while await registering.work_once():
            pass
        calls.cancel()

    asyncio.run(both())
    database.close()
    assert seen.count("transaction") > 5
    assert ("transaction", "transaction") not in itertools.pairwise(seen)
