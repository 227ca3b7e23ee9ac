"""JWT Claim Constraints: what a certificate lets its PASSporTs say (RFC 8226, RFC 9118).

Two extensions: that of RFC 8226 section 8, and the enhanced one of RFC 9118, which can also name
claims that must not appear. A certificate carries one of them at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec
from cryptography import x509

from phonotary.errors import Reason, Refused
from phonotary.shaken import der
from phonotary.shaken.passport import canonical

OID = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.27")
"""RFC 8226 section 8."""
ENHANCED_OID = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.33")
"""RFC 9118 section 3."""

MAX_BYTES = 16_384
"""Permitted values may be long names; no certificate with more was ever seen."""

# A PASSporT without these is none, so a certificate cannot forbid them (RFC 9118 section 3).
_BASE = frozenset({"iat", "orig", "dest"})
_MUST_INCLUDE, _PERMITTED, _MUST_EXCLUDE = 0xA0, 0xA1, 0xA2


@dataclass(frozen=True, slots=True)
class ClaimConstraints:
    """One extension's content; at least one of the three is not empty."""

    must_include: tuple[str, ...] = ()
    permitted_values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """A claim's name and the values it may have."""
    must_exclude: tuple[str, ...] = ()
    """RFC 9118 only."""
    enhanced: bool = True
    """Whether this is the extension of RFC 9118."""

    def __post_init__(self) -> None:
        if not (self.must_include or self.permitted_values or self.must_exclude):
            raise _refused("it constrains nothing")
        if self.must_exclude and not self.enhanced:
            raise _refused("only the enhanced extension can exclude claims")
        if any(not values for _, values in self.permitted_values):
            raise _refused("a claim is given no permitted value")

    @property
    def oid(self) -> x509.ObjectIdentifier:
        return ENHANCED_OID if self.enhanced else OID

    @property
    def binding(self) -> bool:
        """False when a claim every PASSporT needs is excluded: then the extension counts as
        absent (RFC 9118 section 3)."""
        return _BASE.isdisjoint(self.must_exclude)

    def violations(self, payload: Mapping[str, object]) -> tuple[str, ...]:
        """One sentence for each constraint that the claims of a PASSporT break; none is good.

        RFC 9118 binds the values of a claim only where the claim is present; RFC 8226 section 8
        reads as if it had to be there, so under that extension a missing one is a violation.
        """
        if not self.binding:
            return ()
        missing = [one for one in self.must_include if one not in payload]
        unwanted = [one for one in self.must_exclude if one in payload]
        wrong = []
        for claim, values in self.permitted_values:
            if claim in payload and not _permitted(payload[claim], values):
                wrong.append(claim)
            elif claim not in payload and not self.enhanced and claim not in missing:
                missing.append(claim)
        return (
            *(f"The certificate asks for the claim {claim}." for claim in missing),
            *(f"The certificate does not permit this value of {claim}." for claim in wrong),
            *(f"The certificate excludes the claim {claim}." for claim in unwanted),
        )


def encode(constraints: ClaimConstraints) -> bytes:
    """DER of the extension's value. Raises Refused (INVALID_PARAMETER)."""
    body = b""
    if constraints.must_include:
        body += der.tlv(_MUST_INCLUDE, _names(constraints.must_include))
    if constraints.permitted_values:
        each = (
            der.tlv(
                der.SEQUENCE,
                _ia5(claim)
                + der.tlv(
                    der.SEQUENCE, b"".join(der.tlv(der.UTF8, value.encode()) for value in values)
                ),
            )
            for claim, values in constraints.permitted_values
        )
        body += der.tlv(_PERMITTED, der.tlv(der.SEQUENCE, b"".join(each)))
    if constraints.must_exclude:
        body += der.tlv(_MUST_EXCLUDE, _names(constraints.must_exclude))
    encoded = der.tlv(der.SEQUENCE, body)
    if len(encoded) > MAX_BYTES:
        raise _refused(f"it is longer than {MAX_BYTES} bytes")
    return encoded


def decode(encoded: bytes, *, enhanced: bool) -> ClaimConstraints:
    """The constraints. Raises Refused (INVALID_PARAMETER) that says what is not of the module."""
    if len(encoded) > MAX_BYTES:
        raise _refused(f"it is longer than {MAX_BYTES} bytes")
    try:
        fields = list(der.tlvs(der.only(encoded, der.SEQUENCE)))
        tags = [tag for tag, _ in fields]
        known = (_MUST_INCLUDE, _PERMITTED, *((_MUST_EXCLUDE,) if enhanced else ()))
        if tags != sorted(set(tags)) or not set(tags) <= set(known):
            raise _refused("its fields are not those of the module, each once and in order")
        found = dict(fields)
        return ClaimConstraints(
            _read_names(found.get(_MUST_INCLUDE)),
            _read_values(found.get(_PERMITTED)),
            _read_names(found.get(_MUST_EXCLUDE)),
            enhanced,
        )
    except der.NotDer as fault:
        raise _refused(str(fault)) from None


def _permitted(value: object, values: tuple[str, ...]) -> bool:
    """Permitted values are text (RFC 8226 section 8). A claim that is no text, as ``rcdi`` is, is
    compared with what such a text says as JSON, in the canonical form of RFC 8225 section 9 [M]:
    RFC 9795, which pins ``rcdi`` so, was not at hand."""
    if isinstance(value, str):
        return value in values
    said = _canonical(value)
    return said is not None and any(_canonical(_json(one)) == said for one in values)


_NO_JSON = object()


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return _NO_JSON


def _canonical(value: object) -> bytes | None:
    """None for what cannot be written, or is nested deeper than anybody writes."""
    try:
        return canonical(value)
    except (TypeError, ValueError, RecursionError):
        return None


def _names(claims: Iterable[str]) -> bytes:
    return der.tlv(der.SEQUENCE, b"".join(_ia5(claim) for claim in claims))


def _ia5(claim: str) -> bytes:
    if not claim or not claim.isascii():
        raise _refused("a claim's name is not ASCII")
    return der.tlv(der.IA5, claim.encode("ascii"))


def _read_names(field: bytes | None) -> tuple[str, ...]:
    if field is None:
        return ()
    names = tuple(_name(*one) for one in der.tlvs(der.only(field, der.SEQUENCE)))
    if not names:
        raise _refused("a list of claims is empty")
    return names


def _read_values(field: bytes | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if field is None:
        return ()
    found = []
    for tag, one in der.tlvs(der.only(field, der.SEQUENCE)):
        parts = list(der.tlvs(one)) if tag == der.SEQUENCE else []
        if [part[0] for part in parts] != [der.IA5, der.SEQUENCE]:
            raise _refused("permitted values are a claim and a list")
        found.append((_name(*parts[0]), tuple(_value(*value) for value in der.tlvs(parts[1][1]))))
    if not found:
        raise _refused("the list of permitted values is empty")
    return tuple(found)


def _name(tag: int, value: bytes) -> str:
    if tag != der.IA5 or not value:
        raise _refused("a claim's name is not an IA5String")
    return der.ia5(value)


def _value(tag: int, value: bytes) -> str:
    if tag != der.UTF8:
        raise _refused("a permitted value is not a UTF8String")
    return der.utf8(value)


def _refused(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The JWT Claim Constraints are not valid: {what}.")
