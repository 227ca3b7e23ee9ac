"""What a hub's calls pass through is put together whole, or not at all."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phonotary.bootstrap.verifying import VerificationService
from phonotary.bootstrap.voice import Voice
from phonotary.clock import Clock
from phonotary.config import ProviderFiles, Settings, Stir, Trunk
from phonotary.errors import Reason, Refused
from phonotary.shaken import issuing
from phonotary.shaken.replays import Use
from phonotary.shaken.signing import CallToSign
from phonotary.shaken.verification import Rules
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


def test_the_verifier_goes_by_the_operators_rules(database: Database) -> None:
    said: dict[str, Any] = {
        "diverted_freshness": 10_800,
        "max_diversions": 4,
        "max_targets": 2,
        "replays": "off",
        "allow_base": True,
        "delegate_shaken": True,
    }
    rules = service(database, stir=Stir(**said)).verification.rules
    assert {name: getattr(rules, name) for name in said} == said


def test_unless_the_operator_says_otherwise_the_standards_rules_hold(database: Database) -> None:
    held, rules = service(database).verification.rules, Rules()
    assert all(getattr(held, one) == getattr(rules, one) for one in Rules.__slots__ if one != "lab")


@pytest.mark.parametrize("by", ["setting", "rules"])
def test_a_diverted_call_is_remembered_as_long_as_it_may_be_old(
    database: Database, by: str
) -> None:
    verification = service(database, stir=Stir(diverted_freshness=600)).verification
    if by == "rules":
        rules = Rules(diverted_freshness=600)
        verification = VerificationService(verification.repository, lambda: 0, rules)
    replays = verification.replays
    origin, one, other = (bytes([place] * 64) for place in range(3))
    assert replays.divert(origin, one, 0, 1) is Use.FIRST
    assert replays.divert(origin, other, 660, 1) is Use.REPLAY
    assert replays.divert(origin, other, 661, 1) is Use.FIRST


def test_a_memory_of_replays_that_is_too_small_is_one_line_that_names_the_setting(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    replays = service(database, stir=Stir(replay_memory=2)).verification.replays
    capsys.readouterr()
    for place in range(2):
        replays.use(bytes([place] * 64), 0)
    assert capsys.readouterr().err == ""
    for place in range(2, 9):
        replays.use(bytes([place] * 64), 0)
    (line,) = capsys.readouterr().err.splitlines()
    assert "a replay may pass: raise stir_replay_memory" in line
    assert line.endswith("room=2")


@pytest.mark.parametrize("network", ["127.0.0.1/8", "10.0.0.0/33", "owl.example", ""])
def test_a_trunk_whose_network_is_none_is_named(database: Database, network: str) -> None:
    with pytest.raises(Refused, match="a trunk's network: ") as caught:
        service(database, trunks=(Trunk((network,), ACCOUNT, "both"),))
    assert "\n" not in caught.value.because


def test_a_service_without_a_provider_signs_nothing(database: Database) -> None:
    asked = CallToSign(caller_sid=ACCOUNT, orig="14155550100", dest=("12025550143",), attest="A")
    with refused(Reason.FORBIDDEN):
        service(database).authentication.sign(asked)


def test_a_provider_is_held_to_what_the_hubs_own_verifier_believes(
    database: Database, tmp_path: Path
) -> None:
    now = Clock.wall()
    root = issuing.root(now)
    ca = issuing.sti_ca(root, now)
    leaf = issuing.leaf(ca, now, "709J")
    chain, key, anchors = (tmp_path / name for name in ("chain.pem", "key.pem", "anchors.pem"))
    chain.write_bytes(leaf.pem)
    key.write_bytes(leaf.key_pem)
    anchors.write_bytes(ca.pem)
    lab = "http://127.0.0.1:8080"

    def held(x5u: str, **more: Any) -> Stir:
        return Stir(providers=(ProviderFiles("owl", chain, str(key), x5u),), **more)

    service(database, stir=held("https://owl.example/c.pem", anchors=anchors))
    service(database, stir=held(f"{lab}/c.pem", anchors=anchors, lab=frozenset({lab})))
    with pytest.raises(Refused, match="not an https URI"):
        service(database, stir=held(f"{lab}/c.pem", anchors=anchors))
    anchors.write_bytes(root.pem)
    with pytest.raises(Refused, match="not followed by that of its issuer"):
        service(database, stir=held("https://owl.example/c.pem", anchors=anchors))


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
