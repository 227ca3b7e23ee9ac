"""``phonotary cert`` as a provider runs it: the first certificate, its checks and its renewal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from typer.testing import CliRunner, Result

from phonotary.cli.app import cert
from phonotary.clock import Clock
from phonotary.errors import Refused
from phonotary.outbound import keys
from phonotary.shaken import issuing, paths
from phonotary.shaken.certificates import fingerprint, load_credential
from phonotary.shaken.chains import validate
from phonotary.shaken.issuing import Certified
from phonotary.shaken.laboratory.laboratory import ACME, STI_PA, Laboratory
from phonotary.shaken.replays import Replays
from phonotary.shaken.tn_auth_list import Entry, One, Range, Spc
from phonotary.shaken.verification import CallToVerify, Pending, Rules, begin, conclude
from tests.journeys.callers import here
from tests.outbound import softhsm
from tests.outbound.authority import serving
from tests.rooms.shaken.laboratory_scenes import OWL


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    with serving() as running:
        yield running


class Provider:
    """A provider's directory and its calls of the command."""

    def __init__(self, lab: Laboratory, directory: Path) -> None:
        self.lab = lab
        self.origin = lab.sti_pa.crl_url.partition("/lab/")[0]
        self.key, self.chain = directory / "key.pem", directory / "chain.pem"
        self.password, self.public = directory / "password", directory / "public"
        self.password.write_text(f"{OWL.password}\n")

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(cert.cert_app, arguments)

    def asked(self, command: str, *more: str, profile: str = "rfc9448") -> Result:
        path = ACME if profile == "rfc9448" else f"{ACME}/{profile}"
        return self.run(
            command,
            *("--directory", f"{self.origin}{path}/directory"),
            *("--sti-pa", f"{self.origin}{STI_PA}", "--user", OWL.user_id),
            *("--password-file", str(self.password), "--profile", profile),
            *("--key", str(self.key), "--chain", str(self.chain)),
            *("--repository", f"{self.origin}/certs", "--publish", str(self.public)),
            *more,
        )

    def obtained(self, profile: str = "rfc9448") -> Result:
        who = ("--spc", "709J", "--organisation", "Owl Telecom")
        return self.asked("obtain", *who, profile=profile)

    def delegate(self, key: Path, chain: Path, *numbers: str, days: str = "90") -> Result:
        return self.run(
            "delegate",
            *("--days", days),
            *("--ca-chain", str(self.chain), "--ca-key", str(self.key)),
            *("--organisation", "A customer", "--key", str(key), "--chain", str(chain)),
            *(word for one in numbers for word in ("--number", one)),
        )

    def x5u(self, told: Result) -> str:
        (line,) = (one for one in told.output.splitlines() if one.startswith("x5u"))
        return line.split()[1]

    def pair(self, x5u: str) -> str:
        """The fingerprint under which a service signs with these two files."""
        return load_credential(self.chain.read_bytes(), self.key.read_bytes(), x5u).fingerprint


@pytest.fixture
def provider(lab: Laboratory, tmp_path: Path) -> Provider:
    return Provider(lab, tmp_path)


@pytest.mark.parametrize("profile", ["rfc9448", "peeringhub"])
def test_a_provider_gets_a_certificate_that_signs_and_is_served(
    provider: Provider, profile: str
) -> None:
    told = provider.obtained(profile)
    assert told.exit_code == 0, told.output
    x5u = provider.x5u(told)
    assert provider.pair(x5u) in x5u
    served = httpx.get(x5u, trust_env=False)
    assert served.content == provider.chain.read_bytes()
    (published,) = provider.public.iterdir()
    assert published.read_bytes() == served.content
    assert published.name == x5u.rpartition("/")[2]
    assert provider.key.stat().st_mode & 0o077 == 0
    leaf = x509.load_pem_x509_certificates(served.content)[0]
    assert "O=Owl Telecom" in leaf.subject.rfc4514_string()


