"""A hub that is killed at any instant keeps its word: what it acknowledged is there, once."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.compat.office import PRODUCTS, SHAKEN
from tests.journeys import sandbox as sandboxes
from tests.journeys.sandbox import Receiver, Sandbox
from tests.simulators import postgres

KILLS = 3
CLIENTS = 2
TOLD = {"pending-review", "in-review", "twilio-approved"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with sandboxes.receiving() as receiver:
        yield receiver


@pytest.fixture(params=["sqlite", "postgres"])
def killable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandbox]:
    if request.param == "sqlite":
        with sandboxes.running(tmp_path) as running:
            yield running
        return
    server = request.getfixturevalue("postgres_server")
    with (
        postgres.database(server) as url,
        sandboxes.running(tmp_path, database_url=url) as running,
    ):
        yield running


@dataclass
class Memory:
    """What clients asked for, and what they were told was done."""

    asked: set[str] = field(default_factory=set)
    end_users: dict[str, str] = field(default_factory=dict)
    linked: set[str] = field(default_factory=set)
    submitted: set[str] = field(default_factory=set)
    products: set[str] = field(default_factory=set)


def work(sandbox: Sandbox, receiver: Receiver, memory: Memory, name: str) -> None:
    """Post until the hub dies, remembering each answer as it comes."""
    with sandbox.client() as http:
        for turn in range(10_000):
            try:
                _end_user(http, memory, f"{name}-{turn}")
                _product(http, sandbox, receiver, memory)
            except httpx.TransportError:
                return


def _end_user(http: httpx.Client, memory: Memory, name: str) -> None:
    memory.asked.add(name)
    form = {"FriendlyName": name, "Type": "cnam_information"}
    answer = http.post("/v1/EndUsers", data=form)
    assert answer.status_code == 201, answer.text
    memory.end_users[answer.json()["sid"]] = name


def _product(http: httpx.Client, sandbox: Sandbox, receiver: Receiver, memory: Memory) -> None:
    form = {"FriendlyName": "a", "Email": "a@acme.example", "PolicySid": SHAKEN}
    answer = http.post(PRODUCTS, data={**form, "StatusCallback": receiver.url})
    assert answer.status_code == 201, answer.text
    sid = answer.json()["sid"]
    memory.products.add(sid)
    primary = {"ObjectSid": sandbox.hub.primary_profile_sid}
    answer = http.post(f"{PRODUCTS}/{sid}/EntityAssignments", data=primary)
    assert answer.status_code == 201, answer.text
    memory.linked.add(sid)
    answer = http.post(f"{PRODUCTS}/{sid}", data={"Status": "pending-review"})
    assert answer.status_code == 200, answer.text
    memory.submitted.add(sid)


def everything(http: httpx.Client, path: str) -> list[dict[str, str]]:
    """All pages of a list."""
    rows: list[dict[str, str]] = []
    url = f"{path}?PageSize=1000"
    while url:
        page = http.get(url).json()
        rows += page["results"]
        url = page["meta"]["next_page_url"]
    return rows


def test_a_killed_hub_keeps_its_word(killable: Sandbox, receiver: Receiver) -> None:
    memory = Memory()
    instants = random.Random()
    for kill in range(KILLS):
        clients = [
            threading.Thread(target=work, args=(killable, receiver, memory, f"{kill}-{n}"))
            for n in range(CLIENTS)
        ]
        filed = len(memory.submitted)
        for client in clients:
            client.start()
        # Not before the clients are in full swing, however slow the machine is just now.
        _until(lambda filed=filed: len(memory.submitted) > filed)
        time.sleep(instants.uniform(0, 0.25))
        killable.kill()
        for client in clients:
            client.join()
        killable.start()
    with killable.client() as http:
        _all_end_users_are_there(http, memory)
        _all_products_are_decided(http, memory)
    _all_changes_were_told(receiver, memory)


def _until(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _all_end_users_are_there(http: httpx.Client, memory: Memory) -> None:
    kept = {row["sid"]: row["friendly_name"] for row in everything(http, "/v1/EndUsers")}
    ours = {sid: name for sid, name in kept.items() if name in memory.asked}
    assert memory.end_users.items() <= ours.items()
    assert len(set(ours.values())) == len(ours)
    for sid in list(memory.end_users)[-20:]:
        assert http.get(f"/v1/EndUsers/{sid}").status_code == 200


def _all_products_are_decided(http: httpx.Client, memory: Memory) -> None:
    kept = {row["sid"]: row["status"] for row in everything(http, PRODUCTS)}
    assert memory.products <= kept.keys()
    # A product whose link or submission was not acknowledged may have it all the same.
    for sid in [*memory.linked][-20:]:
        assert len(everything(http, f"{PRODUCTS}/{sid}/EntityAssignments")) == 1

    def decided() -> bool:
        statuses = {row["sid"]: row["status"] for row in everything(http, PRODUCTS)}
        return all(statuses[sid] == "twilio-approved" for sid in memory.submitted)

    _until(decided)


def _all_changes_were_told(receiver: Receiver, memory: Memory) -> None:
    def told() -> dict[tuple[str, str], set[str]]:
        tokens: dict[tuple[str, str], set[str]] = defaultdict(set)
        for got in receiver.got:
            tokens[got.form["BundleSid"], got.form["Status"]].add(got.token)
        return tokens

    wanted = {(sid, status) for sid in memory.submitted for status in TOLD}
    receiver.wait_for(lambda _: wanted <= told().keys())
    # Told more than once, perhaps, but under the one token that makes it recognisable.
    assert all(len(tokens) == 1 for tokens in told().values())
