"""Fixtures that every room's tests may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulators import hub as hubs
from tests.simulators import postgres


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hubs.Hub]:
    """One sandbox for all tests of a run that can share it: each makes bundles of its own."""
    with hubs.running(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def fresh_hub(tmp_path: Path) -> Iterator[hubs.Hub]:
    """A sandbox as a newcomer finds it, for one test alone."""
    with hubs.running(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """One PostgreSQL cluster; take a database of your own from ``postgres.database``."""
    with postgres.cluster() as url:
        yield url


@pytest.fixture(scope="session")
def stoppable() -> Iterator[postgres.Server]:
    """Another one, for tests that stop it: each leaves it running."""
    with postgres.server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of each kind that nothing was ever written to."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'hub.db'}"
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        yield url
