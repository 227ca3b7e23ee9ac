"""A repository that is slow costs its first caller a verdict, and nobody else anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from phonotary.outbound.keeping import Keeping
from phonotary.outbound.repository import Repository
from phonotary.shaken import issuing
from phonotary.shaken.chains import ValidChain
from phonotary.shaken.verdicts import Unobtainable
from tests.outbound.test_repository import DAY, NOW, OWL, TRUST, House, house
from tests.simulators import lying_repository as lies

HOUR = 3_600


async def until(is_so: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.005)


class Hanging:
    """Serves OWL's chain at every address but those of hosts that hang until they are let."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let = asyncio.Event()
        self.closed = False

    async def get(self, url: str, media_type: str) -> Any:
        from phonotary.outbound.fetch import Fetched

        self.asked.append(url)
        if "hang" in url:
            await self.let.wait()
        return Fetched(OWL.pem, None)

    async def close(self) -> None:
        self.closed = True


def hanging(**keeping: Any) -> tuple[Repository, Hanging]:
    there = Hanging()
    return Repository(there, TRUST, lambda: NOW, Keeping(**keeping)), there  # type: ignore[arg-type]


def fault(found: object) -> str:
    return found.fault if isinstance(found, Unobtainable) else type(found).__name__


def test_the_call_after_the_first_finds_what_came_too_late_for_it() -> None:
    async def run(h: House) -> None:
        h.serve(lies.after(0.6, lies.serves(OWL.pem)))
        begun = time.monotonic()
        first = await h.service.verify(h.call())
        assert time.monotonic() - begun < 0.59
        assert (first.case, first.desc) == ("E8", "The repository does not answer in time.")
        await until(lambda: len(h.repository) == 1, 2)
        second = h.service.verify_now(h.call())
        assert second is not None
        assert second.passed
        assert h.there.requests == ["/c"]

    house(run)


def test_a_fetch_ends_with_its_patience_and_only_then_counts_as_failed() -> None:
    async def run(h: House) -> None:
        h.serve(lies.never())
        assert fault(await h.repository.obtain(h.url)) == "timeout"
        assert h.repository.kept(h.url) is None
        await until(lambda: h.repository.kept(h.url) is not None)
        assert fault(h.repository.kept(h.url)) == "timeout"
        assert h.there.requests == ["/c"]

    house(run, budget=0.1, patience=1.0)


def test_a_fetch_that_is_late_holds_no_place() -> None:
    async def run() -> None:
        repository, there = hanging(fetches=1, of_a_site=1, budget=0.2)
        slow = asyncio.create_task(repository.obtain("https://hang.example/c"))
        await asyncio.sleep(0.1)
        found = await repository.obtain("https://owl.example/c")
        assert isinstance(found, ValidChain)
        assert fault(await slow) == "timeout"
        there.let.set()
        await until(lambda: len(repository) == 2)
        await repository.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("bounds", "hosts", "left"),
    [
        ({"late": 2}, ("hang.a", "hang.b", "hang.c"), ("hang.b", "hang.c")),
        # Another site's does not go before its own.
        (
            {"late_of_a_site": 1},
            ("hang.b.example", "hang1.a.example", "hang2.a.example"),
            ("hang.b.example", "hang2.a.example"),
        ),
        # The site's own bound comes first, so that it takes nothing from others.
        (
            {"late_of_a_site": 1, "late": 2},
            ("hang.b.example", "hang1.a.org", "hang2.a.org"),
            ("hang.b.example", "hang2.a.org"),
        ),
    ],
)
def test_of_too_many_late_fetches_the_oldest_is_given_up_and_not_held_against_anybody(
    bounds: dict[str, int], hosts: tuple[str, ...], left: tuple[str, ...]
) -> None:
    async def run() -> None:
        repository, there = hanging(budget=0.05, **bounds)
        urls = [f"https://{host}/c" for host in hosts]
        for url in urls:
            assert fault(await repository.obtain(url)) == "timeout"
        await until(lambda: len(repository._flying) == 2)
        assert [repository.kept(url) for url in urls] == [None] * 3
        there.let.set()
        await until(lambda: len(repository) == 2)
        known = [host for host, url in zip(hosts, urls, strict=True) if repository.kept(url)]
        assert known == [*left]
        await repository.close()

    asyncio.run(run())


def test_closing_ends_the_fetches_that_went_on() -> None:
    async def run() -> None:
        repository, there = hanging(budget=0.05)
        await repository.obtain("https://hang.example/c")
        assert len(asyncio.all_tasks()) == 2
        await repository.close()
        assert (len(asyncio.all_tasks()), there.closed) == (1, True)
        assert len(repository._places) == 0

    asyncio.run(run())


def test_a_call_that_waits_while_the_service_closes_gets_a_verdict() -> None:
    async def run() -> None:
        repository, _ = hanging()
        waiting = asyncio.create_task(repository.obtain("https://hang.example/c"))
        await asyncio.sleep(0.02)
        await repository.close()
        assert isinstance(await waiting, Unobtainable)

    asyncio.run(run())


def test_a_chain_stays_in_use_while_its_repository_is_slow() -> None:
    async def run(h: House) -> None:
        await h.repository.obtain(h.url)
        await until(lambda: len(h.repository) == 1)
        h.serve(lies.after(0.3, lies.serves(OWL.pem)))
        h.clock[0] += DAY
        assert h.repository.kept(h.url) is None
        assert (await h.service.verify(h.call())).passed
        await until(lambda: h.repository.kept(h.url) is not None, 2)
        assert len(h.there.requests) == 2

    house(run, budget=0.1)


def test_a_chain_in_use_is_fetched_anew_before_its_time_and_no_call_waits() -> None:
    async def run(h: House) -> None:
        await h.repository.obtain(h.url)
        h.clock[0] += DAY - HOUR - 1
        assert h.repository.kept(h.url) is not None
        assert not h.repository._flying
        h.clock[0] += 1
        for _ in range(3):
            assert h.repository.kept(h.url) is not None
        await until(lambda: not h.repository._flying)
        assert len(h.there.requests) == 2
        h.clock[0] += DAY - HOUR - 1
        assert h.repository.kept(h.url) is not None
        assert len(h.there.requests) == 2

    house(run)


@pytest.mark.parametrize(
    "bad",
    [
        lies.serves(b"", status="500 Oh"),
        lies.serves((lambda root: issuing.chain(root))(issuing.root(NOW))),
    ],
)
def test_what_goes_wrong_ahead_of_time_takes_no_chain_away(bad: lies.Behaviour) -> None:
    async def run(h: House) -> None:
        await h.repository.obtain(h.url)
        h.serve(bad)
        h.clock[0] += DAY - HOUR
        for _ in range(3):
            assert isinstance(h.repository.kept(h.url), ValidChain)
            await until(lambda: not h.repository._flying)
        assert len(h.there.requests) == 2
        h.clock[0] += HOUR - 1
        assert isinstance(h.repository.kept(h.url), ValidChain)

    house(run, stale=False)
