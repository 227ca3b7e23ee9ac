"""A hub ends when it is told to, whatever it is waiting for."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.compat.office import PRODUCTS, SHAKEN, Office
from tests.journeys import sandbox as sandboxes

# A name server that does not answer: the C library asks it for half a minute.
_HANGS = """
import pathlib, socket, time

before = socket.getaddrinfo


def getaddrinfo(host, *rest, flags=0, **named):
    if str(host).endswith("hang.example") and not flags & socket.AI_NUMERICHOST:
        pathlib.Path({asked!r}, host).touch()
        time.sleep(60)
    return before(host, *rest, flags=flags, **named)


socket.getaddrinfo = getaddrinfo
"""
CALL = {"orig": "+12155550100", "dest": "+12025550143"}


def signed_at(x5u: str) -> str:
    """An Identity header whose chain is to be fetched from there."""
    head = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": x5u}
    claims = {
        "attest": "A",
        "dest": {"tn": [CALL["dest"][1:]]},
        "iat": int(time.time()),
        "orig": {"tn": CALL["orig"][1:]},
        "origid": "de305d54-75b4-431b-adb2-eb6b9e546014",
    }
    parts = (json.dumps(head).encode(), json.dumps(claims).encode(), bytes(range(64)))
    token = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    return f"{token};info=<{x5u}>;alg=ES256;ppt=shaken"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in which every name appears that is being looked up and hangs."""
    found, path = tmp_path / "asked", tmp_path / "path"
    found.mkdir()
    path.mkdir()
    (path / "sitecustomize.py").write_text(_HANGS.format(asked=str(found)))
    monkeypatch.setenv("PYTHONPATH", str(path))
    return found


def until_there(file: Path) -> None:
    deadline = time.monotonic() + 10
    while not file.exists():
        assert time.monotonic() < deadline, f"nobody asked for {file.name}"
        time.sleep(0.01)


def test_a_name_server_that_hangs_holds_up_no_call_and_no_exit(tmp_path: Path, asked: Path) -> None:
    with sandboxes.running(tmp_path) as sandbox:
        with sandbox.client() as http:
            office = Office(sandbox.hub, http)
            bundle = office.product(SHAKEN, f"{PRODUCTS}/{office.hub.primary_profile_sid}")
            assert office.post(bundle, StatusCallback="http://calls.hang.example/").is_success
            office.submit(bundle)
            until_there(asked / "calls.hang.example")
            identity = signed_at("https://certs.hang.example/c.pem")
            begun = time.monotonic()
            answer: Any = http.post("/stir/v1/text/verify", params=CALL, content=identity)
            assert 0.4 < time.monotonic() - begun < 3
            assert answer.text.startswith("No-TN-Validation"), answer.text
            until_there(asked / "certs.hang.example")
        begun = time.monotonic()
        sandbox.stop()
        assert time.monotonic() - begun < 10
