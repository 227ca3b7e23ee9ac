"""The zone: a number's name as ENUM data, and what a name server has to say besides.

The owner of a number's records is its digits in reverse under a private apex. What it says of the
name follows draft-ietf-enum-cnam-08, which expired but is what session border controllers ask for;
it demands a closed system and forbids e164.arpa.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, auto
from functools import lru_cache
from struct import pack
from urllib.parse import quote

from phonotary.cnam.dips import Answer, Status
from phonotary.dns.messages import (
    ANY,
    AXFR,
    IN,
    IXFR,
    NAPTR,
    NOERROR,
    NS,
    NXDOMAIN,
    REFUSED,
    SOA,
    TXT,
    Found,
    Question,
    name,
    record,
    string,
)

DEFAULT_APEX = "cnam.internal"
"""``internal`` is never delegated in the public DNS (ICANN board resolution 2024.07.29.06)."""
PUBLIC_ENUM = "e164.arpa"

_REFUSED = Found(REFUSED)
_ONES = b"\1" * 128
_LONGEST_NUMBER = 15  # digits (E.164 section 6.2)
_NANP = "1"
_NANP_DIGITS = 11
# The names of one customer's numbers are few; each is escaped once.
_ESCAPED = 65_536

Dip = Callable[[str], Answer]
"""What is known of a number, ``+`` and digits; raises errors.Refused."""


class Absent(StrEnum):
    """What is said of a number without a name."""

    NXDOMAIN = auto()
    """That it is not there: what PBXs and PowerDNS on the same data take for "no name"."""
    UNAVAILABLE = auto()
    """That it is there without a name, ``unavailable=u`` (GR-1188's "name not available")."""


@dataclass(frozen=True, slots=True)
class Soa:
    """The zone's own figures. Times in seconds."""

    nameservers: tuple[str, ...] = ("localhost",)
    """Outside the zone, as it holds no addresses; the first is the SOA's MNAME."""
    contact: str = "hostmaster.localhost"
    """The mail address of who is responsible, its ``@`` a dot."""
    ttl: int = 3_600
    negative_ttl: int = 60
    """How long a "no" may be kept (RFC 2308); a new name cannot be seen sooner."""


class Zone:
    """Answers questions about one apex. Raises ValueError for an apex that cannot be one."""

    def __init__(
        self,
        apex: str = DEFAULT_APEX,
        *,
        absent: Absent = Absent.NXDOMAIN,
        soa: Soa | None = None,
    ) -> None:
        soa = soa or Soa()
        self._apex = name(apex)
        if _within(self._apex, name(PUBLIC_ENUM)):
            raise ValueError(f"names of callers are not published under {PUBLIC_ENUM}")
        servers = [name(server) for server in soa.nameservers]
        if not servers or any(_within(server, self._apex) for server in servers):
            raise ValueError(f"a name server must be named, and outside {apex}")
        self._absent = absent
        self._soa = soa
        # Serial 1 for ever and unused times, as nobody transfers the zone.
        times = pack("!IIIII", 1, 86_400, 7_200, 604_800, soa.negative_ttl)
        self._soa_data = servers[0] + name(soa.contact) + times
        self._servers = servers

    def find(self, question: Question, dip: Dip) -> Found:
        """What the zone says; ``dip`` is only asked about whole numbers."""
        name = question.name
        if question.class_ != IN or not name.endswith(self._apex):
            return _REFUSED
        if question.type in (AXFR, IXFR):
            return _REFUSED
        below = name[: -len(self._apex)]
        digits = below[1::2]
        if below[::2] == _ONES[: len(digits)] and digits.isdigit():
            return self._number(question.type, len(below), digits[::-1].decode("ascii"), dip)
        if not below:
            return self._of_apex(question.type)
        if not _within(name, self._apex):
            return _REFUSED
        return self._no(NXDOMAIN, len(below))

    def _number(self, kind: int, owner: int, digits: str, dip: Dip) -> Found:
        if len(digits) > (_NANP_DIGITS if digits[0] == _NANP else _LONGEST_NUMBER):
            return self._no(NXDOMAIN, owner)
        if digits[0] == _NANP and len(digits) < _NANP_DIGITS:
            # The way to numbers, which a resolver may go label by label (RFC 9156). "Not there"
            # would be said of all that is below (RFC 8020).
            return self._no(NOERROR, owner)
        said = dip("+" + digits)
        status = said.status
        text: bytes | None = None
        if status is Status.PRIVATE:
            data = _PRIVATE
        elif status is Status.FOREIGN:
            return self._no(NXDOMAIN, owner, said.ttl)
        elif said.name is not None:
            data, text = _named(digits, said.name)
        elif self._absent is Absent.UNAVAILABLE and digits[0] == _NANP:
            data = _naptr(b"/+%b;;unavailable=u,Unavailable" % digits.encode())
        else:
            return self._no(NXDOMAIN, owner, said.ttl)
        # ANY gets one of the types there are (RFC 8482 section 4.1).
        if kind in (NAPTR, ANY):
            return Found(NOERROR, record(0, NAPTR, said.ttl, data), 1)
        if kind == TXT and text is not None:
            return Found(NOERROR, record(0, TXT, said.ttl, text), 1)
        return self._no(NOERROR, owner, said.ttl)

    def _of_apex(self, kind: int) -> Found:
        ttl = self._soa.ttl
        if kind in (SOA, ANY):
            return Found(NOERROR, record(0, SOA, ttl, self._soa_data), 1)
        if kind == NS:
            servers = [record(0, NS, ttl, server) for server in self._servers]
            return Found(NOERROR, b"".join(servers), len(servers))
        return self._no(NOERROR, 0)

    def _no(self, code: int, owner: int, ttl: int | None = None) -> Found:
        """NXDOMAIN, or NODATA, with the SOA whose TTL says how long it may be kept (RFC 2308
        section 3); ``owner`` is where the apex begins in the question's name."""
        negative = self._soa.negative_ttl
        kept = negative if ttl is None else min(ttl, negative)
        return Found(code, b"", 0, record(owner, SOA, kept, self._soa_data), 1)


def _within(name: bytes, apex: bytes) -> bool:
    """Whether ``name`` is ``apex`` or below: its end alone could begin inside a label."""
    rest = len(name) - len(apex)
    at = 0
    while at < rest:
        at += name[at] + 1
    return at == rest and name.endswith(apex)


def _naptr(pstndata: bytes) -> bytes:
    """RFC 3403 section 4.1: order, preference, flags, services, regexp, an empty replacement."""
    rule = string(b"!^.*$!pstndata:cnam%b!" % pstndata)
    return _NAPTR_HEAD + rule + b"\0"


_NAPTR_HEAD = pack("!HH", 10, 100) + string(b"u") + string(b"E2U+pstndata:cnam")
_PRIVATE = _naptr(b";;unavailable=p,Private")


def _named(digits: str, name: str) -> tuple[bytes, bytes]:
    """A name's NAPTR and TXT data."""
    content, text = _written(name)
    return _naptr(b"/+%b%b" % (digits.encode(), content)), text


@lru_cache(maxsize=_ESCAPED)
def _written(name: str) -> tuple[bytes, bytes]:
    """``;;charset=us-ascii,OWL%20BANK``, and the TXT record's one string."""
    plain = name.encode("ascii", "replace")
    # Escaped, nothing is left that the rule's delimiter, a back-reference or the URI could be.
    return f";;charset=us-ascii,{quote(plain, safe='')}".encode(), string(plain)
