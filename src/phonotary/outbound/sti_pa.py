"""The STI-PA's API: log in, get a Service Provider Code token, the CA list and the CRL.

The paths and bodies are those that production clients were seen to use; the STI-PA publishes them
to its members only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from phonotary.errors import Reason, Refused
from phonotary.outbound.exchange import Unreachable, exchange
from phonotary.shaken.laboratory.ordering import Received

_JSON = {"content-type": "application/json", "accept": "application/json"}


class NotGranted(Refused):
    """The STI-PA said no."""


class Client:
    """One member's client; ``base`` is ``https://authenticate-api.iconectiv.com`` or the like,
    ``http://127.0.0.1:8080/lab/sti-pa`` for a laboratory."""

    def __init__(self, base: str, http: httpx.Client) -> None:
        self._base = base.rstrip("/")
        self._http = http
        self._session: str | None = None

    def login(self, user_id: str, password: str) -> None:
        """Raises NotGranted when the STI-PA knows no such user, Unreachable."""
        asked = {"userId": user_id, "password": password}
        self._session = self._text(self._post("/api/v1/auth/login", asked, {}), "accessToken")

    def token(self, spid: str, claim: Mapping[str, Any]) -> str:
        """A token for the ``atc`` claim. Raises NotGranted, Unreachable."""
        answer = self._post(f"/api/v1/account/{spid}/token", {"atc": dict(claim)}, self._proof())
        return self._text(answer, "token")

    def ca_list(self) -> str:
        """The trusted CAs as the JWS they were signed in; the caller judges the signature.

        Raises NotGranted, Unreachable.
        """
        headers = {**self._proof(), "accept": "application/jose+json"}
        answer = exchange(self._http, "GET", f"{self._base}/api/v1/ca-list", headers=headers)
        return self._text(answer, "caList")

    def crl(self, url: str | None = None) -> bytes:
        """The indirect CRL as it was signed, from ``url`` or the STI-PA's own address."""
        answer = exchange(self._http, "GET", url or f"{self._base}/download/v1/crl")
        if answer.status != 200:
            raise Unreachable(f"The STI-PA answers {answer.status} for its CRL.")
        return answer.body

    def _post(self, path: str, asked: Mapping[str, Any], proof: Mapping[str, str]) -> Received:
        body = msgspec.json.encode(asked)
        headers = {**_JSON, **proof}
        return exchange(self._http, "POST", f"{self._base}{path}", headers=headers, body=body)

    def _proof(self) -> dict[str, str]:
        if self._session is None:
            raise NotGranted(Reason.NOT_AUTHENTICATED, "Log in to the STI-PA first.")
        return {"authorization": self._session}

    def _text(self, answer: Received, member: str) -> str:
        """One member of a success; the STI-PA's own sentence, if it says one, otherwise."""
        try:
            document = msgspec.json.decode(answer.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            document = {}
        value = document.get(member)
        if answer.status == 200 and document.get("status") == "success" and isinstance(value, str):
            return value
        if answer.status >= 500:
            raise Unreachable(f"The STI-PA answers {answer.status}; try again later.")
        said = str(document.get("message") or f"status {answer.status}")[:300]
        reason = Reason.NOT_AUTHENTICATED if answer.status == 401 else Reason.FORBIDDEN
        raise NotGranted(reason, f"The STI-PA refuses: {said}")
