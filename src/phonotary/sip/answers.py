"""What each outcome looks like in SIP: a status, and the headers that the proxy takes along."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any

from phonotary import tn
from phonotary.errors import Reason, Refused
from phonotary.shaken.attestation import Level
from phonotary.shaken.origids import UUID
from phonotary.shaken.signing import CredentialOutOfDate, InvalidClaim, SignedCall, e164
from phonotary.shaken.verdicts import Verdict, Verstat
from phonotary.sip.addresses import Address
from phonotary.sip.calls import Call
from phonotary.sip.messages import quoted

Answer = tuple[int, tuple[str, ...]]

# Identity headers whose failure is reported; more are counted among the noise.
_MOST_REASONS = 8
_LONGEST_NAME = 128
# Of a sentence: some repeat what a caller or a signer has written.
_LONGEST_WHY = 256
# RFC 3323 section 4.1.1.3: who is meant when From names nobody.
_NOBODY = Address("sip", "anonymous", "", "anonymous.invalid", "", None)
BUSY = ("Retry-After: 1", "X-Phonotary-Reason: busy")
UNAVAILABLE = (503, ("Retry-After: 1", "X-Phonotary-Reason: unavailable"))


class Then(StrEnum):
    """What the proxy is told to do with a call."""

    PROCEED = auto()
    BLOCK = auto()


@dataclass(frozen=True, slots=True)
class Policy:
    """The provider's own choices, and the bounds of this door."""

    unsigned: Then = Then.PROCEED
    """A call that cannot be signed: 404, which proxies take for "go on without", or 603."""
    failed: Then = Then.PROCEED
    """A call with TN-Validation-Failed: 302 that says so, or 603."""
    blocking: frozenset[Reason] = frozenset({Reason.ACCOUNT_NOT_ACTIVE})
    """Refusals that are 603 whatever ``unsigned`` says: a suspended customer's calls."""
    kept: int = 32_768
    """Responses kept for retransmissions, each with some 250 bytes of memory besides."""
    kept_bytes: int = 64 * 1024 * 1024
    """Bytes of all responses that are kept; a usual one has 1 kB, none has more than 32 kB."""
    in_flight: int = 256
    """Calls that wait at one time for a credential or for a key; the next is answered 503."""
    notices: int = 1_024
    """NOTIFYs over UDP that wait to be answered at one time; a SUBSCRIBE beyond is answered 503."""
    strangers: int = 10
    """Messages a second from addresses of no trunk that are looked at; all others are dropped
    unread."""


def signed(call: Call, done: SignedCall) -> Answer:
    """302 with the Identity header for the proxy to add."""
    return 302, (
        f"Contact: <{call.uri}>",
        f"Identity: {done.identity}",
        f"P-Attestation-Indicator: {done.level}",
        *_origination(done.origid),
        f"X-Phonotary-Reason: {done.reason}",
    )


def diverted(call: Call, done: SignedCall) -> Answer:
    """302 with a ``div`` Identity, which is added to those the request has (RFC 8946)."""
    return 302, (
        f"Contact: <{call.uri}>",
        f"Identity: {done.identity}",
        f"X-Phonotary-Reason: {done.reason}",
    )


def unsigned(reason: str, because: str) -> Answer:
    """404: nothing to add, go on."""
    return 404, _why(reason, because)


def refusal(reason: str, because: str, policy: Policy) -> Answer:
    """What cannot be signed: the provider's policy says whether the call goes on."""
    if policy.unsigned is Then.PROCEED:
        return unsigned(reason, because)
    return _blocked(reason, because)


def failed(fault: Exception, policy: Policy) -> Answer:
    """The answer when signing raised: a rule's no, or 503 for a fault of ours."""
    if isinstance(fault, InvalidClaim):
        return refusal(f"invalid-{fault.parameter}", fault.because, policy)
    if isinstance(fault, Refused) and fault.reason is not Reason.UNAVAILABLE:
        reason = _dashed(fault.reason)
        if fault.reason in policy.blocking:
            return _blocked(reason, fault.because)
        return refusal(reason, fault.because, policy)
    if isinstance(fault, CredentialOutOfDate):
        return 503, ("X-Phonotary-Reason: credential-out-of-date",)
    return UNAVAILABLE


