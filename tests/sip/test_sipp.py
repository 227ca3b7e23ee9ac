"""SIPp calls the door: another program's idea of SIP, over UDP and TCP."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from phonotary.shaken import identity_header, passport
from phonotary.shaken.verdicts import failed
from tests.simulators import sipp
from tests.sip.invites import Signer, Verifier, door
from tests.sip.serving import serving

IDENTITY = "Identity: e30.e30.e30;info=<https://a.example/c.pem>;alg=ES256;ppt=shaken"


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_hundred_calls_come_back_signed(tmp_path: Path, transport: str) -> None:
    signer = Signer()
    steps = sipp.invite() + sipp.expect(302, "Identity", "ES256") + sipp.ACK
    with serving(door(sign=signer)) as server:
        done = sipp.call(tmp_path, steps, server.port, calls=100, rate=1000, transport=transport)
    assert done.failed == ""
    assert len(signer.asked) == 100
    leaf = x509.load_pem_x509_certificates(signer.issued.chain_pem)[0]
    values = [line for line in done.messages.splitlines() if line.startswith("Identity: ")]
    assert len(values) == 100
    for line in values:
        token = identity_header.parse(line.removeprefix("Identity: ")).token
        passport.verify(token, leaf.public_key())  # type: ignore[arg-type]


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_forged_call_comes_back_as_failed(tmp_path: Path, transport: str) -> None:
    steps = sipp.invite(lines=(IDENTITY,)) + sipp.ACK.join(
        (sipp.expect(302, "P-Asserted-Identity", "verstat=TN-Validation-Failed"), "")
    )
    with serving(door(verifier=Verifier(failed("signature"), at_once=False))) as server:
        done = sipp.call(tmp_path, steps, server.port, calls=20, transport=transport)
    assert done.failed == ""
    assert done.messages.count('Reason: STIR;cause=438;text="Invalid Identity Header"') == 20


def test_the_scenario_can_fail(tmp_path: Path) -> None:
    steps = sipp.invite(caller="alice") + sipp.expect(302) + sipp.ACK
    with serving(door()) as server:
        assert sipp.call(tmp_path, steps, server.port).failed
