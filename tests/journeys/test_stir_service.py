"""The service of two providers: their own certificates, rotated and revoked while calls are made.

A ``phonotary up`` is the laboratory: its STI-PA and STI-CA issue over HTTP, as real ones do.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from phonotary.shaken import jose
from tests.journeys import sandbox
from tests.journeys.callers import Caller, environ, here, phonotary
from tests.journeys.sandbox import Sandbox
from tests.simulators.sipp import free_port

ORIG, DEST = "+14155550100", "+12025550147"
PASSED, FAILED = "TN-Validation-Passed", "TN-Validation-Failed"
SOON = 3.0


class Service:
    """One configuration file, and the process that serves it if one runs."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self.file = directory / "phonotary.toml"
        self.port, self.sip_port = free_port(), free_port()
        self.http = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[str] | None = None
        self.configure("")

    def configure(self, toml: str) -> None:
        url = f"sqlite:///{self.directory / 'service.db'}"
        usual = f'database_url = "{url}"\nport = {self.port}\nsip_port = {self.sip_port}\n'
        self.file.write_text(usual + toml)

    def command(self, *arguments: str) -> str:
        done = here(*arguments, "--config-file", str(self.file))
        assert done.exit_code == 0, done.exception or done.output
        return done.stdout

    def account(self, name: str) -> Caller:
        lines = self.command("account", name).splitlines()
        sid, token = (line.partition("=")[2] for line in lines)
        return self.caller(sid, token)

    def caller(self, sid: str, token: str) -> Caller:
        return Caller(self.http, f"127.0.0.1:{self.sip_port}", (sid, token), self.directory)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, "-m", "phonotary", "serve", "--config-file", str(self.file)]
        with (self.directory / "log").open("w") as log:
            process = subprocess.Popen(
                command, env=environ(), stdout=subprocess.PIPE, stderr=log, text=True
            )
        try:
            assert process.stdout is not None
            told = process.stdout.readline()
            assert "phonotary serves" in told, (self.directory / "log").read_text()
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)


class Provider:
    """A provider's files, and how it asks the laboratory for what is in them."""

    def __init__(self, lab: Sandbox, directory: Path, spc: str, repository: str) -> None:
        directory.mkdir()
        self.lab, self.spc, self.repository = lab.ready["http"], spc, repository
        self.user = lab.ready["account_sid"]
        self.chain, self.key = directory / "chain.pem", directory / "key.pem"
        self.password = directory / "password"
        self.password.write_text(lab.ready["auth_token"])
        who = ("--spc", spc, "--organisation", f"Provider {spc}")
        self.command("obtain", *who)

    def command(self, name: str, *more: str) -> None:
        done = here(
            *("cert", name, "--directory", f"{self.lab}/lab/acme/directory"),
            *("--sti-pa", f"{self.lab}/lab/sti-pa", "--user", self.user),
            *("--password-file", str(self.password), "--repository", self.repository),
            *("--key", str(self.key), "--chain", str(self.chain), *more),
        )
        assert done.exit_code == 0, done.exception or done.output

    @property
    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificates(self.chain.read_bytes())[0]

    @property
    def x5u(self) -> str:
        return f"{self.repository}/{self.leaf.fingerprint(SHA256()).hex()}.pem"

    def table(self, *callers: Caller) -> str:
        accounts = ", ".join(f'"{one.auth[0]}"' for one in callers)
        return (
            f'[[provider]]\nname = "{self.spc}"\nchain = "{self.chain}"\nkey = "{self.key}"\n'
            f'x5u = "{self.repository}/{{fingerprint}}.pem"\naccounts = [{accounts}]\n'
        )

    def revoked(self) -> None:
        """RFC 8555 section 7.6: with the certificate's own key."""
        acme = f"{self.lab}/lab/acme"
        with httpx.Client(trust_env=False) as http:
            url = http.get(f"{acme}/directory").json()["revokeCert"]
            nonce = http.head(f"{acme}/new-nonce").headers["replay-nonce"]
            key: Any = load_pem_private_key(self.key.read_bytes(), None)
            header = {"nonce": nonce, "url": url, "jwk": jose.jwk(key.public_key())}
            certificate = jose.b64(self.leaf.public_bytes(Encoding.DER))
            body = jose.sign_flattened(key, header, f'{{"certificate":"{certificate}"}}'.encode())
            answer = http.post(url, content=body, headers={"content-type": "application/jose+json"})
        assert answer.status_code == 200, answer.text


