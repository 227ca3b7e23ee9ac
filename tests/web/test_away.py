"""What each edge says while PostgreSQL is away, and that it serves again when that is back."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from phonotary.access import accounts
from phonotary.access.accounts import Account
from phonotary.bootstrap.hub import Hub
from phonotary.clock import Clock
from phonotary.storage.store import SqlStore
from phonotary.web.app import API
from phonotary.web.operations import Operation
from tests.simulators import postgres
from tests.simulators.postgres import Server
from tests.web.consoles import REVIEWER, hub_with
from tests.web.test_gate import basic
from tests.web.test_notices import GOOD, NOTICES, listening, row

PROFILES = "/v1/CustomerProfiles"
CONSOLE = (
    "/console/reviews",
    "/console/reviews/BU" + "0" * 32,
    "/console/deliveries",
    "/console/tickets",
)


class Edges:
    """A service in this process, whose PostgreSQL is stopped at will."""

    def __init__(self, hub: Hub, server: Server, account: Account, http: httpx.AsyncClient) -> None:
        self.hub, self.server, self.account, self.http = hub, server, account, http

    @property
    def own(self) -> tuple[str, str]:
        return self.account.sid, self.account.auth_token

    def forget(self) -> None:
        """Whoever asks next has to prove who it is anew."""
        self.hub.gate.forget()

    async def call(self, target: str) -> tuple[int, dict[bytes, bytes]]:
        """At the doors past every framework."""
        proof = {b"authorization": basic(*self.own)}
        answer: Any = self.hub.door("GET", target, proof, b"", "203.0.113.9")
        if inspect.isawaitable(answer):
            answer = await answer
        return answer[0], dict(answer[2])


@contextmanager
def opened(server: Server, tmp_path: Path) -> Iterator[Hub]:
    database = row(tmp_path, "http://127.0.0.1:1", **listening(tmp_path))
    with (
        postgres.database(server.url) as url,
        hub_with(tmp_path, database, url=url) as hub,
    ):
        yield hub


@pytest.fixture
def away(stoppable: Server, tmp_path: Path) -> Callable[[Callable[[Edges], Awaitable[None]]], None]:
    def play(act: Callable[[Edges], Awaitable[None]]) -> None:
        async def run(hub: Hub) -> None:
            def make(store: SqlStore) -> Account:
                return accounts.open_account(store, Clock.wall(), "Owl")

            account = hub.database.write(make)
            transport = httpx.ASGITransport(hub.asgi())
            async with httpx.AsyncClient(transport=transport, base_url="http://hub") as http:
                await act(Edges(hub, stoppable, account, http))

        with opened(stoppable, tmp_path) as hub:
            asyncio.run(run(hub))

    return play


def address(operation: Operation, account: Account) -> str:
    """One that every operation of the path takes, though there may be nothing there."""
    path = operation.path.replace("{account_sid}", account.sid)
    while "{" in path:
        before, _, rest = path.partition("{")
        path = f"{before}BU{'0' * 32}{rest.partition('}')[2]}"
    return path


def test_every_operation_of_the_api_says_503_in_twilios_shape(away: Any) -> None:
    async def act(edges: Edges) -> None:
        with edges.server.stopped():
            for operation in API:
                answer = await edges.http.request(
                    operation.method, address(operation, edges.account), auth=edges.own
                )
                assert answer.status_code == 503, (operation.path, answer.text)
                assert answer.json() == {
                    "code": 20503,
                    "message": "The database does not answer now; try again",
                    "more_info": "https://www.twilio.com/docs/errors/20503",
                    "status": 503,
                }
        assert (await edges.http.get(PROFILES, auth=edges.own)).status_code == 200

    away(act)


def test_whoever_is_known_already_is_told_the_same_and_served_when_it_is_back(away: Any) -> None:
    form = {
        "FriendlyName": "x",
        "Email": "a@b.example.com",
        "PolicySid": "RNdfbf3fae0e1107f8aded0e7cead80bf5",
    }

    async def act(edges: Edges) -> None:
        async def ask() -> list[int]:
            assert (edges.hub.authenticate({b"authorization": basic(*edges.own)})).sid
            return [
                (await edges.http.get(PROFILES, auth=edges.own)).status_code,
                (await edges.http.post(PROFILES, data=form, auth=edges.own)).status_code,
            ]

        assert await ask() == [200, 201]
        with edges.server.stopped():
            # Known for two seconds, and a restart takes less; else this is the test above.
            answers = [await edges.http.get(PROFILES, auth=edges.own) for _ in range(2)]
            answers.append(await edges.http.post(PROFILES, data=form, auth=edges.own))
            assert [(each.status_code, each.json()["code"]) for each in answers] == [
                (503, 20503)
            ] * 3
        assert await ask() == [200, 201]
        listed = (await edges.http.get(PROFILES, auth=edges.own)).json()
        assert len(listed["results"]) == 2

    away(act)


def test_the_consoles_pages_say_503(away: Any) -> None:
    async def act(edges: Edges) -> None:
        auth = {"auth": edges.own}
        made = await edges.http.post("/v1/ComplianceInquiries/Customers/Initialize", **auth)
        inquiry = made.json()["url"]
        form = {"business_name": "Owl"}
        with edges.server.stopped():
            asked = [await edges.http.get(path, auth=REVIEWER) for path in CONSOLE[:3]]
            asked.append(await edges.http.get(CONSOLE[2], **auth))
            asked.append(await edges.http.get(CONSOLE[3], auth=REVIEWER))
            for decision in ("approve", "reject"):
                data = {"decision": decision, "codes": "18602" if decision == "reject" else ""}
                asked.append(await edges.http.post(CONSOLE[1], data=data, auth=REVIEWER))
            again = {"number": "+14155550100", "database": "lidb"}
            asked.append(await edges.http.post(CONSOLE[2], data=again, auth=REVIEWER))
            asked.append(await edges.http.get(inquiry))
            asked.append(await edges.http.post(inquiry, data=form))
            for answer in asked:
                where = answer.request.url
                assert answer.status_code == 503, (where, answer.text)
                assert answer.headers["retry-after"] == "1"
                assert "does not answer now" in answer.text
        for path in (CONSOLE[0], *CONSOLE[2:], inquiry):
            assert (await edges.http.get(path, auth=REVIEWER)).status_code == 200
        assert (await edges.http.get(CONSOLE[1], auth=REVIEWER)).status_code == 404

    away(act)


def test_an_inquiry_that_was_not_taken_comes_back_as_it_was_typed(
    away: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(edges: Edges) -> None:
        made = await edges.http.post("/v1/ComplianceInquiries/Customers/Initialize", auth=edges.own)
        write = edges.hub.write

        async def gone(work: Any) -> Any:
            with edges.server.stopped():
                return await write(work)

        monkeypatch.setattr(edges.hub, "write", gone)
        typed = {"customer_profile_business_information.business_name": "Owl & Sons"}
        answer = await edges.http.post(made.json()["url"], data=typed)
        assert answer.status_code == 503
        assert "Owl &amp; Sons" in answer.text and "does not answer now" in answer.text

    away(act)


def test_notices_tokens_and_readiness_say_503(away: Any) -> None:
    notice = b"<Notification><OrderId>2dda315b</OrderId><Status>COMPLETE</Status></Notification>"
    grant = {"grant_type": "client_credentials", "client_id": "OQ" + "0" * 32, "client_secret": "x"}

    async def act(edges: Edges) -> None:
        async def ask() -> list[httpx.Response]:
            return [
                await edges.http.post(NOTICES, content=notice, auth=GOOD),
                await edges.http.post("/v2/token", data=grant),
                await edges.http.get("/readyz"),
                await edges.http.get("/healthz"),
            ]

        usual = [each.status_code for each in await ask()]
        assert usual[1:] == [401, 200, 200]
        with edges.server.stopped():
            told = await ask()
            assert [each.status_code for each in told] == [503, 503, 503, 200]
            assert told[0].headers["retry-after"] == "1"
            assert told[1].json()["code"] == 20503
            assert told[2].text == "The database does not answer now; try again\n"
        assert [each.status_code for each in await ask()] == usual

    away(act)


def test_calls_and_dips_say_503_and_go_on_when_it_is_back(away: Any) -> None:
    sign = "/stir/v1/text/sign?orig=%2B14152360100&dest=%2B12025550143&attest=A"
    doors = (sign, "/cnam/14152360100", "/v2/phone/14152360100")

    async def act(edges: Edges) -> None:
        with edges.server.stopped():
            for known in (False, True):
                if not known:
                    edges.forget()
                for target in doors:
                    status, headers = await edges.call(target)
                    assert (status, headers.get(b"retry-after")) == (503, b"1"), target
        # No provider signs in this hub: a no that it has from its settings and its database.
        assert (await edges.call(sign))[0] == 403

    away(act)


def test_the_worker_says_nothing_of_it_each_second(
    away: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from phonotary.bootstrap import work

    monkeypatch.setattr(work, "_POLL", 0.01)

    async def act(edges: Edges) -> None:
        rounds: list[None] = []
        all_due = edges.hub.worker._all_due

        async def counted(client: Any) -> None:
            rounds.append(None)
            await all_due(client)

        monkeypatch.setattr(edges.hub.worker, "_all_due", counted)
        with edges.server.stopped():
            working = asyncio.create_task(edges.hub.worker.run())
            while len(rounds) < 5:
                await asyncio.sleep(0.01)
        working.cancel()

    away(act)
    said = capfd.readouterr().err
    assert said.count("the database is away") == 1
    assert "Traceback" not in said
