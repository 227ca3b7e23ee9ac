"""The settings of a service: what each says, and what is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from phonotary.config import service

OWL = "AC" + "1" * 32
NOBODY: dict[str, str] = {}
TWO_PROVIDERS = """
port = 9000
sip_port = 5060
stir_origid = "per-customer"
stir_crl_required = true

[[provider]]
name = "Owl"
chain = "/etc/owl/chain.pem"
key = "pkcs11:token=owl;object=call"
x5u = "https://certs.owl.example/{fingerprint}.pem"
accounts = ["AC11111111111111111111111111111111"]

[[provider]]
name = "Jay"
chain = "/etc/jay/chain.pem"
key = "/etc/jay/key.pem"
x5u = "https://certs.jay.example/chain.pem"
accounts = ["AC22222222222222222222222222222222"]

[[trunk]]
networks = ["10.0.0.0/8"]
account_sid = "AC11111111111111111111111111111111"
role = "authenticate"
"""


def written(tmp_path: Path, content: str) -> Path:
    file = tmp_path / "phonotary.toml"
    file.write_text(content)
    return file


def test_a_file_names_providers_and_trunks(tmp_path: Path) -> None:
    settings = service.service(written(tmp_path, TWO_PROVIDERS), NOBODY)
    owl, jay = settings.stir.providers
    assert (owl.key, owl.accounts) == (
        "pkcs11:token=owl;object=call",
        frozenset({"AC11111111111111111111111111111111"}),
    )
    assert (jay.name, jay.chain) == ("Jay", Path("/etc/jay/chain.pem"))
    assert settings.trunks[0].networks == ("10.0.0.0/8",)
    assert (settings.port, settings.sip_port, settings.sandbox) == (9000, 5060, False)
    assert (settings.stir.origid, settings.stir.crl_required) == ("per-customer", True)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    environment = {"PHONOTARY_PORT": "9001", "PHONOTARY_STIR_RCD": "true"}
    settings = service.service(written(tmp_path, TWO_PROVIDERS), environment)
    assert (settings.port, settings.stir.rcd) == (9001, True)


def test_three_settings_are_one_provider_for_every_account() -> None:
    environment = {
        "PHONOTARY_STIR_CHAIN": "/c.pem",
        "PHONOTARY_STIR_KEY": "/k.pem",
        "PHONOTARY_STIR_X5U": "https://owl.example/c.pem",
    }
    (one,) = service.service(None, environment).stir.providers
    assert (one.chain, one.key, one.accounts) == (Path("/c.pem"), "/k.pem", None)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("stir_chian = 'x'", "stir_chian"),
        ("sip_port = 70000", "sip_port: the port 70000"),
        ("port = 'x'", "port: "),
        ("stir_origid = 'mine'", "mine"),
        ("stir_crl_required = 'maybe'", "maybe"),
        ("stir_ledger_bound = 'much'", "much"),
        ("stir_ledger_wait = 0", "stir_ledger_wait: 0"),
        ("stir_lab = 5", "5"),
        ("stir_lab = 'http://127.0.0.1:8080/lab'", "origin"),
        ("stir_key = '/k'", "stir_chain"),
        (f"[[provider]]\naccounts = '{OWL}'", "list"),
        ("[[provider]]\naccounts = ['AC1']", "AC1"),
        (
            f"[[trunk]]\nnetworks = []\naccount_sid = '{OWL}'\ntrusted = 'false'",
            "[[trunk]] trusted: 'false'",
        ),
        ("[[trunk]]\nnetworks = '10.0.0.0/8'", "brackets"),
        (f"[[trunk]]\nnetworks = []\naccount_sid = '{OWL}'", "role"),
        ("provider = 'Owl'", "[[provider]]"),
        ("[[provider]]\nname = 'Owl'", "lacks a setting"),
        ("[[provider]]\nspc = '709J'", "spc"),
        (
            f"[[trunk]]\nnetworks = []\naccount_sid = '{OWL}'\nrole = 'any'",
            "any",
        ),
        (f"stir_chain='/c'\nstir_key='/k'\nstir_x5u='https://x'\n{TWO_PROVIDERS}", "without"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, content: str, named: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        service.service(written(tmp_path, content), NOBODY)
    assert named in str(refused.value)


def test_an_empty_list_of_accounts_is_nobody_and_not_everybody(tmp_path: Path) -> None:
    content = TWO_PROVIDERS.replace(f'["{OWL}"]', "[]")
    owl, _ = service.service(written(tmp_path, content), NOBODY).stir.providers
    assert owl.accounts == frozenset()


@pytest.mark.parametrize("written_as", ["'http://a:1 http://b:2'", "['http://a:1', 'http://b:2']"])
def test_origins_are_written_as_words_or_as_a_list(tmp_path: Path, written_as: str) -> None:
    settings = service.service(written(tmp_path, f"stir_lab = {written_as}"), NOBODY)
    assert settings.stir.lab == {"http://a:1", "http://b:2"}


def test_what_is_known_of_orders_is_kept_for_ever_unless_days_are_given(tmp_path: Path) -> None:
    assert service.service(None, NOBODY).cnam.keep_days is None
    assert service.service(written(tmp_path, "cnam_keep_days = 90"), NOBODY).cnam.keep_days == 90
    for wrong in ("0", "-1", '"a year"'):
        with pytest.raises(ValueError, match=r"^cnam_keep_days: .*(days|whole number)"):
            service.service(written(tmp_path, f"cnam_keep_days = {wrong}"), NOBODY)
