"""What a hub's calls pass through is put together whole, or not at all."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phonotary.bootstrap import voice as voice_module
from phonotary.bootstrap.voice import Voice
from phonotary.clock import Clock
from phonotary.config import Settings, Trunk
from phonotary.errors import Reason, Refused
from phonotary.shaken.signing import CallToSign
from phonotary.storage import migrate
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


def test_alarms_are_looked_at_from_the_first_look_and_then_hourly(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert voice_module._HOUR == 3_600
    # An hour of four looks.
    monkeypatch.setattr(voice_module, "_LOOK", 0.001)
    monkeypatch.setattr(voice_module, "_HOUR", 0.004)
    voice, done = service(database), []
    monkeypatch.setattr(voice, "look", lambda: done.append("look"))
    monkeypatch.setattr(voice, "_alarm", lambda: done.append("alarm"))

    async def run() -> None:
        running = asyncio.create_task(voice.run())
        while done.count("look") < 9:
            await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    assert done[:11] == ["look", "alarm", *["look"] * 4, "alarm", *["look"] * 4]


def test_an_alarm_is_told_when_it_is_new_and_again_after_a_day(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    voice, due, at = service(database), ["The certificate runs out."], [1000.0]
    monkeypatch.setattr(voice_module, "monotonic", lambda: at[0])
    monkeypatch.setattr(voice, "_alarms", lambda: due)

    def told() -> int:
        voice._alarm()
        return capsys.readouterr().err.count("warning")

    assert told() == 1
    at[0] += 3_600
    assert told() == 0
    due.append("The list has run out.")
    assert told() == 1
    at[0] += 86_400 - 3_600
    assert told() == 1
    # What was mended and comes back is new.
    due.clear()
    assert told() == 0
    due.append("The certificate runs out.")
    assert told() == 1


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
