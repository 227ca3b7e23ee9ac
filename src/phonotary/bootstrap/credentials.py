"""What a hub signs with, as its files say now.

Rotation loses no call: a changed file is read beside the running service, checked as a whole, and
only then put in the old one's place. What cannot be read leaves everything as it was, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from phonotary import clock, report
from phonotary.bootstrap.far_keys import Errand, FarKey, Reach, UnderWay
from phonotary.bootstrap.files import Followed, pem
from phonotary.bootstrap.measures import Measure
from phonotary.clock import Instant
from phonotary.config import ProviderFiles
from phonotary.errors import Reason, Refused
from phonotary.outbound import hsm, keys
from phonotary.shaken import certificates, lint, terms
from phonotary.shaken.certificates import SigningCredential
from phonotary.shaken.paths import Anchors
from phonotary.shaken.providers import Provider, Providers
from phonotary.shaken.signing import CredentialOutOfDate

_USUAL = Reach()
SETTLE = 1.2
"""Seconds for which a new chain is served before it signs: longer than between two looks."""


class OwnerOf:
    """The top account of an account. It never changes, so each is asked for once."""

    def __init__(self, ask: Callable[[str], str | None]) -> None:
        self._ask = ask
        self._known: dict[str, str] = {}

    def __call__(self, account_sid: str) -> str:
        # Only accounts that have proved who they are come here, so this grows no further than the
        # accounts there are. One that is not there yet may be tomorrow.
        known = self._known.get(account_sid) or self._ask(account_sid)
        if known is None:
            return account_sid
        self._known[account_sid] = known
        return known


class Credentials:
    """The providers of a service, read from their files and read again when those change."""

    def __init__(
        self,
        providers: Iterable[ProviderFiles],
        owner_of: Callable[[str], str | None],
        now: Callable[[], Instant],
        chains: MutableMapping[str, bytes],
        settle: float = SETTLE,
        *,
        lab: frozenset[str] = frozenset(),
        anchors: Callable[[], Anchors | None] = lambda: None,
        reach: Reach = _USUAL,
    ) -> None:
        """``chains`` is the certificate repository's: a chain stays in it when its successor
        signs, for calls signed with it are still under way; and it is in it ``settle`` seconds
        before it signs, for every worker looks for itself. ``lab`` and ``anchors`` are what this
        hub's own verifier goes by; ``reach`` is how far keys in HSMs may be away. Raises Refused
        where a file is not what it should be, or verifiers would not take what is signed with
        it."""
        self._owner_of = OwnerOf(owner_of)
        self._now = now

        def check(chain: bytes, x5u: str) -> None:
            certificates.check_served(chain, x5u, now(), anchors=anchors(), lab=lab)

        self._pairs = tuple(_Pair(each, now, chains, settle, check, reach) for each in providers)
        self._providers = self._together()

    def __call__(self, account_sid: str) -> SigningCredential:
        """The credential that signs for this account now. Raises Refused (FORBIDDEN) where none
        does and CredentialOutOfDate where it is not valid."""
        credential = self._providers.credential_of(account_sid, self._owner_of(account_sid))
        if not _valid(credential, self._now()):
            raise CredentialOutOfDate(credential.fingerprint)
        return credential

    def look(self) -> bool:
        """Read again what has changed; whether something has, and was good. One provider's broken
        files keep no other's from being renewed."""
        taken = [each.look() for each in self._pairs]
        if not any(taken):
            return False
        self._providers = self._together()
        return True

    def alarms(self) -> list[str]:
        """One sentence for each certificate and each filing that should have been renewed."""
        found, now = [], self._now()
        for each in self._pairs:
            alarm = terms.certificate_alarm(each.chain, now)
            if alarm.is_due:
                found.append(f"{each.files.name}: {alarm.sentence} Run phonotary cert renew.")
            filing = each.filing()
            if filing is not None and filing.is_due:
                found.append(f"{each.files.name}: {filing.sentence} Then set rmd_filed anew.")
        return found

    def measures(self) -> Iterator[Measure]:
        """How long what each provider signs with still holds."""
        for each in self._pairs:
            who = {"provider": each.files.name}
            yield Measure(
                "phonotary_stir_certificate_seconds_left",
                "Until the first certificate of the chain that signs runs out.",
                each.credential.not_after - self._now(),
                who,
            )
            filing = each.filing()
            if filing is not None:
                yield Measure(
                    "phonotary_rmd_recertification_seconds_left",
                    "Until the filing in the Robocall Mitigation Database is due.",
                    filing.end - self._now(),
                    who,
                )

    def _together(self) -> Providers:
        return Providers(
            Provider(each.files.name, each.credential, each.files.accounts) for each in self._pairs
        )


