"""What each outcome looks like in SIP: a status, and the headers that the proxy takes along."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any

from phonotary import tn
from phonotary.errors import Reason, Refused
from phonotary.shaken.signing import CredentialOutOfDate, InvalidClaim, SignedCall, e164
from phonotary.shaken.verdicts import Verdict, Verstat
from phonotary.sip.calls import Call
from phonotary.sip.messages import quoted

Answer = tuple[int, tuple[str, ...]]

# Identity headers whose failure is reported; more are counted among the noise.
_MOST_REASONS = 8
_LONGEST_NAME = 128


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
    """Responses kept for retransmissions; about 2 kB each."""
    in_flight: int = 256
    """Verifications that wait for a credential at one time; the next is answered 503."""
    strangers: int = 10
    """Answers a second to addresses of no trunk."""


def signed(call: Call, done: SignedCall) -> Answer:
    """302 with the Identity header for the proxy to add."""
    return 302, (
        f"Contact: <{call.uri}>",
        f"Identity: {done.identity}",
        f"P-Attestation-Indicator: {done.level}",
        f"P-Origination-ID: {done.origid}",
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
    return 503, ("Retry-After: 1", "X-Phonotary-Reason: unavailable")


def verified(
    call: Call, verdict: Verdict, name_of: Callable[[str], str | None], policy: Policy
) -> Answer:
    """302 with the caller and ``verstat``, or 603 where the policy blocks a failed validation."""
    reasons = _reasons(verdict)
    why = f"X-Phonotary-Reason: {verdict.reason or 'verified'}"
    if verdict.verstat is Verstat.FAILED and policy.failed is Then.BLOCK:
        return 603, (*reasons, why)
    lines = [f"Contact: <{call.uri}>", *_asserted(call, verdict, name_of)]
    if verdict.passed and verdict.attest:
        lines.append(f"P-Attestation-Indicator: {verdict.attest}")
    if verdict.passed and verdict.origid:
        lines.append(f"P-Origination-ID: {verdict.origid}")
    return 302, (*lines, *reasons, why)


def unjudged(call: Call, fault: Exception) -> Answer:
    """A call that is not fit to be verified goes on with No-TN-Validation; a fault of ours is 503,
    and the proxy goes on as it does without us."""
    if not isinstance(fault, Refused) or fault.reason is Reason.UNAVAILABLE:
        return 503, ("Retry-After: 1", "X-Phonotary-Reason: unavailable")
    none = Verdict(Verstat.NONE)
    lines = (f"Contact: <{call.uri}>", *_asserted(call, none, lambda number: None))
    return 302, (*lines, *_why(_dashed(fault.reason), fault.because))


def _asserted(
    call: Call, verdict: Verdict, name_of: Callable[[str], str | None]
) -> tuple[str, ...]:
    """P-Asserted-Identity with ``verstat`` (3GPP TS 24.229 section 7.2A.20) and, for a caller
    whose number is proven, the name. A name beside an unproven number would lend it credit."""
    caller = call.caller
    if caller is None or not caller.user:
        return ()
    name = _name(call, verdict.rcd, name_of) if verdict.passed else None
    shown = f"{quoted(name[:_LONGEST_NAME])} " if name else ""
    return (f"P-Asserted-Identity: {shown}<{caller.with_verstat(verdict.verstat)}>",)


def _name(
    call: Call, rcd: Mapping[str, Any] | None, name_of: Callable[[str], str | None]
) -> str | None:
    """The name that was signed with the call (RFC 9795), else the one that is on record."""
    said = (rcd or {}).get("rcd")
    name = said.get("nam") if isinstance(said, Mapping) else None
    if isinstance(name, str) and name:
        return name
    return name_of(e164(tn.canonical(call.orig))) if call.orig else None


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
    return 603, (f"Reason: SIP;cause=603;text={quoted(because)}", f"X-Phonotary-Reason: {reason}")


def _why(reason: str, because: str) -> tuple[str, ...]:
    """For programs and for people (RFC 3261 section 20.43)."""
    return f"Warning: 399 phonotary {quoted(because)}", f"X-Phonotary-Reason: {reason}"


def _dashed(reason: Reason) -> str:
    return reason.replace("_", "-")
