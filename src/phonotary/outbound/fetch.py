"""One careful GET: what an x5u names is chosen by a stranger who calls.

No redirect is followed, nothing private is reached, and no more than a bounded number of bytes is
read. The connection goes to the very address that was checked, so that a name cannot change its
mind in between; TLS still checks the name. Whoever calls sets the time it may take.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from phonotary.errors import Refused
from phonotary.outbound.callbacks import may_be_called
from phonotary.outbound.resolving import Crowded, Resolver
from phonotary.shaken import credential_url
from phonotary.shaken.verdicts import Unobtainable

if TYPE_CHECKING:
    import httpx

MAX_BODY = 65_536
"""Bytes. A chain of three is under 4 KiB; a TN list of the largest size we read is under 64."""

# A second address is tried while a call still waits; who is far away, or loses a packet, is given
# longer after that.
_CONNECT = (0.2, 2.0)
_ADDRESSES = 2
_STEP = 5.0
_MAX_AGE = re.compile(r'(?:^|[\s,])max-age\s*=\s*"?(\d{1,10})', re.IGNORECASE)

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""All addresses of a host, as text. Raises OSError; Crowded where none were asked for."""


@dataclass(frozen=True, slots=True)
class Fetched:
    body: bytes
    lifetime: int | None
    """Seconds it may be kept for, as the server's headers say; None when they do not."""


class Fetcher:
    """Holds the connections' settings; nothing is kept open between two fetches.

    A kept connection would be found again by its address alone, and one address may serve many
    names, each with its own certificate.
    """

    def __init__(
        self,
        *,
        ports: frozenset[int] = credential_url.PORTS,
        lab: frozenset[str] = frozenset(),
        most: int = MAX_BODY,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        """``most`` is in bytes: a longer body is not read to its end."""
        self._ports, self._lab, self._most = ports, lab, most
        # Of its own: a name server that hangs must not take the places that others wait for.
        self._resolve = resolve or Resolver()
        self._tls = tls
        self._made: httpx.AsyncClient | None = None

    def prepare(self) -> None:
        """Load what the first fetch needs; may be called from another thread."""
        self._made = self._client

    @property
    def _client(self) -> httpx.AsyncClient:
        """Made for the first fetch: to load httpx and the system's roots is a tenth of a start."""
        if self._made is None:
            import httpx

            self._made = httpx.AsyncClient(
                verify=self._tls or ssl.create_default_context(),
                trust_env=False,
                follow_redirects=False,
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        return self._made

    async def close(self) -> None:
        if self._made is not None:
            await self._made.aclose()

    async def get(self, url: str, media_type: str) -> Fetched:
        """The body behind ``url``. Raises Unobtainable, and whatever ends the caller's patience."""
        import httpx

        try:
            where = credential_url.where(url, self._ports, self._lab)
            # Names that cannot be written in DNS are known before anybody is asked for them.
            httpx.URL(url)
        except Refused as refused:
            raise Unobtainable("address", refused.because) from None
        except (ValueError, httpx.InvalidURL):
            raise Unobtainable("address", "The repository's name is none.") from None
        addresses = (await self._checked(where))[:_ADDRESSES]
        try:
            return await self._from_any(addresses, url, media_type)
        except (httpx.ConnectError, httpx.ConnectTimeout) as fault:
            if _is_tls(fault):
                said = Unobtainable("tls", "The repository's TLS certificate does not hold.")
            else:
                said = Unobtainable("connect", "The repository does not answer.")
            raise said from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            raise Unobtainable("connect", "The repository broke the exchange off.") from None

    async def _from_any(self, addresses: Sequence[str], url: str, media_type: str) -> Fetched:
        """From the first that can be connected to. Raises what the last one was tried with."""
        import httpx

        fault: httpx.TransportError = httpx.ConnectError("there is no address")
        silent = [*addresses]
        for seconds in _CONNECT:
            for address in [*silent]:
                try:
                    return await self._from(address, url, media_type, seconds)
                except httpx.ConnectTimeout as error:
                    fault = error
                except httpx.ConnectError as error:
                    silent.remove(address)
                    fault = error
        raise fault

    async def _checked(self, where: credential_url.Where) -> list[str]:
        """All addresses of the host; when one of them is private, the host is not fetched from."""
        try:
            found = await self._resolve(where.host, where.port)
        except Crowded:
            raise Unobtainable("busy", "The repository's name server does not answer.") from None
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise Unobtainable("address", "The repository's name has no address.")
        if not all(may_be_called(one, allow_loopback=where.lab) for one in found):
            raise Unobtainable("address", "The repository's name leads to a private address.")
        return found

    async def _from(self, address: str, url: str, media_type: str, connect: float) -> Fetched:
        import httpx

        parts = httpx.URL(url)
        async with self._client.stream(
            "GET",
            parts.copy_with(host=address),
            headers={
                "Host": parts.netloc.decode(),
                "Accept": media_type,
                "Accept-Encoding": "identity",
                "Connection": "close",
                "User-Agent": "phonotary",
            },
            extensions={"sni_hostname": parts.host},
            timeout=httpx.Timeout(_STEP, connect=connect),
        ) as reply:
            if reply.is_redirect:
                raise Unobtainable("redirect", "The repository redirects, which is not followed.")
            if reply.status_code != 200:
                raise Unobtainable("status", f"The repository answers {reply.status_code}.")
            # Repositories in use send many media types; an encoding would have to be undone.
            if reply.headers.get("content-encoding", "identity").lower() != "identity":
                raise Unobtainable(
                    "type", "The repository sends an encoding that was not asked for."
                )
            return Fetched(await _body(reply, self._most), lifetime(reply.headers))


def _is_tls(fault: BaseException | None) -> bool:
    """Whether a connection failed at the handshake; the libraries between wrap the reason."""
    while fault is not None and not isinstance(fault, ssl.SSLError):
        fault = fault.__cause__ or fault.__context__
    return fault is not None


async def _body(reply: httpx.Response, most: int) -> bytes:
    body = bytearray()
    async for part in reply.aiter_raw():
        body += part
        if len(body) > most:
            raise Unobtainable("size", f"The repository sends more than {most} bytes.")
    return bytes(body)


def lifetime(headers: Mapping[str, str]) -> int | None:
    """Seconds by Cache-Control's max-age, else Expires less Date (RFC 9111 section 4.2.1).

    None when they say nothing or cannot be read; never negative.
    """
    control = headers.get("cache-control", "")
    found = _MAX_AGE.search(control)
    if found:
        return int(found[1])
    if "expires" not in headers or "date" not in headers:
        return None
    try:
        until, sent = (parsedate_to_datetime(headers[name]) for name in ("expires", "date"))
        return max(0, int(until.timestamp() - sent.timestamp()))
    except (ValueError, OverflowError):
        return None
