"""The ASGI adapter: for the sandbox, where the request log and the faults wrap everything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from phonotary.web.stir_v1.answers import MAX_BODY, Door, taken

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]


def asgi(door: Door) -> AsgiApp:
    """``door`` as an ASGI application; the paths it sees are whole."""

    async def serve(scope: Message, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        body = await _body(headers, receive)
        if body is None:
            return
        client = scope.get("client")
        source = client[0] if client else ""
        answer = taken(door(scope["method"], _target(scope), headers, body, source))
        status, content, extra = answer if isinstance(answer, tuple) else await answer
        head = scope["method"] == "HEAD"
        await send_answer(send, status, content, extra, head=head)

    return serve


async def send_answer(
    send: Send, status: int, body: bytes, extra: list[tuple[bytes, bytes]], *, head: bool
) -> None:
    headers = [(b"content-length", str(len(body)).encode()), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})


def _target(scope: Message) -> str:
    raw = scope.get("raw_path")
    path = scope["path"] if raw is None else raw.decode("latin-1")
    query = scope.get("query_string", b"")
    return f"{path}?{query.decode('latin-1')}" if query else path


def _headers(scope: Message) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        found[name] = b", ".join((found[name], value)) if name in found else value
    return found


async def _body(headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
    """The whole body; None when the client left before its end. What the door refuses for its
    length alone is not read at all."""
    length = headers.get(b"content-length", b"")
    if b"transfer-encoding" in headers or not length.isdigit() or len(length) > 18:
        return b""
    left = int(length)
    if left > MAX_BODY:
        return b""
    body = b""
    while len(body) <= MAX_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body
