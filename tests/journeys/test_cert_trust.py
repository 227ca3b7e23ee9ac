"""``cert trust`` writes what holds and is new, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from phonotary.bootstrap.trusting import certificates_in
from phonotary.clock import Clock
from phonotary.shaken import issuing
from phonotary.shaken.laboratory.laboratory import STI_PA, Laboratory
from phonotary.shaken.trust import noted
from tests.journeys.callers import here
from tests.outbound.authority import serving
from tests.rooms.shaken.laboratory_scenes import OWL


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    with serving() as running:
        yield running


class Member:
    """Who asks the STI-PA, and the files that it is written to."""

    def __init__(self, lab: Laboratory, directory: Path) -> None:
        self._lab, self._directory = lab, directory
        self.anchors, self.crl, self.issuer = (
            directory / name for name in ("anchors.pem", "crl.der", "pa.pem")
        )
        (directory / "password").write_text(OWL.password)
        (directory / "root.pem").write_bytes(lab.pa_root_pem)

    def fetch(self) -> Result:
        base = self._lab.sti_pa.crl_url.partition("/lab/")[0]
        return here(
            *("cert", "trust", "--sti-pa", f"{base}{STI_PA}", "--user", OWL.user_id),
            *("--password-file", str(self._directory / "password")),
            *("--root", str(self._directory / "root.pem"), "--anchors", str(self.anchors)),
            *("--crl", str(self.crl), "--crl-issuer", str(self.issuer)),
        )

    def files(self) -> list[bytes | None]:
        every = (self.anchors, self.crl, self.issuer)
        return [file.read_bytes() if file.exists() else None for file in every]


@pytest.fixture
def member(lab: Laboratory, tmp_path: Path) -> Member:
    return Member(lab, tmp_path)


def listed(lab: Laboratory, monkeypatch: pytest.MonkeyPatch, **claims: Any) -> None:
    """From now on the STI-PA's list says this."""
    pa, now = lab.sti_pa, Clock.wall()
    signed = issuing.ca_list(pa.signer, now, pa._cas, **claims)
    monkeypatch.setattr(pa, "ca_list", lambda session, now: signed)


def test_a_list_of_revocations_that_another_signed_replaces_nothing(
    lab: Laboratory, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = Clock.wall()
    stranger = issuing.sti_pa(issuing.root(now), now)
    with monkeypatch.context() as lying:
        lying.setattr(lab.sti_pa, "crl", lambda now: issuing.crl(stranger, now, []))
        told = member.fetch()
        assert (told.exit_code, member.files()) == (1, [None] * 3)
        assert "The list of revocations" in str(told.exception)
    assert member.fetch().exit_code == 0
    assert None not in member.files()


def test_an_old_list_of_authorities_played_again_replaces_nothing(
    lab: Laboratory, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(lab, monkeypatch, sequence=7)
    assert member.fetch().exit_code == 0
    before = member.files()
    listed(lab, monkeypatch, sequence=6)
    told = member.fetch()
    assert (told.exit_code, member.files()) == (1, before)
    assert "list 6 is older than 7" in told.stderr
    for sequence in (7, 8):
        listed(lab, monkeypatch, sequence=sequence)
        assert member.fetch().exit_code == 0
        assert noted(member.anchors.read_bytes()).sequence == sequence


@pytest.mark.parametrize("claim", ["sequence", "exp"])
def test_a_list_that_does_not_say_is_taken(
    lab: Laboratory, member: Member, monkeypatch: pytest.MonkeyPatch, claim: str
) -> None:
    listed(lab, monkeypatch, sequence=7)
    assert member.fetch().exit_code == 0
    listed(lab, monkeypatch, **{claim: None})
    if claim == "exp":
        member.anchors.unlink()
    assert member.fetch().exit_code == 0
    found = noted(member.anchors.read_bytes())
    assert (found.sequence, found.expires).count(None) == 1
    assert len(certificates_in(member.anchors)) == 1
