"""Signing and verifying in process, each burst beside one of ``openssl speed``."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from statistics import median

from cryptography import x509

from benchmarks.seal import rows
from phonotary.bootstrap.sealing import AuthenticationService
from phonotary.bootstrap.standing import Standings
from phonotary.clock import Clock
from phonotary.shaken import chains, identity_header, passport
from phonotary.shaken.certificates import SigningCredential, load_credential, sandbox_certificates
from phonotary.shaken.replays import Replays
from phonotary.shaken.signing import CallToSign, SignedCall
from phonotary.shaken.trust import Trust
from phonotary.shaken.verification import CallToVerify, Pending, Rules, begin, conclude
from phonotary.storage.database import Database
from phonotary.storage.ledger import LedgerWriter

ORIGID = "de305d54-75b4-431b-adb2-eb6b9e546014"
X5U = "https://certificates.example.org/709J/0123456789abcdef.pem"


@dataclass(frozen=True, slots=True)
class Rates:
    """Operations a second, medians of the rounds."""

    openssl_sign: float
    openssl_verify: float
    sign: float
    verify: float
    decided: float
    """Signing with authentication, decision and ledger, until the ledger has it."""
    judged: float
    """Every step of verification, the credential in memory."""
    sign_ratio: float
    verify_ratio: float
    """Of OpenSSL's rate in the same round."""


def measure(rounds: int, seconds: float) -> Rates:
    """Pinned to one processor, so that one thread of OpenSSL is compared with one of ours."""
    here = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(here)})
    try:
        with _kinds() as kinds:
            each = [_round(kinds, seconds) for _ in range(rounds)]
    finally:
        os.sched_setaffinity(0, here)
    return Rates(**{name: median(one[name] for one in each) for name in each[0]})


def _round(kinds: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """OpenSSL before and after, for the machine is not equally fast all the time."""
    before = _openssl(max(1, int(seconds)))
    found = {name: _rate(kinds[name], seconds) for name in ("sign", "verify", "judged")}
    after = _openssl(max(1, int(seconds)))
    found |= {name: (before[name] + after[name]) / 2 for name in before}
    found["decided"] = _rate(kinds["decided"], seconds, kinds["written"])
    for name in ("sign", "verify"):
        found[f"{name}_ratio"] = found[name] / found[f"openssl_{name}"]
    return found


def _rate(
    work: Callable[[], object], seconds: float, end: Callable[[], object] | None = None
) -> float:
    done, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        for _ in range(500):
            work()
        done += 500
    if end is not None:
        end()
    return done / (time.perf_counter() - begun)


def _openssl(seconds: int) -> dict[str, float]:
    command = ["openssl", "speed", "-mr", "-seconds", str(seconds), "ecdsap256"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    line = next(line for line in said.splitlines() if line.startswith("+F4:"))
    # Some versions print seconds for one, others one per seconds.
    sign, verify = (field if field > 1 else 1 / field for field in map(float, line.split(":")[-2:]))
    return {"openssl_sign": sign, "openssl_verify": verify}


@contextmanager
def _kinds() -> Iterator[dict[str, Callable[[], object]]]:
    now = Clock.wall()
    issued = sandbox_certificates(now, "709J", "Owl Telecom")
    held = load_credential(issued.chain_pem, issued.key_pem, X5U)
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "service.db"
        rows.fill(file, 1_000)
        database = Database(f"sqlite:///{file}")
        ledger = LedgerWriter(
            database.url, bound=10_000_000, most_waiting=1 << 40, wait=inf
        ).start()
        standings = Standings(database, Clock().now)
        standings.start()
        service = _service(standings, ledger, held)
        try:
            yield {
                "sign": _signing(held),
                "decided": _deciding(service),
                "written": lambda: ledger.flush(None),
                "verify": _verifying(held),
                "judged": _judging(held, issued.chain_pem, issued.root_pem),
            }
        finally:
            standings.stop()
            ledger.close()
            database.close()


def _service(
    standings: Standings, ledger: LedgerWriter, held: SigningCredential
) -> AuthenticationService:
    return AuthenticationService(
        standing_of=standings,
        credential_of=lambda account: held,
        now=Clock.wall,
        remember=ledger.append,
    )


def _signing(held: SigningCredential) -> Callable[[], object]:
    now = Clock.wall()

    def sign() -> str:
        payload = passport.shaken_payload("A", ("12155551212",), now, "12155551213", ORIGID)
        return passport.sign(payload, held.key, X5U)

    return sign


def _deciding(service: AuthenticationService) -> Callable[[], object]:
    orig = f"+{rows.tn(7)}"

    def sign() -> SignedCall:
        call = CallToSign(
            caller_sid=rows.USER, orig=orig, dest=("12155551212",), attest="A", origid=ORIGID
        )
        return service.sign(call)

    assert sign().level == "A", "the benchmark must measure a call that is justified"
    return sign


def _verifying(held: SigningCredential) -> Callable[[], object]:
    token = str(_signing(held)())
    public = held.key.public_key()  # type: ignore[attr-defined]
    return lambda: passport.verify(token, public)


def _judging(held: SigningCredential, chain: bytes, root: bytes) -> Callable[[], object]:
    now = Clock.wall()
    valid = chains.validate(chain, Trust(tuple(x509.load_pem_x509_certificates(root))), now)
    value = identity_header.emit(str(_signing(held)()), X5U)
    call = CallToVerify("12155551213", ("12155551212",), now, (value,))
    rules, replays = Rules(replays="note"), Replays()

    def verify() -> object:
        pending = begin(call, now, rules)
        assert isinstance(pending, Pending)
        return conclude(pending, {X5U: valid}, now, rules, replays)

    assert getattr(verify(), "passed", False), "the benchmark must measure a call that passes"
    return verify
