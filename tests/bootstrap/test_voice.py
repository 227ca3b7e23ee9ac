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
from phonotary.shaken.ledger import Call, read
from phonotary.shaken.signing import CallToSign
from phonotary.shaken.verification import CallToVerify
from phonotary.storage import ledger_kept, migrate
from phonotary.storage.database import Database
from tests.rooms.office import refused

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


@pytest.mark.parametrize(
    ("orig", "written"),
    [
        ("+1-415-555-0100", "14155550100"),
        ("sip:+14155550100@pbx.example;user=phone", "14155550100"),
        ("sip:Anna@PBX.example:5061", "sip:anna@pbx.example"),
    ],
)
def test_a_verified_call_is_recorded_by_its_number_with_who_asked(
    database: Database, orig: str, written: str
) -> None:
    voice = service(database)
    voice.ledger.start()
    call = CallToVerify(orig, ("+1(202)555-0143",), caller_sid=ACCOUNT)
    assert voice.verification.verify_now(call, "text", "192.0.2.1") is not None
    voice.ledger.close()
    with database.reading() as store:
        asked = {written}, {"12025550143"}, 0, Clock.wall() + 9, 2
        (row,) = ledger_kept.by_numbers(store.connection, *asked).rows
    body = read(row.body)
    assert isinstance(body, Call)
    assert (body.orig, body.dest, body.account_sid) == (written, ("12025550143",), ACCOUNT)
