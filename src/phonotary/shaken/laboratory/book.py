"""What a laboratory must remember: certificates issued, revocations, tokens already used.

Orders and nonces are not here: a client begins an interrupted order again (RFC 8555 section 7.4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused

MAX_REVOKED = 5_000
MAX_ISSUED = 500
"""Certificates that have not expired. A laboratory is no production CA: then it issues no more."""


class Kept(Protocol):
    """Where a text survives a restart, a hub's settings for example."""

    def read(self) -> str | None: ...

    def write(self, text: str) -> None: ...


class Certificate(msgspec.Struct, frozen=True):
    """One certificate that this CA issued."""

    issuer: str
    """DER of the issuer's name, hexadecimal."""
    serial: str
    """Hexadecimal: JSON's numbers do not hold 160 bits everywhere."""
    account: str
    """The fingerprint of the ACME account's key, as in a token."""
    chain_pem: str
    not_after: Instant


class Revocation(msgspec.Struct, frozen=True):
    """One line of the indirect CRL."""

    issuer: str
    serial: str
    at: Instant
    reason: int | None = None


class Pages(msgspec.Struct):
    """The whole state as it is written."""

    authorities: dict[str, str] = {}
    """PEM of keys and certificates by name; secret."""
    issued: list[Certificate] = []
    revoked: list[Revocation] = []
    used: dict[str, Instant] = {}
    """Identifiers of tokens that were used, and when each token expires."""


@dataclass
class Book:
    """The state, written down before an answer tells of it."""

    kept: Kept
    pages: Pages = field(default_factory=Pages)

    @classmethod
    def open(cls, kept: Kept) -> Book:
        """Raises Refused (CONFLICT) when what was kept is not a laboratory's book."""
        text = kept.read()
        if text is None:
            return cls(kept)
        try:
            return cls(kept, msgspec.json.decode(text, type=Pages))
        except msgspec.DecodeError as fault:
            raise Refused(
                Reason.CONFLICT, "The laboratory's kept state is not readable."
            ) from fault

    def authorities(self, make: Callable[[], dict[str, str]]) -> dict[str, str]:
        """The authorities' keys and certificates: made once, then kept."""
        if not self.pages.authorities:
            self.pages.authorities = make()
            self._write()
        return self.pages.authorities

    def record(self, certificate: Certificate, now: Instant) -> None:
        """Raises Refused (UNAVAILABLE) when the book is full."""
        self.pages.issued = [one for one in self.pages.issued if one.not_after > now]
        if len(self.pages.issued) >= MAX_ISSUED:
            raise Refused(
                Reason.UNAVAILABLE, f"{MAX_ISSUED} certificates are valid; the laboratory is full."
            )
        self.pages.issued.append(certificate)
        self._write()

    def certificate(self, issuer: bytes, serial: int) -> Certificate | None:
        wanted = issuer.hex(), f"{serial:x}"
        found = (one for one in self.pages.issued if (one.issuer, one.serial) == wanted)
        return next(found, None)

    def revoke(self, issuer: bytes, serial: int, at: Instant, reason: int | None) -> bool:
        """False when it was revoked before; the first revocation stands."""
        line = Revocation(issuer.hex(), f"{serial:x}", at, reason)
        known = {(one.issuer, one.serial) for one in self.pages.revoked}
        if (line.issuer, line.serial) in known:
            return False
        if len(self.pages.revoked) >= MAX_REVOKED:
            raise Refused(Reason.UNAVAILABLE, f"The CRL is full with {MAX_REVOKED} certificates.")
        self.pages.revoked.append(line)
        self._write()
        return True

    def revocations(self) -> tuple[Revocation, ...]:
        return tuple(self.pages.revoked)

    def use(self, jti: str, expires: Instant, now: Instant) -> bool:
        """Whether the token is used for the first time; expired ones are forgotten."""
        if jti in self.pages.used:
            return False
        self.pages.used = {one: end for one, end in self.pages.used.items() if end > now}
        self.pages.used[jti] = expires
        self._write()
        return True

    def _write(self) -> None:
        self.kept.write(msgspec.json.encode(self.pages).decode())
