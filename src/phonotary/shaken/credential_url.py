"""Which addresses a certificate chain or a TN list may be fetched from.

ATIS-1000074, as a linter of the field checks it: https, port 443 or 8443, and nothing in the URI
but host and path. Decided here, without a socket, so that a bad address costs no look-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from phonotary.errors import Reason, Refused

PORTS = frozenset({443, 8443})
# The longest of 17,839 addresses seen in the field has 106 characters.
_LONGEST = 1024


@dataclass(frozen=True, slots=True)
class Where:
    """A credential's address taken apart."""

    host: str
    port: int
    lab: bool
    """A laboratory's own: http and this machine's addresses are allowed."""


def where(url: str, ports: frozenset[int] = PORTS, lab: frozenset[str] = frozenset()) -> Where:
    """The host and port to fetch from.

    ``lab`` holds origins (``http://127.0.0.1:8080``) that are excused from scheme and port. Raises
    Refused (INVALID_PARAMETER) with the rule that is broken.
    """
    if len(url) > _LONGEST:
        raise _refused(f"it is longer than {_LONGEST} characters")
    # urlsplit drops control characters in silence, so they are looked for first.
    if not (url.isascii() and url.isprintable()) or any(c in ' "<>\\^`{|}' for c in url):
        raise _refused("it holds characters that a URI has not")
    if "?" in url or "#" in url:
        raise _refused("it has a query or a fragment")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as fault:
        raise _refused("it is not a URI") from fault
    if not host:
        raise _refused("it is not an absolute https URI")
    if "@" in parts.netloc:
        raise _refused("it has user information")
    in_lab = f"{parts.scheme}://{parts.netloc}" in lab
    if parts.scheme != "https" and not (in_lab and parts.scheme == "http"):
        raise _refused("it is not an https URI")
    port = port if port is not None else 443 if parts.scheme == "https" else 80
    if port not in ports and not in_lab:
        raise _refused("its port is none of " + ", ".join(map(str, sorted(ports))))
    return Where(host, port, in_lab)


def site(host: str) -> str:
    """Who most likely runs a host: the last two labels of its name, or an address as it is. A
    share for each keeps one site from using up what is there for all."""
    name = host.rstrip(".").lower()
    if ":" in name or name.rpartition(".")[2].isdecimal():
        return name
    return ".".join(name.split(".")[-2:])


def _refused(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The address may not be fetched from: {what}.")
