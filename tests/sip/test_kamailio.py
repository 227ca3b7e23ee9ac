"""Calls through Kamailio with the recipes of deploy/kamailio: SIPp calls, Kamailio asks phonotary,
and another SIPp is called."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from phonotary.errors import Reason, Refused
from phonotary.shaken import identity_header, passport
from phonotary.shaken.attestation import Level
from phonotary.shaken.signing import CallToSign
from phonotary.shaken.verdicts import Verdict, Verstat, failed
from phonotary.sip.trunks import Role
from tests.simulators import kamailio, sipp
from tests.sip.invites import ACCOUNT, CALLED, CALLER, ORIGID, Signer, Verifier, door, trunk
from tests.sip.lines import Line
from tests.sip.serving import serving

ANSWERED = sipp.invite() + sipp.expect(200) + sipp.ACK_ANSWER
REDIRECT, HTTP, VERIFY = "redirect.cfg", "http.cfg", "verify.cfg"


@pytest.fixture
def signer() -> Signer:
    """Signs with the real time, as Kamailio's own verification reads its own clock."""
    return Signer(int(time.time()))


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


Through = Callable[..., str]


@pytest.fixture
def through(tmp_path: Path) -> Through:
    """What the called party sees of a call by ``steps`` through ``recipe``."""

    def run(steps: str, recipe: str, **defines: str) -> str:
        with (
            sipp.answering(tmp_path) as called,
            kamailio.proxy(tmp_path, recipe, NEXT_HOP=at(called.port), **defines) as proxy,
        ):
            done = sipp.call(tmp_path, steps, proxy.port)
            assert done.failed == "", proxy.log.read_text()
            return called.finished()

    return run


def at(port: int) -> str:
    return f"sip:127.0.0.1:{port}"


def claims(identity: str, signer: Signer) -> dict[str, Any]:
    """What the header says, once its signature by the signer's certificate holds."""
    leaf = x509.load_pem_x509_certificates(signer.issued.chain_pem)[0]
    token = identity_header.parse(identity).token
    found: dict[str, Any] = passport.verify(token, leaf.public_key()).payload  # type: ignore[arg-type]
    return found


def test_the_called_party_receives_a_signed_call(through: Through, signer: Signer) -> None:
    with serving(door(sign=signer, now=lambda: signer.now)) as server:
        messages = through(ANSWERED, REDIRECT, PHONOTARY=at(server.port))
    (identity,) = sipp.headers(messages, "INVITE", "Identity")
    found = claims(identity, signer)
    assert (found["attest"], found["orig"], found["dest"]) == (
        "A",
        {"tn": "14155550100"},
        {"tn": ["12025550143"]},
    )
    assert len(signer.asked) == 1


# What a caller writes to pass for somebody whose number was verified.
FORGED = (
    "P-Asserted-Identity: <sip:+18005550000;verstat=TN-Validation-Passed@h>",
    "P-Asserted-Identity: <tel:+18005550001;%76ERSTAT=TN-Validation-Passed>",
    "P-Attestation-Indicator: A",
    "P-Origination-ID: de305d54-75b4-431b-adb2-eb6b9e546014",
)
PRIVILEGED = ("P-Asserted-Identity", "P-Attestation-Indicator", "P-Origination-ID")


def forged_call(*lines: str) -> str:
    """A call with FORGED, and a From that says it was validated, twice and in disguise."""
    steps = sipp.invite(lines=(*FORGED, *lines)) + sipp.expect(200) + sipp.ACK_ANSWER
    from_ = ";user=phone>;tag=[call_number]\nTo:"
    assert steps.count(from_) == 1
    disguised = ";user=phone;verstat;vers%54at=TN-Validation-Passed>;tag=[call_number]\nTo:"
    return steps.replace(from_, disguised).replace(
        "sip:+14155550100@[local_ip]:[local_port];user",
        "sip:+14155550100;VerStat=TN-Validation-Passed@[local_ip]:[local_port];user",
    )


def privileged(messages: str) -> list[str]:
    return [value for name in PRIVILEGED for value in sipp.headers(messages, "INVITE", name)]


def assert_from_is_clean(messages: str) -> None:
    (from_,) = sipp.headers(messages, "INVITE", "From")
    assert "+14155550100" in from_ and "tag=" in from_
    assert "TN-Validation" not in from_ and "verstat" not in from_.lower()


@pytest.mark.parametrize(
    ("verifier", "passed_on"),
    [
        (Verifier(fault=RuntimeError("x")), []),
        (Verifier(failed("signature")), ["TN-Validation-Failed"]),
        (Verifier(failed("no-identity")), ["No-TN-Validation"]),
        (
            Verifier(Verdict(Verstat.PASSED, attest=Level.B, origid=ORIGID)),
            ["TN-Validation-Passed", "B", ORIGID],
        ),
    ],
)
def test_only_phonotary_says_that_a_number_was_validated(
    through: Through, verifier: Verifier, passed_on: list[str]
) -> None:
    redirect = door(trunk(Role.VERIFY), verifier=verifier)
    with serving(redirect) as server:
        messages = through(forged_call(), REDIRECT, PHONOTARY=at(server.port))
    assert_from_is_clean(messages)
    found = privileged(messages)
    assert len(found) == len(passed_on)
    for value, expected in zip(found, passed_on, strict=True):
        assert expected in value and "8005550" not in value
    assert verifier.asked[0].orig == "+14155550100"


