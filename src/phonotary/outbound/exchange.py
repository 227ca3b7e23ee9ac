"""One HTTP exchange with an authority: bounded in size and time, over TLS, without redirects."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import httpx

from phonotary import clock
from phonotary.errors import Reason, Refused
from phonotary.shaken.laboratory.ordering import Received

MAX_BYTES = 4_194_304
"""The production CRL and CA list are far smaller; an ACME document is a few thousand bytes."""
PATIENCE = 30.0
"""Seconds, for a whole exchange."""


class Unreachable(Refused):
    """The authority did not answer, or not in a form that can be used. Trying later may help."""

    def __init__(self, because: str) -> None:
        super().__init__(Reason.UNAVAILABLE, because)


def client(ca_file: str | None = None) -> httpx.Client:
    """A client that takes no proxy and no certificates from the environment's variables.

    ``ca_file`` names the roots of an authority that the system's store does not know.
    """
    import ssl

    context = ssl.create_default_context(cafile=ca_file)
    return httpx.Client(
        verify=context, trust_env=False, timeout=PATIENCE / 3, follow_redirects=False
    )


def exchange(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Received:
    """The answer, whatever its status. Raises Unreachable."""
    require_private(url)
    deadline = clock.milliseconds() + int(PATIENCE * 1000)
    content = bytearray()
    try:
        # Unasked, a server might still pack; what comes out of it is bounded like anything else.
        said = {"accept-encoding": "identity", **(headers or {})}
        with client.stream(method, url, headers=said, content=body) as answer:
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > MAX_BYTES:
                    raise Unreachable(f"{_host(url)} answers with more than {MAX_BYTES} bytes.")
                if clock.milliseconds() > deadline:
                    raise Unreachable(f"{_host(url)} takes longer than {PATIENCE:.0f} seconds.")
    except httpx.HTTPError as fault:
        raise Unreachable(f"{_host(url)} cannot be reached: {_said(fault)}") from fault
    found = {name.lower(): value for name, value in answer.headers.items()}
    return Received(answer.status_code, found, bytes(content))


def require_private(url: str) -> None:
    """https, or a laboratory on this machine. Raises Unreachable."""
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as fault:
        raise Unreachable("The authority's address is not a URL.") from fault
    if parts.scheme == "https" and parts.host:
        return
    if parts.scheme != "http" or not _loopback(parts.host):
        raise Unreachable(f"{parts.host or url[:80]} is not asked without TLS; give an https URL.")


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(url: str) -> str:
    return httpx.URL(url).netloc.decode("ascii", "replace")


def _said(fault: httpx.HTTPError) -> str:
    return str(fault) or type(fault).__name__