def verified(
    call: Call, verdict: Verdict, name_of: Callable[[str], str | None], policy: Policy
) -> Answer:
    """302 with the caller and ``verstat``, or 603 where the policy blocks a failed validation."""
    reasons = _reasons(verdict)
    why = f"X-Phonotary-Reason: {verdict.reason or 'verified'}"
    if verdict.verstat is Verstat.FAILED and policy.failed is Then.BLOCK:
        return 603, (*reasons, why)
    lines = [f"Contact: <{call.uri}>", *_asserted(call, verdict, name_of)]
    if _proven(call, verdict):
        if verdict.attest:
            lines.append(f"P-Attestation-Indicator: {verdict.attest}")
        lines += _origination(verdict.origid)
    return 302, (*lines, *reasons, why)


def unjudged(call: Call, fault: Exception) -> Answer:
    """A call that is not fit to be verified goes on with No-TN-Validation; a fault of ours is 503,
    and the proxy goes on as it does without us."""
    if not isinstance(fault, Refused) or fault.reason is Reason.UNAVAILABLE:
        return UNAVAILABLE
    none = Verdict(Verstat.NONE)
    lines = (f"Contact: <{call.uri}>", *_asserted(call, none, lambda number: None))
    return 302, (*lines, *_why(_dashed(fault.reason), fault.because))


def _asserted(
    call: Call, verdict: Verdict, name_of: Callable[[str], str | None]
) -> tuple[str, ...]:
    """P-Asserted-Identity with ``verstat`` (3GPP TS 24.229 section 7.2A.20), always: it replaces
    whatever the caller has written there."""
    proven = _proven(call, verdict)
    stated = verdict.verstat if proven or not verdict.passed else Verstat.NONE
    caller = call.caller if call.caller and call.caller.user else _NOBODY
    name = _name(call, verdict, name_of) if proven else None
    shown = f"{quoted(name[:_LONGEST_NAME])} " if name else ""
    return (f"P-Asserted-Identity: {shown}<{caller.with_verstat(stated)}>",)


def _proven(call: Call, verdict: Verdict) -> bool:
    """``verstat`` speaks of telephone numbers: a URI that was signed is no validated number."""
    return verdict.passed and call.orig is not None


def _name(call: Call, verdict: Verdict, name_of: Callable[[str], str | None]) -> str | None:
    """The name that was signed with the call (RFC 9795), else the one that is on record.

    Only with an A: below it the signer does not say that this caller may use this number, and a
    name would lend credit to whoever does.
    """
    if call.orig is None or verdict.attest is not Level.A:
        return None
    said = (_own_rcd(verdict) or {}).get("rcd")
    name = said.get("nam") if isinstance(said, Mapping) else None
    if isinstance(name, str) and name:
        return name
    return name_of(e164(tn.canonical(call.orig)))


def _own_rcd(verdict: Verdict) -> Mapping[str, Any] | None:
    """What the very PASSporT that passed says of the caller: a header beside it may be another
    signer's, who answers for neither the number nor the call."""
    for one in verdict.each:
        if one.passed and one.ppt == "shaken" and one.passport is verdict.passport is not None:
            return one.rcd
    return None


def _origination(origid: str | None) -> tuple[str, ...]:
    """A signer may write any text there; RFC 8588 section 5 has a UUID."""
    fit = origid is not None and UUID.fullmatch(origid)
    return (f"P-Origination-ID: {origid}",) if fit else ()


def _reasons(verdict: Verdict) -> tuple[str, ...]:
    """RFC 9410: one Reason of protocol STIR for each Identity header that failed. The header is
    named by its signature, the compact form, which tells nothing about the call."""
    found = [one for one in (verdict.each or (verdict,)) if one.code is not None]
    if not found and verdict.code is not None:
        found = [verdict]
    lines = []
    for one in found[:_MOST_REASONS]:
        line = f"Reason: STIR;cause={one.code};text={quoted(one.text)}"
        if one.passport is not None and len(found) > 1:
            mark = base64.urlsafe_b64encode(one.passport.signature).rstrip(b"=").decode("ascii")
            line += f';ppi="..{mark}"'
        lines.append(line)
    return tuple(lines)


def _blocked(reason: str, because: str) -> Answer:
    text = quoted(because[:_LONGEST_WHY])
    return 603, (f"Reason: SIP;cause=603;text={text}", f"X-Phonotary-Reason: {reason}")


def _why(reason: str, because: str) -> tuple[str, ...]:
    """For programs and for people (RFC 3261 section 20.43)."""
    text = quoted(because[:_LONGEST_WHY])
    return f"Warning: 399 phonotary {text}", f"X-Phonotary-Reason: {reason}"


def _dashed(reason: Reason) -> str:
    return reason.replace("_", "-")
