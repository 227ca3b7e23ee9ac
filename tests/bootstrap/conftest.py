"""What the tests of the joined parts share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from phonotary.storage import migrate
from phonotary.storage.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    migrate.upgrade(made)
    yield made
    made.close()
