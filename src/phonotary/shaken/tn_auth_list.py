"""The TN Authorization List of RFC 8226 section 9: which numbers a certificate may speak for.

A list arrives inside a certificate, or by reference from a URL the certificate names; the bytes
are the same.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509

from phonotary.errors import Reason, Refused
from phonotary.shaken import der
from phonotary.tn import canonical

OID = "1.3.6.1.5.5.7.1.26"
"""The certificate extension's identifier; it is not critical (RFC 8226 section 9)."""
EXTENSION = x509.ObjectIdentifier(OID)
BY_REFERENCE = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.14")
"""The access method of a list by reference, id-ad-stirTNList (RFC 8226 section 10.2)."""

MAX_BYTES = 65_536
"""About three thousand entries: far above any certificate seen, far below a memory risk."""

_SPC, _RANGE, _ONE = 0xA0, 0xA1, 0xA2
_CODE = re.compile(r"[\x21-\x7e]{1,32}")
_TN = re.compile(r"[0-9#*]{1,15}")
_LONGEST = 15


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
    encoded = der.tlv(der.SEQUENCE, body)
    if len(encoded) > MAX_BYTES:
        raise _refused(f"it is longer than {MAX_BYTES} bytes")
    return encoded


def decode(encoded: bytes) -> tuple[Entry, ...]:
    """The entries in order. Raises Refused (INVALID_PARAMETER) that says what is not DER."""
    if len(encoded) > MAX_BYTES:
        raise _refused(f"it is longer than {MAX_BYTES} bytes")
    try:
        body = der.only(encoded, der.SEQUENCE)
        entries = tuple(_choice(tag, value) for tag, value in der.tlvs(body))
    except der.NotDer as fault:
        raise _refused(str(fault)) from None
    if not entries:
        raise _refused("it has no entries, and RFC 8226 section 9 asks for at least one")
    return entries


class Numbers:
    """Entries made ready for questions: each is answered in logarithmic time, whatever the size.

    Ranges are kept by number of digits, because a range never runs over into longer numbers.
    """

    __slots__ = ("_odd", "_runs", "codes")

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.codes: frozenset[str]
        codes, odd, spans = set(), set(), dict[int, list[tuple[int, int]]]()
        for entry in entries:
            match entry:
                case Spc(code):
                    codes.add(code)
                case One(tn) if not tn.isdecimal():
                    odd.add(tn)
                case One(start) | Range(start):
                    spans.setdefault(len(start), []).append(_span(entry))
        self.codes, self._odd = frozenset(codes), frozenset(odd)
        self._runs = {digits: _joined(found) for digits, found in spans.items()}

    def contains(self, tn: str) -> bool:
        """Whether an entry other than a provider code names this number, in canonical form."""
        if not tn.isdecimal() or len(tn) > _LONGEST:
            return tn in self._odd
        return self._spanned(len(tn), int(tn), int(tn))

    def holds(self, entry: Entry) -> bool:
        """Whether the entry, all of it, is among these: only a code encompasses a code."""
        match entry:
            case Spc(code):
                return code in self.codes
            case One(tn):
                return self.contains(tn)
            case Range(start):
                return self._spanned(len(start), *_span(entry))

    def _spanned(self, digits: int, first: int, last: int) -> bool:
        runs = self._runs.get(digits, ())
        at = bisect_right(runs, first, key=_first) - 1
        return at >= 0 and last <= runs[at][1]


def contains(entries: Iterable[Entry], tn: str) -> bool | None:
    """Whether the list speaks for a number (any form of writing: only 0-9, # and * count).

    None when only a provider code might: which numbers it holds is in no certificate.
    """
    numbers = Numbers(entries)
    if numbers.contains(canonical(tn)):
        return True
    return None if numbers.codes else False


def encompasses(parent: Iterable[Entry], child: Iterable[Entry]) -> bool | None:
    """Whether all that the child speaks for is within the parent's scope (RFC 9060 section 4).

    None when numbers stand under a provider code: which ones it holds is published nowhere.
    """
    scope = Numbers(parent)
    beyond = [entry for entry in child if not scope.holds(entry)]
    if not beyond:
        return True
    if not scope.codes or any(isinstance(entry, Spc) for entry in beyond):
        return False
    return None


def _span(entry: One | Range) -> tuple[int, int]:
    """The first and the last number."""
    if isinstance(entry, One):
        return int(entry.tn), int(entry.tn)
    return int(entry.start), int(entry.start) + entry.count - 1


def _joined(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """In order, with those that touch or overlap made one."""
    runs: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if runs and first <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], max(runs[-1][1], last))
        else:
            runs.append((first, last))
    return tuple(runs)


def _first(run: tuple[int, int]) -> int:
    return run[0]


def _entry(entry: Entry) -> bytes:
    match entry:
        case Spc(code):
            return der.tlv(_SPC, der.tlv(der.IA5, code.encode("ascii")))
        case One(tn):
            return der.tlv(_ONE, der.tlv(der.IA5, tn.encode("ascii")))
        case Range(start, count):
            # A leading zero octet keeps the INTEGER positive (X.690 section 8.3).
            number = count.to_bytes(count.bit_length() // 8 + 1)
            fields = der.tlv(der.IA5, start.encode("ascii")) + der.tlv(der.INTEGER, number)
            return der.tlv(_RANGE, der.tlv(der.SEQUENCE, fields))


def _choice(tag: int, value: bytes) -> Entry:
    if tag == _SPC:
        return Spc(der.ia5(der.only(value, der.IA5)))
    if tag == _ONE:
        return One(der.ia5(der.only(value, der.IA5)))
    if tag == _RANGE:
        fields = list(der.tlvs(der.only(value, der.SEQUENCE)))
        if [field[0] for field in fields] != [der.IA5, der.INTEGER]:
            raise _refused("a range is a start and a count")
        return Range(der.ia5(fields[0][1]), der.count(fields[1][1]))
    raise _refused(f"entry tag 0x{tag:02x} is none of spc, range and one")


def _refused(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The TN Authorization List is not valid: {what}.")
