"""Whose a host name is: Twilio's (ours to answer), this machine's, or somebody else's."""

from __future__ import annotations

import ipaddress
import re

_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_-]{1,63}")


def plain(host: str) -> str:
    """A host as it is compared: lower case, no final dot, no brackets."""
    return host.lower().removesuffix(".").removeprefix("[").removesuffix("]")


def is_twilio(host: str) -> bool:
    """Whether the host is a name under twilio.com, edge and region names included.

    ``eviltwilio.com`` and ``twilio.com.evil`` end or begin alike and are somebody else's.
    """
    name = plain(host)
    return name.endswith(".twilio.com") and bool(_NAME.fullmatch(name))


def is_here(host: str) -> bool:
    """Whether the host is this machine by its name or address, without asking any name server."""
    name = plain(host)
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def authority(text: str, default_port: int | None = None) -> tuple[str, int] | None:
    """``host:port`` or ``[v6]:port`` taken apart; None when it is not one."""
    host, colon, digits = text.rpartition(":")
    if text.endswith("]") or not colon:
        host, digits = text, "" if default_port is None else str(default_port)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5):
        return None
    port = int(digits)
    return (plain(host), port) if 0 < port < 65536 and _is_host(host) else None


def _is_host(host: str) -> bool:
    if host.startswith("[") and host.endswith("]"):
        try:
            return ipaddress.ip_address(host[1:-1]).version == 6
        except ValueError:
            return False
    return bool(_NAME.fullmatch(plain(host)))
