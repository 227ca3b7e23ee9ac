"""The authentication service of RFC 8224 section 6.1: one call in, one Identity header out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from phonotary import tn
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.shaken import identity_header, passport
from phonotary.shaken.attestation import Decision, Level, decide
from phonotary.shaken.certificates import SigningCredential
from phonotary.shaken.origids import UUID
from phonotary.shaken.ports import Standing

FRESH = 60
"""Seconds that iat may differ from now, either way (RFC 8224 section 6.1)."""

DIVERTED = "number-diverts"
"""The reason kept for a ``div``, which carries no level: its number is the caller's to send on."""

# ATIS-1000082's characters of a telephone number; what is dropped carries no meaning.
_WRITTEN = re.compile(r"[0-9*#+.()-]{1,32}")

# E.164 allows fifteen digits; service numbers are shorter.
_LONGEST = 15


class InvalidClaim(Refused):
    """One value of the request cannot be signed; ``parameter`` is its name on the wire."""

    def __init__(self, parameter: str, because: str) -> None:
        super().__init__(Reason.INVALID_PARAMETER, because)
        self.parameter = parameter


class CredentialOutOfDate(Exception):
    """The provider's certificate is not valid now: our fault, so it is not a Refused."""


class KeyAway(Refused):
    """The provider's key does not sign now. Why is the operator's to know, and is in its log."""

    def __init__(self) -> None:
        super().__init__(Reason.UNAVAILABLE, "The call cannot be signed now; try again")


# Made once per call: a frozen msgspec.Struct costs a tenth of a frozen dataclass to make.


class CallToSign(msgspec.Struct, frozen=True, kw_only=True):
    """One call as a door received it, in the words it was written in on the wire."""

    caller_sid: str | None
    """The account that proved who it is, or None when nobody did."""
    orig: str
    dest: tuple[str, ...]
    iat: Instant | None = None
    """None: the present time."""
    attest: str | None = None
    """The most that is asked for; None asks for nothing and gets the lowest level."""
    origid: str | None = None
    """A UUID, or None for one of this service's own (:mod:`phonotary.shaken.origids`)."""
    ppt: str = "shaken"
    """``shaken``, or ``div`` for a call that is being sent on (RFC 8946)."""
    div: str | None = None
    """The number the call is diverted from; needed for ``div`` only."""
    hi: str | None = None
    """The history-info index that ``div`` may hold (RFC 8946 section 3)."""
    identities: tuple[str, ...] = ()
    """Identity header values the request already carries; what a ``div`` continues."""
    rcd: bool = False
    """Add the approved name and logo as Rich Call Data (RFC 9795)."""
    crn: str | None = None
    """The reason for the call, shown with the name (RFC 9795 section 7); one that was approved,
    where any was."""
    door: str = "library"
    """Which door the call came by: http, sip, text, cli."""
    source: str = ""
    """The address it came from."""


class SigningRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One call to sign; :func:`signing_request` builds it from what came over the wire."""

    caller_sid: str | None
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
        return e164(self.orig_tn)


class SignedCall(msgspec.Struct, frozen=True):
    """A signed call and everything a ledger needs to answer for it."""

    identity: str
    """The Identity header's value, ready for SIP."""
    decision: Decision | None
    """None for a ``div``, which attests to nothing but the diversion."""
    origid: str | None
    """None for a ``div`` as well."""
    payload: bytes
    """The claims exactly as signed, canonical JSON."""
    fingerprint: str
    """SHA-256 of the certificate that signed."""

    @property
    def level(self) -> Level | None:
        return self.decision.level if self.decision else None

    @property
    def reason(self) -> str:
        """The row of the attestation table that decided; ``number-diverts`` for a ``div``."""
        return self.decision.reason if self.decision else DIVERTED


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
    if len(dest) > passport.MAX_DESTS:
        raise InvalidClaim("dest", f"it names more than {passport.MAX_DESTS} numbers")
    return SigningRequest(
        caller_sid=caller_sid,
        orig_tn=canonical(orig, "orig"),
        dest_tns=tuple([canonical(one, "dest") for one in dest]),
        iat=iat,
        attest=None if attest is None else Level.__members__[attest],
    )


def sign_call(
    request: SigningRequest,
    standing: Standing,
    credential: SigningCredential,
    now: Instant,
    origid: str,
    *,
    rich: Callable[[], Mapping[str, Any] | None] | None = None,
    deterministic: bool = False,
) -> SignedCall:
    """Decide the attestation and sign the call with it.

    ``standing`` must be what was found for exactly this number and caller: whoever finds it
    compares both, for one object serves all numbers that stand alike. ``now`` is whole seconds
    since 1970; ``origid`` is the call's UUID (RFC 8588 section 5), signed as written. ``rich``
    gives further claims (``rcd``, ``rcdi``, ``crn``); it is asked for an A only, for a name that
    nobody stands for is not shown. Raises InvalidClaim for ``iat`` or ``origid``, Refused as
    :func:`attestation.decide` does, and CredentialOutOfDate when the certificate does not cover
    both now and iat.
    """
    # Who asks is settled before what they ask, so a stranger learns nothing about values.
    decision = decide(
        standing,
        caller_authenticated=request.caller_sid is not None,
        requested=request.attest,
    )
    check_origid(origid)
    check_time(request.iat, credential, now)
    payload = passport.shaken_payload(
        decision.level, request.dest_tns, request.iat, request.orig_tn, origid
    )
    if rich is not None and decision.level is Level.A:
        payload = passport.canonical({**msgspec.json.decode(payload), **(rich() or {})})
    token = passport.sign(payload, credential.key, credential.x5u, deterministic=deterministic)
    identity = identity_header.emit(token, credential.x5u)
    return SignedCall(identity, decision, origid, payload, credential.fingerprint)


def check_origid(origid: str) -> None:
    """RFC 8588 section 5: a UUID, in either case of letters."""
    if not UUID.fullmatch(origid):
        raise InvalidClaim("origid", "it is not a UUID")


def check_time(iat: Instant, credential: SigningCredential, now: Instant) -> None:
    """RFC 8224 section 6.1: fresh, and both instants inside the certificate's validity."""
    if not -FRESH <= now - iat <= FRESH:
        raise InvalidClaim("iat", f"it is more than {FRESH} seconds from the present time")
    for at in (now, iat):
        if not credential.not_before <= at <= credential.not_after:
            raise CredentialOutOfDate(f"certificate {credential.fingerprint} does not cover {at}")


def canonical(written: str, parameter: str) -> str:
    """A number in RFC 8224 section 8.3 form; InvalidClaim naming ``parameter`` otherwise."""
    # Nearly every number comes as digits, perhaps with a plus sign, and is then only measured.
    number = written[1:] if written[:1] == "+" else written
    if not (number.isascii() and number.isdecimal()):
        if not _WRITTEN.fullmatch(written):
            raise InvalidClaim(parameter, "a number is 1 to 32 of the characters 0-9*#+.-()")
        number = tn.canonical(written)
    if not 1 <= len(number) <= _LONGEST:
        raise InvalidClaim(parameter, f"a number has 1 to {_LONGEST} digits")
    return number


def e164(number: str) -> str:
    """``+`` and digits for a telephone number; a service number stays as dialled."""
    return f"+{number}" if number.isdecimal() else number
