"""Several requests' writes in one SQLite commit: each is kept or undone as if it were alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from phonotary.bootstrap.together import Together
from phonotary.errors import Reason, Refused
from phonotary.storage.database import Database, Outcome
from phonotary.storage.store import SqlStore


@pytest.fixture
def database(migrated_sqlite: Database) -> Database:
    return migrated_sqlite


def put(name: str) -> Any:
    def work(store: SqlStore) -> str:
        store.put_setting(name, "kept")
        return name

    return work


def refuse(store: SqlStore) -> None:
    store.put_setting("half-done", "must not stay")
    raise Refused(Reason.NOT_FOUND, "no such thing")


def kept(database: Database, name: str) -> str | None:
    return database.read(lambda store: store.setting(name))


def test_one_that_is_refused_is_undone_and_the_others_are_kept(database: Database) -> None:
    first, second, third = database.write_each([put("one"), refuse, put("three")])
    assert (first.result, third.result) == ("one", "three")
    assert isinstance(second.error, Refused)
    assert [kept(database, name) for name in ("one", "half-done", "three")] == [
        "kept",
        None,
        "kept",
    ]


def test_each_sees_what_those_before_it_wrote(database: Database) -> None:
    _, seen = database.write_each([put("before"), lambda store: store.setting("before")])
    assert seen.result == "kept"


def test_when_the_commit_fails_nobody_is_told_that_it_held(database: Database) -> None:
    def breaks(store: SqlStore) -> None:
        # What a full disk does: SQLite ends the transaction by itself.
        store.connection.exec_driver_sql("ROLLBACK")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        database.write_each([put("lost"), breaks])
    assert kept(database, "lost") is None


def test_those_of_one_turn_share_a_commit_and_each_gets_its_own_answer(database: Database) -> None:
    batches: list[int] = []

    def write_each(works: Any) -> list[Outcome]:
        batches.append(len(works))
        return database.write_each(works)

    async def three() -> list[Any]:
        together = Together(write_each)
        works = [together.write(put("a")), together.write(refuse), together.write(put("c"))]
        return await asyncio.gather(*works, return_exceptions=True)

    first, second, third = asyncio.run(three())
    assert (first, third) == ("a", "c")
    assert isinstance(second, Refused)
    assert batches == [3]
