"""The settings of a service: what each says, and what is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from phonotary.config import Stir, service

OWL = "AC" + "1" * 32
NOBODY: dict[str, str] = {}
TWO_PROVIDERS = """
port = 9000
sip_port = 5060
stir_origid = "per-customer"
stir_crl = "crl.der"
stir_crl_issuer = "pa.pem"
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


def test_a_day_is_a_day_of_toml(tmp_path: Path) -> None:
    day = '[[provider]]\nname="Owl"\nchain="c"\nkey="k"\nx5u="https://x"\nrmd_filed = {}'
    (one,) = service.service(written(tmp_path, day.format("2026-02-20")), NOBODY).stir.providers
    assert one.rmd_filed == 1_771_545_600
    for other in ("'2026-02-20'", "2026-02-20T10:00:00Z", "5"):
        with pytest.raises(ValueError, match=r"\[\[provider\]\] rmd_filed: .* is no day"):
            service.service(written(tmp_path, day.format(other)), NOBODY)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    environment = {"PHONOTARY_PORT": "9001", "PHONOTARY_STIR_RCD": "true"}
    settings = service.service(written(tmp_path, TWO_PROVIDERS), environment)
    assert (settings.port, settings.stir.rcd) == (9001, True)


def test_the_verifiers_own_rules_are_settings(tmp_path: Path) -> None:
    content = """
        stir_diverted_freshness = 10800
        stir_max_diversions = 0
        stir_max_targets = 3
        stir_replays = "off"
        stir_replay_memory = 2000000
        stir_allow_base = true
        stir_delegate_shaken = true
        stir_spc_vouches = false
    """
    assert service.service(written(tmp_path, content), NOBODY).stir == Stir(
        diverted_freshness=10_800,
        max_diversions=0,
        max_targets=3,
        replays="off",
        replay_memory=2_000_000,
        allow_base=True,
        delegate_shaken=True,
        spc_vouches=False,
    )


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
        ("stir_crl_required = true", "set stir_crl"),
        ("stir_ledger_bound = 'much'", "much"),
        ("stir_max_targets = 0", "stir_max_targets: 0 is not from 1 to 100"),
        ("stir_diverted_freshness = 59", "stir_diverted_freshness: 59 is not from 60 to 86400"),
        ("stir_max_diversions = 6", "stir_max_diversions: 6 is not from 0 to 5"),
        ("stir_replays = 'allow'", "stir_replays: allow is none of refuse, off"),
        ("stir_spc_vouches = 1", "stir_spc_vouches: 1 is neither true nor false"),
        ("stir_replay_memory = 0", "stir_replay_memory: 0 is not from 1 to 100000000"),
        ("workers = 257", "workers: 257 is not from 1 to 256"),
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


def test_how_far_a_key_may_be_away_is_bounded(tmp_path: Path) -> None:
    usual = service.service(None, NOBODY).stir
    assert (usual.hsm_sessions, usual.hsm_seconds) == (4, 1.0)
    content = "stir_hsm_sessions = 8\nstir_hsm_seconds = 0.25\n"
    stir = service.service(written(tmp_path, content), NOBODY).stir
    assert (stir.hsm_sessions, stir.hsm_seconds) == (8, 0.25)
    for wrong in ("sessions = 0", "sessions = 65", "seconds = 0", "seconds = 31", "seconds = 'x'"):
        with pytest.raises(ValueError, match=r"^stir_hsm_s\w+: .*(sessions|seconds)"):
            service.service(written(tmp_path, f"stir_hsm_{wrong}"), NOBODY)


def test_what_is_known_of_orders_is_kept_for_ever_unless_days_are_given(tmp_path: Path) -> None:
    assert service.service(None, NOBODY).cnam.keep_days is None
    assert service.service(written(tmp_path, "cnam_keep_days = 90"), NOBODY).cnam.keep_days == 90
    for wrong in ("0", "-1", '"a year"'):
        with pytest.raises(ValueError, match=r"^cnam_keep_days: .*(days|whole number)"):
            service.service(written(tmp_path, f"cnam_keep_days = {wrong}"), NOBODY)
