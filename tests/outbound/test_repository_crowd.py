"""Many unseen certificates at once: each call waits its half second, and no stranger takes all."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from typing import Any

import pytest

from phonotary.outbound.fetch import Fetched, Fetcher
from phonotary.outbound.keeping import Keeping
from phonotary.outbound.places import Places
from phonotary.outbound.repository import Repository
from phonotary.outbound.resolving import Resolver
from phonotary.shaken.chains import ValidChain
from phonotary.shaken.verdicts import Unobtainable
from tests.outbound.test_repository import NOW, OWL, TRUST, House, house
from tests.outbound.test_repository_slow import Hanging, fault, hanging
from tests.simulators import lying_repository as lies


def test_a_cold_start_loses_no_call_of_one_large_host() -> None:
    async def run(h: House) -> None:
        serve = lies.after(0.05, lies.serves(OWL.pem))
        urls = [h.there.at(f"/{n}.pem", serve) for n in range(60)]
        found = await asyncio.gather(*map(h.repository.obtain, urls))
        assert all(isinstance(one, ValidChain) for one in found)

    house(run, budget=2.0)


class Counting(Hanging):
    """Answers after 20 ms and knows how many it answered at the same time, by host."""

    def __init__(self) -> None:
        super().__init__()
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    async def get(self, url: str, media_type: str) -> Any:
        host = url.split("/")[2]
        self.now[host] += 1
        self.most[host] = max(self.most[host], self.now[host])
        try:
            if "hang" in url:
                await self.let.wait()
            await asyncio.sleep(0.02)
            return Fetched(OWL.pem, None)
        finally:
            self.now[host] -= 1


def test_a_host_is_asked_no_more_than_its_share_at_once_and_the_rest_waits() -> None:
    async def run() -> None:
        there = Counting()
        keeping = Keeping(fetches=6, of_a_host=2)
        repository = Repository(there, TRUST, lambda: NOW, keeping)  # type: ignore[arg-type]
        hosts = ("a.example.org", "b.example.org")
        urls = [f"https://{host}/{n}.pem" for n in range(6) for host in hosts]
        found = await asyncio.gather(*map(repository.obtain, urls))
        assert all(isinstance(one, ValidChain) for one in found)
        assert there.most == {host: 2 for host in hosts}
        await repository.close()

    asyncio.run(run())


def test_a_host_that_hangs_leaves_the_others_of_its_hosting_domain_alone() -> None:
    async def run() -> None:
        repository, _ = hanging()
        evil = [f"https://hang.s3.amazonaws.com/{n}.pem" for n in range(100)]
        stuck = [asyncio.create_task(repository.obtain(url)) for url in evil]
        await asyncio.sleep(0.02)
        begun = time.monotonic()
        found = await repository.obtain("https://carrier.s3.amazonaws.com/chain.pem")
        assert isinstance(found, ValidChain)
        assert time.monotonic() - begun < 0.2
        assert {fault(one) for one in await asyncio.gather(*stuck)} <= {"timeout", "busy"}
        await repository.close()

    asyncio.run(run())


def test_a_stranger_with_many_hosts_that_hang_takes_not_all_places() -> None:
    async def run() -> None:
        repository, there = hanging()
        evil = [f"https://hang{n}.evil.example/c" for n in range(400)]
        stuck = [asyncio.create_task(repository.obtain(url)) for url in evil]
        await asyncio.sleep(0.02)
        assert len(there.asked) == Keeping().of_a_site
        begun = time.monotonic()
        assert isinstance(await repository.obtain("https://owl.example.org/c"), ValidChain)
        assert time.monotonic() - begun < 0.2
        await asyncio.gather(*stuck)
        # Afterwards he holds what the late may hold of one site, besides those in their turn.
        assert len(repository._places._late) <= Keeping().late_of_a_site
        await repository.close()

    asyncio.run(run())


def test_who_finds_no_place_in_line_is_told_at_once_and_it_is_not_held_against_him() -> None:
    async def run() -> None:
        repository, there = hanging(fetches=1, of_a_site=1, waiting=1)
        urls = [f"https://hang.{site}/c" for site in ("a.org", "b.org", "c.org")]
        waiting = [asyncio.create_task(repository.obtain(url)) for url in urls[:2]]
        await asyncio.sleep(0.02)
        begun = time.monotonic()
        assert fault(await repository.obtain(urls[2])) == "busy"
        assert time.monotonic() - begun < 0.2
        assert repository.kept(urls[2]) is None
        there.let.set()
        assert all(isinstance(one, ValidChain) for one in await asyncio.gather(*waiting))
        assert isinstance(await repository.obtain(urls[2]), ValidChain)
        await repository.close()

    asyncio.run(run())


def test_a_site_has_its_share_of_the_line_only() -> None:
    async def run() -> None:
        # Of two places and four in line, one and two are a site's.
        repository, there = hanging(fetches=2, of_a_site=1, waiting=4)
        evil = [f"https://hang{n}.evil.org/c" for n in range(4)]
        stuck = [asyncio.create_task(repository.obtain(url)) for url in evil]
        await asyncio.sleep(0.02)
        assert [task.done() for task in stuck] == [False, False, False, True]
        assert fault(stuck[3].result()) == "busy"
        assert isinstance(await repository.obtain("https://owl.example/c"), ValidChain)
        there.let.set()
        await asyncio.gather(*stuck)
        await repository.close()

    asyncio.run(run())


@pytest.mark.parametrize("moment", ["in line", "of its turn"])
def test_who_leaves_the_line_takes_no_place_with_him(moment: str) -> None:
    async def run() -> None:
        places = Places(Keeping(fetches=1, of_a_site=1))
        over = asyncio.Event()

        async def fetch(host: str) -> None:
            async with places.place(host):
                await over.wait()

        first, second = (asyncio.create_task(fetch(host)) for host in ("a.example", "b.org"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if moment == "of its turn":
            # The place is given up first, and the line hears of it before it hears of the end.
            over.set()
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        over.set()
        await first
        assert len(places) == 0
        assert not places._hosts + places._sites + places._line_sites
        await asyncio.wait_for(fetch("c.example"), 1)

    asyncio.run(run())


def test_the_name_of_one_host_is_looked_up_once_for_all_its_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **_: Any) -> Any:
        asked.append(host)
        time.sleep(0.02)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    async def run() -> None:
        repository = Repository(Fetcher(resolve=Resolver()), TRUST, lambda: NOW)
        urls = [f"https://certificates.owl.example/{n}.pem" for n in range(12)]
        found = await asyncio.gather(*map(repository.obtain, urls))
        # A private address, which is no fault of being many.
        assert {one.fault for one in found if isinstance(one, Unobtainable)} == {"address"}
        assert asked == ["certificates.owl.example"]
        await repository.close()

    asyncio.run(run())
