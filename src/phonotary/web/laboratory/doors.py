"""Everything below ``/lab/``, as a bare ASGI application: bytes in, one room call, bytes out."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

import msgspec

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.shaken.laboratory.acme import JSON, PROBLEM, Reply, Server, with_nonce
from phonotary.shaken.laboratory.laboratory import STI_PA, Laboratory
from phonotary.shaken.laboratory.problems import Kind, Problem, malformed

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]

MAX_BODY = 65_536
"""Bytes. A finalize with its request is about 1,500, a challenge's response about 4,000."""

_TOKEN = re.compile(rf"{STI_PA}/api/v1/account/([0-9A-Z]{{1,16}})/token")
_LOGIN = f"{STI_PA}/api/v1/auth/login"
_CA_LIST = f"{STI_PA}/api/v1/ca-list"
_CRL = f"{STI_PA}/download/v1/crl"
_CERTIFICATE = f"{STI_PA}/download/v1/certificate"
_JOSE = "application/jose+json"


class _Login(msgspec.Struct):
    userId: str
    password: str


class _Grant(msgspec.Struct):
    atc: dict[str, Any]


_STATUS = {
    Reason.NOT_AUTHENTICATED: 401,
    Reason.FORBIDDEN: 403,
    Reason.NOT_FOUND: 404,
    Reason.METHOD_NOT_ALLOWED: 405,
    Reason.BODY_TOO_LARGE: 413,
    Reason.UNAVAILABLE: 503,
}
_Body = TypeVar("_Body", _Login, _Grant)
_encode = msgspec.json.Encoder().encode
_log = logging.getLogger(__name__)


class _Gone(Exception):
    """The client went away before its body was complete; nobody is left to answer."""


class _Forbidden(Exception):
    """The resource does not know this method."""

    def __init__(self, *allowed: str) -> None:
        super().__init__()
        self.allow = ", ".join(allowed)


def app(laboratory: Callable[[], Laboratory], now: Callable[[], Instant]) -> AsgiApp:
    """The laboratory as an ASGI application; the paths it sees are whole, ``/lab/…``.

    ``laboratory`` is asked at each request, because a hub learns its address, and with it the
    laboratory's, only after its doors were built.
    """

    async def serve(scope: Message, receive: Receive, send: Send) -> None:
        try:
            reply = await _reply(laboratory(), scope, receive, now())
        except _Gone:
            return
        await _send(send, reply, head=scope["method"] == "HEAD")

    return serve


async def _reply(laboratory: Laboratory, scope: Message, receive: Receive, now: Instant) -> Reply:
    path, method = scope["path"], scope["method"]
    try:
        if path.startswith(f"{STI_PA}/"):
            return await _sti_pa(laboratory, path, method, scope, receive, now)
        server, rest = _server(laboratory, path)
        return await _acme(server, rest, method, scope, receive, now)
    except _Forbidden as forbidden:
        return Reply(405, b"", "text/plain", (("allow", forbidden.allow),))
    except Problem as problem:
        return Reply(problem.status, _encode(problem.document()), PROBLEM)
    except Refused as refused:
        status = _STATUS.get(refused.reason, 400)
        return Reply(status, _encode({"status": "error", "message": refused.because}))
    except _Gone:
        raise
    except Exception as fault:
        _log.error("the laboratory failed", exc_info=fault)
        ours = Problem(Kind.SERVER_INTERNAL, "The laboratory failed; its log says why.")
        return Reply(ours.status, _encode(ours.document()), PROBLEM)


def _server(laboratory: Laboratory, path: str) -> tuple[Server, str]:
    """The service with the longest path that fits, and what follows it."""
    for base in sorted(laboratory.servers, key=len, reverse=True):
        if path.startswith(f"{base}/"):
            return laboratory.servers[base], path[len(base) + 1 :]
    raise malformed("There is no such resource.", 404)


