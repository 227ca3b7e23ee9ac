"""A provider's key in a hardware module, as calls meet it.

That it cannot sign now is nobody's mistake who asks for a signature: the answer is 503 at every
door, and names neither token nor module. The operator is told both, once for each trouble.
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from phonotary import clock, report
from phonotary.outbound.hsm import KeyUnusable
from phonotary.shaken.passport import SigningKey
from phonotary.shaken.signing import KeyAway

_OVER = 60.0
"""Seconds without a fault after which a trouble is over, and its next fault a new one: a module
that fails every other call is told of once."""


class FarKey:
    """Signs as the key itself does, and raises KeyAway where that raises KeyUnusable."""

    def __init__(self, key: SigningKey, provider: str) -> None:
        self._key = key
        self._provider = provider
        self._said: set[str] = set()
        self._failed = 0.0

    def sign(self, data: bytes, signature_algorithm: ec.ECDSA) -> bytes:
        """DER of the signature. Raises KeyAway."""
        try:
            return self._key.sign(data, signature_algorithm)
        except KeyUnusable as fault:
            self._tell(fault.because)
            raise KeyAway from fault

    def _tell(self, because: str) -> None:
        now = clock.monotonic()
        if now - self._failed > _OVER:
            self._said.clear()
        self._failed = now
        if because not in self._said:
            self._said.add(because)
            _log().error("calls are not signed", provider=self._provider, because=because)


def _log() -> Any:
    return report.to("phonotary.far_keys")
