"""Who may come to the sandbox's doors: programs on this machine, and no web page of anybody else's.

A browser sends any page's requests to any address, this machine's too. It says whose page it was in
Origin; and a page whose own name was made to point here (DNS rebinding) gives itself away by Host.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from phonotary.errors import Reason, Refused


def admit(headers: Mapping[str, str], scope: Mapping[str, Any], bound: str) -> None:
    """Refused(FORBIDDEN) for a foreign page; ``bound`` is the address the hub was told to use."""
    host = headers.get("host", "")
    name = _name(f"//{host}")
    server = str((scope.get("server") or ("",))[0])
    if name is None or not (_is_here(name) or name in (bound, server) or _is_near(name, bound)):
        raise Refused(Reason.FORBIDDEN, "The host in this address is not the sandbox's own")
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"{scope['scheme']}://{host}".lower():
        raise Refused(Reason.FORBIDDEN, "A page of another site may not command the sandbox")


def _name(url: str) -> str | None:
    try:
        return (urlsplit(url).hostname or "").rstrip(".") or None
    except ValueError:
        return None


def _is_here(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _is_near(name: str, bound: str) -> bool:
    """A name without a dot, as containers have, is nobody's on the internet. It counts only where
    the hub was made reachable from other machines."""
    return not _is_here(bound) and "." not in name and ":" not in name and not name.isdecimal()
