"""One PASSporT against the credential it names: the steps that come after the fetch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.shaken import passport, rcd
from phonotary.shaken.attestation import Level
from phonotary.shaken.chains import Defect, Untrusted, ValidChain
from phonotary.shaken.verdicts import Unobtainable, Verdict, Verstat, failed
from phonotary.shaken.verification_claims import Candidate

Credential = ValidChain | Unobtainable | Untrusted

_LEVELS = {str(level): level for level in Level}
# What rcdi says of a URL is for whoever fetches it; the draft's form is that of a large service.
_HARMLESS = frozenset({"rcdi-unfetched", "rcdi-missing", "rcdi-mismatch-unquoted-draft-form"})
_DEFECTS = {
    Defect.REVOKED: "revoked",
    Defect.EXPIRED: "certificate-not-valid-now",
    Defect.NOT_YET_VALID: "certificate-not-valid-now",
    # E17 says that the caller's chain does not hold. These are about ourselves, so they say only
    # that there is no verdict.
    Defect.NO_ANCHORS: "no-anchors",
    Defect.NO_REVOCATION_LIST: "no-current-revocations",
    Defect.STALE_REVOCATION_LIST: "no-current-revocations",
}


def judge(candidate: Candidate, credential: Credential | None, now: Instant) -> Verdict:
    """The verdict of one header; a replay, and what it is to the call, are found later."""
    if not isinstance(credential, ValidChain):
        return _without(candidate, credential)
    found = candidate.passport
    payload = found.payload
    reason, because = _fault(candidate, credential, now)
    if reason:
        return failed(
            reason,
            because,
            passport=found,
            ppt=candidate.ppt,
            fingerprint=credential.fingerprint,
        )
    shown, notes = _rich(payload) if "rcd" in payload or "crn" in payload else (None, ())
    return Verdict(
        Verstat.PASSED,
        attest=_LEVELS[payload["attest"]] if candidate.ppt == "shaken" else None,
        origid=payload["origid"] if candidate.ppt == "shaken" else None,
        ppt=candidate.ppt,
        fingerprint=credential.fingerprint,
        iat=candidate.iat,
        passport=found,
        rcd=shown,
        notes=notes,
    )


def _without(candidate: Candidate, credential: Unobtainable | Untrusted | None) -> Verdict:
    reason, because = "repository-unavailable", ""
    if isinstance(credential, Untrusted):
        reason = _DEFECTS.get(credential.defect, "untrusted")
        because = credential.because
    elif credential is not None:
        because = credential.because
    return failed(reason, because, passport=candidate.passport, ppt=candidate.ppt)


def _fault(candidate: Candidate, chain: ValidChain, now: Instant) -> tuple[str, str]:
    """The row of the first step that fails, and a sentence; two empty texts when none does."""
    if not chain.not_before <= now <= chain.not_after:
        return "certificate-not-valid-now", ""
    if not chain.not_before <= candidate.iat <= chain.not_after:
        return "iat-outside-certificate", ""
    found = candidate.passport
    try:
        passport.check(found, chain.public_key)
    except Refused:
        return "signature", ""
    if candidate.ppt == "shaken":
        if found.payload["attest"] not in _LEVELS:
            return "attest", ""
        if chain.is_delegate and not candidate.delegate:
            return "delegate-signed-shaken", ""
    # A provider code might speak for any number: which ones, no certificate says.
    if chain.spc is None and _covered(candidate, chain) is False:
        return "scope-exceeded", ""
    if chain.constraints is not None:
        violations = chain.constraints.violations(found.payload)
        if violations:
            return "constraint-violated", violations[0]
    return "", ""


def _covered(candidate: Candidate, chain: ValidChain) -> bool | None:
    """A ``div`` is signed with authority over the number it leaves, not over the caller's (RFC
    8946 section 4.1). A list of numbers says nothing of a URI."""
    spoken_for = candidate.div or candidate.passport.orig
    return chain.covers(spoken_for.value) if spoken_for.kind == "tn" else False


def _rich(payload: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """The claims ``rcd`` and ``crn`` to show. What they point to is not fetched for a verdict, so
    only what the token holds itself is compared with ``rcdi``; when that does not hold, nothing
    is shown (RFC 9795 section 8 [M])."""
    findings = rcd.integrity(payload, {})
    notes = tuple([one.because for one in findings])
    if any(one.code not in _HARMLESS for one in findings):
        return None, notes
    return {name: payload[name] for name in ("rcd", "crn") if name in payload}, notes
