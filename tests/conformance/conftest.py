"""A sandbox of this room's own: what it throws at the API must not be found by other tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.scenes import Desk
from tests.simulators import hub as hubs


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with hubs.running(tmp_path_factory.mktemp("conformance")) as hub, hub.client() as http:
        yield Desk(hub, http)