class _Pair:
    """The certificate and key of one provider, as they were when last both were good."""

    def __init__(
        self,
        files: ProviderFiles,
        now: Callable[[], Instant],
        chains: MutableMapping[str, bytes],
        settle: float,
        check: Callable[[bytes, str], None],
        reach: Reach,
    ) -> None:
        self._settle = settle
        self._check = check
        self._reach = reach
        self._errand = Errand()
        self._next: tuple[float, SigningCredential, bytes] | None = None
        self.files = files
        self._now = now
        self._chains = chains
        # A key in a hardware module is no file: it is looked up again with its certificate.
        paths = [files.chain] if keys.in_hsm(files.key) else [files.chain, Path(files.key)]
        self._followed = Followed(paths, f"the certificate and key of {files.name}")
        credential, chain = self._read()
        self._publish(credential, chain)
        self.credential, self._chain = credential, chain

    @property
    def chain(self) -> bytes:
        """What the credential that signs is served with, PEM."""
        return self._chains[f"{self.credential.fingerprint}.pem"]

    def filing(self) -> terms.Alarm | None:
        """The state of the yearly filing, where the operator says when the last one was made."""
        filed = self.files.rmd_filed
        return None if filed is None else terms.recertification_alarm(filed, self._now())

    def look(self) -> bool:
        """Whether another credential signs from now on. A module that is asked for a new key keeps
        nobody waiting: what it says is taken at a later look."""
        with suppress(UnderWay):
            self._followed.look(self._renew)
        if self._next is None or clock.monotonic() < self._next[0]:
            return False
        old = self.credential.key
        _, self.credential, self._chain = self._next
        self._next = None
        if isinstance(old, FarKey) and old is not self.credential.key:
            old.close()
        return True

    def _renew(self) -> None:
        credential, chain = self._read(held=(self.credential, self._chain))
        now = self._now()
        if _valid(self.credential, now) and not _valid(credential, now):
            raise Refused(
                Reason.INVALID_PARAMETER,
                f"the certificate in {self.files.chain} is not valid now, and the one in use is",
            )
        if _valid(self.credential, now) and credential.x5u == self.credential.x5u:
            self._check_key(chain)
        self._publish(credential, chain)
        self._next = clock.monotonic() + self._settle, credential, chain

    def _check_key(self, chain: bytes) -> None:
        """Verifiers keep a certificate for a day and more under its address, and would hold every
        call of the new key to the old one."""
        if not certificates.same_key(chain, self._chain):
            raise Refused(
                Reason.INVALID_PARAMETER,
                f"the key is new and the x5u {self.credential.x5u} is not, and verifiers keep the "
                "old certificate for a day; write {fingerprint} into the x5u, or renew with the "
                "old key",
            )

    def _read(
        self, held: tuple[SigningCredential, bytes] | None = None
    ) -> tuple[SigningCredential, bytes]:
        """What the files say; ``held`` is what they said before."""
        chain = pem(self.files.chain)
        x5u = certificates.address(self.files.x5u, certificates.fingerprint(chain))
        self._check(chain, x5u)
        credential = self._certified(chain, x5u, held)
        # Past the end of an authority every verifier would take the call for a forged one.
        (term, _) = terms.chain_term(chain)
        return replace(credential, not_after=term.end), chain

    def _certified(
        self, chain: bytes, x5u: str, held: tuple[SigningCredential, bytes] | None
    ) -> SigningCredential:
        if held and isinstance(held[0].key, FarKey) and certificates.same_key(chain, held[1]):
            # Calls wait while this is read, and a module may take its time.
            return certificates.certified_anew(held[0], chain, x5u)
        if not keys.in_hsm(self.files.key):
            return certificates.load_credential(chain, keys.key_from(self.files.key), x5u)
        if held is None:
            return self._in_hsm(chain, x5u)
        return self._errand((chain, x5u), lambda: self._in_hsm(chain, x5u))

    def _in_hsm(self, chain: bytes, x5u: str) -> SigningCredential:
        key = hsm.HsmKey(hsm.parse(self.files.key))
        try:
            # The key itself shows that it is the certificate's: what it raises is the operator's.
            found = certificates.load_credential(chain, key, x5u)
        finally:
            # Calls are signed by other threads, with sessions of their own.
            key.close()
        return replace(found, key=FarKey(key, self.files.name, self._reach))

    def _publish(self, credential: SigningCredential, chain: bytes) -> None:
        for finding in lint.lint(chain, self._now()):
            _log().warning(
                "certificate lint",
                provider=self.files.name,
                finding=finding.name,
                sentence=finding.sentence,
                severity=str(finding.severity),
                source=finding.source,
            )
        self._chains[f"{credential.fingerprint}.pem"] = chain


def _valid(credential: SigningCredential, now: Instant) -> bool:
    return credential.not_before <= now < credential.not_after


def _log() -> Any:
    return report.to("phonotary.credentials")
