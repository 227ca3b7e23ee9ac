"""Calls for the ledger's tests: signed as a provider signs them, or received as others do."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from phonotary.shaken import certificates, identity_header, passport
from phonotary.shaken.certificates import Issued, SigningCredential
from phonotary.shaken.ledger import Entry

NOW = 1_790_000_000
X5U = "https://certs.example/leaf.pem"
ACCOUNT = "AC" + "0" * 32


@cache
def issued() -> Issued:
    return certificates.sandbox_certificates(NOW, "9999", "a provider")


@cache
def credential() -> SigningCredential:
    return certificates.load_credential(issued().chain_pem, issued().key_pem, X5U)


def origid(n: int) -> str:
    return str(UUID(int=n))


def identity(n: int, orig: str = "14155550100") -> str:
    payload = passport.shaken_payload("A", ["12125551212"], NOW + n, orig, origid(n))
    token = passport.sign(payload, credential().key, X5U, deterministic=True)
    return identity_header.emit(token, X5U)


def signed(n: int = 0, **changes: Any) -> Entry:
    """The n-th call, a second after the one before."""
    values: dict[str, Any] = {
        "kind": "signed",
        "at": NOW + n,
        "door": "http",
        "source": "127.0.0.1",
        "account_sid": ACCOUNT,
        "spc": "9999",
        "orig": "+14155550100",
        "dest": ("12125551212",),
        "origid": origid(n),
        "level": "A",
        "reason": "number-verified",
        "requested": None,
        "justified": "A",
        "identity": "token.of.nobody;info=<https://x.example>",
        "fingerprint": "ab" * 32,
        "policy": "1",
        "inputs": (("BU" + "1" * 32, str(NOW)),),
    }
    return Entry(**{**values, **changes})


def sealed(n: int = 0, **changes: Any) -> Entry:
    """One whose Identity value is a real one."""
    real = {"identity": identity(n), "fingerprint": credential().fingerprint}
    return signed(n, **{**real, **changes})
