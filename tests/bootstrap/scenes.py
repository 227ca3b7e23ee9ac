"""A provider's files on disk, a time that is told, and services put together without a server."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phonotary.bootstrap.credentials import Credentials
from phonotary.config import ProviderFiles
from phonotary.shaken import issuing
from phonotary.shaken.certificates import fingerprint
from phonotary.shaken.issuing import Certified

NOW = 1_795_000_000
ROOT = issuing.root(NOW)
CA = issuing.sti_ca(ROOT, NOW)


@dataclass
class Time:
    """A clock that stands still until it is moved."""

    now: int = NOW
    advanced: int = 0

    def __call__(self) -> int:
        return self.now


@dataclass
class OnDisk:
    """The chain and key of one provider as an operator puts them there."""

    directory: Path
    spc: str
    accounts: frozenset[str] | None = None
    key: str = ""
    x5u: str = "https://certs.example/{fingerprint}.pem"
    leaf: Certified = field(init=False)

    def __post_init__(self) -> None:
        self.directory.mkdir(exist_ok=True)
        self.certified()

    @property
    def chain(self) -> Path:
        return self.directory / "chain.pem"

    @property
    def key_file(self) -> Path:
        return self.directory / "key.pem"

    @property
    def files(self) -> ProviderFiles:
        key = self.key or str(self.key_file)
        return ProviderFiles(self.spc, self.chain, key, self.x5u, self.accounts)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.leaf.pem)

    def certified(self, now: int = NOW, **fields: Any) -> None:
        """A new certificate with a new key, both written."""
        self.next(now, **fields)
        self.put(self.chain, issuing.chain(self.leaf, CA))
        if self.leaf.key is not None:
            self.put(self.key_file, self.leaf.key_pem)

    def next(self, now: int = NOW, **fields: Any) -> None:
        """A new certificate, not yet written."""
        self.leaf = issuing.leaf(CA, now, self.spc, **fields)

    @staticmethod
    def put(file: Path, content: bytes) -> None:
        """In one step, as ``phonotary cert renew`` does; no two states of a file look alike."""
        fresh = file.with_suffix(".fresh")
        fresh.write_bytes(content)
        os.replace(fresh, file)


def credentials(
    *providers: OnDisk,
    time: Time | None = None,
    chains: dict[str, bytes] | None = None,
    owners: dict[str, str] | None = None,
    **more: Any,
) -> Credentials:
    """Accounts are their own top accounts unless ``owners`` says otherwise."""
    known = owners or {}
    return Credentials(
        [each.files for each in providers],
        lambda sid: known.get(sid, sid),
        time or Time(),
        {} if chains is None else chains,
        settle=0,
        **more,
    )


def looked(held: Credentials) -> bool:
    """A look at a key in a hardware module, which is asked aside, and the next, which takes it."""
    assert not held.look()
    answered()
    return held.look()


def answered() -> None:
    """Every module has said what it was asked."""
    for thread in threading.enumerate():
        if thread.name == "hsm look":
            thread.join(20)
            assert not thread.is_alive()
