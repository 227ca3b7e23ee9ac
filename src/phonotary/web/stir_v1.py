"""The ATIS-1000082 door to the signing room, and the certificate repository beside it.

Bare ASGI on purpose: every call a provider makes passes here, and a framework would cost more
than the signature. The handler decodes, asks for the standing, calls the room once and answers.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import msgspec

from phonotary import sids
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.shaken.certificates import SigningCredential
from phonotary.shaken.ports import Standing, StandingOf
from phonotary.shaken.signing import (
    InvalidClaim,
    SignedCall,
    SigningRequest,
    sign_call,
    signing_request,
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]
Sign = Callable[[SigningRequest, Standing, SigningCredential, Instant, str], SignedCall]
RawHeaders = list[tuple[bytes, bytes]]
Answer = tuple[int, bytes, RawHeaders]
Headers = Mapping[str, str]
"""Names in lower case; a header sent twice is joined with a comma (RFC 9110 section 5.3)."""

SIGNING = "/stir/v1/signing"

# A request for one call is under 400 bytes; this leaves room for a hundred and more destinations.
MAX_BODY = 16_384

_JSON = "application/json"
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_MISSING = re.compile(r"missing required field `(\w+)`(?: - at `\$\.signingRequest\.(\w+)`)?")
_AT_CLAIM = re.compile(r" - at `\$\.signingRequest\.(\w+)")
_log = logging.getLogger(__name__)

# ATIS-1000082's whole table: identifier to HTTP status and text. No identifier is added to it.
_ERRORS = {
    "SVC4000": (400, "Error: Missing request body."),
    "SVC4001": (400, "Error: Missing mandatory parameter '%1'."),
    "SVC4002": (406, "Error: Requested response body type '%1' is not supported."),
    "SVC4003": (404, "Error: Requested resource was not found."),
    "SVC4004": (415, "Error: Unsupported request body type, expected '%1'."),
    "SVC4005": (400, "Error: Invalid '%1' parameter value: %2."),
    "SVC4006": (400, "Error: Failed to parse received message body: %1."),
    "SVC4007": (411, "Error: Missing mandatory Content-Length header."),
    "POL4050": (405, "Error: Method not allowed"),
    "POL5000": (500, "Error: Internal Server Error. Please try again later."),
}
# Refusals the table has no identifier for: these carry the HTTP status and an empty identifier.
_UNLISTED = {Reason.NOT_AUTHENTICATED: 401, Reason.ACCOUNT_NOT_ACTIVE: 403, Reason.FORBIDDEN: 403}
_CHALLENGE = (b"www-authenticate", b'Basic realm="phonotary", charset="UTF-8"')


class _Orig(msgspec.Struct):
    tn: str


class _Dest(msgspec.Struct):
    tn: list[str]


class _Call(msgspec.Struct):
    attest: str
    orig: _Orig
    dest: _Dest
    iat: int
    origid: str


class _Body(msgspec.Struct):
    signingRequest: _Call


_decode = msgspec.json.Decoder(_Body).decode
_encode = msgspec.json.Encoder().encode


class _Problem(Exception):
    """One line of the error table, with what stands for %1 and %2."""

    def __init__(self, identifier: str, *variables: str) -> None:
        super().__init__(identifier)
        self.identifier = identifier
        self.variables = variables


class _Gone(Exception):
    """The client went away before its body was complete; nobody is left to answer."""


def app(
    *,
    authenticate: Callable[[Headers], str | None],
    standing_of: StandingOf,
    credential: Callable[[], SigningCredential],
    now: Callable[[], Instant],
    sign: Sign = sign_call,
) -> AsgiApp:
    """``POST /stir/v1/signing`` as an ASGI application; the paths it sees are whole.

    ``authenticate`` gives the account that the request's headers prove, or None. ``credential``
    is asked per call, so that a renewed certificate needs no restart. Every answer carries
    ``X-RequestID``; a signed one also ``X-Phonotary-Attestation`` and ``X-Phonotary-Reason``.
    """

    async def answer(scope: Message, headers: Headers, receive: Receive) -> SignedCall:
        _route(scope)
        caller = authenticate(headers)
        if caller is None:
            raise Refused(Reason.NOT_AUTHENTICATED, "The account's credentials are required.")
        call = _read(await _body(headers, receive))
        request = signing_request(
            caller_sid=caller,
            orig=call.orig.tn,
            dest=call.dest.tn,
            iat=call.iat,
            attest=call.attest,
        )
        standing = standing_of(request.orig_e164, caller)
        return sign(request, standing, credential(), now(), call.origid)

    async def serve(scope: Message, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        try:
            status, body, extra = _signed(await answer(scope, headers, receive))
        except _Gone:
            return
        except _Problem as problem:
            status, body, extra = _listed(problem)
        except InvalidClaim as invalid:
            status, body, extra = _listed(_Problem("SVC4005", invalid.parameter, str(invalid)))
        except Exception as fault:
            status, body, extra = _fallen(fault)
        await _send(send, status, body, [_request_id(headers), *extra], _JSON)

    return serve


def certs_app(chain_pem_by_name: Mapping[str, bytes]) -> AsgiApp:
    """``GET /certs/<name>``: the chain of that name, leaf first (RFC 9060 section 5).

    The mapping is read at each request. A name stands for one certificate for ever (it holds the
    fingerprint), so verifiers may keep what they fetched for a day.
    """

    async def serve(scope: Message, receive: Receive, send: Send) -> None:
        head = scope["method"] == "HEAD"
        chain = chain_pem_by_name.get(scope["path"].removeprefix("/certs/"))
        if not head and scope["method"] != "GET":
            await _send(send, 405, b"", [(b"allow", b"GET, HEAD")], "text/plain")
        elif chain is None:
            await _send(send, 404, b"No such certificate\n", [], "text/plain", head=head)
        else:
            kept = [(b"cache-control", b"public, max-age=86400")]
            await _send(send, 200, chain, kept, "application/pem-certificate-chain", head=head)

    return serve


def _route(scope: Message) -> None:
    if scope["path"] != SIGNING:
        raise _Problem("SVC4003")
    if scope["method"] != "POST":
        raise _Problem("POL4050")


def _headers(scope: Message) -> Headers:
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


async def _body(headers: Headers, receive: Receive) -> bytes:
    """The request's body, after its headers have been found fit."""
    accept = headers.get("accept")
    if accept is not None and not _admits_json(accept):
        raise _Problem("SVC4002", accept)
    if headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        raise _Problem("SVC4004", _JSON)
    length = headers.get("content-length")
    if length is None:
        raise _Problem("SVC4007")
    if not re.fullmatch(r"[0-9]{1,18}", length):
        raise _Problem("SVC4005", "Content-Length", "it is not a number of bytes")
    if int(length) == 0:
        raise _Problem("SVC4000")
    _bounded(int(length))
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        _bounded(len(body))
        more = message.get("more_body", False)
    return body