async def _acme(
    server: Server, rest: str, method: str, scope: Message, receive: Receive, now: Instant
) -> Reply:
    """RFC 8555 section 6.1: two resources are read, all others are sent a JWS."""
    if rest == "directory":
        _require(method, "GET", "HEAD")
        return with_nonce(Reply(200, _encode(server.directory())), server, now)
    if rest == "new-nonce":
        _require(method, "HEAD", "GET")
        status = 200 if method == "HEAD" else 204
        return with_nonce(Reply(status, b"", "text/plain"), server, now)
    _require(method, "POST")
    if _media(scope) != _JOSE:
        return with_nonce(_unfit(f"A request's type is {_JOSE}.", 415), server, now)
    try:
        body = await _body(scope, receive)
    except Refused as refused:
        return with_nonce(_unfit(refused.because, 413), server, now)
    return server.post(f"{server.base}/{rest}", body, now)


def _unfit(detail: str, status: int) -> Reply:
    return Reply(status, _encode(malformed(detail, status).document()), PROBLEM)


async def _sti_pa(
    laboratory: Laboratory,
    path: str,
    method: str,
    scope: Message,
    receive: Receive,
    now: Instant,
) -> Reply:
    """The paths and bodies that production clients use."""
    authority = laboratory.sti_pa
    if path == _CRL:
        _require(method, "GET", "HEAD")
        return Reply(200, authority.crl(now), "application/pkix-crl")
    if path == _CERTIFICATE:
        _require(method, "GET", "HEAD")
        return Reply(200, laboratory.pa_pem, "application/pem-certificate-chain")
    if path == _CA_LIST:
        _require(method, "GET", "HEAD")
        return _success(caList=authority.ca_list(_session(scope), now))
    if path == _LOGIN:
        _require(method, "POST")
        who = _decoded(await _body(scope, receive), _Login)
        return _success(accessToken=authority.login(who.userId, who.password, now))
    if found := _TOKEN.fullmatch(path):
        _require(method, "POST")
        asked = _decoded(await _body(scope, receive), _Grant)
        token = authority.token(_session(scope), found[1], asked.atc, now)
        return _success(token=token, crl=authority.crl_url)
    raise Refused(Reason.NOT_FOUND, "There is no such resource.")


def _success(**members: str) -> Reply:
    document = {"status": "success", "message": "", **members}
    return Reply(200, _encode(document), JSON, (("cache-control", "no-store"),))


def _decoded(body: bytes, kind: type[_Body]) -> _Body:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        # Not the decoder's own words: they might quote a password.
        raise Refused(
            Reason.UNREADABLE_BODY,
            f"The body is not JSON with {', '.join(kind.__struct_fields__)}.",
        ) from fault


def _require(method: str, *allowed: str) -> None:
    if method not in allowed:
        raise _Forbidden(*allowed)


def _header(scope: Message, name: bytes) -> str:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return next((value.decode("latin-1") for one, value in headers if one == name), "")


def _session(scope: Message) -> str:
    """The access token stands in Authorization alone, without a scheme; one is forgiven."""
    return _header(scope, b"authorization").removeprefix("Bearer ").strip()


def _media(scope: Message) -> str:
    return _header(scope, b"content-type").partition(";")[0].strip().lower()


async def _body(scope: Message, receive: Receive) -> bytes:
    length = _header(scope, b"content-length")
    _bounded(int(length) if re.fullmatch(r"[0-9]{1,18}", length) else 0)
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
        raise Refused(Reason.BODY_TOO_LARGE, f"The body is longer than {MAX_BODY} bytes.")


async def _send(send: Send, reply: Reply, *, head: bool) -> None:
    headers: list[tuple[bytes, bytes]] = [
        (name.encode(), value.encode("latin-1")) for name, value in reply.headers
    ]
    if reply.status != 204:
        headers.append((b"content-type", reply.media.encode()))
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else reply.body})
