"""The dialect of the Ms reference point: 3GPP TS 24.229 Annex V, Release 17.

The specification itself was not at hand. The names and shapes are those of a vendor's published
description of its Ms server ("TS 24.229, Release 17.10.0"); what that vendor marks as its own
enhancement, or what only excerpts say, is marked so below. Release 18's ``rcdSigning`` and
``rcdVerification`` are not served: nothing at hand says what their bodies look like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from phonotary.shaken.signing import CallToSign, SignedCall
from phonotary.shaken.verdicts import Verdict
from phonotary.shaken.verification import CallToVerify
from phonotary.web.stir_v1.answers import Problem, Refusal
from phonotary.web.stir_v1.reading import number, read

MEDIA = b"application/json"
_RICH = frozenset({"rcd", "rcdi", "crn"})

# The examples write a lone ``tn`` as a string, the schema of ``dest`` as an array: both are read.
_Values = str | tuple[str, ...] | None


class _Party(msgspec.Struct):
    tn: _Values = None
    uri: _Values = None


class _Diverting(_Party):
    hi: str | None = None
    """The index of the diverting user in History-Info."""


class _SigningCall(msgspec.Struct):
    orig: _Party
    dest: _Party
    iat: int
    ppt: str = "shaken"
    attest: str | None = None
    """Not among the vendor's required parameters; without it the lowest level is given."""
    origid: str | None = None
    div: _Diverting | None = None
    identityHeader: str | None = None
    identityHeaders: tuple[str, ...] = ()
    """What a ``div`` continues. Only known of the verification request; read here all the same,
    because RFC 8946 section 4.1 lets nobody sign a ``div`` without looking at it."""
    rcd: dict[str, Any] | None = None
    """From memory: asks for Rich Call Data. Whatever it holds, the approved name is signed."""
    crn: str | None = None
    """From memory: the call reason of RFC 9795."""
    requestId: str | None = None
    """The vendor's enhancement: given back as it came."""
    rph: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    """RFC 8443's priority of a call."""
    sph: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Signing(msgspec.Struct):
    signingRequest: _SigningCall


class _VerificationCall(msgspec.Struct):
    from_: _Party = msgspec.field(name="from")
    to: _Party
    time: int
    dest: _Party | None = None
    """The Request-URI's; ``to`` is the To header's."""
    identityHeader: str | None = None
    """The ``shaken`` one."""
    identityHeaders: tuple[str, ...] = ()
    """The ``div`` (and ``rph``) ones."""
    requestId: str | None = None


class _Verification(msgspec.Struct):
    verificationRequest: _VerificationCall


_signing = msgspec.json.Decoder(_Signing).decode
_verification = msgspec.json.Decoder(_Verification).decode
_encode = msgspec.json.Encoder().encode
_OWN = re.compile(rb'"(?:ppt|uri|div|identityHeaders?|requestId|rcd|crn|rph|sph)"\s*:')


def signs(body: bytes) -> bool:
    """Whether a signing request is of this dialect: it has a key that ATIS-1000082 has not.

    A plain ``shaken`` request without any reads the same in both, and is answered as ATIS does;
    ``"ppt":"shaken"`` in it gets this dialect's answer.
    """
    return _OWN.search(body) is not None


def verifies(body: bytes) -> bool:
    """Whether a verification request is of this dialect: no such request lacks the key."""
    return b'"identityHeader' in body


def signing(
    body: bytes, caller: str, source: str
) -> tuple[CallToSign, Callable[[SignedCall], bytes]]:
    """The call that a body asks to sign, and what writes the answer to it."""
    call = read(_signing, body).signingRequest
    for name, given in (("rph", call.rph), ("sph", call.sph)):
        if given is not msgspec.UNSET:
            # A call signed without it would be taken for one of no priority.
            raise Problem("SVC4005", name, "this service signs no priority of a call")
    asked = CallToSign(
        caller_sid=caller,
        orig=_single(call.orig, "orig"),
        dest=_written(call.dest, "dest"),
        iat=call.iat,
        attest=call.attest,
        origid=call.origid,
        ppt=call.ppt,
        div=None if call.div is None else _single(call.div, "div"),
        hi=call.div.hi if call.div else None,
        identities=_identities(call),
        rcd=call.rcd is not None,
        crn=call.crn,
        door="http",
        source=source,
    )
    if asked.ppt == "div" and asked.div is None:
        raise Problem("SVC4001", "div")
    return asked, partial(_signed, call.requestId)


