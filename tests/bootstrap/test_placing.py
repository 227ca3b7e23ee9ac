"""The table of places in a running hub: a new one is taken, one that is none is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from phonotary.bootstrap import placing
from phonotary.bootstrap.placing import FollowedPlaces, import_table
from phonotary.errors import Refused
from tests.web.consoles import hub_with

NUMBER = "+14155550100"


def imported(directory: Path, city: str) -> None:
    table = directory / "table.csv"
    table.write_text(f"npa,nxx,state,ratecenter\n415,555,CA,{city}\n")
    import_table(directory, table, None)


def test_a_table_that_comes_changes_or_goes_is_followed(tmp_path: Path) -> None:
    places = FollowedPlaces(tmp_path)
    first = places.of(NUMBER)
    for city in ("DALY CITY", "SAUSALITO"):
        imported(tmp_path, city)
        assert places.of(NUMBER) != f"{city} CA"
        places.look()
        assert places.of(NUMBER) == f"{city} CA"
    (tmp_path / placing.FILE).unlink()
    places.look()
    assert places.of(NUMBER) == first


@pytest.mark.parametrize("broken", [b"DALY CITY, XX|415\n", b"\xff\xfe|415\n"])
def test_a_table_that_is_none_leaves_the_one_before(tmp_path: Path, broken: bytes) -> None:
    imported(tmp_path, "DALY CITY")
    places = FollowedPlaces(tmp_path)
    (tmp_path / placing.FILE).write_bytes(broken)
    places.look()
    assert places.of(NUMBER) == "DALY CITY CA"
    with pytest.raises(Refused):
        FollowedPlaces(tmp_path)
    imported(tmp_path, "SAUSALITO")
    places.look()
    assert places.of(NUMBER) == "SAUSALITO CA"


def test_an_unchanged_table_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(tmp_path, "DALY CITY")
    places = FollowedPlaces(tmp_path)
    monkeypatch.setattr(placing, "places_in", lambda directory: pytest.fail("it was read"))
    places.look()
    assert places.of(NUMBER) == "DALY CITY CA"


def test_a_running_hub_looks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_with(tmp_path) as hub:
        imported(tmp_path, "DALY CITY")

        async def run() -> None:
            looking = asyncio.create_task(hub.voice.run())
            try:
                async with asyncio.timeout(20):
                    while hub.names.place_of(NUMBER) != "DALY CITY CA":
                        await asyncio.sleep(0.05)
            finally:
                looking.cancel()

        asyncio.run(run())
