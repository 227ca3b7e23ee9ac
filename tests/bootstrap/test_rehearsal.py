"""A sandbox's certificate outlives its process, and is renewed by the clock that one advances."""

from __future__ import annotations

import pytest

from phonotary.bootstrap.rehearsal import ROOT, SPC, Rehearsal
from phonotary.clock import Clock
from phonotary.shaken import chains, paths
from phonotary.shaken.issuing import DAY
from phonotary.shaken.signing import CredentialOutOfDate
from phonotary.storage.database import Database

ORIGIN = "http://127.0.0.1:8080"
ANYBODY = "AC" + "1" * 32


class Sandbox:
    """One start of a sandbox on these data."""

    def __init__(self, database: Database, origin: str = ORIGIN, advanced: int = 0) -> None:
        self.clock = Clock()
        self.clock.advanced = advanced
        self.chains: dict[str, bytes] = {}
        self.rehearsal = Rehearsal(database, self.clock, origin, self.chains, ())

    @property
    def fingerprint(self) -> str:
        return self.rehearsal(ANYBODY).fingerprint


def test_its_certificate_is_believed_by_who_trusts_its_root(database: Database) -> None:
    sandbox = Sandbox(database)
    held, now = sandbox.rehearsal(ANYBODY), sandbox.clock.wall()
    assert held.spc == SPC
    assert held.x5u == f"{ORIGIN}/certs/{held.fingerprint}.pem"
    trust = sandbox.rehearsal.laboratory.trust(now)
    assert chains.validate(sandbox.chains[f"{held.fingerprint}.pem"], trust, now).spc == SPC
    assert paths.load_pem(sandbox.chains[ROOT]) == trust.anchors


def test_a_restart_keeps_the_certificate_and_serves_it_at_the_new_address(
    database: Database,
) -> None:
    first = Sandbox(database)
    second = Sandbox(database, "http://127.0.0.1:9090")
    held = second.rehearsal(ANYBODY)
    assert held.fingerprint == first.fingerprint
    assert held.x5u == f"http://127.0.0.1:9090/certs/{held.fingerprint}.pem"
    assert second.chains == first.chains


def test_it_is_renewed_at_two_thirds_of_its_life_by_the_hubs_clock(database: Database) -> None:
    sandbox = Sandbox(database)
    first = sandbox.fingerprint
    sandbox.clock.advanced = 59 * DAY
    assert not sandbox.rehearsal.look()
    sandbox.clock.advanced = 61 * DAY
    assert sandbox.rehearsal.look()
    second = sandbox.fingerprint
    assert second != first
    assert {f"{first}.pem", f"{second}.pem"} <= sandbox.chains.keys()
    assert not sandbox.rehearsal.look()
    # A restart finds it, and what was signed before it is still served.
    again = Sandbox(database, advanced=61 * DAY)
    assert again.fingerprint == second
    assert f"{first}.pem" in again.chains


def test_a_renewal_that_was_due_while_it_was_down_is_made_at_the_start(database: Database) -> None:
    first = Sandbox(database).fingerprint
    assert Sandbox(database, advanced=100 * DAY).fingerprint != first


def test_a_clock_that_is_put_back_counts_from_there(database: Database) -> None:
    sandbox = Sandbox(database, advanced=61 * DAY)
    first = sandbox.fingerprint
    sandbox.clock.advanced = 0
    assert not sandbox.rehearsal.look()
    sandbox.clock.advanced = 61 * DAY
    assert sandbox.rehearsal.look()
    assert sandbox.fingerprint != first


def test_a_certificate_that_ran_out_signs_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = Sandbox(database)
    late = sandbox.rehearsal(ANYBODY).not_after
    monkeypatch.setattr(sandbox.clock, "wall", lambda: late)
    with pytest.raises(CredentialOutOfDate):
        sandbox.rehearsal(ANYBODY)


def test_no_secret_shows(database: Database) -> None:
    assert "PRIVATE" not in repr(Sandbox(database).rehearsal(ANYBODY))