@dataclass
class Scene:
    """A laboratory that also verifies, a service that signs for two, another that verifies."""

    lab: Sandbox
    sandbox: Caller
    signing: Service
    owl: Caller
    elk: Caller
    nobody: Caller
    owls: Provider
    elks: Provider
    verifier: Caller
    crl: Path

    def fetch_crl(self) -> None:
        """What an operator's timer does."""
        fresh = self.crl.with_suffix(".fresh")
        fresh.write_bytes(got(f"{self.lab.ready['http']}/lab/sti-pa/download/v1/crl"))
        os.replace(fresh, self.crl)


def got(url: str) -> bytes:
    answer = httpx.get(url, trust_env=False)
    assert answer.status_code == 200
    return answer.content


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("service")
    with sandbox.running(directory) as lab:
        ready = lab.ready
        signing, verifying = Service(directory / "signing"), Service(directory / "verifying")
        owl, elk, nobody = (signing.account(name) for name in ("Owl", "Elk", "Nobody"))
        # One publishes with the laboratory, the other's chains are served by its own service.
        owls = Provider(lab, directory / "owl", "709J", f"{ready['http']}/certs")
        elks = Provider(lab, directory / "elk", "818H", f"{signing.http}/certs")
        trunk = (
            '[[trunk]]\nnetworks = ["127.0.0.0/8"]\n'
            f'account_sid = "{elk.auth[0]}"\nrole = "authenticate"\n'
        )
        lab_at = f'stir_lab = "{ready["http"]} {signing.http}"\n'
        signing.configure(lab_at + owls.table(owl) + elks.table(elk) + trunk)
        verifier = verifying.account("Verifier")
        root, issuer, crl = (directory / name for name in ("root.pem", "pa.pem", "crl"))
        root.write_bytes(got(f"{ready['http']}/certs/root.pem"))
        issuer.write_bytes(got(f"{ready['http']}/lab/sti-pa/download/v1/certificate"))
        verifying.configure(
            f'workers = 2\nstir_anchors = "{root}"\nstir_crl = "{crl}"\n'
            f'stir_crl_issuer = "{issuer}"\nstir_crl_required = true\n{lab_at}'
        )
        auth = ready["account_sid"], ready["auth_token"]
        found = Scene(
            lab=lab,
            sandbox=Caller(ready["http"], ready["sip"], auth, directory / "data"),
            signing=signing,
            owl=owl,
            elk=elk,
            nobody=nobody,
            owls=owls,
            elks=elks,
            verifier=verifier,
            crl=crl,
        )
        found.fetch_crl()
        with signing.running(), verifying.running():
            yield found


def info(identity: str) -> str:
    return identity.partition("info=<")[2].partition(">")[0]


def test_every_accounts_calls_carry_the_certificate_of_its_own_provider(scene: Scene) -> None:
    with httpx.Client(base_url=scene.signing.http, auth=scene.owl.auth, trust_env=False) as http:
        made = http.post("/2010-04-01/Accounts.json", data={"FriendlyName": "Owlet"}).json()
    owlet = scene.signing.caller(made["sid"], made["auth_token"])
    for caller, provider in ((scene.owl, scene.owls), (owlet, scene.owls), (scene.elk, scene.elks)):
        for sign in (caller.sign_atis, caller.sign_text):
            identity = sign(ORIG, DEST)
            assert info(identity) == provider.x5u
            assert got(provider.x5u) == provider.chain.read_bytes()
            # Nothing is known of these customers' businesses.
            assert scene.verifier.verify_text(ORIG, DEST, identity) == (PASSED, "C")
    # The trunk's calls are its account's.
    identity = scene.elk.sign_udp(ORIG, DEST)
    assert info(identity) == scene.elks.x5u
    assert scene.verifier.verify_atis(ORIG, DEST, identity)[0] == PASSED
    assert scene.sandbox.verify_text(ORIG, DEST, scene.owl.sign_atis(ORIG, DEST)) == (PASSED, "C")
    asked = {"orig": ORIG.lstrip("+"), "dest": DEST.lstrip("+"), "attest": "A"}
    refused = httpx.get(
        f"{scene.signing.http}/stir/v1/text/sign",
        params=asked,
        auth=scene.nobody.auth,
        trust_env=False,
    )
    assert (refused.status_code, refused.content) == (403, b"")
    assert "No provider signs for this account" in refused.headers["x-phonotary-refusal"]


