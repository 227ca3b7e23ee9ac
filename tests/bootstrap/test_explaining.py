"""What ``explain`` says of deliveries and products, on a database that no hub is running on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from phonotary.bootstrap.explain import lines
from phonotary.clock import Clock
from phonotary.cnam.orders import LineOutcome, LineState
from phonotary.storage import migrate
from phonotary.storage.database import Database
from tests.rooms.office import NOW
from tests.storage import registrars
from tests.storage.registrars import Elsewhere, work, worker


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    # ``explain`` is another process than the hub and asks the clock itself.
    monkeypatch.setattr(Clock, "now", lambda clock: NOW + clock.advanced)
    return f"sqlite:///{tmp_path / 'hub.db'}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    made = Database(url)
    migrate.upgrade(made)
    yield made
    made.close()


def explained(url: str, number: str) -> str:
    return "\n".join(lines(url, number, None))


def test_an_order_that_cannot_be_sent_says_why_beside_its_state(
    database: Database, url: str
) -> None:
    family = database.write(registrars.named)
    clock, elsewhere = registrars.Clock(), Elsewhere()
    elsewhere.down = True
    work(worker(database, clock, elsewhere))
    told = explained(url, family.tn)
    (line,) = (each for each in told.splitlines() if each.startswith("  elsewhere: "))
    assert " submitted since " in line
    assert line.endswith(", not known to have arrived; last said: it is down")
    # Once it is through, only what the database said of the name is told.
    elsewhere.down = False
    elsewhere.says = LineState.REJECTED
    elsewhere.outcomes = {family.tn: LineOutcome(LineState.REJECTED, "11014", "not\nyours")}
    clock.now += 86_400
    work(worker(database, clock, elsewhere))
    told = explained(url, family.tn)
    assert "; last said: 11014 not yours" in told
    assert "not known to have arrived" not in told and "it is down" not in told
