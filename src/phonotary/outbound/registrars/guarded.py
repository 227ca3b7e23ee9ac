"""HTTP with a database: bounded in size and time, over TLS, without redirects, and never to what
only this machine can see."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from phonotary.cnam.orders import Unavailable, Unreadable
from phonotary.errors import Reason, Refused
from phonotary.outbound.callbacks import Blocked, checked_address, is_private

MOST_BYTES = 1_048_576
PATIENCE = 30.0
"""Seconds, for a whole exchange."""
_LONGEST_WAIT = 86_400

# Of the 4xx, those that say something of us or of the moment and nothing of the order.
_NOT_THE_ORDER = {
    401: "does not take our credentials",
    403: "does not let us do that",
    404: "has nothing at that address",
    405: "has nothing at that address",
    407: "does not take our credentials",
    408: "did not wait for the request",
    421: "sent the request elsewhere",
    425: "asks to try again",
    429: "asks to wait",
}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


class Guarded:
    """One database's address. Nothing is kept open between two exchanges, which are hours apart."""

    def __init__(
        self,
        database: str,
        url: str,
        headers: Mapping[str, str],
        *,
        allow_loopback: bool = False,
        ca_file: str | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """``headers`` go with every request; they may hold credentials and are never shown.

        ``ca_file`` names the roots of a database that the system's store does not know. Raises
        Refused for a URL that is not https, or http to this machine where that is allowed, and for
        one that is written with a private address.
        """
        parts = urlsplit(url)
        if parts.query or parts.fragment or parts.username or not parts.hostname:
            raise _unfit(f"{database}'s url is no plain URL.")
        plain = parts.scheme == "http" and allow_loopback
        if parts.scheme != "https" and not plain:
            raise _unfit(f"{database}'s url is not https.")
        if is_private(parts.hostname, allow_loopback):
            raise _unfit(f"{database}'s url is a private address; it must be a public one.")
        self._database, self._url = database, url.rstrip("/")
        self._plain = plain
        self._headers, self._loopback = dict(headers), allow_loopback
        self._ca_file, self._patience = ca_file, patience

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Made for the first exchange: to load the system's roots takes a while."""
        return ssl.create_default_context(cafile=self._ca_file)

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer, unless it says nothing of what was asked. Raises Unavailable: no answer, a
        redirect, 5xx, 429, and the 4xx that a change of the order would not mend; a 404 of a GET
        is an answer."""
        import httpx

        try:
            async with asyncio.timeout(self._patience):
                answer = await self._exchange(method, path, body, headers or {})
        except (TimeoutError, httpx.TimeoutException):
            raise Unavailable(
                f"{self._database} takes longer than {self._patience:g} seconds."
            ) from None
        except Blocked:
            raise Unavailable(f"{self._database}'s name leads to a private address.") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as fault:
            # The kind of fault only: its text may hold the URL, and a path may hold a key.
            raise Unavailable(
                f"{self._database} is out of reach: {type(fault).__name__}."
            ) from None
        return self._judged(method, answer)

    async def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        import httpx

        url = self._url + path
        address = await checked_address(url, self._loopback)
        if self._plain and not _is_loopback(address):
            raise Blocked("a database beyond this machine is not asked without TLS")
        parts = httpx.URL(url)
        async with (
            httpx.AsyncClient(
                verify=self._tls,
                trust_env=False,
                follow_redirects=False,
                timeout=self._patience,
            ) as client,
            client.stream(
                method,
                parts.copy_with(host=address),
                content=body,
                headers={
                    "Host": parts.netloc.decode(),
                    "Accept-Encoding": "identity",
                    "User-Agent": "phonotary",
                    **self._headers,
                    **headers,
                },
                extensions={"sni_hostname": parts.host},
            ) as reply,
        ):
            content = bytearray()
            async for part in reply.aiter_raw():
                content += part
                if len(content) > MOST_BYTES:
                    raise Unreadable(f"{self._database} answers with more than {MOST_BYTES} bytes.")
            found = {name.lower(): value for name, value in reply.headers.items()}
            return Answer(reply.status_code, found, bytes(content))

    def _judged(self, method: str, answer: Answer) -> Answer:
        status = answer.status
        if status == 404 and method == "GET":
            return answer
        if status in _NOT_THE_ORDER:
            because = _NOT_THE_ORDER[status]
        elif status >= 500:
            because = "has a fault"
        elif not (200 <= status < 300 or status >= 400):
            because = "answers with a redirect, which is not followed"
        else:
            return answer
        wait = retry_after(answer.headers)
        raise Unavailable(f"{self._database} {because} ({status}).", wait)


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Seconds by Retry-After (RFC 9110 section 10.2.3), at most a day. A date is not read: it
    would need their clock and ours to agree, and without it our own steps hold."""
    found = re.fullmatch(r"[0-9]{1,9}", headers.get("retry-after", "").strip())
    return min(int(found[0]), _LONGEST_WAIT) if found else None


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def _unfit(because: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, because)