def verification(body: bytes) -> tuple[CallToVerify, Callable[[Verdict], bytes]]:
    """The call that a body asks to verify, and what writes the answer to it."""
    call = read(_verification, body).verificationRequest
    if call.time < 0:
        raise Problem("SVC4005", "time", "it is before 1970")
    identities = _identities(call)
    if not identities:
        raise Problem("SVC4001", "identityHeader")
    # ``to`` is the caller's to write; where the client says what is really called, that decides.
    called = ("to", call.to) if call.dest is None else ("dest", call.dest)
    asked = CallToVerify(
        orig=_single(call.from_, "from"),
        dest=_written(called[1], called[0]),
        time=call.time,
        identities=identities,
    )
    return asked, partial(_verified, call.requestId, identities)


def refused(refusal: Refusal) -> bytes:
    return _encode({"error": refusal.sentence})


def _identities(call: _SigningCall | _VerificationCall) -> tuple[str, ...]:
    first = () if call.identityHeader is None else (call.identityHeader,)
    return first + call.identityHeaders


def _written(party: _Party, parameter: str) -> tuple[str, ...]:
    """Every number and URI of a party; at least one."""
    if party.tn is None and party.uri is None:
        raise Problem("SVC4001", f"{parameter}.tn")
    found = [number(one, parameter) for one in _each(party.tn)]
    for uri in _each(party.uri):
        if ":" not in uri:
            raise Problem("SVC4005", parameter, "a uri begins with its scheme")
        found.append(uri)
    if not found:
        raise Problem("SVC4005", parameter, "it names nobody")
    return tuple(found)


def _single(party: _Party, parameter: str) -> str:
    found = _written(party, parameter)
    if len(found) != 1:
        raise Problem("SVC4005", parameter, "it names more than one party")
    return found[0]


def _each(values: _Values) -> Sequence[str]:
    if values is None:
        return ()
    return (values,) if isinstance(values, str) else values


def _signed(request_id: str | None, signed: SignedCall) -> bytes:
    return _response("signingResponse", {"identityHeader": signed.identity}, request_id)


def _verified(request_id: str | None, identities: tuple[str, ...], verdict: Verdict) -> bytes:
    each = verdict.each or (verdict,)
    tokens = [one.partition(";")[0] for one in identities]
    # Values may have been joined with commas: then nothing says which token failed.
    known = len(tokens) == len(each)
    said: dict[str, Any] = {"verstatValue": verdict.verstat}
    if diverting := [_div_result(one) for one in each if one.ppt == "div" and one.passport]:
        said["divResult"] = diverting
    said["verifyResults"] = [
        {"verifyResult": _verify_result(one, tokens[place] if known else None, verdict.rcd)}
        for place, one in enumerate(each)
    ]
    return _response("verificationResponse", said, request_id)


def _div_result(verdict: Verdict) -> dict[str, Any]:
    said = verdict.passport.payload.get("div") if verdict.passport else None
    return {"div": said, "verstatValue": verdict.verstat}


def _verify_result(
    verdict: Verdict, token: str | None, shown: Mapping[str, Any] | None
) -> dict[str, Any]:
    """``ppt`` and ``status`` are always present; of an unreadable header the type is unknown."""
    result: dict[str, Any] = {"ppt": verdict.ppt or "", "status": "fail"}
    if verdict.passed:
        result["status"] = "pass"
        if verdict.passport is not None:
            result["validClaims"] = _valid(verdict, verdict.passport.payload, shown)
        return result
    result |= {
        "reasonCode": verdict.code,
        "reasonText": verdict.text,
        "reasonDescription": verdict.desc,
    }
    if token is not None:
        result["passport"] = token
    return result


def _valid(
    verdict: Verdict, claims: Mapping[str, Any], shown: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """The claims of a header that passed. Rich Call Data only where the whole verdict shows it:
    whoever reads ``validClaims`` puts the name on a display, and neither one that breaks its digest
    nor one that a third party signed belongs there."""
    if shown is not None and verdict.rcd == shown:
        return claims
    return {name: value for name, value in claims.items() if name not in _RICH}


def _response(kind: str, said: dict[str, Any], request_id: str | None) -> bytes:
    if request_id is not None:
        said["requestId"] = request_id
    return _encode({kind: said})
