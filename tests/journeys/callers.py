"""A running hub's doors as callers use them: the same call signed or verified through each."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner, Result

from phonotary.cli.app import app
from tests.sip.invites import Response, request, response

SIGNING, VERIFICATION = "/stir/v1/signing", "/stir/v1/verification"
_PATIENCE = 10.0


def environ(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TWILIO_", "PHONOTARY_"))}
    return {**kept, **more}


def phonotary(*arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """The command, as a user types it."""
    return subprocess.run(
        [sys.executable, "-m", "phonotary", *arguments],
        env=environ(**more),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def here(*arguments: str, stdin: str = "") -> Result:
    """The same without a process of its own, where only what it does counts."""
    unset = dict.fromkeys(name for name in os.environ if name.startswith("PHONOTARY_"))
    return CliRunner(env=unset).invoke(app, arguments, input=stdin)


def claims(identity: str) -> dict[str, Any]:
    """What a PASSporT says, read without our own parser."""
    part = identity.partition(";")[0].split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


@dataclass(frozen=True, slots=True)
class Caller:
    """One account that calls through one hub."""

    http: str
    sip: str
    auth: tuple[str, str]
    data: Path

    # Each signer takes the calling and the called number, ``+`` and digits.

    def sign_atis(self, orig: str, dest: str) -> str:
        asked = {
            "attest": "A",
            "orig": {"tn": orig.lstrip("+")},
            "dest": {"tn": [dest.lstrip("+")]},
            "iat": int(time.time()),
            "origid": str(uuid.uuid4()),
        }
        answer = self._posted(SIGNING, json={"signingRequest": asked})
        return str(answer.json()["signingResponse"]["identity"])

    def sign_ms(self, orig: str, dest: str) -> str:
        asked = {
            "ppt": "shaken",
            "attest": "A",
            "orig": {"tn": orig},
            "dest": {"tn": [dest]},
            "iat": int(time.time()),
            "origid": str(uuid.uuid4()),
            "rcd": {},
            "requestId": "7",
        }
        answer = self._posted(SIGNING, json={"signingRequest": asked}).json()["signingResponse"]
        assert answer["requestId"] == "7"
        return str(answer["identityHeader"])

    def sign_text(self, orig: str, dest: str) -> str:
        return self._posted(f"/stir/v1/text/sign?orig={orig}&dest={dest}&attest=A").text

    def sign_udp(self, orig: str, dest: str) -> str:
        return self._told(self.udp(self.invite(orig, dest)))

    def sign_tcp(self, orig: str, dest: str) -> str:
        return self._told(self.tcp(self.invite(orig, dest)))

    def sign_command(self, orig: str, dest: str) -> str:
        done = phonotary(
            *("sign", "--orig", orig, "--dest", dest, "--attest", "A", "--data", str(self.data))
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    # Each verifier gives verstat and, where the door tells it, the level.

    def verify_atis(self, orig: str, dest: str, identity: str) -> tuple[str, str | None]:
        asked = {
            "from": {"tn": orig},
            "to": {"tn": [dest]},
            "time": int(time.time()),
            "identity": identity,
        }
        answer = self._posted(VERIFICATION, json={"verificationRequest": asked})
        return answer.json()["verificationResponse"]["verstat"], None

    def verify_ms(self, orig: str, dest: str, identity: str) -> tuple[str, str | None]:
        asked = {
            "from": {"tn": orig},
            "to": {"tn": [dest]},
            "time": int(time.time()),
            "identityHeader": identity,
        }
        answer = self._posted(VERIFICATION, json={"verificationRequest": asked})
        said = answer.json()["verificationResponse"]
        (each,) = said["verifyResults"]
        found = each["verifyResult"].get("validClaims", {})
        return said["verstatValue"], found.get("attest")

    def verify_text(self, orig: str, dest: str, identity: str) -> tuple[str, str | None]:
        answer = self._posted(f"/stir/v1/text/verify?orig={orig}&dest={dest}", content=identity)
        verstat, attest, *_ = answer.text.split(" ")
        return verstat, attest

    def verify_udp(self, orig: str, dest: str, identity: str) -> tuple[str, str | None]:
        return _judged(self.udp(self.invite(orig, dest, identity)))

    def verify_tcp(self, orig: str, dest: str, identity: str) -> tuple[str, str | None]:
        return _judged(self.tcp(self.invite(orig, dest, identity)))

    def verify_command(self, orig: str, dest: str, identity: str) -> tuple[str, str | None]:
        done = phonotary(
            *("verify", "--orig", orig, "--dest", dest, "--data", str(self.data)), stdin=identity
        )
        verstat, attest, *_ = done.stdout.split(" ")
        assert done.returncode == (verstat != "TN-Validation-Passed"), done.stderr
        return verstat, attest

    def invite(self, orig: str, dest: str, *identities: str) -> bytes:
        return request(
            uri=f"sip:{dest}@owl.example;user=phone",
            lines=tuple(f"Identity: {one}" for one in identities),
            via=f"SIP/2.0/UDP client.example;rport;branch=z9hG4bK{uuid.uuid4().hex}",
            from_=f"<sip:{orig}@owl.example;user=phone>;tag=1",
            to=f"<sip:{dest}@owl.example;user=phone>",
            call_id=uuid.uuid4().hex,
        )

    def udp(self, invite: bytes) -> Response:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(_PATIENCE)
            sock.sendto(invite, self._sip)
            return response(sock.recv(65_536))

    def tcp(self, invite: bytes) -> Response:
        with socket.create_connection(self._sip, timeout=_PATIENCE) as sock:
            sock.sendall(invite)
            said = b""
            while b"\r\n\r\n" not in said:
                part = sock.recv(65_536)
                assert part, "the connection was closed"
                said += part
            return response(said)

    @property
    def _sip(self) -> tuple[str, int]:
        host, _, port = self.sip.rpartition(":")
        return host, int(port)

    def _posted(self, path: str, **body: Any) -> httpx.Response:
        answer = httpx.post(
            f"{self.http}{path}", auth=self.auth, trust_env=False, timeout=_PATIENCE, **body
        )
        assert answer.status_code == 200, answer.text or answer.headers
        return answer

    @staticmethod
    def _told(said: Response) -> str:
        assert said.status == 302, said
        return said["Identity"]


Sign = Callable[[Caller, str, str], str]
Verify = Callable[[Caller, str, str, str], tuple[str, str | None]]


def _judged(said: Response) -> tuple[str, str | None]:
    assert said.status == 302, said
    verstat = said["P-Asserted-Identity"].partition("verstat=")[2].partition(">")[0]
    (level,) = said.headers.get("P-Attestation-Indicator", [None])
    return verstat.partition(";")[0].partition("@")[0], level
