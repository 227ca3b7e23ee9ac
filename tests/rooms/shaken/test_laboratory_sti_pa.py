"""The laboratory's policy administrator: who gets a token, and what everybody may read."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509

from phonotary.errors import Reason, Refused
from phonotary.shaken import issuing, jose, tn_auth_list
from phonotary.shaken.laboratory import policy_administrator, profiles, tokens
from phonotary.shaken.revocations import read_crl
from phonotary.shaken.trust import trust_list
from tests.rooms.shaken.laboratory_scenes import ANY, NOW, OWL, SCOPE, Client, laboratory

LAB = laboratory()
KEY = issuing.new_key().public_key()
CLAIM = tokens.atc(jose.b64(SCOPE), KEY)


def session(now: int = NOW) -> str:
    return LAB.sti_pa.login(OWL.user_id, OWL.password, now)


def test_a_token_says_what_was_asked_and_who_signed_it() -> None:
    token = jose.read_compact(LAB.sti_pa.token(session(), "709J", CLAIM, NOW))
    assert token.header["alg"] == "ES256"
    assert token.header["typ"] == "JWT"
    assert token.header["x5u"] == LAB.sti_pa.x5u
    (certificate,) = jose.certificates(token.header)
    assert certificate == LAB.sti_pa.signer.certificate
    assert jose.verify(token, LAB.sti_pa.signer.private_key.public_key())
    claims = token.claims()
    assert claims["atc"] == CLAIM
    assert claims["exp"] == NOW + policy_administrator.TOKEN_LIFE
    assert claims["jti"]


def test_no_two_tokens_share_their_identifier() -> None:
    made = (LAB.sti_pa.token(session(), "709J", CLAIM, NOW) for _ in range(2))
    assert len({jose.read_compact(one).claims()["jti"] for one in made}) == 2


def test_the_fingerprint_is_of_the_public_keys_der_in_upper_case() -> None:
    kind, _, octets = tokens.account_fingerprint(KEY).partition(" ")
    assert kind == "SHA256"
    assert octets == octets.upper()
    assert len(octets.split(":")) == 32
    assert tokens.account_fingerprint(issuing.new_key().public_key()) != f"{kind} {octets}"


@pytest.mark.parametrize(
    ("user", "password"), [("owl", "wrong"), ("nobody", ""), ("", ""), ("owl", "ü")]
)
def test_a_wrong_log_in_is_refused(user: str, password: str) -> None:
    with pytest.raises(Refused) as refused:
        LAB.sti_pa.login(user, password, NOW)
    assert refused.value.reason is Reason.NOT_AUTHENTICATED


def test_an_access_token_ends() -> None:
    given = session()
    LAB.sti_pa.ca_list(given, NOW + policy_administrator.SESSION_LIFE - 1)
    for wrong, now in ((given, NOW + policy_administrator.SESSION_LIFE), ("guess", NOW)):
        with pytest.raises(Refused, match="log in again"):
            LAB.sti_pa.token(wrong, "709J", CLAIM, now)


def test_access_tokens_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_administrator, "MAX_SESSIONS", 2)
    lab = laboratory()
    given = [lab.sti_pa.login(OWL.user_id, OWL.password, NOW) for _ in range(3)]
    with pytest.raises(Refused):
        lab.sti_pa.ca_list(given[0], NOW)
    assert lab.sti_pa.ca_list(given[2], NOW)


def test_a_member_gets_tokens_for_its_own_codes_only() -> None:
    other = tokens.atc(jose.b64(tn_auth_list.encode([tn_auth_list.Spc("818H")])), KEY)
    with pytest.raises(Refused) as refused:
        LAB.sti_pa.token(session(), "818H", other, NOW)
    assert refused.value.reason is Reason.FORBIDDEN
    anybody = LAB.sti_pa.login(ANY.user_id, ANY.password, NOW)
    assert LAB.sti_pa.token(anybody, "818H", other, NOW)


@pytest.mark.parametrize("profile", profiles.PROFILES.values(), ids=profiles.PROFILES)
def test_the_list_may_be_written_as_any_profile_does(profile: profiles.Profile) -> None:
    claim = tokens.atc(profile.value(SCOPE), KEY)
    token = jose.read_compact(LAB.sti_pa.token(session(), "709J", claim, NOW))
    assert token.claims()["atc"]["tkvalue"] == profile.value(SCOPE)


TWO = tn_auth_list.encode([tn_auth_list.Spc("709J"), tn_auth_list.Spc("818H")])


@pytest.mark.parametrize(
    "change",
    [
        {"tktype": "TnAuthList"},
        {"ca": None},
        {"ca": "false"},
        {"fingerprint": "SHA256 aa"},
        {"fingerprint": None},
        {"tkvalue": 7},
        {"tkvalue": "!"},
        {"tkvalue": jose.b64(TWO)},
        {"tkvalue": jose.b64(tn_auth_list.encode([tn_auth_list.One("12155551212")]))},
    ],
)
def test_a_claim_of_another_form_gets_no_token(change: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="atc claim is refused"):
        LAB.sti_pa.token(session(), "709J", {**CLAIM, **change}, NOW)


def test_what_else_a_claim_holds_is_not_signed() -> None:
    token = LAB.sti_pa.token(session(), "709J", {**CLAIM, "more": 1}, NOW)
    assert jose.read_compact(token).claims()["atc"] == CLAIM


def test_the_ca_list_names_the_laboratorys_ca_under_the_sti_pas_root() -> None:
    roots = x509.load_pem_x509_certificates(LAB.pa_root_pem)
    (anchor,) = trust_list(LAB.sti_pa.ca_list(session(), NOW), roots, NOW)
    assert anchor == x509.load_pem_x509_certificate(LAB.root_pem)


def test_a_certificate_of_the_ca_and_the_ca_itself_can_be_revoked() -> None:
    lab = laboratory()
    leaf, ca = x509.load_pem_x509_certificates(Client(lab).opened().certified())
    signer = x509.load_pem_x509_certificate(lab.pa_pem)
    assert not read_crl(lab.sti_pa.crl(NOW), signer, NOW).revoked
    assert lab.sti_pa.revoke(leaf.issuer, leaf.serial_number, NOW)
    assert not lab.sti_pa.revoke(leaf.issuer, leaf.serial_number, NOW)
    assert lab.sti_pa.revoke(ca.issuer, ca.serial_number, NOW)
    found = read_crl(lab.sti_pa.crl(NOW), signer, NOW).revoked
    assert {serial for _, serial in found} == {leaf.serial_number, ca.serial_number}


def test_the_crl_is_signed_anew_after_a_revocation_and_every_hour() -> None:
    lab = laboratory()
    leaf = x509.load_pem_x509_certificates(Client(lab).opened().certified())[0]
    first = lab.sti_pa.crl(NOW)
    assert lab.sti_pa.crl(NOW + policy_administrator.CRL_KEPT - 1) == first
    assert lab.sti_pa.crl(NOW + policy_administrator.CRL_KEPT) != first
    before = lab.sti_pa.crl(NOW + 1)
    lab.sti_pa.revoke(leaf.issuer, leaf.serial_number, NOW + 1)
    assert lab.sti_pa.crl(NOW + 1) != before


def test_a_ca_that_is_not_on_the_list_revokes_nothing() -> None:
    with pytest.raises(Refused) as refused:
        LAB.sti_pa.revoke(issuing.name("Nobody", "SHAKEN Nobody"), 1, NOW)
    assert refused.value.reason is Reason.NOT_FOUND


def test_no_secret_shows_when_a_member_is_printed() -> None:
    assert OWL.password not in repr(OWL)
