"""The pytest plugin: ``phonotary`` is a sandbox of the test's own making, reset before each test.

One hub runs for the whole session; ``--phonotary-option`` passes options to ``phonotary up``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from phonotary.testing.sandbox import Sandbox


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("phonotary").addoption(
        "--phonotary-option",
        action="append",
        default=[],
        help="an option for `phonotary up`; give it once for each word",
    )


@pytest.fixture(scope="session")
def phonotary_session(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """The running hub itself, never reset."""
    # Imported late: a run that asks for no sandbox should not pay for one.
    from phonotary.testing.sandbox import start

    with start(*request.config.getoption("--phonotary-option")) as sandbox:
        yield sandbox


@pytest.fixture
def phonotary(phonotary_session: Sandbox) -> Sandbox:
    """The hub as it starts: nothing of an earlier test is left."""
    phonotary_session.reset()
    return phonotary_session
