"""Whom a service believes: the CAs and the revocations, as its files say now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cryptography import x509

from phonotary import report
from phonotary.bootstrap.files import Followed, contents, pem
from phonotary.bootstrap.measures import Measure
from phonotary.clock import Instant, iso8601
from phonotary.config import Stir
from phonotary.errors import Reason, Refused
from phonotary.shaken import revocations
from phonotary.shaken.paths import Defect, Untrusted
from phonotary.shaken.revocations import Revocations
from phonotary.shaken.trust import Trust, noted


class TrustFiles:
    """The trust of a service. What cannot be read leaves what was read before in its place."""

    def __init__(self, settings: Stir, now: Callable[[], Instant]) -> None:
        """Raises Refused where a file is not what it should be."""
        self._settings = settings
        self._now = now
        names = (settings.anchors, settings.crl, settings.crl_issuer)
        self._files = Followed(
            [file for file in names if file is not None], "the trusted authorities"
        )
        self._expires: Instant | None = None
        """When the list ends that the authorities are from, where their file says so."""
        self.trust = Trust(())
        self.trust = self._read()

    def look(self) -> bool:
        """Read again what has changed; whether something has, and was good."""
        return self._files.look(self._take)

    def alarms(self) -> list[str]:
        """One sentence for each list that should have been put there anew."""
        found, now = [], self._now()
        file, held, expires = self._settings.crl, self.trust.revocations, self._expires
        if expires is not None and now > expires:
            found.append(
                f"{self._settings.anchors}: the STI-PA's list of authorities ran out on "
                f"{iso8601(expires)}; run phonotary cert trust."
            )
        if file is not None and held is None:
            found.append(f"{file}: no list of revocations is held, as that one has run out.")
        if held is not None and held.stale(now):
            until = iso8601(held.next_update)
            found.append(f"{file}: the list of revocations ran out on {until}; fetch it anew.")
        return found

    def measures(self) -> Iterator[Measure]:
        """How many are trusted, and how long the list of revocations still holds."""
        yield Measure(
            "phonotary_stir_authorities",
            "Certificates of authorities that are trusted.",
            len(self.trust.anchors),
        )
        if self._expires is not None:
            yield Measure(
                "phonotary_stir_authorities_seconds_left",
                "Until a newer list of authorities should be there.",
                self._expires - self._now(),
            )
        held = self.trust.revocations
        # Also where none is asked for: an alarm on a number that is absent never goes off.
        yield Measure(
            "phonotary_stir_revocation_list_held",
            "Whether a list of revocations is at hand, be it an old one.",
            int(held is not None),
        )
        if held is not None:
            yield Measure(
                "phonotary_stir_revocation_list_seconds_left",
                "Until a newer list of revocations should be there.",
                held.next_update - self._now(),
            )

    def _take(self) -> None:
        self.trust = self._read()

    def _read(self) -> Trust:
        settings = self._settings
        anchors: tuple[x509.Certificate, ...] = ()
        expires: Instant | None = None
        if settings.anchors is not None:
            anchors = certificates_in(settings.anchors)
            expires = noted(contents(settings.anchors)).expires
        found = Trust(
            anchors,
            self._revocations(),
            settings.crl_required,
            spc_vouches=settings.spc_vouches,
        )
        self._expires = expires
        return found

    def _revocations(self) -> Revocations | None:
        """The list of the file; the one held before where that is newer, so that putting an old
        list back brings no certificate back."""
        settings = self._settings
        if settings.crl is None or settings.crl_issuer is None:
            return None
        (issuer, *_) = certificates_in(settings.crl_issuer)
        held = self.trust.revocations
        try:
            found = revocations.read_crl(contents(settings.crl), issuer, self._now())
        except Untrusted as untrusted:
            if settings.crl_required or untrusted.defect is not Defect.STALE_REVOCATION_LIST:
                raise
            # Better an hour without the list than a service that does not start.
            _log().warning("the list of revocations has run out", file=str(settings.crl))
            return held
        if held is not None and found.this_update < held.this_update:
            _log().warning("an older list of revocations is left aside", file=str(settings.crl))
            return held
        return found


def certificates_in(file: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file, at least one. Raises Refused, naming the file."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem(file)))
    except ValueError as fault:
        raise Refused(
            Reason.INVALID_PARAMETER, f"{file} does not hold certificates in PEM"
        ) from fault


def _log() -> Any:
    return report.to("phonotary.trust")
