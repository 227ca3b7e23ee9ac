"""A sandbox's own STI-PA and STI-CA, and the certificate its calls are signed with."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from phonotary.clock import Clock, Instant
from phonotary.shaken import certificates
from phonotary.shaken.certificates import SigningCredential
from phonotary.shaken.laboratory.laboratory import Laboratory
from phonotary.shaken.laboratory.policy_administrator import Member
from phonotary.shaken.providers import renewal_due
from phonotary.shaken.signing import CredentialOutOfDate
from phonotary.storage.database import Database

SPC = "9999"
"""The sandbox's provider code; real ones are four characters of the same kind."""
ROOT = "root.pem"
"""The name under which ``/certs/`` serves what a verifier of the sandbox's calls trusts."""
PA_ROOT = "pa-root.pem"
"""The same for whoever believes the STI-PA's lists: ``phonotary cert trust --root``."""

_ORGANISATION = "phonotary sandbox"
_CREDENTIAL, _BOOK = "stir_credential", "stir_laboratory"


class _Obtained(msgspec.Struct):
    """The certificate in use, as it is kept with the hub's secrets."""

    chain: str
    key: str
    at: Instant
    """When it was obtained, by the hub's clock: its age counts from here."""


@dataclass(frozen=True, slots=True)
class _InSettings:
    """The laboratory's book as one of the hub's settings."""

    database: Database

    def read(self) -> str | None:
        return self.database.read(lambda store: store.setting(_BOOK))

    def write(self, text: str) -> None:
        self.database.write(lambda store: store.put_setting(_BOOK, text))


class Rehearsal:
    """Everybody's provider in a sandbox. Its certificate is obtained as any other would be, kept
    with the data, and renewed at two thirds of its life by the hub's clock: whoever advances the
    clock sees a renewal. Its dates are real ones, for verifiers live in real time."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        origin: str,
        chains: dict[str, bytes],
        members: tuple[Member, ...],
    ) -> None:
        """``chains`` is what ``/certs/`` serves: everything the laboratory issues joins it."""
        self._database = database
        self._clock = clock
        self.laboratory = Laboratory(
            _InSettings(database), origin, clock.wall(), members, chains=chains
        )
        chains[ROOT] = self.laboratory.root_pem
        chains[PA_ROOT] = self.laboratory.pa_root_pem
        self._since: Instant = 0
        kept = self._kept()
        if kept is None:
            self._renew()
        else:
            self._use(kept)
            self.look()

    def __call__(self, account_sid: str) -> SigningCredential:
        """The sandbox is the provider of all its accounts. Raises CredentialOutOfDate."""
        held = self._credential
        if not held.not_before <= self._clock.wall() < held.not_after:
            raise CredentialOutOfDate(held.fingerprint)
        return held

    def look(self) -> bool:
        """Renew the certificate if it is time; whether it was."""
        now, held = self._clock.now(), self._credential
        # A sandbox's clock can be put back, to before its certificate was obtained.
        self._since = min(self._since, now)
        if now < renewal_due(self._since, self._since + held.not_after - held.not_before):
            return False
        self._renew()
        return True

    def _kept(self) -> _Obtained | None:
        text = self._database.read(lambda store: store.setting(_CREDENTIAL))
        return None if text is None else msgspec.json.decode(text, type=_Obtained)

    def _renew(self) -> None:
        chain, key = self.laboratory.enrol(SPC, _ORGANISATION, self._clock.wall())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        obtained = _Obtained(chain.decode(), pem.decode(), self._clock.now())
        text = msgspec.json.encode(obtained).decode()
        self._database.write(lambda store: store.put_setting(_CREDENTIAL, text))
        self._use(obtained)

    def _use(self, obtained: _Obtained) -> None:
        chain = obtained.chain.encode()
        self._credential = certificates.load_credential(
            chain, obtained.key.encode(), self.laboratory.x5u(chain)
        )
        self._since = obtained.at
