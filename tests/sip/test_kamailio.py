"""Calls through Kamailio with the recipes of deploy/kamailio: SIPp calls, Kamailio asks phonotary,
and another SIPp is called."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from phonotary.errors import Reason, Refused
from phonotary.shaken import identity_header, passport
from phonotary.shaken.signing import CallToSign
from phonotary.shaken.verdicts import failed
from tests.simulators import kamailio, sipp
from tests.sip.invites import ACCOUNT, Signer, Verifier, door
from tests.sip.serving import serving

ANSWERED = sipp.invite() + sipp.expect(200) + sipp.ACK_ANSWER
REDIRECT, HTTP, VERIFY = "redirect.cfg", "http.cfg", "verify.cfg"


@pytest.fixture
def signer() -> Signer:
    """Signs with the real time, as Kamailio's own verification reads its own clock."""
    return Signer(int(time.time()))


def claims(identity: str, signer: Signer) -> dict[str, Any]:
    """What the header says, once its signature by the signer's certificate holds."""
    leaf = x509.load_pem_x509_certificates(signer.issued.chain_pem)[0]
    token = identity_header.parse(identity).token
    found: dict[str, Any] = passport.verify(token, leaf.public_key()).payload  # type: ignore[arg-type]
    return found


def test_the_called_party_receives_a_signed_call(tmp_path: Path, signer: Signer) -> None:
    with (
        serving(door(sign=signer, now=lambda: signer.now)) as server,
        sipp.answering(tmp_path) as called,
        kamailio.proxy(
            tmp_path,
            REDIRECT,
            PHONOTARY=f"sip:127.0.0.1:{server.port}",
            NEXT_HOP=f"sip:127.0.0.1:{called.port}",
        ) as proxy,
    ):
        assert sipp.call(tmp_path, ANSWERED, proxy.port).failed == ""
        messages = called.finished()
    (identity,) = sipp.headers(messages, "INVITE", "Identity")
    found = claims(identity, signer)
    assert (found["attest"], found["orig"], found["dest"]) == (
        "A",
        {"tn": "14155550100"},
        {"tn": ["12025550143"]},
    )
    assert len(signer.asked) == 1


def test_the_called_party_learns_what_was_verified(tmp_path: Path) -> None:
    forged = "Identity: e30.e30.e30;info=<https://a.example/c.pem>;alg=ES256;ppt=shaken"
    claimed = "P-Asserted-Identity: <sip:+14155550100;verstat=TN-Validation-Passed@h>"
    steps = sipp.invite(lines=(forged, claimed)) + sipp.expect(200) + sipp.ACK_ANSWER
    verifier = Verifier(failed("signature"), at_once=False)
    with (
        serving(door(verifier=verifier)) as server,
        sipp.answering(tmp_path) as called,
        kamailio.proxy(
            tmp_path,
            REDIRECT,
            PHONOTARY=f"sip:127.0.0.1:{server.port}",
            NEXT_HOP=f"sip:127.0.0.1:{called.port}",
        ) as proxy,
    ):
        assert sipp.call(tmp_path, steps, proxy.port).failed == ""
        messages = called.finished()
    assert sipp.headers(messages, "INVITE", "P-Asserted-Identity") == [
        "<sip:+14155550100;verstat=TN-Validation-Failed@h>"
    ]
    assert sipp.headers(messages, "INVITE", "Identity") == [forged.removeprefix("Identity: ")]


@pytest.mark.parametrize("reason", [Reason.FORBIDDEN, Reason.UNAVAILABLE])
def test_a_call_that_is_not_signed_goes_on(tmp_path: Path, signer: Signer, reason: Reason) -> None:
    signer.fault = Refused(reason, "No.")
    with (
        serving(door(sign=signer, now=lambda: signer.now)) as server,
        sipp.answering(tmp_path) as called,
        kamailio.proxy(
            tmp_path,
            REDIRECT,
            PHONOTARY=f"sip:127.0.0.1:{server.port}",
            NEXT_HOP=f"sip:127.0.0.1:{called.port}",
        ) as proxy,
    ):
        assert sipp.call(tmp_path, ANSWERED, proxy.port).failed == ""
        messages = called.finished()
    assert sipp.headers(messages, "INVITE", "Identity") == []


