"""Bandwidth sends word of an order: it is asked about at once, and nothing else is believed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from phonotary.cnam.orders import Unreadable
from phonotary.cnam.orders_lidb import read_notice
from phonotary.errors import Reason, Refused
from phonotary.outbound.registrars.bandwidth import Bandwidth, Settings
from phonotary.storage.store import SqlStore
from tests.simulators import lidb
from tests.simulators.lidb import Kept, Lidb, Peer, notification
from tests.storage import registrars
from tests.storage.feeding import Family
from tests.web.consoles import Console, hub_with

GOOD = ("bandwidth", "their secret")
NOTICES = "/notices/lidb"


class Scene:
    """A hub whose order Bandwidth has, and who asks about it by itself only after a day."""

    def __init__(self, console: Console, company: Lidb, peer: Peer, family: Family) -> None:
        self.console, self.company, self.peer, self.family = console, company, peer, family

    @property
    def order(self) -> Kept:
        (found,) = self.company.orders.values()
        return found

    async def tell(
        self,
        body: bytes,
        auth: tuple[str, str] | None = GOOD,
        path: str = NOTICES,
        method: str = "POST",
    ) -> httpx.Response:
        answer = await self.console.http.request(method, path, content=body, auth=auth)
        assert answer.content == b"" or answer.status_code in (404, 405)
        await self.console.work()
        return answer

    async def state(self) -> str:
        found = self.console.hub.names.registering.deliveries_of(self.family.tn)
        return {each.delivery.database: str(each.delivery.state) for each in found}["lidb"]

    def asked(self) -> int:
        """How often Bandwidth was asked about the order."""
        return len([each for each in self.peer.asked if each.path.endswith(self.order.id)])


def row(tmp_path: Path, url: str, **more: Any) -> dict[str, Any]:
    for name, text in (("ours", "correct horse"), ("theirs", GOOD[1])):
        (tmp_path / name).write_text(text + "\n")
    return {
        "name": "lidb",
        "kind": "bandwidth",
        "account": "9900000",
        "user": "api-user",
        "password_file": str(tmp_path / "ours"),
        "url": url + "/api",
        "allow_loopback": True,
        "polls": [86_400],
        **more,
    }


def listening(tmp_path: Path) -> dict[str, Any]:
    return {"notices_user": GOOD[0], "notices_password_file": str(tmp_path / "theirs")}


def played(tmp_path: Path, act: Callable[[Scene], Awaitable[None]], listens: bool = True) -> None:
    async def run() -> None:
        company = Lidb()
        async with lidb.peer(company) as peer:
            more = listening(tmp_path) if listens else {}
            with hub_with(tmp_path, row(tmp_path, peer.url, **more)) as hub:
                family = hub.database.write(registrars.named)
                company.owned.add(family.tn[2:])
                transport = httpx.ASGITransport(hub.asgi())
                async with httpx.AsyncClient(transport=transport, base_url="http://hub") as http:
                    scene = Scene(Console(hub, http), company, peer, family)
                    await scene.console.work()
                    assert (await scene.state(), scene.asked()) == ("submitted", 0)
                    await act(scene)

    asyncio.run(run())


@pytest.mark.parametrize("named", [{"order_id": False}, {"customer_order_id": False}, {}])
def test_word_of_an_order_brings_its_state_in_at_once(
    tmp_path: Path, named: dict[str, bool]
) -> None:
    async def act(scene: Scene) -> None:
        scene.company.advance()
        assert (await scene.tell(notification(scene.order, **named))).status_code == 200
        assert (await scene.state(), scene.asked()) == ("accepted", 1)
        scene.company.advance()
        assert (await scene.tell(notification(scene.order, **named))).status_code == 200
        assert (await scene.state(), scene.asked()) == ("active", 2)
        # The order is closed, so there is nothing to ask about any more.
        assert (await scene.tell(notification(scene.order, **named))).status_code == 404
        assert scene.asked() == 2

    played(tmp_path, act)


def test_the_state_that_a_notice_tells_is_not_believed(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        for status in (b"COMPLETE", b"FAILED", b"COMPLETE"):
            told = notification(scene.order).replace(b"RECEIVED", status)
            assert (await scene.tell(told)).status_code == 200
            assert await scene.state() == "submitted"

    played(tmp_path, act)


def test_word_of_other_orders_and_no_word_at_all_ask_nothing(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        other = notification(Kept("2dda315b", "CO" + "9" * 32, [], {}))
        assert (await scene.tell(other)).status_code == 404
        for wrong in (b"", b"<Notification/>", b"{}", b"<!DOCTYPE a><Notification/>"):
            assert (await scene.tell(wrong)).status_code == 400
        assert (await scene.tell(b"<a>" + b" " * 262_144)).status_code == 413
        assert (await scene.tell(b"", method="GET")).status_code == 405
        assert scene.asked() == 0

    played(tmp_path, act)


def test_a_busy_hub_asks_to_be_told_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def locked(work: object) -> object:
        raise Refused(Reason.UNAVAILABLE, "Another program has locked the database; try again")

    async def act(scene: Scene) -> None:
        told = notification(scene.order)
        with monkeypatch.context() as patch:
            patch.setattr(scene.console.hub, "write", locked)
            answer = await scene.tell(told)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await scene.tell(told)).status_code == 200
        assert scene.asked() == 1

    played(tmp_path, act)


def test_word_of_an_open_order_wakes_the_worker_and_no_other_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(scene: Scene) -> None:
        wakes: list[None] = []
        monkeypatch.setattr(scene.console.hub.worker, "wake", lambda: wakes.append(None))
        assert (await scene.tell(b"<a/>")).status_code == 400
        other = notification(Kept("2dda315b", "CO" + "9" * 32, [], {}))
        assert (await scene.tell(other)).status_code == 404
        assert wakes == []
        assert (await scene.tell(notification(scene.order))).status_code == 200
        assert len(wakes) == 1

    played(tmp_path, act)


def test_only_the_database_itself_is_listened_to(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        told = notification(scene.order)
        for auth in (None, (GOOD[0], "guess"), ("guess", GOOD[1]), ("rita", "chosen"), ("", "")):
            answer = await scene.tell(told, auth)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic ")
        for path in ("/notices/local", "/notices/elsewhere"):
            assert (await scene.tell(told, path=path)).status_code == 404
        assert scene.asked() == 0

    played(tmp_path, act)


def test_nobody_is_listened_to_unless_the_settings_say_so(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        assert (await scene.tell(notification(scene.order))).status_code == 404
        assert scene.asked() == 0

    played(tmp_path, act, listens=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"notices_user": "a"},
        {"notices_password_file": "theirs"},
        {"notices_user": "", "notices_password_file": "theirs"},
        {"notices_user": "a:b", "notices_password_file": "theirs"},
        {"notices_user": "a", "notices_password_file": "/dev/null"},
    ],
)
def test_half_of_the_credentials_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "theirs").write_text("secret")
    with pytest.raises(Refused):
        Bandwidth(Settings("lidb", "9900000", "user", str(tmp_path / "theirs"), **wrong))  # type: ignore[arg-type]


def test_a_name_too_long_to_be_an_orders_is_none() -> None:
    with pytest.raises(Unreadable):
        read_notice(b"<Notification><OrderId>" + b"a" * 65 + b"</OrderId></Notification>")


def test_word_is_kept_apart_from_reading(tmp_path: Path) -> None:
    """A notice of an order that is not known to have arrived has it sent again, not lost."""

    async def act(scene: Scene) -> None:
        def lost(store: SqlStore) -> None:
            from sqlalchemy import update

            from phonotary.storage import schema_names

            orders = schema_names.cnam_orders
            store.connection.execute(
                update(orders).where(orders.c.database == "lidb").values(order_ref=None)
            )

        scene.console.hub.database.write(lost)
        scene.company.advance()
        assert (await scene.tell(notification(scene.order))).status_code == 200
        assert (await scene.state(), len(scene.company.orders)) == ("accepted", 1)

    played(tmp_path, act)
