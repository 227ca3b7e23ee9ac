"""Look-ups that hang hold their own places and nobody else: not those who ask, not the exit."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from phonotary.outbound.fetch import Fetcher
from phonotary.outbound.resolving import Crowded, Resolver
from phonotary.shaken.verdicts import Unobtainable

HERE = [
    (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443)),
    (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443)),
    (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1%eth0", 443, 0, 2)),
]


class NameServer:
    """Answers for every name but those below hang.example, until it is let."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let = threading.Event()

    def getaddrinfo(self, host: str, port: int, **_: Any) -> Any:
        self.asked.append(host)
        if host.endswith("hang.example"):
            self.let.wait(20)
        if host.startswith("no."):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return HERE


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    made = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    yield made
    made.let.set()


async def given_up(asked: Awaitable[Any]) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await asked


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.005)


def test_every_address_is_given_once_and_without_its_scope(server: NameServer) -> None:
    assert asyncio.run(Resolver()("a.example", 443)) == ["192.0.2.1", "fe80::1"]
    assert server.asked == ["a.example"]


def test_a_name_without_an_address_is_told(server: NameServer) -> None:
    with pytest.raises(socket.gaierror):
        asyncio.run(Resolver()("no.example", 443))


def test_all_who_ask_for_one_name_wait_for_one_look_up(server: NameServer) -> None:
    async def story() -> None:
        resolve = Resolver()
        host = "a.hang.example"
        asking = [asyncio.create_task(resolve(host, 443)) for _ in range(12)]
        await given_up(resolve(host, 443))
        server.let.set()
        assert await asyncio.gather(*asking) == [["192.0.2.1", "fe80::1"]] * 12
        assert server.asked == [host]
        assert await resolve(host, 443)
        assert server.asked == [host] * 2

    asyncio.run(story())


def test_a_site_that_hangs_keeps_to_its_share_and_its_others_wait_in_line(
    server: NameServer,
) -> None:
    async def story() -> None:
        resolve = Resolver(of_a_site=2)
        for host in ("a.hang.example", "b.hang.example"):
            await given_up(resolve(host, 443))
        waiting = asyncio.create_task(resolve("www.hang.example", 443))
        assert await resolve("b.example.com", 443)
        assert server.asked == ["a.hang.example", "b.hang.example", "b.example.com"]
        server.let.set()
        assert await waiting
        await until(lambda: not resolve._sites)
        assert not resolve._known

    asyncio.run(story())


def test_all_together_keep_to_the_bound(server: NameServer) -> None:
    async def story() -> None:
        resolve = Resolver(most=2)
        for host in ("a.hang.example", "b.hang.example"):
            await given_up(resolve(host, 443))
        waiting = [asyncio.create_task(resolve(f"{n}.example", 443)) for n in range(3)]
        await asyncio.sleep(0.02)
        assert len(server.asked) == 2
        server.let.set()
        assert all(await asyncio.gather(*waiting))

    asyncio.run(story())


def test_who_gives_up_leaves_the_line(server: NameServer) -> None:
    async def story() -> None:
        resolve = Resolver(most=1)
        await given_up(resolve("a.hang.example", 443))
        patient = asyncio.create_task(resolve("b.example", 443))
        await given_up(resolve("b.example", 443))
        await given_up(resolve("c.example", 443))
        assert [each.host for each in resolve._line] == ["b.example"]
        server.let.set()
        assert await patient
        assert server.asked == ["a.hang.example", "b.example"]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("bounds", "host"),
    [
        ({"waiting": 2}, "d.example"),
        # A site has no more of the line than of the threads: here one place of two.
        ({"waiting": 4, "most": 2, "of_a_site": 1}, "d.hang.example"),
    ],
)
def test_a_line_that_is_full_is_told_at_once(
    server: NameServer, bounds: dict[str, int], host: str
) -> None:
    async def story() -> None:
        resolve = Resolver(**{"most": 1, **bounds})
        await given_up(resolve("a.hang.example", 443))
        waiting = [asyncio.create_task(resolve(f"{name}.hang.example", 443)) for name in ("b", "c")]
        await asyncio.sleep(0)
        with pytest.raises(Crowded):
            await resolve(host, 443)
        if len(bounds) > 1:
            assert await resolve("d.example", 443)
        server.let.set()
        assert all(await asyncio.gather(*waiting))

    asyncio.run(story())


def test_a_thread_that_cannot_be_had_takes_no_place(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def story() -> None:
        resolve = Resolver(most=1)
        with monkeypatch.context() as starved:
            starved.setattr(threading.Thread, "start", none)
            with pytest.raises(Crowded):
                await resolve("a.example", 443)
        assert await resolve("a.example", 443)

    asyncio.run(story())


def test_who_comes_to_the_head_of_the_line_without_a_thread_is_told(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def story() -> None:
        resolve = Resolver(most=1)
        await given_up(resolve("a.hang.example", 443))
        waiting = asyncio.create_task(resolve("b.example", 443))
        await asyncio.sleep(0)
        with monkeypatch.context() as starved:
            starved.setattr(threading.Thread, "start", none)
            server.let.set()
            with pytest.raises(Crowded):
                await waiting
        assert await resolve("b.example", 443)

    asyncio.run(story())


def test_a_fetch_is_refused_as_busy_where_the_line_is_full(server: NameServer) -> None:
    async def story() -> None:
        fetcher = Fetcher(resolve=Resolver(most=1, waiting=0))
        await given_up(fetcher.get("https://a.hang.example/c", "text/plain"))
        with pytest.raises(Unobtainable) as refused:
            await fetcher.get("https://b.example/c", "text/plain")
        assert refused.value.fault == "busy"
        await fetcher.close()

    asyncio.run(story())


def test_an_answer_that_comes_when_everybody_has_gone_home_disturbs_nobody(
    server: NameServer,
) -> None:
    resolve = Resolver()
    asyncio.run(given_up(resolve("a.hang.example", 443)))
    server.let.set()
    for thread in threading.enumerate():
        if thread.name == "resolve":
            thread.join(10)
    assert not resolve._sites


_HANGS = """
import asyncio, socket, time
from phonotary.outbound.callbacks import checked_address
from phonotary.outbound.fetch import Fetcher

socket.getaddrinfo = lambda *_, **__: time.sleep(60)

async def main():
    asks = (
        Fetcher().get("https://hang.example/c", "text/plain"),
        checked_address("http://hang.example/hook", False),
    )
    for each in asks:
        try:
            await asyncio.wait_for(each, 0.2)
        except TimeoutError:
            print("gave up", flush=True)

asyncio.run(main())
"""


def test_a_process_ends_while_a_look_up_hangs() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _HANGS], capture_output=True, text=True, timeout=20, check=True
    )
    assert (ended.stdout, ended.stderr) == ("gave up\n" * 2, "")
