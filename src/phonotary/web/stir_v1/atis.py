"""The dialect of ATIS-1000082, as three open servers and a vendor's SBC agree on it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from phonotary.shaken.signing import CallToSign, SignedCall
from phonotary.shaken.verdicts import Verdict
from phonotary.shaken.verification import CallToVerify
from phonotary.web.stir_v1.answers import Problem, Refusal
from phonotary.web.stir_v1.reading import number, read

MEDIA = b"application/json"


# Keys of the Ms dialect, never read here. They are looked for while the body is parsed: to look
# through it before would cost more than the parsing.
_Absent = msgspec.Raw | msgspec.UnsetType


class _One(msgspec.Struct):
    tn: str
    uri: _Absent = msgspec.UNSET


class _Many(msgspec.Struct):
    tn: tuple[str, ...]
    uri: _Absent = msgspec.UNSET


class _SigningCall(msgspec.Struct):
    attest: str
    orig: _One
    dest: _Many
    iat: int
    origid: str
    ppt: _Absent = msgspec.UNSET
    div: _Absent = msgspec.UNSET
    identityHeader: _Absent = msgspec.UNSET
    identityHeaders: _Absent = msgspec.UNSET
    requestId: _Absent = msgspec.UNSET
    rcd: _Absent = msgspec.UNSET
    crn: _Absent = msgspec.UNSET
    rph: _Absent = msgspec.UNSET
    sph: _Absent = msgspec.UNSET

    @property
    def is_plain(self) -> bool:
        """Whether none of those keys is there."""
        unset = msgspec.UNSET
        return (
            self.ppt is self.div is self.requestId is self.rph is self.sph is unset
            and self.identityHeader is self.identityHeaders is self.rcd is self.crn is unset
            and self.orig.uri is self.dest.uri is unset
        )


class _Signing(msgspec.Struct):
    signingRequest: _SigningCall


class _VerificationCall(msgspec.Struct):
    from_: _One = msgspec.field(name="from")
    to: _Many
    time: int
    identity: str | tuple[str, ...]
    """ATIS writes one value. Several headers come as an array here, or joined with commas."""


class _Verification(msgspec.Struct):
    verificationRequest: _VerificationCall


class _Signed(msgspec.Struct):
    identity: str


class _SigningResponse(msgspec.Struct):
    signingResponse: _Signed


class _Verified(msgspec.Struct, omit_defaults=True):
    verstat: str
    reasoncode: int | None = None
    """A number: Oracle's SBC reads a string as no reason at all."""
    reasontext: str | None = None
    reasondesc: str | None = None


class _VerificationResponse(msgspec.Struct):
    verificationResponse: _Verified


_signing = msgspec.json.Decoder(_Signing).decode
_verification = msgspec.json.Decoder(_Verification).decode
_encode = msgspec.json.Encoder().encode


def signing(
    body: bytes, caller: str, source: str
) -> tuple[CallToSign, Callable[[SignedCall], bytes]] | None:
    """The call that a body asks to sign, and what writes the answer to it; None when a key in it
    is not of this dialect."""
    call = read(_signing, body).signingRequest
    if not call.is_plain:
        return None
    asked = CallToSign(
        caller_sid=caller,
        orig=call.orig.tn,
        dest=call.dest.tn,
        iat=call.iat,
        attest=call.attest,
        origid=call.origid,
        door="http",
        source=source,
    )
    return asked, _signed


def verification(body: bytes, caller: str) -> tuple[CallToVerify, Callable[[Verdict], bytes]]:
    """The call that a body asks to verify for ``caller``, and what writes the answer to it."""
    call = read(_verification, body).verificationRequest
    if not call.to.tn:
        raise Problem("SVC4005", "to", "it names no number")
    if call.time < 0:
        raise Problem("SVC4005", "time", "it is before 1970")
    asked = CallToVerify(
        orig=number(call.from_.tn, "from"),
        dest=tuple([number(one, "to") for one in call.to.tn]),
        time=call.time,
        identities=(call.identity,) if isinstance(call.identity, str) else call.identity,
        caller_sid=caller,
    )
    return asked, _verified


def _signed(signed: SignedCall) -> bytes:
    return _encode(_SigningResponse(_Signed(signed.identity)))


def _verified(verdict: Verdict) -> bytes:
    if verdict.passed:
        return _encode(_VerificationResponse(_Verified(verdict.verstat.value)))
    return _encode(
        _VerificationResponse(
            _Verified(verdict.verstat.value, verdict.code, verdict.text, verdict.desc)
        )
    )


def refused(refusal: Refusal) -> bytes:
    kind = "serviceException" if refusal.identifier.startswith("SVC") else "policyException"
    said = {
        "messageId": refusal.identifier,
        "text": refusal.text,
        "variables": refusal.variables,
    }
    return _encode({"requestError": {kind: said}})