def test_no_forged_verstat_passes_when_a_call_is_not_signed(
    through: Through, signer: Signer
) -> None:
    signer.fault = Refused(Reason.FORBIDDEN, "No.")
    with serving(door(trunk(Role.AUTHENTICATE), sign=signer)) as server:
        messages = through(forged_call(), REDIRECT, PHONOTARY=at(server.port))
    assert_from_is_clean(messages)
    assert privileged(messages) == []


def test_no_forged_verstat_passes_when_phonotary_is_away(through: Through) -> None:
    messages = through(forged_call(), REDIRECT, PHONOTARY=at(sipp.free_port()))
    assert_from_is_clean(messages)
    assert privileged(messages) == []


def test_a_trusted_peers_asserted_identity_is_believed_but_not_its_verstat(
    through: Through, signer: Signer
) -> None:
    redirect = door(trunk(Role.AUTHENTICATE), sign=signer, now=lambda: signer.now)
    with serving(redirect) as server:
        messages = through(
            forged_call(), REDIRECT, PHONOTARY=at(server.port), TRUSTED="127.0.0.0/8"
        )
    assert_from_is_clean(messages)
    assert signer.asked[0].orig == "+18005550000"
    assert sipp.headers(messages, "INVITE", "P-Asserted-Identity") == [
        "<sip:+18005550000@h>",
        "<tel:+18005550001>",
    ]
    assert len(privileged(messages)) == 4


@pytest.mark.parametrize(
    ("trusted", "orig", "identities"),
    [("192.0.2.0/32", "14155550100", 1), ("10.0.0.0/8,127.0.0.0/8", "18005550000", 1)],
)
def test_the_http_recipe_believes_only_trusted_peers(
    through: Through, signer: Signer, trusted: str, orig: str, identities: int
) -> None:
    with http_door(signer) as (address, _):
        messages = through(
            forged_call(*(() if "127" in trusted else ("Identity: garbage",))),
            HTTP,
            PHONOTARY=address,
            ACCOUNT=f"{ACCOUNT}:secret",
            TRUSTED=trusted,
        )
    assert_from_is_clean(messages)
    found = sipp.headers(messages, "INVITE", "Identity")
    assert len(found) == identities
    assert claims(found[0], signer)["orig"] == {"tn": orig}
    assert not any("verstat" in value.lower() for value in privileged(messages))


def test_the_called_party_learns_what_was_verified(through: Through) -> None:
    forged = "Identity: e30.e30.e30;info=<https://a.example/c.pem>;alg=ES256;ppt=shaken"
    claimed = "P-Asserted-Identity: <sip:+14155550100;verstat=TN-Validation-Passed@h>"
    steps = sipp.invite(lines=(forged, claimed)) + sipp.expect(200) + sipp.ACK_ANSWER
    verifier = Verifier(failed("signature"), at_once=False)
    with serving(door(verifier=verifier)) as server:
        messages = through(steps, REDIRECT, PHONOTARY=at(server.port), TRUSTED="127.0.0.0/8")
    assert sipp.headers(messages, "INVITE", "P-Asserted-Identity") == [
        "<sip:+14155550100;verstat=TN-Validation-Failed@h>"
    ]
    assert sipp.headers(messages, "INVITE", "Identity") == [forged.removeprefix("Identity: ")]


@pytest.mark.parametrize("reason", [Reason.FORBIDDEN, Reason.UNAVAILABLE])
def test_a_call_that_is_not_signed_goes_on(
    through: Through, signer: Signer, reason: Reason
) -> None:
    signer.fault = Refused(reason, "No.")
    with serving(door(sign=signer, now=lambda: signer.now)) as server:
        messages = through(ANSWERED, REDIRECT, PHONOTARY=at(server.port))
    assert sipp.headers(messages, "INVITE", "Identity") == []


def test_a_call_goes_on_when_phonotary_is_away(through: Through) -> None:
    messages = through(ANSWERED, REDIRECT, PHONOTARY=at(sipp.free_port()))
    assert sipp.headers(messages, "INVITE", "Identity") == []


