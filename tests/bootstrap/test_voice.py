"""What a hub's calls pass through is put together whole, or not at all."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from phonotary.bootstrap import auditing, witnessing
from phonotary.bootstrap import voice as voice_module
from phonotary.bootstrap.verifying import VerificationService
from phonotary.bootstrap.voice import Voice
from phonotary.clock import Clock
from phonotary.config import ProviderFiles, Settings, Stir, Trunk
from phonotary.errors import Reason, Refused
from phonotary.shaken import issuing
from phonotary.shaken.ledger import Call, read
from phonotary.shaken.replays import Use
from phonotary.shaken.signing import CallToSign
from phonotary.shaken.verification import CallToVerify, Rules
from phonotary.storage import ledger_kept, migrate
from phonotary.storage.database import Database
from tests.rooms.office import refused
from tests.rooms.shaken.calls import signed
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


def told_within(voice: Voice, monkeypatch: pytest.MonkeyPatch, looks: int) -> None:
    """So many looks, with a call before the first and one after the hundredth."""
    real, seen = asyncio.sleep, 0

    async def quick(_seconds: float) -> None:
        nonlocal seen
        await real(0)
        if seen in (0, 100):
            voice.ledger.append(signed(seen))
            assert voice.ledger.flush()
        seen += 1
        if seen > looks:
            raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", quick)
    voice.ledger.start()
    with suppress(asyncio.CancelledError):
        asyncio.run(voice.run())
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("looks", "rows", "at_the_end"),
    [(59, [], 1), (60, [2], 0), (3_659, [2], 1), (3_660, [2, 3], 0)],
)
def test_a_service_tells_the_ledgers_newest_row_within_a_minute_and_every_hour(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    looks: int,
    rows: list[int],
    at_the_end: int,
) -> None:
    voice = service(database)
    told_within(voice, monkeypatch, looks)
    told = witnessing.read(capsys.readouterr().err)
    assert [(chain, row) for chain, row, _ in told] == [(voice.ledger.chain, row) for row in rows]
    assert auditing.audit(database, told).faults == ()
    asyncio.run(voice.stop())
    # What was told already is not told again.
    assert len(witnessing.read(capsys.readouterr().err)) == at_the_end


def test_a_sandbox_tells_nobody_of_its_calls(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(database_url=database.url)
    voice = Voice(settings, database, Clock(), secret="", origin="http://127.0.0.1", account=None)
    told_within(voice, monkeypatch, 60)
    asyncio.run(voice.stop())
    assert witnessing.read(capsys.readouterr().err) == []
