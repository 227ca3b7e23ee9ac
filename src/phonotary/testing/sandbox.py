"""The sandbox from a test's side: a thin client of ``/_sandbox``, and a process to start."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from phonotary import child


@dataclass(frozen=True, slots=True)
class Account:
    """Credentials and furniture of one account."""

    account_sid: str
    auth_token: str
    primary_profile_sid: str | None
    numbers: tuple[dict[str, str], ...]
    """``{"sid": "PN…", "phone_number": "+1…"}``, the US local ones first."""


class Sandbox:
    """A running hub. Every method returns when the hub has done it."""

    def __init__(self, ready: Mapping[str, Any]) -> None:
        self.ready = dict(ready)
        self.url: str = ready["http"]
        self.account = _account(ready)
        self._http = httpx.Client(base_url=self.url, trust_env=False, timeout=60)
        self.clock = Clock(self)
        self.outcomes = Outcomes(self)
        self.faults = Faults(self)
        self.log = Log(self)

    @property
    def env(self) -> dict[str, str]:
        """What points a program's Twilio client at this account, beside its base URL."""
        return {
            "TWILIO_ACCOUNT_SID": self.account.account_sid,
            "TWILIO_AUTH_TOKEN": self.account.auth_token,
            "PHONOTARY_URL": self.url,
        }

    def reset(self, account: Account | None = None) -> None:
        """Back to how the sandbox started: its records, clock, rules and log. With an account only
        that one's, so that tests side by side do not disturb each other; the clock is everybody's.
        """
        self.command("POST", "reset", account and {"account_sid": account.account_sid})

    def dump(self) -> dict[str, Any]:
        """The whole state as plain JSON values."""
        state: dict[str, Any] = self.command("GET", "state")
        return state

    def load(self, state: Mapping[str, Any]) -> None:
        self.command("PUT", "state", state)

    def open_account(self, friendly_name: str = "Isolated account") -> Account:
        """One more account with its own profile and numbers, which sees nothing of the others."""
        return _account(self.command("POST", "accounts", {"friendly_name": friendly_name}))

    def command(self, method: str, door: str, body: Any = None, /, **query: str) -> Any:
        """One call of ``/_sandbox``; ValueError with the hub's sentence when it refuses."""
        content = None if body is None else json.dumps(body)
        reply = self._http.request(method, f"/_sandbox/{door}", content=content, params=query)
        if reply.status_code != 200:
            raise ValueError(reply.json()["error"])
        return reply.json()

    def close(self) -> None:
        self._http.close()


class Clock:
    """The hub's time."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    @property
    def now(self) -> str:
        """``2026-11-20T12:00:00Z``."""
        return str(self._sandbox.command("GET", "clock")["now"])

    def advance(self, duration: str) -> str:
        """``90s``, ``15m``, ``72h`` or ``3d``; all that becomes due has happened on return."""
        return str(self._sandbox.command("POST", "clock", {"advance": duration})["now"])


class Outcomes:
    """What becomes of the bundles that match; the first rule that fits decides."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def approve(self, *, once: bool = False, **match: str) -> None:
        self._add({"decision": "approve", "match": match, "once": once})

    def reject(self, *codes: int, because: str = "", once: bool = False, **match: str) -> None:
        """With catalogue codes, as ``reject(18602, business_name="Acme*")``."""
        self._add(
            {
                "decision": "reject",
                "codes": list(codes),
                "because": because,
                "match": match,
                "once": once,
            }
        )

    def hold(self, *, once: bool = False, **match: str) -> None:
        """Leave it to a person at the review desk."""
        self._add({"decision": "hold", "match": match, "once": once})

    def clear(self) -> None:
        self._sandbox.command("DELETE", "outcomes")

    def _add(self, rule: dict[str, Any]) -> None:
        self._sandbox.command("POST", "outcomes", rule)


class Faults:
    """What goes wrong: 429, 500, 502, 503, slow, cut-before, cut-after."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def add(self, kind: str, **rule: Any) -> None:
        """``account`` (a SID), ``method``, ``path`` (with ``*``), ``rate``, ``times`` and
        ``seconds`` narrow it down."""
        self._sandbox.command("POST", "faults", {"kind": kind, **rule})

    def clear(self) -> None:
        self._sandbox.command("DELETE", "faults")


class Log:
    """What the hub was asked and what it answered."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def search(self, **wanted: Any) -> list[dict[str, Any]]:
        """By ``method``, ``path`` (``*`` at its end), ``status``, ``code``, ``account``, ``host``,
        ``contains`` and ``after``; oldest first, at most the last 1000."""
        query = {name: str(value) for name, value in wanted.items()}
        found: list[dict[str, Any]] = self._sandbox.command(
            "GET", "requests", None, limit="1000", **query
        )["requests"]
        return found

    def one(self, **wanted: Any) -> dict[str, Any]:
        """The only request that matches; AssertionError when there are none or several."""
        found = self.search(**wanted)
        if len(found) != 1:
            raise AssertionError(f"{len(found)} requests match {wanted}, not one")
        return found[0]

    def traps(self) -> list[str]:
        """The Twilio traps that were stepped into, as ``H10: There was another page …``."""
        told = (trap for entry in self.search() for trap in entry["traps"])
        return list(dict.fromkeys(f"{trap['id']}: {trap['says']}" for trap in told))

    def clear(self) -> None:
        self._sandbox.command("DELETE", "requests")


@contextmanager
def start(*options: str) -> Iterator[Sandbox]:
    """``phonotary up`` on a free port with its data in a temporary directory, for as long as the
    block lasts. ``options`` are further options of ``up``, as ``"--vetting", "manual"``."""
    with (
        tempfile.TemporaryDirectory(prefix="phonotary-") as directory,
        child.sandbox(Path(directory), *options) as ready,
        closing(Sandbox(ready)) as sandbox,
    ):
        yield sandbox


def _account(given: Mapping[str, Any]) -> Account:
    return Account(
        given["account_sid"],
        given["auth_token"],
        given["primary_profile_sid"],
        tuple(given["numbers"]),
    )