def test_a_key_in_an_hsm_is_certified_and_stays_there(provider: Provider, tmp_path: Path) -> None:
    made = keys.new_file(tmp_path / "imported.pem")
    pem = (tmp_path / "imported.pem").read_bytes()
    account = str(tmp_path / "account.pem")
    (tmp_path / "hsm").mkdir()
    with softhsm.plugged(softhsm.made(tmp_path / "hsm", pem)) as token:
        # Typed at a shell, the URI stands in the place of the key's file.
        provider.key = token.uri()  # type: ignore[assignment]
        assert provider.obtained().exit_code == 2
        told = provider.asked(
            *("obtain", "--spc", "709J", "--organisation", "Owl", "--account-key", account)
        )
        assert told.exit_code == 0, told.output
        renewed = provider.asked("renew", "--force", "--account-key", account)
        assert renewed.exit_code == 0, renewed.output
        assert provider.asked("renew", "--new-key").exit_code == 2
        away = signed(Path(token.uri(token="elsewhere")), provider.chain)
        assert isinstance(away.exception, Refused)
        assert "knows no token elsewhere" in away.exception.because
    leaf = x509.load_pem_x509_certificates(provider.chain.read_bytes())[0]
    assert leaf.public_key() == made.public_key()
    assert softhsm.PIN not in told.output + renewed.output


def test_the_chain_passes_the_linter(provider: Provider) -> None:
    provider.obtained()
    told = provider.run("lint", str(provider.chain), "--crl-url", provider.lab.sti_pa.crl_url)
    assert (told.exit_code, told.output) == (0, "no errors\n")


def test_a_provider_certifies_a_customer_for_its_own_numbers(
    provider: Provider, tmp_path: Path
) -> None:
    who = ("--spc", "709J", "--organisation", "Owl Telecom")
    told = provider.asked("obtain", *who, "--delegate-ca")
    assert told.exit_code == 0, told.output
    renewed = provider.asked("renew", "--force")
    assert renewed.exit_code == 0, renewed.output
    key, chain = tmp_path / "customer.key", tmp_path / "customer.pem"
    told = provider.delegate(key, chain, "+12155550100", "+12155550200/50")
    assert told.exit_code == 0, told.output
    now = Clock.wall()
    found = validate(chain.read_bytes(), provider.lab.trust(now), now)
    assert found.is_delegate
    assert found.scope == (One("12155550100"), Range("12155550200", 50))
    assert found.public_key == keys.key_from(str(key)).public_key()
    assert found.not_after <= validate_end(provider.chain)
    told = provider.run("lint", str(chain), "--crl-url", provider.lab.sti_pa.crl_url)
    assert told.exit_code == 0, told.output


def test_a_delegates_certificate_is_shown_with_its_numbers(
    provider: Provider, tmp_path: Path
) -> None:
    provider.asked("obtain", "--spc", "709J", "--organisation", "Owl Telecom", "--delegate-ca")
    key, chain = tmp_path / "customer.key", tmp_path / "customer.pem"
    provider.delegate(key, chain, "+12155550100", "+12155550200/50")
    shown = provider.run("show", str(chain))
    assert shown.exit_code == 0, shown.output
    assert "numbers      +12155550100, +12155550200/50\n" in shown.output
    assert "SPC" not in shown.output
    assert "SPC          709J\n" in provider.run("show", str(provider.chain)).output
    checked = provider.run("lint", str(provider.chain), "--crl-url", provider.lab.sti_pa.crl_url)
    assert (checked.exit_code, checked.output) == (0, "no errors\n")
    refused = signed(key, chain)
    assert isinstance(refused.exception, Refused)
    assert "a delegate signs no shaken PASSporT" in refused.exception.because


def test_a_delegate_signs_its_name_as_the_documentation_has_it(
    provider: Provider, tmp_path: Path
) -> None:
    provider.asked("obtain", "--spc", "709J", "--organisation", "Owl Telecom", "--delegate-ca")
    key, chain = tmp_path / "customer.key", tmp_path / "customer.pem"
    provider.delegate(key, chain, "+12155550100", "+12155550200/50")
    page = (Path(__file__).parents[2] / "docs/stir.md").read_text("utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    identity, now, rules = ran.stdout.strip(), Clock.wall(), Rules()
    pending = begin(CallToVerify("+12155550100", ("+12025550143",), now, (identity,)), now, rules)
    assert isinstance(pending, Pending)
    believed = validate(chain.read_bytes(), provider.lab.trust(now), now)
    known = dict.fromkeys(pending.urls, believed)
    (each,) = conclude(pending, known, now, rules, Replays()).each
    assert (each.ppt, each.passed, each.desc) == ("rcd", True, "")
    assert each.rcd == {"rcd": {"nam": "A customer"}, "crn": "Your parcel is here"}


def signed(key: Path, chain: Path, *more: str, x5u: str = "https://owl.example/c.pem") -> Result:
    call = ("sign", "--orig", "+12155550100", "--dest", "+12025550143", "--attest", "A")
    return here(*call, "--key", str(key), "--chain", str(chain), "--x5u", x5u, *more)


def test_a_call_is_signed_with_a_key_and_the_fingerprint_in_its_x5u(provider: Provider) -> None:
    provider.obtained()
    where = "https://owl.example/{fingerprint}.pem"
    done = signed(provider.key, provider.chain, x5u=where)
    assert done.exit_code == 0, done.output
    served = where.format(fingerprint=fingerprint(provider.chain.read_bytes()))
    assert f";info=<{served}>;" in done.stdout
    refused = signed(provider.key, provider.chain, x5u="https://owl.example/{print}.pem")
    assert isinstance(refused.exception, Refused)
    assert "only {fingerprint} is filled in" in refused.exception.because


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (("--attest", "Z"), "Invalid 'attest': it is none of A, B and C."),
        (("--origid", "x"), "Invalid 'origid': it is not a UUID."),
    ],
)
def test_a_value_that_cannot_be_signed_is_named(
    provider: Provider, option: tuple[str, str], sentence: str
) -> None:
    provider.obtained()
    refused = signed(provider.key, provider.chain, *option)
    assert isinstance(refused.exception, Refused)
    assert refused.exception.because == sentence


