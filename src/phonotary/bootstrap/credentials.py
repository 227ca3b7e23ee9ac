"""What a hub signs with, as its files say now.

Rotation loses no call: a changed file is read beside the running service, checked as a whole, and
only then put in the old one's place. What cannot be read leaves everything as it was, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any

from phonotary import report
from phonotary.bootstrap.files import Followed, contents
from phonotary.clock import Instant
from phonotary.config import ProviderFiles
from phonotary.errors import Refused
from phonotary.outbound import keys
from phonotary.shaken import certificates, lint
from phonotary.shaken.certificates import SigningCredential
from phonotary.shaken.laboratory import terms
from phonotary.shaken.providers import Provider, Providers
from phonotary.shaken.signing import CredentialOutOfDate


class OwnerOf:
    """The top account of an account. It never changes, so each is asked for once."""

    def __init__(self, ask: Callable[[str], str]) -> None:
        self._ask = ask
        self._known: dict[str, str] = {}

    def __call__(self, account_sid: str) -> str:
        # Only accounts that have proved who they are come here, so this grows no further than the
        # accounts there are.
        known = self._known.get(account_sid)
        if known is None:
            known = self._known[account_sid] = self._ask(account_sid)
        return known


class Credentials:
    """The providers of a service, read from their files and read again when those change."""

    def __init__(
        self,
        providers: Iterable[ProviderFiles],
        owner_of: Callable[[str], str],
        now: Callable[[], Instant],
        chains: MutableMapping[str, bytes],
    ) -> None:
        """``chains`` is the certificate repository's: a chain stays in it when its successor
        signs, for calls signed with it are still under way. Raises Refused where a file is not
        what it should be."""
        self._rows = tuple(providers)
        self._owner_of = OwnerOf(owner_of)
        self._now = now
        self._chains = chains
        # A key in a hardware module is no file: it is looked up again with its certificate.
        self._files = Followed(
            [each.chain for each in self._rows]
            + [Path(each.key) for each in self._rows if not each.key.startswith("pkcs11:")]
        )
        self._providers = self._read()

    def __call__(self, account_sid: str) -> SigningCredential:
        """The credential that signs for this account now. Raises Refused (FORBIDDEN) where none
        does and CredentialOutOfDate where it is not valid."""
        credential = self._providers.credential_of(self._owner_of(account_sid))
        if not credential.not_before <= self._now() < credential.not_after:
            raise CredentialOutOfDate(credential.fingerprint)
        return credential

    def look(self) -> bool:
        """Read again what has changed; whether something has, and was good."""
        marks = self._files.marks()
        if not self._files.changed(marks):
            return False
        try:
            self._providers = self._read()
        except Refused as refused:
            # Half of a pair may be written before the other half: the next look tries again.
            _log().warning("the signing credentials stay as they were", because=refused.because)
            return False
        self._files.used(marks)
        return True

    def alarms(self) -> list[str]:
        """One sentence for each certificate that should have been renewed by now."""
        found = []
        for provider in self._providers:
            held = provider.credential
            term = terms.Term(held.not_before, held.not_after)
            alarm = terms.certificate_alarm(term, self._now())
            if alarm.is_due:
                found.append(f"{provider.name}: {alarm.sentence} Run phonotary cert renew.")
        return found

    def _read(self) -> Providers:
        found, chains = [], {}
        for each in self._rows:
            chain = contents(each.chain)
            for finding in lint.lint(chain, self._now()):
                _log().warning("certificate lint", provider=each.name, finding=str(finding))
            print_ = certificates.fingerprint(chain)
            credential = certificates.load_credential(
                chain, keys.key_from(each.key), each.x5u.replace("{fingerprint}", print_)
            )
            found.append(Provider(each.name, credential, each.accounts))
            chains[f"{print_}.pem"] = chain
        providers = Providers(found)
        self._chains.update(chains)
        return providers


def _log() -> Any:
    return report.to("phonotary.credentials")
