"""The sandbox's doors refuse what they cannot do, in one sentence, and leave all as it was."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from phonotary.testing import Sandbox, start

State = dict[str, Any]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with start() as running:
        yield running


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, trust_env=False, timeout=10) as http:
        yield http


def assert_refused(answer: httpx.Response, status: int = 400) -> None:
    assert (answer.status_code, list(answer.json())) == (status, ["error"]), answer.text


def setting(name: str, value: str) -> Callable[[State], object]:
    return lambda tables: tables["settings"].append({"name": name, "value": value})


BAD: list[Callable[[State], object]] = [
    lambda tables: tables["accounts"][0].update(sid=None),
    lambda tables: tables["accounts"][0].pop("sid"),
    lambda tables: tables["accounts"][0].update(sid=7),
    lambda tables: tables["accounts"][0].update(sid="AC\x00"),
    lambda tables: tables["accounts"][0].update(date_created="abc"),
    lambda tables: tables["accounts"][0].update(date_created=10**30),
    lambda tables: tables["accounts"][0].update(date_created=10**12),
    lambda tables: tables["bundles"][0].update(errors=[{}]),
    lambda tables: tables["addresses"][0].update(verified="yes"),
    lambda tables: tables.update(accounts="abc"),
    lambda tables: tables.update(accounts=5),
    lambda tables: tables.update(accounts={"sid": "x"}),
    lambda tables: tables.update(accounts=[5]),
    lambda tables: tables["accounts"].append(tables["accounts"][0]),
    setting("clock_advanced", "abc"),
    setting("clock_advanced", "²"),
    setting("clock_advanced", "-1"),
    setting("clock_advanced", "9" * 12),
    setting("outcomes", "abc"),
    setting("outcomes", "5"),
    setting("outcomes", '[{"decision": "maybe"}]'),
    setting("token_secret", "chosen"),
]


@pytest.mark.parametrize("spoil", BAD)
def test_a_state_that_is_none_is_refused_whole(
    sandbox: Sandbox, http: httpx.Client, spoil: Callable[[State], object]
) -> None:
    good = sandbox.dump()
    bad = copy.deepcopy(good)
    spoil(bad["tables"])
    assert_refused(http.put("/_sandbox/state", content=json.dumps(bad)))
    assert sandbox.dump() == good


@pytest.mark.parametrize(
    "body", ["null", "[]", "5", "{", "", '{"tables": 5}', "[" * 100_000, '"\ud800"', b"\xff"]
)
@pytest.mark.parametrize(
    ("method", "door"), [("PUT", "state"), ("POST", "clock"), ("POST", "outcomes")]
)
def test_a_body_that_says_nothing_is_refused(
    http: httpx.Client, method: str, door: str, body: str | bytes
) -> None:
    content = body if isinstance(body, bytes) else body.encode(errors="surrogatepass")
    assert_refused(http.request(method, f"/_sandbox/{door}", content=content))


@pytest.mark.parametrize("advance", ["999999999h", "3661d", "-1h", "1e3h", "", 1, None, ["1h"]])
def test_a_step_the_clock_cannot_take_moves_nothing(
    sandbox: Sandbox, http: httpx.Client, advance: object
) -> None:
    before = http.get("/_sandbox/clock").json()["advanced"]
    assert_refused(http.post("/_sandbox/clock", json={"advance": advance}))
    assert http.get("/_sandbox/clock").json()["advanced"] == before
    assert sandbox.dump()["schema"]


def test_there_is_an_end_to_all_steps_together(sandbox: Sandbox, http: httpx.Client) -> None:
    for _ in range(10):
        sandbox.clock.advance("3660d")
    assert_refused(http.post("/_sandbox/clock", json={"advance": "1s"}))
    assert http.get("/_sandbox/clock").status_code == 200
    sandbox.reset()


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=10001", "limit=²", "limit=-1", "limit=x", "after=x", "after=²", "expect=x"],
)
def test_a_search_by_what_is_no_number_is_refused(http: httpx.Client, query: str) -> None:
    assert_refused(http.get(f"/_sandbox/requests?{query}"))


def test_a_search_shows_no_more_than_its_limit(http: httpx.Client) -> None:
    for _ in range(3):
        http.get("/v1/Policies")
    found = http.get("/_sandbox/requests?limit=2").json()
    assert found["count"] >= 3
    assert len(found["requests"]) == 2


@pytest.mark.parametrize(
    "body", ["[]", '"x"', '{"friendly_name": ["x"]}', '{"empty": "yes"}', '{"surprise": 1}']
)
def test_what_is_no_account_is_refused(http: httpx.Client, body: str) -> None:
    assert_refused(http.post("/_sandbox/accounts", content=body))
    chunks = (part for part in (body.encode(),))
    assert_refused(http.post("/_sandbox/accounts", content=chunks))


# Whoever asks.


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "https://127.0.0.1", ""]
)
def test_a_page_of_another_site_is_not_let_in(http: httpx.Client, origin: str) -> None:
    for method, door in (("GET", "state"), ("POST", "reset"), ("POST", "clock")):
        answer = http.request(method, f"/_sandbox/{door}", headers={"Origin": origin})
        assert_refused(answer, 403)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1", "[::", "x"]
)
def test_a_name_that_was_made_to_point_here_is_not_let_in(http: httpx.Client, host: str) -> None:
    assert_refused(http.get("/_sandbox/state", headers={"Host": host}), 403)


def test_this_machine_is_let_in_by_any_of_its_names(sandbox: Sandbox, http: httpx.Client) -> None:
    port = sandbox.url.rsplit(":", 1)[1]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", "[::1]:80", "LOCALHOST.", "a.localhost"):
        assert http.get("/_sandbox/clock", headers={"Host": host}).status_code == 200
    own = http.get("/_sandbox/clock", headers={"Origin": sandbox.url})
    assert own.status_code == 200
