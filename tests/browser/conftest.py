"""A service as it is run, with customers whose names wait, and a browser in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.browser import chromium
from tests.browser.chromium import Browser
from tests.browser.served import Served, serving


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture(scope="session")
def driver() -> Iterator[httpx.Client]:
    with chromium.driver() as http:
        yield http


@pytest.fixture
def browser(driver: httpx.Client) -> Iterator[Browser]:
    """A browser that nobody has used, and that has nothing to complain of when the test is over."""
    with chromium.window(driver) as opened:
        yield opened
        assert opened.console() == []
