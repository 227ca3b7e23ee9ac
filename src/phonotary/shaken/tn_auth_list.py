"""The TN Authorization List of RFC 8226 section 9: which numbers a certificate may speak for.

Encoded and decoded by hand: the module is forty bytes of ASN.1 in EXPLICIT TAGS, and a general
decoder would accept forms (indefinite lengths, padded integers) that DER forbids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from phonotary.errors import Reason, Refused

OID = "1.3.6.1.5.5.7.1.26"
"""The certificate extension's identifier; it is not critical (RFC 8226 section 9)."""

MAX_BYTES = 65_536
"""About three thousand entries: far above any certificate seen, far below a memory risk."""

_SEQUENCE, _IA5, _INTEGER = 0x30, 0x16, 0x02
_SPC, _RANGE, _ONE = 0xA0, 0xA1, 0xA2
_CODE = re.compile(r"[\x21-\x7e]{1,32}")
_TN = re.compile(r"[0-9#*]{1,15}")


@dataclass(frozen=True, slots=True)
class Spc:
    """A service provider code: every number of that provider."""

    code: str

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.code):
            raise _refused("a service provider code is 1 to 32 visible characters")


@dataclass(frozen=True, slots=True)
class Range:
    """``count`` numbers, at least 2, from ``start`` upwards."""

    start: str
    count: int

    def __post_init__(self) -> None:
        if not (_TN.fullmatch(self.start) and self.start.isdecimal()):
            raise _refused("a range starts at a number of 1 to 15 digits")
        # RFC 8226 section 9: a range must not run over into longer numbers.
        if self.count < 2 or int(self.start) + self.count >= 10 ** len(self.start):
            raise _refused("a range counts at least 2 and stays within its number of digits")


@dataclass(frozen=True, slots=True)
class One:
    """A single number in RFC 8224 section 8.3 form."""

    tn: str

    def __post_init__(self) -> None:
        if not _TN.fullmatch(self.tn):
            raise _refused("a number is 1 to 15 of the characters 0-9, # and *")


Entry = Spc | Range | One


def encode(entries: Iterable[Entry]) -> bytes:
    """DER of a TNAuthorizationList. Raises Refused when it is empty or over MAX_BYTES."""
    body = b"".join(_entry(one) for one in entries)
    if not body:
        raise _refused("it has no entries, and RFC 8226 section 9 asks for at least one")
    der = _tlv(_SEQUENCE, body)
    if len(der) > MAX_BYTES:
        raise _refused(f"it is longer than {MAX_BYTES} bytes")
    return der


def decode(der: bytes) -> tuple[Entry, ...]:
    """The entries in order. Raises Refused (INVALID_PARAMETER) that says what is not DER."""
    if len(der) > MAX_BYTES:
        raise _refused(f"it is longer than {MAX_BYTES} bytes")
    entries = tuple(_choice(tag, value) for tag, value in _tlvs(_only(der, _SEQUENCE)))
    if not entries:
        raise _refused("it has no entries, and RFC 8226 section 9 asks for at least one")
    return entries


def _entry(entry: Entry) -> bytes:
    match entry:
        case Spc(code):
            return _tlv(_SPC, _tlv(_IA5, code.encode("ascii")))
        case One(tn):
            return _tlv(_ONE, _tlv(_IA5, tn.encode("ascii")))
        case Range(start, count):
            # A leading zero octet keeps the INTEGER positive (X.690 section 8.3).
            number = count.to_bytes(count.bit_length() // 8 + 1)
            fields = _tlv(_IA5, start.encode("ascii")) + _tlv(_INTEGER, number)
            return _tlv(_RANGE, _tlv(_SEQUENCE, fields))


def _choice(tag: int, value: bytes) -> Entry:
    if tag == _SPC:
        return Spc(_text(_only(value, _IA5)))
    if tag == _ONE:
        return One(_text(_only(value, _IA5)))
    if tag == _RANGE:
        fields = list(_tlvs(_only(value, _SEQUENCE)))
        if [field[0] for field in fields] != [_IA5, _INTEGER]:
            raise _refused("a range is a start and a count")
        return Range(_text(fields[0][1]), _count(fields[1][1]))
    raise _refused(f"entry tag 0x{tag:02x} is none of spc, range and one")


def _tlv(tag: int, value: bytes) -> bytes:
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + value


def _tlvs(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each tag and value; DER allows one way only to write a length (X.690 section 10.1)."""
    at = 0
    while at < len(data):
        if len(data) - at < 2:
            raise _refused("it ends in the middle of an element")
        tag, size, at = data[at], data[at + 1], at + 2
        if size >= 0x80:
            octets = data[at : at + (size & 0x7F)]
            size, at = int.from_bytes(octets), at + len(octets)
            if not octets or octets[0] == 0 or size < 0x80:
                raise _refused("a length is not written in the shortest form")
        if size > len(data) - at:
            raise _refused("an element is longer than what holds it")
        yield tag, data[at : at + size]
        at += size


def _only(data: bytes, tag: int) -> bytes:
    """The value of the one element that must be here."""
    found = list(_tlvs(data))
    if len(found) != 1 or found[0][0] != tag:
        raise _refused(f"exactly one element with tag 0x{tag:02x} was expected")
    return found[0][1]


def _text(value: bytes) -> str:
    if not value.isascii():
        raise _refused("an IA5String holds characters outside ASCII")
    return value.decode("ascii")


def _count(value: bytes) -> int:
    padded = len(value) > 1 and value[0] == 0 and value[1] < 0x80
    if not value or len(value) > 8 or padded or value[0] >= 0x80:
        raise _refused("a count is not a positive DER integer of at most 8 bytes")
    return int.from_bytes(value)


def _refused(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The TN Authorization List is not valid: {what}.")
