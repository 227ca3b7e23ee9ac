"""Dips over a dict, and DNS messages as the tests write and read them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from phonotary.cnam import dips
from phonotary.cnam.clients import LOOPBACK, Client, Clients
from phonotary.cnam.dips import Answer, Named
from phonotary.dns import messages
from phonotary.dns.responder import Responder
from phonotary.dns.zone import Absent, Soa, Zone
from phonotary.errors import Refused

OWL, HIDDEN, NAMELESS = "+14155550100", "+14155550101", "+14155550102"
CANADIAN, BRITISH = "+16045550100", "+442079460000"
PBX = Client("pbx", LOOPBACK)


@dataclass
class Book:
    """Names by number. Every number that is asked for is noted."""

    names: dict[str, Named] = field(
        default_factory=lambda: {
            OWL: Named("OWL, BANK CO."),
            HIDDEN: Named("HIDDEN", private=True),
        }
    )
    clients: Clients = field(default_factory=lambda: Clients([PBX]))
    refusal: Refused | None = None
    asked: list[str] = field(default_factory=list)

    def now(self, number: str, client: Client, /) -> Answer:
        self.asked.append(number)
        if self.refusal is not None:
            raise self.refusal
        return dips.answer(number, self.names.get(number), None, client)

    def client_of(self, address: str, /) -> Client | None:
        return self.clients.at(address)


def responder(
    book: Book | None = None, *, absent: Absent = Absent.NXDOMAIN, soa: Soa | None = None
) -> Responder:
    return Responder(Zone(absent=absent, soa=soa), book or Book())


def enum_name(number: str, apex: str = "cnam.internal") -> str:
    return ".".join([*reversed(number.removeprefix("+")), apex])


def query(
    name: str,
    kind: int = messages.NAPTR,
    *,
    flags: int = 0x0100,
    class_: int = 1,
    counts: tuple[int, int, int, int] = (1, 0, 0, 0),
    more: bytes = b"",
) -> bytes:
    """A query as octets, for what a library would not write."""
    labels = [bytes([len(one)]) + one.encode() for one in name.split(".") if one]
    question = b"".join(labels) + b"\0" + struct.pack("!HH", kind, class_)
    return struct.pack("!HHHHHH", 4711, flags, *counts) + question + more


def opt(size: int = 1232, *, version: int = 0, flags: int = 0, data: bytes = b"") -> bytes:
    return struct.pack("!BHHBBHH", 0, 41, size, 0, version, flags, len(data)) + data


def with_opt(name: str, kind: int = messages.NAPTR, **parts: int | bytes) -> bytes:
    return query(name, kind, counts=(1, 0, 0, 1), more=opt(**parts))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Reply:
    """A response, read by another library than ours, which also checks its form."""

    message: dns.message.Message

    @property
    def code(self) -> str:
        return dns.rcode.to_text(self.message.rcode())

    @property
    def answer(self) -> list[tuple[str, str]]:
        return _records(self.message.answer)

    @property
    def authority(self) -> list[tuple[str, str]]:
        return _records(self.message.authority)


def reply(wire: bytes | None) -> Reply:
    assert wire is not None
    return Reply(dns.message.from_wire(wire))


def _records(section: list[dns.rrset.RRset]) -> list[tuple[str, str]]:
    return [(dns.rdatatype.to_text(one.rdtype), data.to_text()) for one in section for data in one]
