"""The ACME client: the room's procedure over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
from cryptography.hazmat.primitives.asymmetric import ec

from phonotary.outbound.exchange import exchange
from phonotary.shaken.laboratory import ordering
from phonotary.shaken.laboratory.ordering import Received, Send, Token, Wanted

_JOSE = {"content-type": "application/jose+json"}


class Client:
    """Obtains certificates from one STI-CA; ``directory`` is its ACME directory's URL."""

    def __init__(
        self,
        directory: str,
        http: httpx.Client,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._directory = directory
        self._http = http
        self._wait = wait

    def obtain(
        self,
        wanted: Wanted,
        *,
        account_key: ec.EllipticCurvePrivateKey,
        certificate_key: ec.EllipticCurvePrivateKey,
        token: Token,
    ) -> bytes:
        """The chain in PEM, leaf first, for exactly this key and scope.

        Raises Declined with the CA's reason, Unreachable when it does not answer, and whatever
        ``token`` raises. With a profile whose account key certifies, give one key twice.
        """
        steps = ordering.obtain(
            self._directory,
            wanted,
            account_key=account_key,
            certificate_key=certificate_key,
            token=token,
        )
        return ordering.driven(steps, self._send, self._wait)

    def _send(self, asked: Send) -> Received:
        headers = _JOSE if asked.body is not None else None
        return exchange(self._http, asked.method, asked.url, headers=headers, body=asked.body)
