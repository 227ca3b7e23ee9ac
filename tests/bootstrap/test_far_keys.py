"""A key in a hardware module: calls wait for it and nothing else does, not for long, and that it
cannot sign now is our fault, and the operator's to know of."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from phonotary.abreast import alone
from phonotary.bootstrap import far_keys
from phonotary.bootstrap.credentials import Credentials
from phonotary.bootstrap.far_keys import FarKey, Reach
from phonotary.bootstrap.sealing import AuthenticationService
from phonotary.errors import Refused
from phonotary.outbound import hsm
from phonotary.shaken import issuing
from phonotary.shaken.certificates import load_credential
from phonotary.shaken.ledger import Entry
from phonotary.shaken.signing import CallToSign, InvalidClaim, KeyAway, SignedCall
from phonotary.sip.answers import Policy, Then
from phonotary.sip.redirect import Pending
from phonotary.web.stir_v1.doors import doors
from tests.bootstrap.scenes import CA, NOW, OnDisk, Time, answered, credentials, looked
from tests.outbound import softhsm
from tests.rooms.shaken import standings
from tests.rooms.shaken.standings import CALLER
from tests.sip.invites import door, request, response

T = TypeVar("T")

ORIG, DEST = "14155550100", "12025550143"
CALL = CallToSign(caller_sid=CALLER, orig=ORIG, dest=(DEST,), attest="A")
ATIS = {
    "attest": "A",
    "orig": {"tn": ORIG},
    "dest": {"tn": [DEST]},
    "iat": NOW,
    "origid": "de305d54-75b4-431b-adb2-eb6b9e546014",
}
MS = {"ppt": "shaken", **ATIS}


class Doors:
    """Every door of one authentication service."""

    def __init__(self, service: AuthenticationService) -> None:
        self.service = service

    def http(self, target: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
        """Status, and everything that was told."""
        return asyncio.run(self.over_http(target, body))

    async def over_http(self, target: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
        sent = b"" if body is None else json.dumps({"signingRequest": body}).encode()
        headers = {
            b"content-type": b"application/json",
            b"content-length": str(len(sent)).encode(),
        }
        served = doors(
            authenticate=lambda headers: CALLER,
            sign=self.service.signing,
            sign_later=self.service.sign_later,
        )
        method = "GET" if body is None else "POST"
        answer = alone(served(method, f"/stir/v1/{target}", headers, sent, "192.0.2.1"))
        if inspect.isawaitable(answer):
            answer = await answer
        status, told, more = answer
        return status, f"{told!r} {more!r}"

    def sip(self, then: Then = Then.PROCEED) -> tuple[int, str]:
        redirect = door(
            sign=lambda call: alone(self.service.signing(call)),
            sign_later=self.service.sign_later,
            policy=Policy(unsigned=then),
        )

        async def asked() -> bytes:
            reply = redirect.answer(request(), "127.0.0.1", 5070)
            if isinstance(reply, Pending):
                # Sent again while it waits: there is no answer yet, and no second signature.
                assert redirect.answer(request(), "127.0.0.1", 5070) is None
                pending, reply = reply, await reply.judge()
                pending.settle()
            assert isinstance(reply, tuple)
            return reply[0]

        told = response(asyncio.run(asked()))
        return told.status, repr(told)


@dataclass
class Module(Doors):
    """A hub that signs with a key in a token, which a test unplugs."""

    owl: OnDisk
    token: softhsm.Token
    credentials: Credentials
    ledger: list[Entry]
    service: AuthenticationService
    patch: pytest.MonkeyPatch

    def unplug(self, fault: type[Exception] = pkcs11.DeviceRemoved) -> None:
        def gone(reference: hsm.HsmReference, pin: str) -> pkcs11.Session:
            raise fault

        softhsm.restart()
        self.patch.setattr(hsm, "_session", gone)

    def plug(self) -> None:
        self.patch.undo()


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Module]:
    owl = OnDisk(tmp_path / "owl", "709J")
    owl.certified(key=issuing.new_key())
    (tmp_path / "hsm").mkdir()
    with softhsm.plugged(softhsm.made(tmp_path / "hsm", owl.leaf.key_pem)) as token:
        owl.key = token.uri()
        ledger: list[Entry] = []
        held = credentials(owl)
        service = AuthenticationService(
            standing_of=lambda tn, account_sid: standings.BEST,
            credential_of=held,
            now=Time(),
            remember=ledger.append,
        )
        with pytest.MonkeyPatch.context() as patch:
            yield Module(owl, token, held, ledger, service, patch)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_every_door_answers_503_and_names_neither_token_nor_module(module: Module) -> None:
    assert module.http("signing", ATIS)[0] == 200
    module.unplug()
    told = [
        module.http("signing", ATIS),
        module.http("signing", MS),
        module.http(f"text/sign?orig={ORIG}&dest={DEST}&attest=A"),
        module.sip(Then.PROCEED),
        module.sip(Then.BLOCK),
    ]
    assert [status for status, _ in told] == [503] * 5
    for _, said in told:
        assert not any(word in said for word in ("stir", "token", "softhsm", "HSM", "Device"))
        assert "identity" not in said.lower()
    assert len(module.ledger) == 1
    module.plug()
    assert module.http("signing", ATIS)[0] == 200


def refused(module: Module, times: int = 3) -> None:
    for _ in range(times):
        with pytest.raises(Refused, match="cannot be signed now"):
            asyncio.run(module.service.sign_later(CALL))


def test_the_operator_is_told_once_of_each_trouble(
    module: Module, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    at = [1_000.0]
    module.patch.setattr(far_keys.clock, "monotonic", lambda: at[0])
    module.unplug()
    refused(module)
    assert module.sip()[0] == 503
    first = capsys.readouterr().err
    assert first.count("calls are not signed") == len(first.splitlines()) == 1
    assert "709J" in first
    assert "token stir does not answer: DeviceRemoved" in first
    # Nor has SIP a line and a traceback for each call.
    assert caplog.text == ""
    # Another kind of fault is another trouble.
    module.unplug(pkcs11.GeneralError)
    refused(module)
    assert capsys.readouterr().err.count("GeneralError") == 1
    at[0] += 59
    refused(module)
    assert capsys.readouterr().err == ""
    # A minute without a fault ends a trouble.
    at[0] += 61
    refused(module)
    assert capsys.readouterr().err.count("GeneralError") == 1


def test_calls_that_come_together_are_signed_by_as_many_sessions(module: Module) -> None:
    async def many() -> list[tuple[int, str]]:
        return await asyncio.gather(*(module.over_http("signing", ATIS) for _ in range(40)))

    assert {status for status, _ in asyncio.run(many())} == {200}
    assert len(module.ledger) == 40
    assert module.http(f"text/sign?orig={ORIG}&dest={DEST}&attest=A")[0] == 200
    assert module.sip()[0] == 302


def test_a_certificate_for_the_same_key_is_taken_without_a_word_to_the_module(
    module: Module,
) -> None:
    assert module.http("signing", ATIS)[0] == 200
    module.owl.certified(public_key=module.owl.leaf.certificate.public_key())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hsm, "_session", lambda *_: pytest.fail("the module was asked"))
        assert module.credentials.look()
        assert module.http("signing", ATIS)[0] == 200
    assert module.ledger[1].fingerprint == module.owl.fingerprint


def other_key(module: Module) -> ec.EllipticCurvePrivateKey:
    """Another key pair in the token, under the same name."""
    # With a signature somebody is logged in, as has to be who removes the old one.
    assert module.http("signing", ATIS)[0] == 200
    fresh = issuing.new_key()
    softhsm.exchanged(module.token, private_pem(fresh))
    return fresh


def test_a_new_key_lets_the_old_ones_threads_go(module: Module) -> None:
    before = set(threading.enumerate())
    fresh = other_key(module)
    (thread,) = set(threading.enumerate()) - before
    module.owl.certified(public_key=fresh.public_key())
    assert looked(module.credentials)
    thread.join(20)
    assert not thread.is_alive()
    assert module.http("signing", ATIS)[0] == 200
    assert module.ledger[1].fingerprint == module.owl.fingerprint


def test_a_module_that_takes_its_time_over_a_new_key_keeps_no_look_waiting(
    module: Module, tmp_path: Path
) -> None:
    elk = OnDisk(tmp_path / "elk", "555A", frozenset({"AC" + "2" * 32}))
    module.owl.accounts = frozenset({CALLER})
    held = credentials(module.owl, elk)
    before = held(CALLER).fingerprint
    let, asked, real = threading.Event(), list[threading.Thread](), hsm.HsmKey
    fresh = other_key(module)

    def slow(reference: hsm.HsmReference) -> hsm.HsmKey:
        asked.append(threading.current_thread())
        assert let.wait(20)
        return real(reference)

    module.patch.setattr(hsm, "HsmKey", slow)
    module.owl.certified(public_key=fresh.public_key())
    assert [held.look() for _ in range(3)] == [False] * 3
    # Another provider's files are followed meanwhile, and the module is asked once.
    elk.certified()
    assert held.look()
    assert held("AC" + "2" * 32).fingerprint == elk.fingerprint
    assert (held(CALLER).fingerprint, len(asked)) == (before, 1)
    assert asked[0] is not threading.current_thread()
    let.set()
    answered()
    assert held.look()
    assert held(CALLER).fingerprint == module.owl.fingerprint != before


def test_what_a_module_says_of_a_chain_that_is_there_no_more_is_not_taken(module: Module) -> None:
    fresh = other_key(module)
    module.owl.certified(public_key=fresh.public_key())
    assert not module.credentials.look()
    answered()
    module.owl.certified(public_key=fresh.public_key())
    assert looked(module.credentials)
    assert module.credentials(CALLER).fingerprint == module.owl.fingerprint


def test_a_look_for_which_no_thread_starts_is_told_and_made_again(
    module: Module, capsys: pytest.CaptureFixture[str]
) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    fresh = other_key(module)
    module.owl.certified(public_key=fresh.public_key())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        assert not module.credentials.look()
    assert "No thread could be started" in capsys.readouterr().err
    assert looked(module.credentials)


LEAF = issuing.leaf(CA, NOW, "709J")
NEAR = load_credential(issuing.chain(LEAF, CA), LEAF.key_pem, "https://certs.example/c.pem")


@dataclass
class Held:
    """A key whose signatures wait until they are let go."""

    let: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    at_once: int = 0
    most: int = 0
    closed: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sign(self, data: bytes, signature_algorithm: Any) -> bytes:
        with self.lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self.begun.release()
        assert self.let.wait(20)
        with self.lock:
            self.at_once -= 1
        return LEAF.private_key.sign(data, signature_algorithm)

    def close(self) -> None:
        self.closed.append(threading.current_thread().name)


class Hub(Doors):
    """A service whose key is held, or is here."""

    def __init__(self, sessions: int = 2, seconds: float = 20.0, near: bool = False) -> None:
        self.held = Held()
        self.key = FarKey(self.held, "Owl", Reach(sessions, seconds))
        self.ledger: list[Entry] = []
        credential = NEAR if near else replace(NEAR, key=self.key)
        super().__init__(
            AuthenticationService(
                standing_of=lambda tn, account_sid: standings.BEST,
                credential_of=lambda account_sid: credential,
                now=Time(),
                remember=self.ledger.append,
            )
        )

    async def begun(self) -> None:
        """A signature is under way."""
        assert await asyncio.to_thread(self.held.begun.acquire, timeout=20)

    async def settled(self) -> None:
        """All that was under way has come to its end."""
        async with asyncio.timeout(20):
            while self.key._began:
                await asyncio.sleep(0)


def run(work: Callable[[Hub], Coroutine[Any, Any, T]], hub: Hub) -> T:
    async def whole() -> T:
        try:
            return await work(hub)
        finally:
            hub.held.let.set()
            await hub.settled()
            hub.key.close()

    return asyncio.run(whole())


def threads() -> set[threading.Thread]:
    """Those of other tests among them, which may end at any time."""
    return {one for one in threading.enumerate() if one.name == "hsm"}


def test_nothing_else_waits_while_a_module_signs() -> None:
    async def work(hub: Hub) -> None:
        slow = asyncio.create_task(hub.over_http("signing", ATIS))
        await hub.begun()
        # The loop goes on, and a provider whose key is a file signs.
        near = Hub(near=True)
        assert (await near.over_http("signing", ATIS))[0] == 200
        assert not slow.done()
        assert hub.ledger == []
        hub.held.let.set()
        assert (await slow)[0] == 200
        assert len(hub.ledger) == 1

    run(work, Hub())


def test_a_key_that_is_here_signs_at_once_and_without_a_thread() -> None:
    hub, before = Hub(near=True), threads()
    assert isinstance(alone(hub.service.signing(CALL)), SignedCall)
    assert hub.http("signing", ATIS)[0] == 200
    assert threads() <= before


def test_no_more_sign_at_one_time_than_there_are_sessions() -> None:
    async def work(hub: Hub) -> None:
        before = threads()
        calls = [asyncio.create_task(hub.service.sign_later(CALL)) for _ in range(7)]
        for _ in range(3):
            await hub.begun()
        assert hub.held.at_once == len(threads() - before) == 3
        hub.held.let.set()
        await asyncio.gather(*calls)
        assert (hub.held.most, len(threads() - before), len(hub.ledger)) == (3, 3, 7)

    run(work, Hub(sessions=3))


def test_one_call_after_another_needs_one_thread() -> None:
    async def work(hub: Hub) -> None:
        before = threads()
        hub.held.let.set()
        for _ in range(5):
            await hub.service.sign_later(CALL)
            await hub.settled()
        assert len(threads() - before) == 1

    run(work, Hub(sessions=3))


def test_a_call_that_is_late_is_answered_503_told_once_and_not_remembered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def work(hub: Hub) -> None:
        # One is being signed, one waits for its place.
        late = await asyncio.gather(*(hub.over_http("signing", ATIS) for _ in range(2)))
        assert [status for status, _ in late] == [503, 503]
        hub.held.let.set()
        await hub.settled()
        assert hub.ledger == []
        assert hub.held.most == 1
        assert (await hub.over_http("signing", ATIS))[0] == 200
        assert len(hub.ledger) == 1

    run(work, Hub(sessions=1, seconds=0.05))
    said = capsys.readouterr().err
    assert said.count("calls are not signed") == 1
    assert "has not signed within 0.05 s" in said


def test_a_call_that_nobody_waits_for_any_more_is_not_remembered() -> None:
    async def work(hub: Hub) -> None:
        left = asyncio.create_task(hub.service.sign_later(CALL))
        await hub.begun()
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        hub.held.let.set()
        await hub.settled()
        assert hub.ledger == []

    run(work, Hub())


def test_a_module_that_hangs_keeps_no_further_call_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    at = [1_000.0]
    monkeypatch.setattr(far_keys.clock, "monotonic", lambda: at[0])

    async def work(hub: Hub) -> None:
        hung = [asyncio.create_task(hub.service.sign_later(CALL)) for _ in range(2)]
        for _ in range(2):
            await hub.begun()
        at[0] += 21
        # The loop's own clock has not moved, so nothing but this look ends the wait.
        with pytest.raises(KeyAway):
            await hub.service.sign_later(CALL)
        hub.held.let.set()
        await asyncio.gather(*hung)
        await hub.settled()
        assert (await hub.service.sign_later(CALL)).level == "A"

    run(work, Hub(sessions=2, seconds=20.0))


def test_what_cannot_be_signed_at_all_is_told_as_ever() -> None:
    async def work(hub: Hub) -> None:
        hub.held.let.set()
        with pytest.raises(InvalidClaim):
            await hub.service.sign_later(CallToSign(caller_sid=CALLER, orig="x", dest=(DEST,)))
        asked = {**ATIS, "iat": NOW - 100}
        status, said = await hub.over_http("signing", asked)
        assert (status, "SVC4005" in said) == (400, True)

    run(work, Hub())


def test_a_key_that_is_let_go_ends_its_threads_and_their_sessions() -> None:
    async def work(hub: Hub) -> None:
        calls = [asyncio.create_task(hub.service.sign_later(CALL)) for _ in range(2)]
        for _ in range(2):
            await hub.begun()
        # What was begun is brought to its end.
        hub.key.close()
        hub.held.let.set()
        await asyncio.gather(*calls)
        async with asyncio.timeout(20):
            while len(hub.held.closed) < 2:
                await asyncio.sleep(0)
        assert hub.held.closed == ["hsm", "hsm"]

    run(work, Hub())


def test_a_key_whose_threads_do_not_start_signs_again_when_they_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real, failing = threading.Thread.start, 5

    def start(thread: threading.Thread) -> None:
        nonlocal failing
        if thread.name == "hsm" and failing:
            failing -= 1
            raise RuntimeError("can't start new thread")
        real(thread)

    async def work(hub: Hub) -> None:
        monkeypatch.setattr(threading.Thread, "start", start)
        for _ in range(5):
            with pytest.raises(KeyAway):
                await hub.service.sign_later(CALL)
        # All its places are there still.
        calls = [asyncio.create_task(hub.service.sign_later(CALL)) for _ in range(2)]
        for _ in range(2):
            await hub.begun()
        hub.held.let.set()
        await asyncio.gather(*calls)
        assert len(hub.ledger) == 2

    run(work, Hub(sessions=2))
    assert capsys.readouterr().err.count("No thread could be started") == 1


@pytest.mark.parametrize("later", [False, True])
def test_a_key_that_is_let_go_under_load_leaves_neither_thread_nor_session(later: bool) -> None:
    async def work(hub: Hub) -> None:
        before = threads()
        calls = [asyncio.create_task(hub.service.sign_later(CALL)) for _ in range(12)]
        for _ in range(4):
            await hub.begun()
        at_work = threads() - before
        # Four are at work and eight in line; those are signed as well, in the same sessions.
        hub.key.close()
        hub.held.let.set()
        await asyncio.gather(*calls)
        assert (len(hub.ledger), hub.held.most) == (12, 4)
        if later:
            # A call may have taken the key just before another came in its place.
            await hub.service.sign_later(CALL)
        async with asyncio.timeout(20):
            while len(hub.held.closed) < 4 + later:
                await asyncio.sleep(0)
        for thread in at_work:
            await asyncio.to_thread(thread.join, 20)
        assert (len(hub.held.closed), hub.key._threads) == (4 + later, 0)
        assert hub.key._errands.empty()

    run(work, Hub(sessions=4))


def test_a_call_in_line_that_gives_up_keeps_no_thread_of_a_key_that_is_let_go() -> None:
    async def work(hub: Hub) -> None:
        first = asyncio.create_task(hub.service.sign_later(CALL))
        await hub.begun()
        second = asyncio.create_task(hub.service.sign_later(CALL))
        await asyncio.sleep(0)
        hub.key.close()
        first.cancel()
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        assert hub.held.closed == []
        hub.held.let.set()
        async with asyncio.timeout(20):
            while not hub.held.closed:
                await asyncio.sleep(0)

    run(work, Hub(sessions=1))
