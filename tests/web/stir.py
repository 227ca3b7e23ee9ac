"""What the tests of ``/stir/v1`` share: two services, and one request over either adapter."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from phonotary import sids
from phonotary.shaken.certificates import load_credential, sandbox_certificates
from phonotary.shaken.ports import Standing
from phonotary.shaken.signing import CallToSign, SignedCall, sign_call, signing_request
from phonotary.shaken.verdicts import Verdict, Verstat
from phonotary.shaken.verification import CallToVerify
from phonotary.web import lean
from phonotary.web.stir_v1 import AsgiApp, Door, Headers, asgi, doors
from tests.rooms.shaken.standings import BEST, CALLER
from tests.steps import in_steps

_FILES = Path(__file__).parents[1] / "vectors"
VECTORS = json.loads((_FILES / "atis1000082.json").read_text(encoding="utf-8"))
CASES = json.loads((_FILES / "atis1000082_verification.json").read_text(encoding="utf-8"))
TABLE = {row["id"]: row for row in VECTORS["codes"]}
SAMPLE: dict[str, Any] = VECTORS["signing_request"]
TO_VERIFY: dict[str, Any] = {
    "verificationRequest": {
        "from": {"tn": "12155551212"},
        "to": {"tn": ["12355551212"]},
        "time": 1443208345,
        "identity": "header.payload.signature;info=<https://trust.example/certs/leaf.pem>",
    }
}
NOW = SAMPLE["signingRequest"]["iat"]
NUMBER = "+" + SAMPLE["signingRequest"]["orig"]["tn"]
X5U = "https://trust.example/certs/leaf.pem"
ISSUED = sandbox_certificates(NOW, "709J", "Owl Telecom")
CREDENTIAL = load_credential(ISSUED.chain_pem, ISSUED.key_pem, X5U)
KNOWN = {"authorization": "Basic known"}
GOOD = {**KNOWN, "accept": "application/json", "content-type": "application/json"}
PASSED = Verdict(Verstat.PASSED)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Services:
    """Both services: the true signing room, and a verifier that says what it is told to say."""

    standing: Standing = BEST
    now: int = NOW
    verdict: Verdict | Exception = PASSED
    waits: bool = False
    """Whether a credential must be fetched before there is a verdict."""
    far: bool = False
    """Whether the key must be waited for."""
    fault: Exception | None = None
    """What ``sign`` raises."""
    to_sign: list[CallToSign] = field(default_factory=list)
    to_verify: list[tuple[CallToVerify, str, str]] = field(default_factory=list)

    def door(self, **parts: Any) -> Door:
        said = {
            "authenticate": self.authenticate,
            "sign": self.sign_now,
            "sign_later": self.sign_later,
            "verify_now": self.verify_now,
            "verify": self.verify,
            **parts,
        }
        for name in ("sign", "verify_now"):
            if said[name] is not None:
                said[name] = in_steps(said[name])
        return doors(**said)

    @staticmethod
    def authenticate(headers: Headers) -> str | None:
        return CALLER if headers.get(b"authorization") == b"Basic known" else None

    def sign_now(self, call: CallToSign) -> SignedCall | None:
        return None if self.far else self.sign(call)

    async def sign_later(self, call: CallToSign) -> SignedCall:
        await asyncio.sleep(0)
        return self.sign(call)

    def sign(self, call: CallToSign) -> SignedCall:
        self.to_sign.append(call)
        if self.fault is not None:
            raise self.fault
        assert call.caller_sid is not None
        request = signing_request(
            caller_sid=call.caller_sid,
            orig=call.orig,
            dest=call.dest,
            iat=self.now if call.iat is None else call.iat,
            attest=call.attest,
        )
        origid = call.origid or sids.uuid()
        return sign_call(request, self.standing, CREDENTIAL, self.now, origid)

    def verify_now(self, call: CallToVerify, door: str, source: str) -> Verdict | None:
        return None if self.waits else self._judge(call, door, source)

    async def verify(self, call: CallToVerify, door: str, source: str) -> Verdict:
        await asyncio.sleep(0)
        return self._judge(call, door, source)

    def _judge(self, call: CallToVerify, door: str, source: str) -> Verdict:
        self.to_verify.append((call, door, source))
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict


def over_asgi(
    door: Door, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
) -> Answer:
    """One request straight to the ASGI callable."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()],
        "client": ("192.0.2.1", 40_000),
    }
    answer = drive(asgi(door), scope, [body])
    assert answer is not None
    return answer


def drive(server: AsgiApp, scope: dict[str, Any], chunks: list[bytes]) -> Answer | None:
    """One request with its body in chunks, after which the client leaves; None for no answer."""
    left = [
        {"type": "http.request", "body": one, "more_body": n < len(chunks) - 1}
        for n, one in enumerate(chunks)
    ] + [{"type": "http.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return left.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def once() -> None:
        await server(scope, receive, send)

    asyncio.run(once())
    if not sent:
        return None
    start, end = sent
    found = {k.decode(): v.decode("latin-1") for k, v in start["headers"]}
    return Answer(start["status"], found, end["body"])


class Wire(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 40_000), "sockname": ("192.0.2.9", 80)})
        self.written = b""
        self.closing = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def lean_protocol(door: Door) -> Any:
    """One connection's protocol; needs a running loop."""
    config = uvicorn.Config(
        asgi(door), log_config=None, lifespan="off", ws="none", timeout_keep_alive=30
    )
    return lean.protocol(door)(config, ServerState(), {})


def over_lean(
    door: Door, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
) -> Answer:
    """One request as bytes to the protocol, its answer as bytes back."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"{method} {target} HTTP/1.1\r\nhost: test\r\n{head}\r\n".encode("latin-1") + body

    async def once() -> bytes:
        wire, protocol = Wire(), lean_protocol(door)
        protocol.connection_made(wire)
        protocol.data_received(request)
        await asyncio.sleep(0)
        while protocol.tasks:
            await asyncio.gather(*protocol.tasks)
        protocol.connection_lost(None)
        return wire.written

    return parsed(asyncio.run(once()))


def parsed(written: bytes) -> Answer:
    """One whole HTTP/1.1 answer and nothing after it."""
    head, _, content = written.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    version, status, _ = line.split(" ", 2)
    assert version == "HTTP/1.1"
    found = dict(one.split(": ", 1) for one in lines)
    return Answer(int(status), found, content)


ADAPTERS: dict[str, Callable[..., Answer]] = {"asgi": over_asgi, "lean": over_lean}


def with_length(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    return {**headers, "content-length": str(len(body))}


def error(answer: Answer) -> Any:
    """What stands inside an ATIS-1000082 error."""
    (kind,) = answer.json["requestError"]
    return answer.json["requestError"][kind]


def assert_error(answer: Answer, identifier: str, *variables: str) -> None:
    row = TABLE[identifier]
    kind = "policyException" if identifier.startswith("POL") else "serviceException"
    assert list(answer.json) == ["requestError"]
    assert list(answer.json["requestError"]) == [kind]
    said = answer.json["requestError"][kind]
    assert said == {
        "messageId": identifier,
        "text": row["text"],
        "variables": list(variables),
    }
    assert answer.status == row["http"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-requestid"]
    assert "x-phonotary-attestation" not in answer.headers
