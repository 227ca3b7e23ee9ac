"""The authentication service of RFC 8224 section 6.1: one call in, one Identity header out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from phonotary import tn
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.shaken import identity_header, passport
from phonotary.shaken.attestation import Decision, Level, decide
from phonotary.shaken.certificates import SigningCredential
from phonotary.shaken.ports import Standing

FRESH = 60
"""Seconds that iat may differ from now, either way (RFC 8224 section 6.1)."""

# ATIS-1000082's characters of a telephone number; what is dropped carries no meaning.
_WRITTEN = re.compile(r"[0-9*#+.()-]{1,32}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# E.164 allows fifteen digits; service numbers are shorter.
_LONGEST = 15


class InvalidClaim(Refused):
    """One value of the request cannot be signed; ``parameter`` is its name on the wire."""

    def __init__(self, parameter: str, because: str) -> None:
        super().__init__(Reason.INVALID_PARAMETER, because)
        self.parameter = parameter


class CredentialOutOfDate(Exception):
    """The provider's certificate is not valid now: our fault, so it is not a Refused."""


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """One call to sign; :func:`signing_request` builds it from what came over the wire."""

    caller_sid: str | None
    """The account that proved who it is, or None when nobody did."""
    orig_tn: str
    """RFC 8224 section 8.3 form, without ``+``."""
    dest_tns: tuple[str, ...]
    """The same form; at least one."""
    iat: Instant
    attest: Level | None
    """The most that is asked for; None when nothing was."""

    @property
    def orig_e164(self) -> str:
        """How the rest of the house writes the calling number: ``+`` and digits."""
        return f"+{self.orig_tn}" if self.orig_tn.isdecimal() else self.orig_tn


@dataclass(frozen=True, slots=True)
class SignedCall:
    """A signed call and everything a ledger needs to answer for it."""

    identity: str
    """The Identity header's value, ready for SIP."""
    decision: Decision
    origid: str
    payload: bytes
    """The claims exactly as signed, canonical JSON."""


def signing_request(
    *, caller_sid: str | None, orig: str, dest: Sequence[str], iat: int, attest: str | None
) -> SigningRequest:
    """A request whose values can be signed. Raises InvalidClaim naming ``orig``, ``dest`` or
    ``attest``.

    No country code is guessed: RFC 8224 section 8.3 adds one only where it can be derived, and
    ten digits may be an American number or another country's, so the digits stand as given.
    """
    if attest is not None and attest not in Level.__members__:
        raise InvalidClaim("attest", "it is none of A, B and C")
    if not dest:
        raise InvalidClaim("dest", "it names no number")
    return SigningRequest(
        caller_sid=caller_sid,
        orig_tn=_canonical(orig, "orig"),
        dest_tns=tuple(_canonical(one, "dest") for one in dest),
        iat=iat,
        attest=None if attest is None else Level(attest),
    )


def sign_call(
    request: SigningRequest,
    standing: Standing,
    credential: SigningCredential,
    now: Instant,
    origid: str,
) -> SignedCall:
    """Decide the attestation and sign the call with it.

    ``now`` is whole seconds since 1970; ``origid`` is the call's UUID (RFC 8588 section 5), the
    caller's own or one the edge has minted, and is signed as written. Raises InvalidClaim for
    ``iat`` or ``origid``, Refused as :func:`attestation.decide` does, CredentialOutOfDate when
    the certificate does not cover both now and iat, and ValueError for another number's standing.
    """
    if tn.canonical(standing.tn) != request.orig_tn:
        raise ValueError("the standing is of another number than the one that calls")
    # Who asks is settled before what they ask, so a stranger learns nothing about values.
    decision = decide(
        standing,
        caller_authenticated=request.caller_sid is not None,
        requested=request.attest,
    )
    if not _UUID.fullmatch(origid):
        raise InvalidClaim("origid", "it is not a UUID")
    _check_time(request.iat, credential, now)
    payload = passport.shaken_payload(
        decision.level, request.dest_tns, request.iat, request.orig_tn, origid
    )
    token = passport.sign(payload, credential.key, credential.x5u)
    return SignedCall(identity_header.emit(token, credential.x5u), decision, origid, payload)


def _check_time(iat: Instant, credential: SigningCredential, now: Instant) -> None:
    """RFC 8224 section 6.1: fresh, and both instants inside the certificate's validity."""
    if abs(now - iat) > FRESH:
        raise InvalidClaim("iat", f"it is more than {FRESH} seconds from the present time")
    for at in (now, iat):
        if not credential.not_before <= at <= credential.not_after:
            raise CredentialOutOfDate(f"certificate {credential.fingerprint} does not cover {at}")


def _canonical(written: str, parameter: str) -> str:
    if not _WRITTEN.fullmatch(written):
        raise InvalidClaim(parameter, "a number is 1 to 32 of the characters 0-9*#+.-()")
    number = tn.canonical(written)
    if not 1 <= len(number) <= _LONGEST:
        raise InvalidClaim(parameter, f"a number has 1 to {_LONGEST} digits")
    return number