class Signing(threading.Thread):
    """Somebody who calls without a pause."""

    def __init__(self, caller: Caller) -> None:
        super().__init__()
        self._caller = caller
        self._enough = threading.Event()
        self.calls: list[tuple[float, int, str]] = []
        """When, the status, and the Identity header."""

    def run(self) -> None:
        path = f"/stir/v1/text/sign?orig={ORIG}&dest={DEST}&attest=A"
        with httpx.Client(
            base_url=self._caller.http, auth=self._caller.auth, trust_env=False
        ) as http:
            while not self._enough.is_set():
                answer = http.get(path)
                self.calls.append((time.monotonic(), answer.status_code, answer.text))

    def __enter__(self) -> Signing:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self.join()


@pytest.mark.parametrize("how", [(), ("--new-key",)])
def test_a_renewal_loses_no_call_and_is_used_within_three_seconds(
    scene: Scene, how: tuple[str, ...]
) -> None:
    old = scene.elks.x5u
    with Signing(scene.elk) as signing:
        scene.elks.command("renew", "--force", *how)
        done = time.monotonic()
        new = scene.elks.x5u
        assert new != old
        wait_until(lambda: bool(signing.calls) and info(signing.calls[-1][2]) == new)
        time.sleep(0.2)
    assert {status for _, status, _ in signing.calls} == {200}
    used = [info(identity) for _, _, identity in signing.calls]
    change = used.index(new)
    assert used == [old] * change + [new] * (len(used) - change)
    assert change > 0
    assert signing.calls[change][0] - done < SOON
    # Calls signed before and after are good, and the old chain is still where they say.
    for _, _, identity in (signing.calls[change - 1], signing.calls[change]):
        assert scene.verifier.verify_text(ORIG, DEST, identity) == (PASSED, "C")
    # The other provider's was not touched.
    assert info(scene.owl.sign_atis(ORIG, DEST)) == scene.owls.x5u


def wait_until(true: Callable[[], bool], patience: float = SOON) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, f"not within {patience} s"
        time.sleep(0.02)


def test_a_revoked_certificate_is_believed_nowhere_within_three_seconds(
    scene: Scene, tmp_path: Path
) -> None:
    def verdict(verifier: Caller) -> str:
        return verifier.verify_text(ORIG, DEST, scene.owl.sign_atis(ORIG, DEST))[0]

    # Both know the chain already, and must take it back.
    assert (verdict(scene.sandbox), verdict(scene.verifier)) == (PASSED, PASSED)
    scene.owls.revoked()
    wait_until(lambda: verdict(scene.sandbox) == FAILED)
    assert verdict(scene.verifier) == PASSED
    scene.fetch_crl()
    # Both of its workers: for either may be asked.
    wait_until(lambda: {verdict(scene.verifier) for _ in range(8)} == {FAILED})
    assert scene.sandbox.verify_udp(ORIG, DEST, scene.owl.sign_text(ORIG, DEST))[0] == FAILED
    # A renewal with another key makes its calls good again; the other provider's always were.
    scene.owls.command("renew", "--force", "--new-key")
    wait_until(lambda: info(scene.owl.sign_atis(ORIG, DEST)) == scene.owls.x5u)
    assert (verdict(scene.sandbox), verdict(scene.verifier)) == (PASSED, PASSED)
    assert scene.verifier.verify_text(ORIG, DEST, scene.elk.sign_atis(ORIG, DEST))[0] == PASSED


