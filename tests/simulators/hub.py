"""A running phonotary, as a user starts it: ``phonotary up`` in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import phonenumbers

_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Number:
    """One number of the sandbox account."""

    sid: str
    phone_number: str

    @property
    def country(self) -> str:
        return phonenumbers.region_code_for_number(phonenumbers.parse(self.phone_number)) or ""

    @property
    def is_toll_free(self) -> bool:
        kind = phonenumbers.number_type(phonenumbers.parse(self.phone_number))
        return bool(kind == phonenumbers.PhoneNumberType.TOLL_FREE)


@dataclass(frozen=True, slots=True)
class Hub:
    """What the ready file says."""

    http: str
    account_sid: str
    auth_token: str
    primary_profile_sid: str
    numbers: tuple[Number, ...]
    oauth_client: tuple[str, str]
    """Client id and secret for ``/v2/token``."""

    @property
    def local(self) -> list[Number]:
        return [n for n in self.numbers if n.country == "US" and not n.is_toll_free]

    @property
    def toll_free(self) -> Number:
        return next(n for n in self.numbers if n.is_toll_free)

    @property
    def canadian(self) -> Number:
        return next(n for n in self.numbers if n.country == "CA")

    def client(self) -> httpx.Client:
        """A client with the account's credentials, deaf to proxies the machine may have set."""
        return httpx.Client(
            base_url=self.http,
            auth=(self.account_sid, self.auth_token),
            trust_env=False,
            timeout=10,
        )


@contextmanager
def running(directory: Path, *options: str) -> Iterator[Hub]:
    """A sandbox of its own on a free port, with its data in ``directory``."""
    ready, log = directory / "ready.json", directory / "log"
    command = [sys.executable, "-m", "phonotary", "up", "--port", "0"]
    command += ["--data", str(directory / "data"), "--ready-file", str(ready), *options]
    # Credentials of the person at the keyboard must not become the sandbox's.
    kept = {name: value for name, value in os.environ.items() if not _steers(name)}
    with log.open("wb") as output:
        server = subprocess.Popen(command, env=kept, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield described(_wait_for(ready, server, log))
    finally:
        server.terminate()
        server.wait(_PATIENCE)


def _steers(name: str) -> bool:
    return name.startswith(("TWILIO_", "PHONOTARY_"))


def _wait_for(ready: Path, server: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            found: dict[str, Any] = json.loads(ready.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            time.sleep(0.02)
        else:
            return found
    raise RuntimeError(f"phonotary up did not serve:\n{log.read_text(errors='replace')}")


def described(ready: dict[str, Any]) -> Hub:
    """What a ready file says, in the words of the tests."""
    numbers = tuple(Number(n["sid"], n["phone_number"]) for n in ready["numbers"])
    return Hub(
        http=ready["http"],
        account_sid=ready["account_sid"],
        auth_token=ready["auth_token"],
        primary_profile_sid=ready["primary_profile_sid"],
        numbers=numbers,
        oauth_client=(ready["oauth_client_id"], ready["oauth_client_secret"]),
    )
