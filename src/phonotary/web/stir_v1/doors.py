"""The core of every ``/stir/v1`` door: a request as bytes in, an answer as bytes out.

No framework and no server is known here, for every call a provider makes passes: the handler
authenticates, decodes once, calls the service once and answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from phonotary.abreast import Steps
from phonotary.errors import Reason, Refused
from phonotary.shaken.signing import CallToSign, SignedCall
from phonotary.shaken.verdicts import Verdict
from phonotary.shaken.verification import CallToVerify
from phonotary.web.stir_v1 import atis, ms, reading, text
from phonotary.web.stir_v1.answers import (
    Answer,
    Door,
    Given,
    Headers,
    Problem,
    RawHeaders,
    refusal,
    request_id,
)

PREFIX = "/stir/v1/"
SIGNING = "/stir/v1/signing"
VERIFICATION = "/stir/v1/verification"
TEXT_SIGN = "/stir/v1/text/sign"
TEXT_VERIFY = "/stir/v1/text/verify"
_TEXT = "/stir/v1/text/"

_JSON = (b"content-type", b"application/json")
_PLAIN = (b"content-type", b"text/plain")

Authenticate = Callable[[Headers], str | None]
Sign = Callable[[CallToSign], Steps[SignedCall | None]]
SignLater = Callable[[CallToSign], Awaitable[SignedCall]]
VerifyNow = Callable[[CallToVerify, str, str], Steps[Verdict | None]]
Verify = Callable[[CallToVerify, str, str], Awaitable[Verdict]]
"""The call, by which door it came, and from which address."""
Route = Callable[[str, str, Headers, bytes, str], Steps[Given]]
"""Method, query, headers, body, source."""


def doors(
    *,
    authenticate: Authenticate,
    sign: Sign,
    sign_later: SignLater,
    verify_now: VerifyNow | None = None,
    verify: Verify | None = None,
) -> Door:
    """The door to two services.

    ``authenticate`` gives the account that the request's headers prove, or None. ``sign`` signs
    without waiting, or gives None where the key is far away, which ``sign_later`` awaits; both
    raise what AuthenticationService.sign does. ``verify_now`` gives a verdict without waiting, or
    None when a credential must be fetched first, which ``verify`` awaits; without them there is no
    verification, and its paths are not found.

    Every answer carries ``X-RequestID``; a signed one ``X-Phonotary-Attestation`` and
    ``X-Phonotary-Reason``, a failed verification ``X-Phonotary-Case``; one that passed at the text
    door ``X-Phonotary-Rcd``, where there is Rich Call Data.
    """
    one = _Doors(authenticate, sign, sign_later, verify_now, verify)
    routes: dict[str, Route] = {SIGNING: one.signing, TEXT_SIGN: one.text_sign}
    if verify_now is not None and verify is not None:
        routes |= {VERIFICATION: one.verification, TEXT_VERIFY: one.text_verify}

    def door(method: str, target: str, headers: Headers, body: bytes, source: str) -> Steps[Given]:
        route = routes.get(target)
        try:
            if route is None:
                path, _, query = target.partition("?")
                route = routes.get(path)
                if route is None:
                    raise Problem("SVC4003")
                return (yield from route(method, query, headers, body, source))
            return (yield from route(method, "", headers, body, source))
        except Exception as fault:
            return _refused(fault, target, headers, body)

    return door


class _Doors:
    """One method for each path; all have the signature of a route."""

    def __init__(
        self,
        authenticate: Authenticate,
        sign: Sign,
        sign_later: SignLater,
        verify_now: VerifyNow | None,
        verify: Verify | None,
    ) -> None:
        self._authenticate = authenticate
        self._sign = sign
        self._sign_later = sign_later
        self._verify_now = verify_now
        self._verify = verify

    def signing(
        self, method: str, query: str, headers: Headers, body: bytes, source: str
    ) -> Steps[Given]:
        if method != "POST":
            raise Problem("POL4050")
        caller = self._caller(headers)
        reading.fit(headers, body)
        call, write = _to_sign(body, caller, source)
        yield
        signed = yield from self._sign(call)
        if signed is None:
            return self._signed(call, write, SIGNING, headers, body)
        return 200, write(signed), _signed_headers(signed, headers, _JSON)

    def verification(
        self, method: str, query: str, headers: Headers, body: bytes, source: str
    ) -> Steps[Given]:
        if method != "POST":
            raise Problem("POL4050")
        caller = self._caller(headers)
        reading.fit(headers, body)
        dialect = ms if ms.verifies(body) else atis
        call, write = dialect.verification(body, caller)
        yield
        return (yield from self._judged(call, write, VERIFICATION, headers, body, source))

    def text_sign(
        self, method: str, query: str, headers: Headers, body: bytes, source: str
    ) -> Steps[Given]:
        text.fit(method, headers, body)
        caller = self._caller(headers)
        call = text.signing(query, headers, body, caller, source)
        signed = yield from self._sign(call)
        if signed is None:
            return self._signed(call, text.signed, TEXT_SIGN, headers, body)
        return 200, text.signed(signed), _signed_headers(signed, headers, _PLAIN)

    def text_verify(
        self, method: str, query: str, headers: Headers, body: bytes, source: str
    ) -> Steps[Given]:
        text.fit(method, headers, body)
        caller = self._caller(headers)
        call = text.verification(query, headers, body, caller)
        return (yield from self._judged(call, text.verified, TEXT_VERIFY, headers, body, source))

    def _caller(self, headers: Headers) -> str:
        caller = self._authenticate(headers)
        if caller is None:
            raise Refused(Reason.NOT_AUTHENTICATED, "The account's credentials are required.")
        return caller

    async def _signed(
        self,
        call: CallToSign,
        write: Callable[[SignedCall], bytes],
        path: str,
        headers: Headers,
        body: bytes,
    ) -> Answer:
        try:
            signed = await self._sign_later(call)
            kind = _PLAIN if path == TEXT_SIGN else _JSON
            return 200, write(signed), _signed_headers(signed, headers, kind)
        except Exception as fault:
            return _refused(fault, path, headers, body)

    def _judged(
        self,
        call: CallToVerify,
        write: Callable[[Verdict], bytes],
        path: str,
        headers: Headers,
        body: bytes,
        source: str,
    ) -> Steps[Given]:
        kind, by = (_PLAIN, "text") if path == TEXT_VERIFY else (_JSON, "http")
        now, later = self._verify_now, self._verify
        assert now is not None and later is not None, "only then is there such a route"
        verdict = yield from now(call, by, source)
        if verdict is not None:
            return 200, write(verdict), _verified_headers(verdict, headers, kind)

        async def wait() -> Answer:
            try:
                verdict = await later(call, by, source)
                return 200, write(verdict), _verified_headers(verdict, headers, kind)
            except Exception as fault:
                return _refused(fault, path, headers, body)

        return wait()


def _to_sign(
    body: bytes, caller: str, source: str
) -> tuple[CallToSign, Callable[[SignedCall], bytes]]:
    """What is not of the first dialect may be of the other; ATIS-1000082 is the usual one."""
    try:
        asked = atis.signing(body, caller, source)
    except Problem:
        if not ms.signs(body):
            raise
        asked = None
    return asked or ms.signing(body, caller, source)


def _signed_headers(signed: SignedCall, headers: Headers, kind: tuple[bytes, bytes]) -> RawHeaders:
    found = [kind, request_id(headers), (b"x-phonotary-reason", signed.reason.encode())]
    if signed.level is not None:
        found.append((b"x-phonotary-attestation", signed.level.encode()))
    return found


def _verified_headers(verdict: Verdict, headers: Headers, kind: tuple[bytes, bytes]) -> RawHeaders:
    found = [kind, request_id(headers)]
    if verdict.case is not None:
        found.append((b"x-phonotary-case", verdict.case.encode()))
    return found + text.rich(verdict) if kind is _PLAIN else found


def _refused(fault: Exception, target: str, headers: Headers, body: bytes) -> Answer:
    """In the dialect that was spoken, as far as it can be told."""
    said = refusal(fault)
    if target.startswith(_TEXT):
        extra = [_PLAIN, request_id(headers), *said.headers, *text.refused(said)]
        return said.status, b"", extra
    spoken = ms.verifies if target == VERIFICATION else ms.signs
    written = ms.refused(said) if spoken(body) else atis.refused(said)
    return said.status, written, [_JSON, request_id(headers), *said.headers]
