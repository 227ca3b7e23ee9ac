"""Rotation loses no call, and no provider's key ever signs for another's customer."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from phonotary.bootstrap.credentials import Credentials
from phonotary.errors import Reason, Refused
from phonotary.shaken import issuing, paths
from phonotary.shaken.signing import CredentialOutOfDate
from tests.bootstrap.scenes import CA, NOW, ROOT, OnDisk, Time, credentials, looked
from tests.outbound import softhsm
from tests.rooms.office import refused

OWL, ELK, CHILD = "AC" + "1" * 32, "AC" + "2" * 32, "AC" + "3" * 32


@pytest.fixture
def owl(tmp_path: Path) -> OnDisk:
    return OnDisk(tmp_path / "owl", "709J", frozenset({OWL}))


@pytest.fixture
def elk(tmp_path: Path) -> OnDisk:
    return OnDisk(tmp_path / "elk", "818H", frozenset({ELK}))


def test_a_renewed_pair_is_taken_and_the_old_chain_is_still_served(owl: OnDisk) -> None:
    chains: dict[str, bytes] = {}
    held, old = credentials(owl, chains=chains), owl.fingerprint
    assert not held.look()
    owl.certified(organisation="Owl Again")
    assert held(OWL).fingerprint == old
    assert held.look()
    credential = held(OWL)
    assert credential.fingerprint == owl.fingerprint != old
    assert credential.x5u == f"https://certs.example/{owl.fingerprint}.pem"
    assert chains.keys() == {f"{old}.pem", f"{owl.fingerprint}.pem"}
    assert chains[f"{owl.fingerprint}.pem"] == owl.chain.read_bytes()
    assert not held.look()


@pytest.mark.parametrize(
    ("x5u", "why"),
    [
        ("https://certs.example/{serial}.pem", "is filled in"),
        ("http://certs.example/{fingerprint}.pem", "it is not an https URI"),
        ("https://certs.example:9999/chain.pem", "its port"),
        ("https://certs.example/chain.pem?v=1", "a query"),
    ],
)
def test_an_address_that_no_verifier_takes_is_told_at_the_start(
    owl: OnDisk, x5u: str, why: str
) -> None:
    owl.x5u = x5u
    with pytest.raises(Refused, match=why):
        credentials(owl)


def test_a_laboratorys_address_is_taken_where_the_setting_names_it(owl: OnDisk) -> None:
    owl.x5u = "http://127.0.0.1:8080/certs/{fingerprint}.pem"
    with pytest.raises(Refused, match="https"):
        credentials(owl)
    held = credentials(owl, lab=frozenset({"http://127.0.0.1:8080"}))
    assert held(OWL).x5u == f"http://127.0.0.1:8080/certs/{owl.fingerprint}.pem"


def test_a_chain_without_its_issuer_is_taken_neither_at_the_start_nor_later(owl: OnDisk) -> None:
    held, old = credentials(owl), owl.fingerprint
    owl.next(public_key=owl.leaf.private_key.public_key())
    owl.put(owl.chain, owl.leaf.pem)
    assert not held.look()
    assert held(OWL).fingerprint == old
    with pytest.raises(Refused, match="not followed by that of its issuer"):
        credentials(owl)
    # Where the issuer is itself an anchor, verifiers hold it.
    under = credentials(owl, anchors=lambda: paths.anchors([CA.certificate]))
    assert under(OWL).fingerprint == owl.fingerprint


def test_a_new_key_needs_a_new_address_while_the_old_certificate_is_valid(
    owl: OnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    owl.x5u = "https://certs.example/chain.pem"
    time = Time()
    held, old = credentials(owl, time=time), owl.fingerprint
    owl.certified()
    for _ in range(2):
        assert not held.look()
    assert held(OWL).fingerprint == old
    said = capsys.readouterr().err
    assert said.count("verifiers keep the old certificate for a day") == 1
    assert "write {fingerprint} into the x5u" in said
    # Once the old one has run out it has no calls that could be lost.
    time.now = held(OWL).not_after
    owl.certified(time.now)
    assert held.look()
    assert held(OWL).fingerprint == owl.fingerprint


def test_the_same_key_is_renewed_at_an_unchanged_address(owl: OnDisk) -> None:
    owl.x5u = "https://certs.example/chain.pem"
    held = credentials(owl)
    for _ in range(2):
        owl.certified(public_key=owl.leaf.certificate.public_key())
        assert held.look()
        assert held(OWL).fingerprint == owl.fingerprint
    owl.certified()
    assert not held.look()


def test_half_of_a_new_pair_is_not_taken_until_its_other_half_is_there(owl: OnDisk) -> None:
    held, old = credentials(owl), owl.fingerprint
    owl.next()
    owl.put(owl.key_file, owl.leaf.key_pem)
    for _ in range(2):
        assert not held.look()
        assert held(OWL).fingerprint == old
    owl.put(owl.chain, issuing.chain(owl.leaf, CA))
    assert held.look()
    assert held(OWL).fingerprint == owl.fingerprint


@pytest.mark.parametrize("kept", [0, 20, 400, -300, -30])
def test_a_file_that_breaks_off_is_not_taken(owl: OnDisk, kept: int) -> None:
    held, old = credentials(owl), owl.fingerprint
    owl.next(public_key=owl.leaf.private_key.public_key())
    whole = issuing.chain(owl.leaf, CA)
    owl.put(owl.chain, whole[:kept])
    assert not held.look()
    assert held(OWL).fingerprint == old
    owl.put(owl.chain, whole)
    assert held.look()


def test_files_that_go_away_or_hold_something_else_change_nothing(owl: OnDisk) -> None:
    held = credentials(owl)
    before = held(OWL)
    owl.chain.unlink()
    looks = [held.look() for _ in range(3)]
    owl.put(owl.chain, b"<html>")
    looks += [held.look() for _ in range(3)]
    assert not any(looks)
    assert held(OWL) is before


def test_what_could_not_be_taken_is_said_once_for_each_state_of_the_files(
    owl: OnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    held = credentials(owl)
    capsys.readouterr()
    for content in (b"<html>", b""):
        owl.put(owl.chain, content)
        for _ in range(3):
            held.look()
    said = capsys.readouterr()
    assert (said.out + said.err).count("stay as they were") == 2


def test_an_expired_certificate_signs_nothing(owl: OnDisk) -> None:
    time = Time()
    held = credentials(owl, time=time)
    assert held.alarms() == []
    time.now = held(OWL).not_after
    with pytest.raises(CredentialOutOfDate):
        held(OWL)
    assert "709J: The certificate has run out" in held.alarms()[0]
    owl.certified(time.now)
    assert held.look()
    assert held(OWL).fingerprint == owl.fingerprint


@pytest.mark.parametrize("away", [-400, 400])
def test_a_certificate_that_is_not_valid_does_not_replace_one_that_is(
    owl: OnDisk, away: int
) -> None:
    held, old = credentials(owl), owl.fingerprint
    owl.certified(NOW + away * issuing.DAY, days=30)
    assert not held.look()
    assert held(OWL).fingerprint == old


def test_two_thirds_of_the_life_are_told(owl: OnDisk) -> None:
    owl.certified(days=90)
    time = Time(NOW + 61 * issuing.DAY)
    assert "renew it now" in credentials(owl, time=time).alarms()[0]


def test_the_earliest_end_of_the_chain_counts(owl: OnDisk) -> None:
    ca = issuing.sti_ca(ROOT, NOW, days=1)
    owl.leaf = issuing.leaf(ca, NOW, "709J", days=365)
    owl.put(owl.chain, issuing.chain(owl.leaf, ca))
    owl.put(owl.key_file, owl.leaf.key_pem)
    time = Time(NOW + 23 * 3600)
    held = credentials(owl, time=time)
    (sentence,) = held.alarms()
    assert "The certificate of its authority" in sentence
    assert [each.value for each in held.measures()] == [held(OWL).not_after - time.now]
    assert held(OWL).not_after < NOW + 2 * issuing.DAY
    # From then on every verifier would take the call for a forged one.
    time.now = held(OWL).not_after
    with pytest.raises(CredentialOutOfDate):
        held(OWL)


def test_a_filing_is_reminded_of_where_the_operator_says_when_it_was_made(owl: OnDisk) -> None:
    # NOW is 18 November 2026. Filed in February of the year before, and of this year.
    def held(filed: int | None) -> Credentials:
        files = replace(owl.files, rmd_filed=filed)
        return Credentials([files], lambda sid: None, Time(), {})

    (sentence,) = held(1_739_000_000).alarms()
    assert "709J: The RMD recertification has run out" in sentence
    assert held(1_771_000_000).alarms() == []
    names = [each.name for each in held(1_771_000_000).measures()]
    assert "phonotary_rmd_recertification_seconds_left" in names
    assert len(list(held(None).measures())) == 1


def test_two_providers_are_never_crossed_nor_for_their_subaccounts(
    owl: OnDisk, elk: OnDisk
) -> None:
    held = credentials(owl, elk, owners={CHILD: ELK})
    for _ in range(2):
        assert (held(OWL).spc, held(ELK).spc, held(CHILD).spc) == ("709J", "818H", "818H")
        elk.certified()
        assert held.look()
    assert held(CHILD).fingerprint == elk.fingerprint
    with refused(Reason.FORBIDDEN):
        held("AC" + "9" * 32)


def test_one_providers_broken_files_keep_no_other_from_its_renewal(
    owl: OnDisk, elk: OnDisk
) -> None:
    held, before = credentials(owl, elk), owl.fingerprint
    owl.put(owl.chain, b"")
    elk.certified()
    assert held.look()
    assert (held(OWL).fingerprint, held(ELK).fingerprint) == (before, elk.fingerprint)


def test_a_key_in_an_hsm_signs_and_is_renewed_with_its_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = issuing.new_key()
    owl = OnDisk(tmp_path / "owl", "709J", frozenset({OWL}))
    owl.certified(key=key)
    (tmp_path / "hsm").mkdir()
    with softhsm.plugged(softhsm.made(tmp_path / "hsm", owl.leaf.key_pem)) as token:
        owl.key_file.unlink()
        owl.key = token.uri()
        held = credentials(owl)
        old = held(OWL)
        assert old.fingerprint == owl.fingerprint
        owl.certified(public_key=key.public_key())
        assert held.look()
        assert held(OWL).fingerprint == owl.fingerprint != old.fingerprint
        # A certificate for a key that the module has not is not taken.
        owl.certified()
        assert not looked(held)
        assert not looked(held)
        assert "not the certificate's" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda owl: owl.chain.unlink(), "cannot be read: No such file"),
        (lambda owl: owl.key_file.unlink(), "cannot be read: No such file"),
        (lambda owl: owl.put(owl.key_file, issuing.leaf(CA, NOW, "709J").key_pem), "not the cert"),
        (lambda owl: owl.put(owl.chain, CA.pem), "."),
    ],
)
def test_a_service_does_not_start_with_files_that_are_not_right(
    owl: OnDisk, spoil: object, why: str
) -> None:
    spoil(owl)  # type: ignore[operator]
    with pytest.raises(Refused, match=why) as caught:
        credentials(owl)
    assert "PRIVATE" not in str(caught.value)


def test_an_account_of_two_providers_is_refused(owl: OnDisk, tmp_path: Path) -> None:
    twice = OnDisk(tmp_path / "twice", "555A", frozenset({OWL}))
    with pytest.raises(Refused, match="two providers"):
        credentials(owl, twice)


def test_a_new_chain_is_served_before_it_signs(tmp_path: Path) -> None:
    owl, chains = OnDisk(tmp_path / "owl", "709J"), dict[str, bytes]()
    service = Credentials([owl.files], lambda sid: sid, Time(), chains, settle=0.1)
    before = service("AC1").fingerprint
    owl.certified()
    assert not service.look()
    assert (f"{owl.fingerprint}.pem" in chains, service("AC1").fingerprint) == (True, before)
    time.sleep(0.11)
    assert service.look()
    assert service("AC1").fingerprint == owl.fingerprint
