"""Status callbacks: a signed form POST, retried, and never sent where it must not go.

The signature is Twilio's X-Twilio-Signature: base64 of HMAC-SHA1, keyed with the account's auth
token, over the URL followed by each parameter's name and value in the order of their names.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from phonotary.outbound.resolving import resolve

if TYPE_CHECKING:
    import httpx

TIMEOUT = 15.0
"""Seconds for each step of the exchange; Twilio gives up on a slow receiver after as long."""
RETRY_AFTER = (10, 60, 300, 1800, 7200)
"""Seconds of the hub's clock between attempts; after the last one the job is given up."""


class Blocked(Exception):
    """The callback's address is not one we may talk to. Trying again will not help."""


def signature(auth_token: str, url: str, params: Mapping[str, str]) -> str:
    """What the receiver's ``RequestValidator`` computes from the same token, URL and form."""
    text = url + "".join(name + params[name] for name in sorted(params))
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


async def post(
    client: httpx.AsyncClient,
    url: str,
    params: Mapping[str, str],
    auth_token: str,
    key: str,
    *,
    allow_loopback: bool,
) -> None:
    """Deliver once. Raises Blocked, or httpx.HTTPError when it should be tried again.

    The connection goes to the very address that was checked, so that a name cannot change its
    mind between the check and the call. ``key`` goes along as I-Twilio-Idempotency-Token, so that
    a receiver can tell a repetition.
    """
    import httpx

    address = await checked_address(url, allow_loopback)
    parts = httpx.URL(url)
    reply = await client.post(
        parts.copy_with(host=address),
        data=dict(params),
        headers={
            "Host": parts.netloc.decode(),
            "X-Twilio-Signature": signature(auth_token, url, params),
            "I-Twilio-Idempotency-Token": key,
            "User-Agent": "TwilioProxy/1.1",
        },
        extensions={"sni_hostname": parts.host},
        timeout=TIMEOUT,
        follow_redirects=False,
    )
    if reply.status_code >= 500 or reply.status_code == 429:
        reply.raise_for_status()


async def checked_address(url: str, allow_loopback: bool) -> str:
    """The address to connect to. Private and link-local ones are refused: a callback must not
    reach what only this machine can see. Raises Blocked, or httpx.ConnectError where the name has
    no address."""
    import httpx

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Blocked("a callback goes to an http or https URL")
    try:
        found = await resolve(parts.hostname, parts.port or 80)
    except OSError as error:
        raise httpx.ConnectError(f"{parts.hostname} has no address") from error
    if not all(may_be_called(address, allow_loopback) for address in found):
        raise Blocked("the callback's host is a private address")
    return found[0]


def is_private(host: str, allow_loopback: bool) -> bool:
    """Whether a host is written as an address that is refused, in any spelling that a connection
    would take (``127.1``); of a name that is asked when it is looked up. No DNS is asked."""
    if host.rstrip(".").lower() == "localhost":
        return not allow_loopback
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    every = (str(address[0]).split("%")[0] for *_, address in found)
    return not all(may_be_called(each, allow_loopback) for each in every)


# Where an IPv6 address leads to an IPv4 one: NAT64 (RFC 6052, and RFC 8215's for local use).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Nobody's server is behind these any more: v4-compatible addresses (loopback in another spelling
# among them), local NAT64, Teredo, 6to4 and its relays, protocol assignments.
_DETOURS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "::/96",
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
        "192.0.0.0/24",
        "192.88.99.0/24",
    )
)


def may_be_called(text: str, allow_loopback: bool) -> bool:
    """Whether an address is one on the internet, or this machine where that is allowed."""
    ip = ipaddress.ip_address(text)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return may_be_called(str(ip.ipv4_mapped), allow_loopback)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
            return may_be_called(str(inner), allow_loopback=False)
    if ip.is_loopback:
        return allow_loopback
    if any(ip in network for network in _DETOURS) or getattr(ip, "is_site_local", False):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)
