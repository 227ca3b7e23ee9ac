"""Who may ask: a trunk is a set of source addresses, the account behind it, and what it wants."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, auto
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

# Sources whose trunk is remembered; a stranger may write any address into a datagram.
_REMEMBERED = 4096


class Role(StrEnum):
    """What is done for a trunk's requests."""

    AUTHENTICATE = auto()
    """Its calls are signed; those that carry an Identity already go on as they are."""
    VERIFY = auto()
    """Its calls are verified, those without an Identity too: they have No-TN-Validation."""
    BOTH = auto()
    """Calls with an Identity are verified, the others are signed: for a trunk all of whose callers
    are the account's own."""
    DIVERTING = auto()
    """Calls that it sends on to another number get a further Identity, a ``div`` (RFC 8946)."""
    NAME = auto()
    """It is told the registered name of the caller, by 302 or by NOTIFY; nothing is signed."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """One peer that may use the SIP door."""

    networks: tuple[Network, ...]
    account_sid: str
    role: Role
    """Never BOTH where calls of the outside world come in: one without an Identity would be signed
    as if it were the account's."""
    attest: str | None = "A"
    """What is asked for when a request names no level: a ceiling, what is justified decides.
    None asks for nothing, which gives C."""
    trusted: bool = True
    """Whether its P-Asserted-Identity is believed (RFC 3325 section 5); else From counts."""


class Trunks:
    """Finds the trunk of a source address; of overlapping networks the narrowest wins."""

    def __init__(self, trunks: Iterable[Trunk]) -> None:
        rows = [(network, trunk) for trunk in trunks for network in trunk.networks]
        self._rows = sorted(rows, key=lambda row: row[0].prefixlen, reverse=True)
        self.of = lru_cache(maxsize=_REMEMBERED)(self._find)

    def _find(self, host: str) -> Trunk | None:
        """``host`` is an address as a socket writes it, perhaps with a zone."""
        address = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return next((trunk for network, trunk in self._rows if address in network), None)
