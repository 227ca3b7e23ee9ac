"""Whom a service believes: the CAs and the revocations, as its files say now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509

from phonotary import report
from phonotary.bootstrap.files import Followed, contents
from phonotary.clock import Instant
from phonotary.config import Stir
from phonotary.errors import Reason, Refused
from phonotary.shaken import revocations
from phonotary.shaken.trust import Trust


class TrustFiles:
    """The trust of a service. What cannot be read leaves what was read before in its place."""

    def __init__(self, settings: Stir, now: Callable[[], Instant]) -> None:
        """Raises Refused where a file is not what it should be."""
        self._settings = settings
        self._now = now
        names = (settings.anchors, settings.crl, settings.crl_issuer)
        self._files = Followed([file for file in names if file is not None])
        self.trust = self._read()

    def look(self) -> bool:
        """Read again what has changed; whether something has, and was good."""
        marks = self._files.marks()
        if not self._files.changed(marks):
            return False
        try:
            self.trust = self._read()
        except Refused as refused:
            _log().warning("the trusted authorities stay as they were", because=refused.because)
            return False
        self._files.used(marks)
        return True

    def _read(self) -> Trust:
        settings = self._settings
        anchors: tuple[x509.Certificate, ...] = ()
        if settings.anchors is not None:
            anchors = certificates_in(settings.anchors)
        revoked = None
        if settings.crl is not None and settings.crl_issuer is not None:
            (issuer, *_) = certificates_in(settings.crl_issuer)
            revoked = revocations.read_crl(contents(settings.crl), issuer, self._now())
        return Trust(anchors, revoked, settings.crl_required)


def certificates_in(file: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file, at least one. Raises Refused, naming the file."""
    try:
        return tuple(x509.load_pem_x509_certificates(contents(file)))
    except ValueError as fault:
        raise Refused(
            Reason.INVALID_PARAMETER, f"{file} does not hold certificates in PEM"
        ) from fault


def _log() -> Any:
    return report.to("phonotary.trust")