def _bounded(size: int) -> None:
    if size > MAX_BODY:
        raise _Problem("SVC4006", f"it is longer than {MAX_BODY} bytes")


def _admits_json(accept: str) -> bool:
    """RFC 9110 section 12.5.1: the most specific range that matches decides, and q=0 excludes."""
    weights: dict[str, bool] = {}
    for part in accept.lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        refused = any(re.fullmatch(r"q\s*=\s*0(\.0{0,3})?", one) for one in parameters)
        weights[media] = not refused
    ranges = (_JSON, "application/*", "*/*")
    return next((weights[one] for one in ranges if one in weights), False)


def _read(body: bytes) -> _Call:
    """The call, or the line of the error table that names the parameter at fault.

    A parameter inside ``orig`` or ``dest`` is reported under that name, as other ATIS-1000082
    servers do.
    """
    try:
        return _decode(body).signingRequest
    except msgspec.ValidationError as fault:
        said = str(fault)
        if missing := _MISSING.search(said):
            inner, outer = missing[1], missing[2]
            raise _Problem("SVC4001", f"{outer}.{inner}" if outer else inner) from fault
        sentence = said.partition(" - at ")[0].replace("`", "").lower()
        if claim := _AT_CLAIM.search(said):
            raise _Problem("SVC4005", claim[1], sentence) from fault
        raise _Problem("SVC4006", sentence) from fault
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise _Problem("SVC4006", "it is not JSON") from fault


def _signed(signed: SignedCall) -> Answer:
    level, reason = signed.decision.level.encode(), signed.decision.reason.encode()
    extra = [(b"x-phonotary-attestation", level), (b"x-phonotary-reason", reason)]
    return 200, _encode({"signingResponse": {"identity": signed.identity}}), extra


def _listed(problem: _Problem) -> Answer:
    status, text = _ERRORS[problem.identifier]
    extra = [(b"allow", b"POST")] if status == 405 else []
    return status, _error(problem.identifier, text, problem.variables), extra


def _fallen(fault: Exception) -> Answer:
    """A refusal without an identifier in the table, or a fault of ours, which only the log sees."""
    if isinstance(fault, Refused) and fault.reason in _UNLISTED:
        status = _UNLISTED[fault.reason]
        extra = [_CHALLENGE] if status == 401 else []
        return status, _error("", f"Error: {fault.because}", ()), extra
    _log.error("signing failed", exc_info=fault)
    return _listed(_Problem("POL5000"))


def _error(identifier: str, text: str, variables: tuple[str, ...]) -> bytes:
    kind = "serviceException" if identifier.startswith("SVC") else "policyException"
    said = {"messageId": identifier, "text": text, "variables": variables}
    return _encode({"requestError": {kind: said}})


def _request_id(headers: Headers) -> tuple[bytes, bytes]:
    """The caller's own identifier when it is fit for a header, else a new one."""
    given = headers.get("x-requestid", "")
    if not _REQUEST_ID.fullmatch(given):
        given = str(uuid.UUID(hex=sids.mint(""), version=4))
    return b"x-requestid", given.encode("ascii")


async def _send(
    send: Send, status: int, body: bytes, extra: RawHeaders, media: str, *, head: bool = False
) -> None:
    size, kind = str(len(body)).encode(), media.encode()
    headers = [(b"content-type", kind), (b"content-length", size), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})