def validate_end(chain: Path) -> int:
    leaf = x509.load_pem_x509_certificates(chain.read_bytes())[0]
    return int(leaf.not_valid_after_utc.timestamp())


def test_only_a_cas_certificate_and_key_certify(provider: Provider, tmp_path: Path) -> None:
    key, chain = tmp_path / "customer.key", tmp_path / "customer.pem"
    provider.obtained()
    told = provider.delegate(key, chain, "+12155550100")
    assert (told.exit_code, "no CA's" in told.output) == (2, True)
    root = issuing.root(Clock.wall())
    numbers = [Range("12155550000", 10)]
    own = issuing.delegate_ca(root, Clock.wall(), numbers)
    provider.chain.write_bytes(own.pem)
    told = provider.delegate(key, chain, "+12155550001")
    assert (told.exit_code, "is not the key of" in told.output) == (2, True)
    provider.key.write_bytes(own.key_pem)
    told = provider.delegate(key, chain, "+12155550010")
    assert (told.exit_code, "does not cover" in told.output) == (2, True)
    for wrong in ("tomorrow", "2155550001", "12155550001", "+999", "+1215555000", "2155550001/5",
                  "+999/5", "+12155550001/x", "+12155550001/"):  # fmt: skip
        told = provider.delegate(key, chain, wrong)
        assert (told.exit_code, "no number like +12155550100" in told.output) == (2, True), wrong
    assert not chain.exists() and not key.exists()
    assert provider.delegate(key, chain, "+12155550001").exit_code == 0
    told = provider.delegate(key, chain, "+12155550001")
    assert (told.exit_code, "is there already" in told.output) == (2, True)


def own_ca(provider: Provider, entries: list[Entry], begin: int = -1, end: int = 30) -> Certified:
    """The provider's files hold a CA of its own, valid from and until so many days from now."""
    now = Clock.wall()
    life = {"not_before": now + begin * issuing.DAY, "not_after": now + end * issuing.DAY}
    own = issuing.delegate_ca(issuing.root(now), now, entries, **life)  # type: ignore[arg-type]
    provider.chain.write_bytes(own.pem)
    provider.key.write_bytes(own.key_pem)
    return own


@pytest.mark.parametrize(("begin", "end"), [(-30, -1), (1, 30)])
def test_a_ca_that_is_not_valid_now_certifies_nobody(
    provider: Provider, tmp_path: Path, begin: int, end: int
) -> None:
    key, chain = tmp_path / "customer.key", tmp_path / "customer.pem"
    own_ca(provider, [Range("12155550000", 10)], begin, end)
    told = provider.delegate(key, chain, "+12155550001")
    assert (told.exit_code, "which is not now" in told.output) == (2, True)
    assert not chain.exists() and not key.exists()


def test_a_customers_certificate_ends_with_the_cas_at_the_latest(
    provider: Provider, tmp_path: Path
) -> None:
    own_ca(provider, [Range("12155550000", 10)], end=30)
    ends = []
    for days in ("29", "90"):
        chain = tmp_path / f"{days}.pem"
        told = provider.delegate(tmp_path / days, chain, "+12155550001", days=days)
        assert told.exit_code == 0, told.output
        assert "was not checked" not in told.output
        ends.append(validate_end(chain))
    assert ends[0] < ends[1] == validate_end(provider.chain)


