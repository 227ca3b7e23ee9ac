"""What a hub's calls pass through is put together whole, or not at all."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phonotary.bootstrap.voice import Voice
from phonotary.clock import Clock
from phonotary.config import Settings, Trunk
from phonotary.errors import Reason, Refused
from phonotary.shaken.signing import CallToSign
from phonotary.storage import migrate
from phonotary.storage.database import Database
from tests.rooms.office import refused
from tests.sip.invites import request, response

ACCOUNT = "AC" + "1" * 32


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'service.db'}")
    migrate.upgrade(made)
    yield made
    made.close()


def service(database: Database, **settings: Any) -> Voice:
    return Voice(
        Settings(database_url=database.url, sandbox=False, **settings),
        database,
        Clock(),
        secret="",
        origin="http://127.0.0.1:8080",
        account=None,
    )


@pytest.mark.parametrize(
    ("origin", "found"),
    [
        ("http://0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://[::]:8080", "http://[::1]:8080"),
        ("http://192.0.2.1:8080", "http://192.0.2.1:8080"),
    ],
)
def test_a_sandboxs_certificate_is_where_it_can_be_fetched_from(
    database: Database, origin: str, found: str
) -> None:
    settings = Settings(database_url=database.url)
    voice = Voice(settings, database, Clock(), secret="", origin=origin, account=None)
    assert voice.rehearsal is not None
    assert voice.rehearsal(ACCOUNT).x5u.startswith(f"{found}/certs/")
    directory = voice.rehearsal.laboratory.servers["/lab/acme"].directory()
    assert directory["newOrder"].startswith(found)
    assert voice.verification.rules.lab == {found}


@pytest.mark.parametrize("network", ["127.0.0.1/8", "10.0.0.0/33", "owl.example", ""])
def test_a_trunk_whose_network_is_none_is_named(database: Database, network: str) -> None:
    with pytest.raises(Refused, match="a trunk's network: ") as caught:
        service(database, trunks=(Trunk((network,), ACCOUNT, "both"),))
    assert "\n" not in caught.value.because


def test_a_service_without_a_provider_signs_nothing(database: Database) -> None:
    asked = CallToSign(caller_sid=ACCOUNT, orig="14155550100", dest=("12025550143",), attest="A")
    with refused(Reason.FORBIDDEN):
        service(database).authentication.sign(asked)


def test_the_sip_door_knows_an_account_that_may_not_call(database: Database) -> None:
    nobodys = Trunk(("127.0.0.0/8",), ACCOUNT, "authenticate")
    voice = service(database, sip_port=0, trunks=(nobodys,))

    async def called() -> bytes:
        await voice.start()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
            way = f"SIP/2.0/UDP 127.0.0.1:{sock.getsockname()[1]};branch=z9hG4bK1"
            data = request(via=way, from_="<sip:anonymous@anonymous.invalid>;tag=1")
            loop = asyncio.get_running_loop()
            await loop.sock_sendto(sock, data, ("127.0.0.1", voice.sip_port))
            told = await asyncio.wait_for(loop.sock_recv(sock, 65_536), 5)
        await voice.stop()
        return told

    told = response(asyncio.run(called()))
    assert (told.status, told["X-Phonotary-Reason"]) == (603, "account-not-active")


def test_a_sip_port_that_is_taken_is_one_sentence(database: Database) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        async def started() -> None:
            voice = service(database, sip_port=port)
            try:
                await voice.start()
            finally:
                await voice.stop()

        with pytest.raises(Refused, match=f"cannot listen for SIP on 127.0.0.1 port {port}: "):
            asyncio.run(started())
