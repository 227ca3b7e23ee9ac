"""secsipidx, the implementation most SIP proxies link, reads us and is read by us."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from phonotary.shaken import identity_header, passport
from tests.interop import keys

URL = "https://cert.example.org/passport.cer"
ORIGID = "123e4567-e89b-42d3-a456-426655440000"


def secsipidx(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["secsipidx", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def identity(pair: keys.Pair) -> str:
    now = int(time.time())
    payload = passport.shaken_payload("B", ["12155550131"], now, "12155550121", ORIGID)
    return identity_header.emit(passport.sign(payload, pair.key, URL), URL)


def test_secsipidx_verifies_a_header_of_ours(tmp_path: Path) -> None:
    pair = keys.written(tmp_path)
    done = secsipidx("-check", "-p", pair.public, "-expire", "600", "-identity", identity(pair))
    assert done.returncode == 0, done.stdout + done.stderr


def test_secsipidx_refuses_a_header_of_ours_under_another_key(tmp_path: Path) -> None:
    pair = keys.written(tmp_path)
    value = identity(pair)
    other = keys.written(tmp_path)
    done = secsipidx("-check", "-p", other.public, "-expire", "600", "-identity", value)
    assert done.returncode != 0


@pytest.mark.parametrize("attest", ["A", "C"])
def test_we_verify_a_header_of_secsipidx(tmp_path: Path, attest: str) -> None:
    pair = keys.written(tmp_path, PrivateFormat.TraditionalOpenSSL)
    done = secsipidx(
        *("-sign-full", "-k", pair.private, "-attest", attest, "-x5u", URL),
        *("-orig-tn", "12155550121", "-dest-tn", "12155550131", "-orig-id", ORIGID),
    )
    assert done.returncode == 0, done.stderr
    found = identity_header.parse(done.stdout)
    assert (found.info, found.alg, found.ppt) == (URL, "ES256", "shaken")
    token = passport.verify(found.token, pair.key.public_key())
    assert (token.ppt, token.x5u, token.payload["attest"]) == ("shaken", URL, attest)
    assert (token.orig, token.dest) == (("tn", "12155550121"), (("tn", "12155550131"),))
    assert token.payload["origid"] == ORIGID
    assert abs(token.iat - time.time()) < 60
