"""What a receiver of callbacks may do to whoever calls it."""

from __future__ import annotations

import asyncio
import time
import tracemalloc

import httpx
import pytest

from phonotary.outbound import callbacks
from phonotary.storage.jobs import LEASE
from tests.simulators import lying_repository as lies


def told(behaviour: lies.Behaviour) -> None:
    async def story() -> None:
        async with lies.running() as there, httpx.AsyncClient(trust_env=False) as client:
            url = there.at("/hook", behaviour)
            await callbacks.post(client, url, {"a": "b"}, "token", "key", allow_loopback=True)

    asyncio.run(story())


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "302 Found", "404 Not Found"])
def test_a_receiver_that_answered_was_told(status: str) -> None:
    told(lies.serves(b"" if status.startswith("204") else b"thanks", status=status))


@pytest.mark.parametrize("status", ["429 Wait", "500 Oh", "503 Later"])
def test_a_receiver_that_could_not_listen_is_told_again(status: str) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        told(lies.serves(b"sorry", status=status))


def test_an_answer_without_an_end_is_not_read() -> None:
    tracemalloc.start()
    try:
        begun = time.monotonic()
        told(lies.endless(told=True))
        assert time.monotonic() - begun < 5
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_receiver_that_drips_does_not_outlast_our_patience(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(callbacks, "PATIENCE", 0.3)
    begun = time.monotonic()
    with pytest.raises(httpx.TimeoutException):
        told(lies.drips(b"x" * 1000, pause=0.02))
    assert time.monotonic() - begun < 3


def test_a_callback_ends_before_its_lease() -> None:
    assert callbacks.PATIENCE < LEASE