def test_of_two_workers_both_answer_and_neither_is_left_alone(scene: Scene, tmp_path: Path) -> None:
    service = Service(tmp_path / "pair")
    caller = service.account("Pair")
    trunk = f'[[trunk]]\nnetworks = ["127.0.0.1/32"]\naccount_sid = "{caller.auth[0]}"\n'
    trunk += 'role = "authenticate"\n'
    lab_at = f'stir_lab = "{scene.signing.http}"\n'
    service.configure(f"workers = 2\n{lab_at}{scene.elks.table(caller)}{trunk}")
    with service.running() as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait_until(lambda: len(children.read_text().split()) == 2)
        workers = [int(one) for one in children.read_text().split()]
        # Whichever is asleep, the other answers: each works by itself.
        for asleep in workers:
            os.kill(asleep, signal.SIGSTOP)
            try:
                assert info(caller.sign_atis(ORIG, DEST)) == scene.elks.x5u
            finally:
                os.kill(asleep, signal.SIGCONT)
        assert info(caller.sign_tcp(ORIG, DEST)) == scene.elks.x5u
        os.kill(workers[1], signal.SIGKILL)
        assert process.wait(10) == signal.SIGKILL
    with pytest.raises(httpx.ConnectError):
        caller.sign_atis(ORIG, DEST)
    # Told to stop, it ends well, and what it signed is written down.
    with service.running() as process:
        caller.sign_udp(ORIG, DEST)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    checked = here("audit", "verify", "--data", str(service.directory))
    assert (checked.exit_code, "all as written" in checked.stdout) == (0, True), checked.output


@pytest.mark.parametrize("workers", [1, 2])
def test_a_wrong_file_is_one_sentence(tmp_path: Path, workers: int) -> None:
    service = Service(tmp_path / "wrong")
    service.configure(
        f'workers = {workers}\n[[provider]]\nname = "owl"\n'
        f'chain = "{service.file}"\nkey = "{service.file}"\nx5u = "https://owl.example/c.pem"\n'
    )
    done = phonotary("serve", "--config-file", str(service.file))
    assert done.returncode == 2
    # Of two workers the second may be told to stop before it has read the file.
    said = done.stderr.splitlines()
    assert 1 <= len(said) <= workers, done.stderr
    assert all(one.startswith("phonotary: The certificate cannot be used") for one in said)


def test_whom_to_believe_is_fetched_from_the_sti_pa_or_left_as_it_is(
    scene: Scene, tmp_path: Path
) -> None:
    base = scene.lab.ready["http"]
    password, root = tmp_path / "password", tmp_path / "pa-root.pem"
    password.write_text(scene.sandbox.auth[1])
    root.write_bytes(got(f"{base}/certs/pa-root.pem"))
    anchors, crl, issuer = (tmp_path / name for name in ("anchors.pem", "crl.der", "pa.pem"))

    def fetched() -> Any:
        return here(
            *("cert", "trust", "--sti-pa", f"{base}/lab/sti-pa", "--user", scene.sandbox.auth[0]),
            *("--password-file", str(password), "--root", str(root), "--anchors", str(anchors)),
            *("--crl", str(crl), "--crl-issuer", str(issuer)),
        )

    done = fetched()
    assert (done.exit_code, "1 CAs" in done.stdout) == (0, True), done.output
    assert anchors.read_bytes().endswith(got(f"{base}/certs/root.pem"))
    assert x509.load_der_x509_crl(crl.read_bytes()).issuer == (
        x509.load_pem_x509_certificate(issuer.read_bytes()).subject
    )
    # Lists that somebody else has signed replace nothing.
    root.write_bytes(got(f"{base}/certs/root.pem"))
    crl.unlink()
    assert (fetched().exit_code, crl.exists()) == (1, False)
