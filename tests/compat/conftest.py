"""Fixtures for the tests that speak Twilio's API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.compat.office import Office
from tests.simulators.hub import Hub


@pytest.fixture
def office(hub: Hub) -> Iterator[Office]:
    with hub.client() as http:
        yield Office(hub, http)
