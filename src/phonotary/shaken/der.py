"""The few forms of DER that STIR's own certificate extensions need (X.690).

Encoded and decoded by hand: the modules are forty bytes of ASN.1 in EXPLICIT TAGS, and a general
decoder would accept forms (indefinite lengths, padded integers) that DER forbids.
"""

from __future__ import annotations

from collections.abc import Iterator

SEQUENCE, IA5, INTEGER, UTF8, BIT_STRING = 0x30, 0x16, 0x02, 0x0C, 0x03


class NotDer(ValueError):
    """The bytes are not DER of the form asked for; the text ends a sentence that says of what."""


def tlv(tag: int, value: bytes) -> bytes:
    """One element: its tag, its length in the shortest form, its value."""
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + value


def tlvs(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each tag and value; DER allows one way only to write a length (X.690 section 10.1)."""
    at = 0
    while at < len(data):
        if len(data) - at < 2:
            raise NotDer("it ends in the middle of an element")
        tag, size, at = data[at], data[at + 1], at + 2
        if size >= 0x80:
            octets = data[at : at + (size & 0x7F)]
            size, at = int.from_bytes(octets), at + len(octets)
            if not octets or octets[0] == 0 or size < 0x80:
                raise NotDer("a length is not written in the shortest form")
        if size > len(data) - at:
            raise NotDer("an element is longer than what holds it")
        yield tag, data[at : at + size]
        at += size


def only(data: bytes, tag: int) -> bytes:
    """The value of the one element that must be here."""
    found = list(tlvs(data))
    if len(found) != 1 or found[0][0] != tag:
        raise NotDer(f"exactly one element with tag 0x{tag:02x} was expected")
    return found[0][1]


def ia5(value: bytes) -> str:
    """An IA5String's text."""
    if not value.isascii():
        raise NotDer("an IA5String holds characters outside ASCII")
    return value.decode("ascii")


def utf8(value: bytes) -> str:
    """A UTF8String's text."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise NotDer("a UTF8String is not UTF-8") from None


def count(value: bytes) -> int:
    """A positive INTEGER of at most eight bytes."""
    padded = len(value) > 1 and value[0] == 0 and value[1] < 0x80
    if not value or len(value) > 8 or padded or value[0] >= 0x80:
        raise NotDer("a count is not a positive DER integer of at most 8 bytes")
    return int.from_bytes(value)