def test_a_customer_never_gets_the_cas_own_key(provider: Provider, tmp_path: Path) -> None:
    own_ca(provider, [Range("12155550000", 10)])
    copy, chain = tmp_path / "copy.pem", tmp_path / "customer.pem"
    copy.write_bytes(provider.key.read_bytes())
    for key in (provider.key, copy):
        told = provider.delegate(key, chain, "+12155550001")
        assert (told.exit_code, "the CA's own key" in told.output) == (2, True)
    assert not chain.exists()


def test_it_is_told_where_nobody_can_say_whose_the_numbers_are(
    provider: Provider, tmp_path: Path
) -> None:
    own_ca(provider, [Spc("709J")])
    told = provider.delegate(tmp_path / "customer", tmp_path / "theirs.pem", "+12155550001")
    assert told.exit_code == 0, told.output
    assert told.output.count("was not checked") == 1


def test_the_linter_names_rule_source_and_certificate(tmp_path: Path) -> None:
    now = Clock.wall()
    chain = tmp_path / "chain.pem"
    root = issuing.root(now)
    ca = issuing.sti_ca(root, now)
    chain.write_bytes(issuing.chain(issuing.leaf(ca, now, "709J"), ca))
    told = CliRunner().invoke(cert.cert_app, ["lint", str(chain)])
    assert told.exit_code == 1
    assert "error: crl_point (ATIS-1000080" in told.output
    assert "certificate 0" in told.output


def test_a_certificate_there_is_not_written_over(provider: Provider) -> None:
    provider.obtained()
    before = provider.chain.read_bytes()
    told = provider.obtained()
    assert told.exit_code == 2
    assert "cert renew" in told.output
    assert provider.chain.read_bytes() == before


def test_an_order_that_failed_is_tried_again_with_its_key(provider: Provider) -> None:
    provider.password.write_text("wrong")
    refused = provider.obtained()
    assert isinstance(refused.exception, Refused)
    assert "user or the password" in refused.exception.because
    assert not provider.chain.exists()
    provider.password.write_text(OWL.password)
    assert provider.obtained().exit_code == 0


def test_another_providers_code_is_refused(provider: Provider) -> None:
    told = provider.asked("obtain", "--spc", "818H", "--organisation", "Owl Telecom")
    assert isinstance(told.exception, Refused)
    assert "does not speak for provider 818H" in told.exception.because
    assert not provider.chain.exists()


@pytest.mark.parametrize("code", ["70-9J", "709j", "70/9", ""])
def test_a_code_that_is_none_is_told_before_anybody_is_asked(provider: Provider, code: str) -> None:
    told = provider.asked("obtain", "--spc", code, "--organisation", "Owl Telecom")
    assert told.exit_code == 2
    assert f"{code} is no service provider code like 709J" in told.output
    assert not provider.key.exists()


def test_renewal_waits_for_two_thirds_of_the_life(provider: Provider) -> None:
    provider.obtained()
    before = provider.chain.read_bytes()
    told = provider.asked("renew")
    assert told.exit_code == 0
    assert "nothing to do" in told.output
    assert provider.chain.read_bytes() == before


def aged(provider: Provider) -> bytes:
    """The provider's certificate as it would be after most of its life."""
    now = Clock.wall()
    root = issuing.root(now)
    key = keys.key_from(str(provider.key))
    life = {"not_before": now - 61 * issuing.DAY, "not_after": now + 29 * issuing.DAY}
    leaf = issuing.leaf(root, now, "709J", public_key=key.public_key(), **life)  # type: ignore[arg-type]
    provider.chain.write_bytes(leaf.pem)
    return leaf.pem


def test_a_due_renewal_keeps_the_key_and_the_old_chain(provider: Provider) -> None:
    provider.obtained()
    old, key = aged(provider), provider.key.read_bytes()
    due = provider.run("show", str(provider.chain))
    assert due.exit_code == 3
    assert "renew it now" in due.output
    assert "days left    28" in due.output or "days left    29" in due.output
    told = provider.asked("renew")
    assert told.exit_code == 0, told.output
    assert provider.pair(provider.x5u(told)) == fingerprint(provider.chain.read_bytes())
    assert provider.key.read_bytes() == key
    kept = provider.chain.with_name(f"chain.pem.{fingerprint(old)[:16]}")
    assert kept.read_bytes() == old
    shown = provider.run("show", str(provider.chain), "--repository", "https://owl.example/certs/")
    assert shown.exit_code == 0
    assert "SPC          709J" in shown.output
    x5u = f"https://owl.example/certs/{fingerprint(provider.chain.read_bytes())}.pem"
    assert x5u in shown.output


