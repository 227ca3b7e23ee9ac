"""Starting again on the same data, and what a hub does when its own work fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from phonotary import sids
from phonotary.bootstrap.hub import Hub, open_hub
from phonotary.config import Settings, sqlite_url
from phonotary.trusthub import filing, review
from phonotary.trusthub.filing import Vetting
from phonotary.trusthub.records import Party
from tests.rooms import office
from tests.simulators.hub import Number

Open = Callable[..., Hub]
ONE, OTHER = "AC" + "1" * 32, "AC" + "2" * 32


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens a hub on the test's own data, as often as it is asked to."""
    hubs: list[Hub] = []

    def start(directory: str = "data", **settings: Any) -> Hub:
        path = tmp_path / directory
        path.mkdir(exist_ok=True)
        hubs.append(open_hub(Settings(sqlite_url(path), **settings)))
        return hubs[-1]

    yield start
    for hub in hubs:
        hub.database.close()
    sids.seed(None)


def everything(hub: Hub) -> list[str]:
    kinds = ("bundles", "end_users", "documents", "addresses", "numbers", "entity_assignments")
    return hub.database.read(
        lambda store: [row.sid for kind in kinds for row in getattr(store, kind).all()]
    )


def test_a_second_start_finds_what_the_first_one_made(opened: Open) -> None:
    first = opened()
    before = everything(first)
    again = opened()
    assert everything(again) == before
    assert again.reviewer_password == first.reviewer_password
    assert again.seeded.account == first.seeded.account
    assert again.seeded.primary_profile_sid == first.seeded.primary_profile_sid


def test_a_seed_repeats_itself_on_fresh_data_and_never_on_the_same(opened: Open) -> None:
    first, twin = opened("one", seed=7), opened("two", seed=7)
    assert everything(first) == everything(twin)
    minted = [[sids.mint("IT") for _ in range(5)]]
    for _ in range(2):
        opened("two", seed=7)
        minted.append([sids.mint("IT") for _ in range(5)])
    assert len({sid[2:] for several in minted for sid in several}) == 15
    assert not {sid[2:] for sid in everything(first)} & {sid[2:] for sid in minted[1] + minted[2]}


def test_a_token_that_changed_in_the_environment_is_the_one_that_counts(opened: Open) -> None:
    opened(account_sid=ONE, auth_token="a" * 32)
    again = opened(account_sid=ONE, auth_token="b" * 32)
    assert again.seeded.account.auth_token == "b" * 32
    kept = again.database.read(lambda store: store.account(ONE))
    assert kept is not None
    assert kept.auth_token == "b" * 32


def test_another_account_on_the_same_data_has_numbers_of_its_own(opened: Open) -> None:
    one, other = opened(account_sid=ONE), opened(account_sid=OTHER)
    held = [[Number(n.sid, n.phone_number) for n in hub.seeded.numbers] for hub in (one, other)]
    assert not {n.phone_number for n in held[0]} & {n.phone_number for n in held[1]}
    for numbers in held:
        assert len(numbers) == 7
        assert sum(n.is_toll_free for n in numbers) == 1
        assert sum(n.country == "CA" for n in numbers) == 1


def submitted(hub: Hub) -> str:
    party = Party(hub.seeded.account.sid, hub.seeded.account.sid)

    def work(store: Any) -> str:
        primary = store.bundles.get(hub.seeded.primary_profile_sid)
        made = office.product(store, party, primary)
        return filing.submit(store, hub.now(), made, Vetting()).sid

    answer: str = asyncio.run(hub.write(work))
    return answer


def status(hub: Hub, sid: str) -> str:
    bundle = hub.database.read(lambda store: store.bundles.get(sid))
    assert bundle is not None
    return bundle.status


def test_one_bundle_that_cannot_be_vetted_stops_no_other(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = opened()
    real = review.vet
    broken: list[str] = []

    def vet(store: Any, now: int, sid: str, **more: Any) -> Any:
        if not broken or sid in broken:
            # Half a decision is made before it fails, to see that none of it is kept.
            broken.append(sid)
            real(store, now, sid, **more)
            raise ZeroDivisionError
        return real(store, now, sid, **more)

    monkeypatch.setattr(review, "vet", vet)
    bad, good = submitted(hub), submitted(hub)
    assert (status(hub, bad), status(hub, good)) == ("pending-review", "twilio-approved")
    assert len(hub.database.read(lambda store: store.history(bad))) == 1


def test_what_was_committed_is_acknowledged_though_vetting_fails(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = opened()
    with monkeypatch.context() as broken:
        broken.setattr(hub.worker, "vet_due", lambda: 1 / 0)
        sid = submitted(hub)
        assert status(hub, sid) == "pending-review"
    asyncio.run(hub.worker.advance(hub.clock.advanced))
    assert status(hub, sid) == "twilio-approved"