def test_a_blocked_call_ends_at_the_caller(tmp_path: Path, signer: Signer) -> None:
    signer.fault = Refused(Reason.ACCOUNT_NOT_ACTIVE, "The account is suspended.")
    steps = sipp.invite() + sipp.expect(603, "Reason", "SIP;cause=603") + sipp.ACK
    with (
        serving(door(sign=signer, now=lambda: signer.now)) as server,
        kamailio.proxy(tmp_path, REDIRECT, PHONOTARY=at(server.port)) as proxy,
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


def test_the_http_recipe_signs_too(through: Through, signer: Signer) -> None:
    with http_door(signer) as (address, seen):
        messages = through(ANSWERED, HTTP, PHONOTARY=address, ACCOUNT=f"{ACCOUNT}:secret")
    (identity,) = sipp.headers(messages, "INVITE", "Identity")
    assert claims(identity, signer)["orig"] == {"tn": "14155550100"}
    assert seen == [f"Basic {base64.b64encode(f'{ACCOUNT}:secret'.encode()).decode()}"]


@pytest.mark.parametrize(
    "changed",
    [
        {"from_": "<sip:1%22,%22attest%22:%22B@h>;tag=1"},
        {"from_": "<sip:a,b@h>;tag=1"},
        {"from_": "sip:1'2@h;tag=1"},
        {"from_": "<sip:h>;tag=1"},
        {"from_": "<sip:h>;tag=1", "lines": ("P-Asserted-Identity: <sip:h>",)},
        {"to": "<sip:2%22]%7d,%22attest%22:%22B@h>"},
        {"to": "<sip:bob@h>"},
    ],
)
def test_nothing_but_numbers_is_written_into_what_the_http_recipe_asks(
    tmp_path: Path, line: Line, signer: Signer, changed: dict[str, Any]
) -> None:
    with (
        http_door(signer) as (address, seen),
        kamailio.proxy(
            tmp_path, HTTP, PHONOTARY=address, NEXT_HOP=line.next_hop, TRUSTED="127.0.0.0/8"
        ) as proxy,
    ):
        line.proxy = proxy.port
        assert "\nIdentity:" not in str(line.outcome(line.invite(**changed)))
        assert seen == []
        # The same line does ask of numbers.
        assert "\nIdentity:" in str(line.outcome(line.invite()))
    assert [call.orig for call in signer.asked] == [CALLER]


def test_the_http_recipe_signs_what_is_sent_again_once(
    tmp_path: Path, line: Line, signer: Signer
) -> None:
    with (
        http_door(signer) as (address, seen),
        kamailio.proxy(tmp_path, HTTP, PHONOTARY=address, NEXT_HOP=line.next_hop) as proxy,
    ):
        line.proxy = proxy.port
        invite = line.invite()
        line.outcome(invite)
        line.caller.sendto(invite, ("127.0.0.1", proxy.port))
        # What answers the second has decided by then whether to ask.
        assert line.caller.recv(65_536).startswith(b"SIP/2.0 100 ")
    assert len(seen) == 1


def test_the_called_party_has_its_usual_time_to_answer(tmp_path: Path, signer: Signer) -> None:
    """Longer than phonotary has, and that is Kamailio's time: no clock of ours can shorten it."""
    ringing = sipp.ANSWERING.replace("200 OK", "180 Ringing").replace('<recv request="ACK"/>\n', "")
    answer = sipp.ANSWERING.replace('<recv request="INVITE"/>\n', "")
    steps = sipp.invite() + sipp.expect(180) + sipp.expect(200) + sipp.ACK_ANSWER
    with (
        serving(door(sign=signer, now=lambda: signer.now)) as server,
        sipp.answering(tmp_path, f'{ringing}<pause milliseconds="3500"/>\n{answer}') as called,
        kamailio.proxy(
            tmp_path, REDIRECT, PHONOTARY=at(server.port), NEXT_HOP=at(called.port)
        ) as proxy,
    ):
        assert sipp.call(tmp_path, steps, proxy.port).failed == ""
        assert len(sipp.headers(called.finished(), "INVITE", "Identity")) == 1


@pytest.mark.parametrize(("age", "accepted"), [(30, True), (120, False)])
def test_kamailios_own_verification_takes_no_token_older_than_a_minute(
    tmp_path: Path, line: Line, age: int, accepted: bool
) -> None:
    signer = Signer(int(time.time()) - age)
    identity = signer(CallToSign(caller_sid=ACCOUNT, orig=CALLER, dest=(CALLED,))).identity
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(signer.issued.chain_pem)
    with kamailio.proxy(
        tmp_path, VERIFY, CERTIFICATE=str(certificate), NEXT_HOP=line.next_hop
    ) as proxy:
        line.proxy = proxy.port
        outcome = line.outcome(line.invite(lines=(f"Identity: {identity}",)))
    assert outcome == 438 if not accepted else str(outcome).startswith("INVITE ")


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
            NEXT_HOP=at(called.port),
        ) as terminating,
        kamailio.proxy(
            tmp_path,
            REDIRECT,
            PHONOTARY=at(server.port),
            NEXT_HOP=at(terminating.port),
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
            PHONOTARY=at(server.port),
            NEXT_HOP=at(terminating.port),
        ) as originating,
    ):
        assert sipp.call(tmp_path, steps, originating.port).failed == ""
