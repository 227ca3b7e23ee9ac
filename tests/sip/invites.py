"""INVITEs as a trunk sends them, and services that really sign."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from phonotary.errors import Refused
from phonotary.shaken.attestation import Decision, Level
from phonotary.shaken.certificates import load_credential, sandbox_certificates
from phonotary.shaken.ports import ShownAs, Standing
from phonotary.shaken.signing import CallToSign, SignedCall, sign_call, signing_request
from phonotary.shaken.verdicts import Verdict, Verstat
from phonotary.shaken.verification import CallToVerify
from phonotary.sip.redirect import Redirect
from phonotary.sip.trunks import LOOPBACK, Role, Trunk
from tests.steps import in_steps

NOW = 1_790_000_000
ACCOUNT = "AC" + "1" * 32
ORIGID = "de305d54-75b4-431b-adb2-eb6b9e546014"
X5U = "https://trust.example/certs/leaf.pem"
CALLER, CALLED, TARGET = "+14155550100", "+12025550143", "+12125550199"

HEADERS = {
    "Via": "SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-1",
    "Max-Forwards": "70",
    "From": f'"Owl" <sip:{CALLER}@owl.example;user=phone>;tag=1',
    "To": f"<sip:{CALLED}@owl.example;user=phone>",
    "Call-ID": "a84b4c76e66710@owl.example",
    "CSeq": "1 INVITE",
    "Contact": f"<sip:{CALLER}@127.0.0.1:5070>",
}


def request(
    method: str = "INVITE",
    uri: str = f"sip:{CALLED}@owl.example;user=phone",
    body: bytes = b"v=0\r\n",
    lines: tuple[str, ...] = (),
    **changed: str | None,
) -> bytes:
    """A request with ``changed`` headers (``call_id=...``; None leaves one out) and ``lines``."""
    headers = {**HEADERS, "CSeq": f"1 {method}", "Content-Length": str(len(body))}
    names = {name.lower().replace("-", "_"): name for name in headers}
    for name, value in changed.items():
        headers[names[name.rstrip("_")]] = value  # type: ignore[assignment]
    written = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join((f"{method} {uri} SIP/2.0", *written, *lines, "\r\n")).encode() + body


@dataclass
class Response:
    """A response taken apart by other means than the door's own parser."""

    status: int
    reason: str
    headers: dict[str, list[str]]

    def __getitem__(self, name: str) -> str:
        (value,) = self.headers[name]
        return value

    def __contains__(self, name: str) -> bool:
        return name in self.headers


def response(data: bytes) -> Response:
    head, end, body = data.decode().partition("\r\n\r\n")
    assert end and not body
    first, *lines = head.split("\r\n")
    version, status, reason = first.split(" ", 2)
    assert version == "SIP/2.0"
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers.setdefault(name, []).append(value)
    return Response(int(status), reason, headers)


def standing() -> Standing:
    """A number whose calls get A, in whatever words Standing has at present."""
    values: dict[str, Any] = {
        name: True for name, kind in Standing.__annotations__.items() if kind == "bool"
    }
    sids = {"account_sid": ACCOUNT, "profile_sid": "BU" + "2" * 32, "product_sid": "BU" + "3" * 32}
    rest = {"tn": CALLER, "display": ShownAs("Owl"), **sids}
    values |= {name: value for name, value in rest.items() if name in Standing.__annotations__}
    return Standing(**values)


class Signer:
    """Signs for real, with a credential of its own; remembers what it was asked."""

    def __init__(self, now: int = NOW) -> None:
        self.issued = sandbox_certificates(now, "709J", "Owl Telecom")
        self.credential = load_credential(self.issued.chain_pem, self.issued.key_pem, X5U)
        self.now = now
        self.asked: list[CallToSign] = []
        self.fault: Exception | None = None

    def __call__(self, call: CallToSign) -> SignedCall:
        self.asked.append(call)
        if self.fault:
            raise self.fault
        if call.ppt == "div":
            reason = Decision(Level.A, "diverted", "", Level.A)
            return SignedCall("e30.e30.e30;info=<x>;ppt=div", reason, None, b"", "")
        made = signing_request(
            caller_sid=call.caller_sid,
            orig=call.orig,
            dest=call.dest,
            iat=self.now if call.iat is None else call.iat,
            attest=call.attest,
        )
        return sign_call(made, standing(), self.credential, self.now, call.origid or ORIGID)


@dataclass
class Verifier:
    """Answers what it is told to, at once or later."""

    verdict: Verdict = field(default_factory=lambda: Verdict(Verstat.PASSED))
    at_once: bool = True
    fault: Refused | Exception | None = None
    asked: list[CallToVerify] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)

    def now(self, call: CallToVerify, door: str, source: str) -> Verdict | None:
        self.asked.append(call)
        self.told.append((door, source))
        return self._answer() if self.at_once else None

    async def later(self, call: CallToVerify, door: str, source: str) -> Verdict:
        return self._answer()

    def _answer(self) -> Verdict:
        if self.fault:
            raise self.fault
        return self.verdict


def trunk(role: Role = Role.BOTH, **more: Any) -> Trunk:
    return Trunk(LOOPBACK, ACCOUNT, role, **more)


async def never(call: CallToSign) -> SignedCall:
    raise AssertionError("the key is here")


def door(
    *trunks: Trunk,
    sign: Callable[[CallToSign], SignedCall | None] | None = None,
    sign_later: Callable[[CallToSign], Awaitable[SignedCall]] | None = None,
    verifier: Verifier | None = None,
    now: Callable[[], int] = lambda: NOW,
    **more: Any,
) -> Redirect:
    verifier = verifier or Verifier()
    return Redirect(
        trunks or (trunk(),),
        now=now,
        sign=in_steps(sign or Signer()),
        sign_later=sign_later or never,
        verify_now=in_steps(verifier.now),
        verify=verifier.later,
        **more,
    )


def ask(redirect: Redirect, data: bytes, host: str = "127.0.0.1", port: int = 5070) -> Response:
    """What the door says at once."""
    reply = redirect.answer(data, host, port)
    assert isinstance(reply, tuple)
    return response(reply[0])
