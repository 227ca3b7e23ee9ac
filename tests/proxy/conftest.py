"""A hub with its proxy, and the raw connections the tests make to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.proxy.wire import Proxy
from tests.simulators import hub as hubs


def _proxy(directory: Path) -> Proxy:
    ready: dict[str, Any] = json.loads((directory / "ready.json").read_text())
    return Proxy(ready, directory)


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    directory = tmp_path_factory.mktemp("proxy")
    with hubs.running(directory):
        yield _proxy(directory)


@pytest.fixture(scope="session")
def offline_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    directory = tmp_path_factory.mktemp("offline")
    with hubs.running(directory, "--offline"):
        yield _proxy(directory)
