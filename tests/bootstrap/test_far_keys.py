"""A key in a hardware module that cannot sign now is our fault, and the operator's to know of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11
import pytest

from phonotary.bootstrap import far_keys
from phonotary.bootstrap.credentials import Credentials
from phonotary.bootstrap.sealing import AuthenticationService
from phonotary.errors import Refused
from phonotary.outbound import hsm
from phonotary.shaken import issuing
from phonotary.shaken.ledger import Entry
from phonotary.shaken.signing import CallToSign
from phonotary.sip.answers import Policy, Then
from phonotary.web.stir_v1.doors import doors
from tests.bootstrap.scenes import NOW, OnDisk, Time, credentials
from tests.outbound import softhsm
from tests.rooms.shaken import standings
from tests.rooms.shaken.standings import CALLER
from tests.sip.invites import ask, door, request

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


@dataclass
class Module:
    """A hub that signs with a key in a token, which a test unplugs."""

    credentials: Credentials
    ledger: list[Entry]
    service: AuthenticationService
    patch: pytest.MonkeyPatch

    def unplug(self, fault: type[Exception] = pkcs11.DeviceRemoved) -> None:
        def gone(reference: hsm.HsmReference, pin: str) -> pkcs11.Session:
            raise fault

        key: Any = self.credentials(CALLER).key
        key._key.close()
        self.patch.setattr(hsm, "_session", gone)

    def plug(self) -> None:
        self.patch.undo()

    def http(self, target: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
        """Status, and everything that was told."""
        sent = b"" if body is None else json.dumps({"signingRequest": body}).encode()
        headers = {
            b"content-type": b"application/json",
            b"content-length": str(len(sent)).encode(),
        }
        served = doors(authenticate=lambda headers: CALLER, sign=self.service.sign)
        method = "GET" if body is None else "POST"
        answer = served(method, f"/stir/v1/{target}", headers, sent, "192.0.2.1")
        assert isinstance(answer, tuple)
        status, told, more = answer
        return status, f"{told!r} {more!r}"

    def sip(self, then: Then) -> tuple[int, str]:
        told = ask(door(sign=self.service.sign, policy=Policy(unsigned=then)), request())
        return told.status, repr(told)


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
            yield Module(held, ledger, service, patch)


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
            module.service.sign(CALL)


def test_the_operator_is_told_once_of_each_trouble(
    module: Module, capsys: pytest.CaptureFixture[str]
) -> None:
    at = [1_000.0]
    module.patch.setattr(far_keys.clock, "monotonic", lambda: at[0])
    module.unplug()
    refused(module)
    first = capsys.readouterr().err
    assert first.count("calls are not signed") == len(first.splitlines()) == 1
    assert "709J" in first
    assert "token stir does not answer: DeviceRemoved" in first
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
