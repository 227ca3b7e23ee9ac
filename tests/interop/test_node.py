"""Node's crypto reads what we sign, and we read what it signs (RFC 8225, RFC 7518 section 3.4)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from phonotary.shaken import passport
from tests.interop import keys

SCRIPT = Path(__file__).with_name("verify.mjs")
URL = "https://cert.example.org/passport.cer"


def node(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["node", str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("deterministic", [False, True], ids=["random", "deterministic"])
def test_node_verifies_a_token_of_ours(tmp_path: Path, deterministic: bool) -> None:
    pair = keys.written(tmp_path)
    payload = passport.shaken_payload("A", ["12155550131"], 1443208345, "12155550121", 'é"\\')
    token = passport.sign(payload, pair.key, URL, deterministic=deterministic)
    done = node("verify", pair.public, token)
    assert (done.returncode, done.stdout.encode()) == (0, payload), done.stderr


def test_node_refuses_a_token_of_ours_that_was_changed(tmp_path: Path) -> None:
    pair = keys.written(tmp_path)
    header, payload, signature = passport.sign(b'{"iat":1}', pair.key, URL).split(".")
    done = node("verify", pair.public, f"{header}.{payload[:-1]}8.{signature}")
    assert (done.returncode, done.stderr) == (1, "the signature does not hold\n")


def test_we_verify_a_token_that_node_signed(tmp_path: Path) -> None:
    pair = keys.written(tmp_path)
    header = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": URL}
    # Not in canonical order and with spaces: the bytes as received count.
    payload = {"orig": {"tn": "12155550121"}, "attest": "A", "iat": 1443208345}
    done = node("sign", pair.private, json.dumps(header), json.dumps(payload))
    assert done.returncode == 0, done.stderr
    found = passport.verify(done.stdout, pair.key.public_key())
    assert (found.header, found.payload) == (header, payload)
