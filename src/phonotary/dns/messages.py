"""DNS messages: one question is read, strictly, and one response is written (RFC 1035 section 4).

Own code, because a message library builds an object for every name and section: to read such a
question and write its answer takes dnspython 220 microseconds, and this 2.
"""

from __future__ import annotations

from struct import Struct

import msgspec

MAX_MESSAGE = 4_096
"""Octets of a query that are looked at; EDNS options may make one long."""
PLAIN = 512
"""Octets of a response over UDP to who says nothing else (RFC 1035 section 4.2.1)."""
LARGEST = 1_232
"""Octets of a response over UDP at most: what no network on the way has to fragment."""
OVER_TCP = 65_535

# Response codes (RFC 1035 section 4.1.1; BADVERS: RFC 6891 section 9).
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
# Types (RFC 1035 section 3.2.2, 3403, 6891, 5936; ANY is RFC 1035's "*").
NS, SOA, TXT, NAPTR, OPT, IXFR, AXFR, ANY = 2, 6, 16, 35, 41, 251, 252, 255
IN = 1

_HEADER = Struct("!HHHHHH")
_TYPE_AND_CLASS = Struct("!HH")
_OPT = Struct("!BHHBBHH")
_RECORD = Struct("!HHHIH")
_RESPONSE, _OPCODE, _AUTHORITATIVE, _TRUNCATED, _DESIRED = 0x8000, 0x7800, 0x0400, 0x0200, 0x0100
_DNSSEC_OK = 0x8000
_LONGEST_NAME, _LONGEST_LABEL = 255, 63
_QUESTION_AT = _HEADER.size


class Malformed(Exception):
    """No question that could be answered. ``code`` is what to say instead; None: nothing."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"code {code}")
        self.code = code


class Question(msgspec.Struct, frozen=True, gc=False):
    """What is asked, and how its answer may look."""

    identifier: int
    flags: int
    wire: bytes
    """The question section as it came: it goes back octet for octet, so that the case in which
    a resolver wrote the name comes back too (draft-vixie-dnsext-dns0x20)."""
    name: bytes
    """QNAME in wire form with its ASCII letters in lower case."""
    type: int
    class_: int
    largest: int = PLAIN
    """Octets of a response that the asker takes over UDP."""
    edns: bool = False
    dnssec_ok: bool = False
    version: int = 0


class Found(msgspec.Struct, frozen=True, gc=False):
    """What a response says: its code and the records of its sections."""

    code: int
    answer: bytes = b""
    answers: int = 0
    authority: bytes = b""
    authorities: int = 0


def read(data: bytes) -> Question:
    """The one question of a query.

    Refused are: more or fewer than one, any record but one OPT, octets after the end, and in the
    name pointers, labels over 63 octets and more than 255 in all. Raises :class:`Malformed`; a
    response is never answered, or two servers could be set upon each other.
    """
    size = len(data)
    if size < _QUESTION_AT:
        raise Malformed(None)
    identifier, flags, questions, answers, authorities, additional = _HEADER.unpack_from(data)
    if flags & _RESPONSE:
        raise Malformed(None)
    if flags & _OPCODE:
        raise Malformed(NOTIMP)
    if questions != 1 or answers or authorities or additional > 1:
        raise Malformed(FORMERR)
    name = data[_QUESTION_AT : _QUESTION_AT + _LONGEST_NAME]
    at = 0
    try:
        while length := name[at]:
            if length > _LONGEST_LABEL:
                raise Malformed(FORMERR)
            at += length + 1
    except IndexError:
        raise Malformed(FORMERR) from None
    name = name[: at + 1].lower()
    at += _QUESTION_AT + 1
    end = at + _TYPE_AND_CLASS.size
    if end > size:
        raise Malformed(FORMERR)
    kind, class_ = _TYPE_AND_CLASS.unpack_from(data, at)
    if kind == OPT:
        raise Malformed(FORMERR)
    wire = data[_QUESTION_AT:end]
    if additional:
        largest, dnssec_ok, version = _opt(data, end)
        return Question(
            identifier, flags, wire, name, kind, class_, largest, True, dnssec_ok, version
        )
    if end != size:
        raise Malformed(FORMERR)
    return Question(identifier, flags, wire, name, kind, class_)


def _opt(data: bytes, at: int) -> tuple[int, bool, int]:
    """The OPT record that ends a query (RFC 6891 section 6.1); its options are not looked at."""
    if at + _OPT.size > len(data):
        raise Malformed(FORMERR)
    root, kind, size, _, version, flags, length = _OPT.unpack_from(data, at)
    if root or kind != OPT or at + _OPT.size + length != len(data):
        raise Malformed(FORMERR)
    return max(size, PLAIN), bool(flags & _DNSSEC_OK), version


def record(owner: int, kind: int, ttl: int, data: bytes) -> bytes:
    """One record, its owner a pointer ``owner`` octets into the question's name."""
    pointer = 0xC000 | _QUESTION_AT + owner
    return _RECORD.pack(pointer, kind, IN, ttl, len(data)) + data


def write(question: Question, found: Found, largest: int = OVER_TCP) -> bytes:
    """The response. One over ``largest`` octets is cut to nothing but its TC bit, which tells the
    asker to come again over TCP (RFC 2181 section 9)."""
    code, edns = found.code, question.edns
    flags = _RESPONSE | question.flags & _DESIRED | code & 0xF
    if code in (NOERROR, NXDOMAIN):
        flags |= _AUTHORITATIVE
    message = (
        _HEADER.pack(question.identifier, flags, 1, found.answers, found.authorities, edns)
        + question.wire
        + found.answer
        + found.authority
    )
    if len(message) + edns * _OPT.size > largest:
        flags |= _TRUNCATED
        message = _HEADER.pack(question.identifier, flags, 1, 0, 0, edns) + question.wire
    if not edns:
        return message
    dnssec_ok = question.dnssec_ok * _DNSSEC_OK
    return message + _OPT.pack(0, OPT, LARGEST, code >> 4, 0, dnssec_ok, 0)


def failure(data: bytes, code: int) -> bytes:
    """The answer to a query that could not be read: its header and nothing of the rest."""
    identifier, flags, *_ = _HEADER.unpack_from(data)
    flags = _RESPONSE | flags & (_OPCODE | _DESIRED) | code
    return _HEADER.pack(identifier, flags, 0, 0, 0, 0)


def name(text: str) -> bytes:
    """A host name in wire form, lower case. Raises ValueError."""
    labels = text.rstrip(".").lower().encode("ascii").split(b".")
    if not all(0 < len(label) <= _LONGEST_LABEL for label in labels):
        raise ValueError(f"{text!r} is no domain name")
    wire = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    if len(wire) > _LONGEST_NAME:
        raise ValueError(f"{text!r} is longer than a domain name may be")
    return wire


def string(text: bytes) -> bytes:
    """A character-string (RFC 1035 section 3.3). Raises ValueError over 255 octets."""
    return bytes([len(text)]) + text
