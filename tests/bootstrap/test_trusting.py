"""Authorities and revocations follow their files, and a bad file takes nothing away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from phonotary.bootstrap.measures import text
from phonotary.bootstrap.trusting import TrustFiles, certificates_in
from phonotary.config import Stir
from phonotary.errors import Refused
from phonotary.shaken import chains, issuing
from phonotary.shaken.chains import Untrusted
from phonotary.shaken.tn_auth_list import One, Spc
from phonotary.shaken.trust import ca_list, pem_of
from tests.bootstrap.scenes import CA, NOW, ROOT, OnDisk, Time

PA_ROOT = issuing.root(NOW, subject=issuing.name("Lab", "STI-PA ROOT"))
PA = issuing.sti_pa(PA_ROOT, NOW)
LEAF = issuing.leaf(CA, NOW, "709J")
CHAIN = issuing.chain(LEAF, CA)
LINE = (CA.name, LEAF.certificate.serial_number)
put = OnDisk.put


@pytest.fixture
def settings(tmp_path: Path) -> Stir:
    put(tmp_path / "roots.pem", ROOT.pem)
    put(tmp_path / "pa.pem", PA.pem)
    put(tmp_path / "crl.der", issuing.crl(PA, NOW, []))
    return Stir(
        anchors=tmp_path / "roots.pem",
        crl=tmp_path / "crl.der",
        crl_issuer=tmp_path / "pa.pem",
        crl_required=True,
    )


def defect(files: TrustFiles, now: int = NOW, chain: bytes = CHAIN) -> str | None:
    """Why the chain is not believed; None when it is."""
    try:
        chains.validate(chain, files.trust, now)
    except Untrusted as untrusted:
        return str(untrusted.defect)
    return None


def test_a_new_list_of_revocations_is_taken(settings: Stir) -> None:
    files = TrustFiles(settings, Time())
    assert (files.look(), defect(files)) == (False, None)
    assert settings.crl is not None
    put(settings.crl, issuing.crl(PA, NOW, [LINE]))
    assert (files.look(), defect(files)) == (True, "revoked")
    assert not files.look()


@pytest.mark.parametrize(("vouches", "found"), [(True, None), (False, "scope_unproven")])
def test_whether_a_provider_hands_on_any_number_is_the_operators_to_say(
    settings: Stir, vouches: bool, found: str | None
) -> None:
    provider = issuing.sti_ca(ROOT, NOW, path_length=1)
    above = issuing.delegate_ca(provider, NOW, [Spc("709J")])
    below = issuing.delegate(above, NOW, [One("12155550100")])
    files = TrustFiles(replace(settings, spc_vouches=vouches), Time())
    assert defect(files, chain=issuing.chain(below, above, provider)) == found


def test_new_authorities_are_taken_and_old_ones_left(settings: Stir) -> None:
    files = TrustFiles(settings, Time())
    assert settings.anchors is not None
    other = issuing.root(NOW, subject=issuing.name("Other", "ROOT"))
    put(settings.anchors, other.pem)
    assert (files.look(), defect(files)) == (True, "unknown_root")
    put(settings.anchors, other.pem + ROOT.pem)
    assert (files.look(), defect(files)) == (True, None)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"garbage",
        issuing.crl(PA, NOW, [LINE])[:-1],
        issuing.crl(CA, NOW, [LINE]),
        issuing.crl(PA, NOW - 400 * issuing.DAY, [LINE]),
        issuing.crl(PA, NOW + 400 * issuing.DAY, [LINE]),
    ],
)
def test_a_bad_list_of_revocations_leaves_the_good_one(settings: Stir, bad: bytes) -> None:
    files = TrustFiles(settings, Time())
    before = files.trust
    assert settings.crl is not None
    put(settings.crl, bad)
    assert (files.look(), files.look(), files.trust is before) == (False, False, True)
    put(settings.crl, issuing.crl(PA, NOW, [LINE]))
    assert (files.look(), defect(files)) == (True, "revoked")


@pytest.mark.parametrize("bad", [b"", b"garbage", ROOT.pem[:-30], ROOT.pem + PA_ROOT.pem[:300]])
def test_bad_authorities_leave_the_good_ones(settings: Stir, bad: bytes) -> None:
    files = TrustFiles(settings, Time())
    before = files.trust
    assert settings.anchors is not None
    put(settings.anchors, bad)
    assert (files.look(), files.trust is before) == (False, True)
    settings.anchors.unlink()
    assert (files.look(), files.trust is before) == (False, True)


def test_without_a_current_list_nothing_is_believed_where_one_is_required(settings: Stir) -> None:
    time = Time()
    files = TrustFiles(settings, time)
    assert (defect(files), files.alarms()) == (None, [])
    time.now += 2 * issuing.DAY
    assert defect(files, time.now) is not None
    (sentence,) = files.alarms()
    assert "fetch it anew" in sentence
    assert settings.crl is not None
    put(settings.crl, issuing.crl(PA, time.now, []))
    assert (files.look(), defect(files, time.now), files.alarms()) == (True, None, [])


def test_nothing_is_trusted_that_is_not_named() -> None:
    files = TrustFiles(Stir(), Time())
    assert defect(files) == "no_anchors"
    # There all the same: an alarm on a number that is absent never goes off.
    assert "phonotary_stir_revocation_list_held 0\n" in text(files.measures())


@pytest.mark.parametrize("content", [None, b"", b"garbage", PA.key_pem])
def test_a_wrong_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "roots.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Refused, match=r"roots\.pem") as caught:
        certificates_in(file)
    assert "\n" not in caught.value.because


def test_an_older_list_brings_no_certificate_back(settings: Stir) -> None:
    assert settings.crl is not None
    put(settings.crl, issuing.crl(PA, NOW, [LINE]))
    files = TrustFiles(settings, Time())
    put(settings.crl, issuing.crl(PA, NOW - 3600, []))
    assert (files.look(), defect(files)) == (True, "revoked")


def test_a_service_that_asks_for_no_list_starts_with_one_that_has_run_out(settings: Stir) -> None:
    assert settings.crl is not None
    put(settings.crl, issuing.crl(PA, NOW - 400 * issuing.DAY, [LINE]))
    with pytest.raises(Refused):
        TrustFiles(settings, Time())
    files = TrustFiles(replace(settings, crl_required=False), Time())
    assert defect(files) is None
    (sentence,) = files.alarms()
    assert "no list of revocations is held" in sentence
    assert "phonotary_stir_revocation_list_held 0" in text(files.measures())


def test_a_list_of_authorities_that_nobody_fetches_anew_is_told(settings: Stir) -> None:
    assert settings.anchors is not None
    signed = issuing.ca_list(PA, NOW, [ROOT.certificate], above=[PA_ROOT], days=3)
    put(settings.anchors, pem_of(ca_list(signed, [PA_ROOT.certificate], NOW)))
    time = Time()
    files = TrustFiles(replace(settings, crl=None, crl_required=False), time)
    assert (defect(files), files.alarms()) == (None, [])
    left = f"phonotary_stir_authorities_seconds_left {3 * issuing.DAY}\n"
    assert left in text(files.measures())
    time.now += 3 * issuing.DAY + 1
    (sentence,) = files.alarms()
    assert "run phonotary cert trust" in sentence
    # What an operator put there by hand has no end of its own.
    put(settings.anchors, ROOT.pem)
    assert (files.look(), files.alarms()) == (True, [])


def test_who_is_trusted_and_how_long_the_list_holds_is_measured(settings: Stir) -> None:
    time = Time()
    files = TrustFiles(settings, time)
    told = {each.name.removeprefix("phonotary_stir_"): each.value for each in files.measures()}
    held = files.trust.revocations
    assert held is not None
    assert told == {
        "authorities": 1,
        "revocation_list_held": 1,
        "revocation_list_seconds_left": held.next_update - NOW,
    }
    time.now = held.next_update + 5
    assert "phonotary_stir_revocation_list_seconds_left -5" in text(files.measures())
    # Where no list is asked for, none is missed.
    without = TrustFiles(Stir(anchors=settings.anchors), time)
    assert (without.alarms(), len(list(without.measures()))) == ([], 2)