def test_a_call_goes_on_when_phonotary_is_away(tmp_path: Path) -> None:
    with (
        sipp.answering(tmp_path) as called,
        kamailio.proxy(
            tmp_path,
            REDIRECT,
            PHONOTARY=f"sip:127.0.0.1:{sipp.free_port()}",
            NEXT_HOP=f"sip:127.0.0.1:{called.port}",
        ) as proxy,
    ):
        assert sipp.call(tmp_path, ANSWERED, proxy.port).failed == ""
        messages = called.finished()
    assert sipp.headers(messages, "INVITE", "Identity") == []


def test_a_blocked_call_ends_at_the_caller(tmp_path: Path, signer: Signer) -> None:
    signer.fault = Refused(Reason.ACCOUNT_NOT_ACTIVE, "The account is suspended.")
    steps = sipp.invite() + sipp.expect(603, "Reason", "SIP;cause=603") + sipp.ACK
    with (
        serving(door(sign=signer, now=lambda: signer.now)) as server,
        kamailio.proxy(tmp_path, REDIRECT, PHONOTARY=f"sip:127.0.0.1:{server.port}") as proxy,
    ):
        assert sipp.call(tmp_path, steps, proxy.port).failed == ""


@contextmanager
def http_door(signer: Signer) -> Iterator[tuple[str, list[str]]]:
    """The ATIS-1000082 door as a stranger would write it from the standard: its address, and the
    Authorization of each request."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.headers["Authorization"])
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            call = body["signingRequest"]
            signed = signer(
                CallToSign(
                    caller_sid=ACCOUNT,
                    orig=call["orig"]["tn"],
                    dest=tuple(call["dest"]["tn"]),
                    iat=call["iat"],
                    attest=call["attest"],
                    origid=call["origid"],
                )
            )
            answer = json.dumps({"signingResponse": {"identity": signed.identity}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/stir/v1/signing", seen
        finally:
            server.shutdown()
            thread.join()


def test_the_http_recipe_signs_too(tmp_path: Path, signer: Signer) -> None:
    with (
        http_door(signer) as (address, seen),
        sipp.answering(tmp_path) as called,
        kamailio.proxy(
            tmp_path,
            HTTP,
            PHONOTARY=address,
            ACCOUNT=f"{ACCOUNT}:secret",
            NEXT_HOP=f"sip:127.0.0.1:{called.port}",
        ) as proxy,
    ):
        assert sipp.call(tmp_path, ANSWERED, proxy.port).failed == ""
        messages = called.finished()
    (identity,) = sipp.headers(messages, "INVITE", "Identity")
    assert claims(identity, signer)["orig"] == {"tn": "14155550100"}
    assert seen == [f"Basic {base64.b64encode(f'{ACCOUNT}:secret'.encode()).decode()}"]


def test_kamailios_own_verification_accepts_what_we_sign(tmp_path: Path, signer: Signer) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(signer.issued.chain_pem)
    with (
        serving(door(sign=signer, now=lambda: signer.now)) as server,
        sipp.answering(tmp_path) as called,
        kamailio.proxy(
            tmp_path,
            VERIFY,
            CERTIFICATE=str(certificate),
            NEXT_HOP=f"sip:127.0.0.1:{called.port}",
        ) as terminating,
        kamailio.proxy(
            tmp_path,
            REDIRECT,
            PHONOTARY=f"sip:127.0.0.1:{server.port}",
            NEXT_HOP=f"sip:127.0.0.1:{terminating.port}",
        ) as originating,
    ):
        assert sipp.call(tmp_path, ANSWERED, originating.port).failed == ""
        messages = called.finished()
    assert len(sipp.headers(messages, "INVITE", "Identity")) == 1


def test_kamailios_own_verification_refuses_another_key(tmp_path: Path, signer: Signer) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(Signer(signer.now).issued.chain_pem)
    steps = sipp.invite() + sipp.expect(438) + sipp.ACK
    with (
        serving(door(sign=signer, now=lambda: signer.now)) as server,
        kamailio.proxy(tmp_path, VERIFY, CERTIFICATE=str(certificate)) as terminating,
        kamailio.proxy(
            tmp_path,
            REDIRECT,
            PHONOTARY=f"sip:127.0.0.1:{server.port}",
            NEXT_HOP=f"sip:127.0.0.1:{terminating.port}",
        ) as originating,
    ):
        assert sipp.call(tmp_path, steps, originating.port).failed == ""