def test_an_authority_that_ends_first_makes_a_renewal_due(provider: Provider) -> None:
    provider.obtained()
    now = Clock.wall()
    above = issuing.sti_ca(issuing.root(now), now - 9 * issuing.DAY, days=10)
    key = keys.key_from(str(provider.key)).public_key()
    leaf = issuing.leaf(above, now - 9 * issuing.DAY, "709J", public_key=key, days=365)
    provider.chain.write_bytes(issuing.chain(leaf, above))
    due = provider.run("show", str(provider.chain))
    assert due.exit_code == 3
    assert "The certificate of its authority" in due.output
    assert "nothing to do" not in provider.asked("renew").output


def test_a_chain_with_a_certificate_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    now, chain = Clock.wall(), tmp_path / "chain.pem"
    leaf = issuing.leaf(issuing.sti_ca(issuing.root(now), now), now, "709J")
    chain.write_bytes(leaf.pem * (paths.MAX_CERTIFICATES + 1))
    told = CliRunner().invoke(cert.cert_app, ("show", str(chain)))
    assert (told.exit_code, "the chain cannot be read" in told.output) == (2, True)


def test_a_renewal_can_bring_a_new_key_and_keeps_the_old_one(provider: Provider) -> None:
    provider.obtained()
    old, key = provider.chain.read_bytes(), provider.key.read_bytes()
    told = provider.asked("renew", "--force", "--new-key")
    assert told.exit_code == 0, told.output
    assert provider.pair(provider.x5u(told))
    assert provider.key.read_bytes() != key
    assert provider.key.stat().st_mode & 0o077 == 0
    kept = provider.key.with_name(f"key.pem.{fingerprint(old)[:16]}")
    assert kept.read_bytes() == key
    assert kept.stat().st_mode & 0o077 == 0


def test_a_renewal_that_fails_leaves_the_pair_as_it_was(provider: Provider) -> None:
    provider.obtained()
    before = provider.chain.read_bytes(), provider.key.read_bytes()
    provider.password.write_text("wrong")
    for _ in range(2):
        refused = provider.asked("renew", "--force", "--new-key")
        assert isinstance(refused.exception, Refused)
    assert (provider.chain.read_bytes(), provider.key.read_bytes()) == before


def test_a_renewal_stopped_between_its_files_is_finished_by_the_next(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.obtained()
    replace = os.replace

    def stopped(source: Path, target: Path) -> None:
        if str(target) == str(provider.chain) and str(source).endswith(".new"):
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("phonotary.cli.cert.os.replace", stopped)
        provider.asked("renew", "--force", "--new-key")
    with pytest.raises(Refused, match="not the certificate's"):
        provider.pair("https://owl.example/x")
    told = provider.asked("renew")
    assert "nothing to do" in told.output
    assert provider.pair("https://owl.example/x")
    assert not provider.chain.with_name("chain.pem.new").exists()


def test_a_chain_that_waits_for_a_key_that_never_came_is_forgotten(provider: Provider) -> None:
    provider.obtained()
    before, waiting = provider.chain.read_bytes(), provider.chain.with_name("chain.pem.new")
    root = issuing.root(Clock.wall())
    waiting.write_bytes(issuing.leaf(root, Clock.wall(), "709J").pem)
    assert "nothing to do" in provider.asked("renew").output
    assert provider.chain.read_bytes() == before
    assert not waiting.exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("show", "/nowhere/chain.pem"), "cannot be read"),
        (("show", "/dev/null"), "not readable PEM"),
        (("lint", "/nowhere/chain.pem"), "cannot be read"),
    ],
)
def test_a_wrong_call_is_one_sentence(arguments: tuple[str, ...], why: str) -> None:
    told = CliRunner().invoke(cert.cert_app, arguments)
    assert told.exit_code == 2
    assert why in told.output


def test_an_unknown_profile_is_told_which_there_are(provider: Provider) -> None:
    told = provider.run(
        *("obtain", "--spc", "709J", "--organisation", "O", "--directory", "https://ca.example"),
        *("--sti-pa", "https://pa.example", "--user", "u", "--password-file", "/dev/null"),
        *("--key", str(provider.key), "--chain", str(provider.chain), "--profile", "other"),
    )
    assert told.exit_code == 2
    assert "rfc9448, peeringhub" in told.output
    assert not provider.key.exists()
