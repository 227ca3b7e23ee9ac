"""Orders by template to a JSON API on this machine that keeps names and knows keys again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from phonotary.cnam.orders import Action, Line, LineState, Order, OrderUnknown, Unavailable
from phonotary.cnam.orders_template import EACH, Reading, Request
from phonotary.errors import Refused
from phonotary.outbound.registrars.http import HttpTemplate, Settings
from tests.simulators import lidb
from tests.simulators import lying_repository as lies
from tests.simulators.lidb import Asked, Peer, Said

ONE, TWO = "+14155550100", "+14155550101"
STATES = {
    "pending": LineState.SUBMITTED,
    "working": LineState.ACCEPTED,
    "live": LineState.DONE,
    "refused": LineState.REJECTED,
}
READING = Reading("/status", STATES, ref="/id", code="/error/code", text="/error/text",
                  failures="/failed", name="/cnam")  # fmt: skip


def order(*numbers: str, action: Action = Action.REGISTER, key: str = "key-1") -> Order:
    return Order(key, action, tuple(Line(each, "ACME") for each in numbers or (ONE,)))


@dataclass
class Api:
    """One order for each Idempotency-Key, whatever comes with it."""

    conflicts: bool = False
    """Answers 409 to a key that is known, instead of the order."""
    names: dict[str, str] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __call__(self, asked: Asked) -> Said:
        if asked.headers.get("authorization") != "Bearer s3cret":
            return self.said(401, {})
        parts = [unquote(each) for each in asked.path.split("/")[1:]]
        match asked.method, parts:
            case "POST", ["orders"]:
                return self.create(asked.headers["idempotency-key"], json.loads(asked.body))
            case "GET", ["orders", ref] if ref in self.orders:
                return self.said(200, self.orders[ref])
            case "DELETE", ["names", number]:
                return self.said(200, {"status": "live", "was": self.names.pop(number, None)})
            case "GET", ["names", number] if number in self.names:
                return self.said(200, {"cnam": self.names[number]})
        return self.said(404, {})

    def create(self, key: str, body: dict[str, Any]) -> Said:
        if key in self.orders:
            return self.said(409 if self.conflicts else 200, self.orders[key])
        if "BAD" in body["name"]:
            return self.said(422, {"error": {"code": 10015, "text": "That name is bad."}})
        failed = [
            {"number": each, "code": "X1", "message": "not yours"}
            for each in body["numbers"]
            if each.endswith("99")
        ]
        self.orders[key] = {"id": key, "status": "pending", "failed": failed}
        self.names.update(dict.fromkeys(body["numbers"], body["name"]))
        return self.said(201, self.orders[key])

    @staticmethod
    def said(status: int, body: dict[str, Any]) -> Said:
        return Said(status, json.dumps(body).encode(), media_type="application/json")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    return Settings(
        "acme-cnam",
        "set by there()",
        Request("POST", "/orders", {"numbers": [{EACH: "{number}"}], "name": "ACME"}),
        READING,
        remove=Request("DELETE", "/names/{number}"),
        poll=Request("GET", "/orders/{ref}"),
        observe=Request("GET", "/names/{number}"),
        secret_file=str(token),
        allow_loopback=True,
        patience=10,
    )


@asynccontextmanager
async def there(
    settings: Settings, conflicts: bool = False
) -> AsyncIterator[tuple[Api, Peer, HttpTemplate]]:
    api = Api(conflicts)
    async with lidb.peer(api) as peer:
        yield api, peer, HttpTemplate(replace(settings, url=peer.url))


def test_a_name_is_ordered_polled_observed_and_removed(settings: Settings) -> None:
    async def run() -> None:
        async with there(settings) as (api, _, registrar):
            outcome = await registrar.submit(order())
            assert (outcome.order_ref, outcome.done) == ("key-1", False)
            api.orders["key-1"]["status"] = "working"
            assert (await registrar.poll("key-1")).of(ONE).state == LineState.ACCEPTED
            api.orders["key-1"]["status"] = "live"
            outcome = await registrar.poll("key-1", {ONE})
            assert (outcome.of(ONE).state, outcome.done) == (LineState.DONE, True)
            assert await registrar.observe(ONE) == "ACME"
            away = await registrar.submit(order(action=Action.REMOVE, key="key-2"))
            assert (away.of(ONE).state, away.done) == (LineState.DONE, True)
            assert await registrar.observe(ONE) is None

    asyncio.run(run())


def test_a_number_that_failed_is_told_apart(settings: Settings) -> None:
    async def run() -> None:
        many = replace(settings, remove=None)
        async with there(many) as (_, _, registrar):
            assert registrar.most > 1
            bad = "+14155550199"
            outcome = await registrar.submit(order(ONE, bad))
            assert (outcome.of(bad).state, outcome.of(bad).code) == (LineState.REJECTED, "X1")
            assert outcome.of(ONE).state == LineState.SUBMITTED
            still_open = await registrar.poll(outcome.order_ref, [ONE])
            assert still_open.per_number == {}
            gone = await registrar.submit(order(action=Action.REMOVE, key="key-2"))
            assert gone.of(ONE).state == LineState.REJECTED

    asyncio.run(run())


@pytest.mark.parametrize("conflicts", [True, False])
def test_an_order_whose_answer_was_lost_is_the_same_order_again(
    settings: Settings, conflicts: bool
) -> None:
    async def run() -> None:
        async with there(settings, conflicts) as (api, peer, registrar):
            peer.lost = [True]
            with pytest.raises(Unavailable):
                await registrar.submit(order())
            outcome = await registrar.submit(order())
            assert (outcome.order_ref, outcome.of(ONE).state) == ("key-1", LineState.SUBMITTED)
            assert list(api.orders) == ["key-1"]

    asyncio.run(run())


def test_a_refusal_has_the_databases_code_and_text(settings: Settings) -> None:
    async def run() -> None:
        bad = replace(settings, register=Request("POST", "/orders", {"numbers": [], "name": "BAD"}))
        async with there(bad) as (_, _, registrar):
            outcome = (await registrar.submit(order())).of(ONE)
            assert (outcome.state, outcome.code, outcome.text) == (
                LineState.REJECTED,
                "10015",
                "That name is bad.",
            )

    asyncio.run(run())


def test_an_unknown_order_is_told_apart_from_a_fault(settings: Settings) -> None:
    async def run() -> None:
        async with there(settings) as (_, peer, registrar):
            with pytest.raises(OrderUnknown):
                await registrar.poll("../names/x")
            assert peer.asked[0].path == "/orders/..%2Fnames%2Fx"

    asyncio.run(run())


FAULTS = {
    "500": lies.serves(b"{}", "application/json", status="500 Oh"),
    "429": lies.serves(b"{}", "application/json", "Retry-After: 7", status="429 Wait"),
    "401": lies.serves(b"{}", "application/json", status="401 Who"),
    "404": lies.serves(b"{}", "application/json", status="404 Not Here"),
    "redirect": lies.serves(b"", "text/plain", "Location: http://127.0.0.1/", status="307 Go"),
    "silent": lies.never(),
    "broken off": lies.breaks_off(),
    "endless": lies.endless(),
    "half": lies.serves(b'{"status": "pen', "application/json"),
    "deep": lies.serves(b"[" * 500_000, "application/json"),
    "new state": lies.serves(b'{"status": "dreaming"}', "application/json"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_whatever_fails_is_to_be_tried_again(settings: Settings, kind: str) -> None:
    if kind == "silent":
        settings = replace(settings, patience=0.8)

    async def run() -> None:
        async with there(settings) as (_, peer, registrar):
            peer.faults = [FAULTS[kind]]
            with pytest.raises(Unavailable) as caught:
                await registrar.submit(order())
            assert ("bytes" in str(caught.value)) == (kind == "endless")
            assert caught.value.retry_after == (7 if kind == "429" else None)
            assert "s3cret" not in str(caught.value)

    asyncio.run(run())


def test_a_redirect_is_not_followed(settings: Settings) -> None:
    async def run() -> None:
        async with there(settings) as (api, peer, registrar):
            to = f"Location: {peer.url}/names/x"
            peer.faults = [lies.serves(b"", "text/plain", to, status="303 See")]
            api.names["x"] = "ACME"
            with pytest.raises(Unavailable, match="redirect"):
                await registrar.observe(ONE)
            assert len(peer.asked) == 1

    asyncio.run(run())


def test_an_order_that_may_stay_open_must_be_pollable(settings: Settings) -> None:
    with pytest.raises(Refused):
        HttpTemplate(replace(settings, url="https://cnam.example.com", poll=None))
