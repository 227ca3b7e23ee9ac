"""Around the API in a sandbox: every request is remembered, faults strike where set."""

from __future__ import annotations

import time
from collections.abc import Callable

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phonotary.clock import Instant
from phonotary.web import wire
from phonotary.web.sandbox.faults import Fault, Faults
from phonotary.web.sandbox.log import BODY, Entry, RequestLog

_SAID = {
    "429": (429, 20429, "Too many requests"),
    "500": (500, 20500, "Internal Server Error"),
    "502": (502, 20500, "Bad Gateway"),
    "503": (503, 20503, "Service unavailable"),
}


class Recorder:
    """An ASGI app around the API. ``/_sandbox`` and the console are not its business."""

    def __init__(
        self, app: ASGIApp, log: RequestLog, faults: Faults, now: Callable[[], Instant]
    ) -> None:
        self._app = app
        self._log = log
        self._faults = faults
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(("/_sandbox", "/console", "/certs")):
            await self._app(scope, receive, send)
            return
        entry = self._log.open(self._now(), scope)
        started = time.perf_counter()
        try:
            await self._serve(entry, scope, _listening(entry, receive), _speaking(entry, send))
        finally:
            entry.milliseconds = (time.perf_counter() - started) * 1000
            self._log.close(entry)

    async def _serve(self, entry: Entry, scope: Scope, receive: Receive, send: Send) -> None:
        fault = None
        if self._faults.rules:
            fault = self._faults.strike(entry.method, entry.path, entry.account)
        if fault is None:
            await self._app(scope, receive, send)
            return
        entry.fault = fault.kind
        if fault.kind == "slow":
            await anyio.sleep(fault.seconds)
            await self._app(scope, receive, send)
        elif fault.kind in _SAID:
            await _drain(receive)
            await _refuse(fault, send)
        else:
            await self._cut(fault, scope, receive)

    async def _cut(self, fault: Fault, scope: Scope, receive: Receive) -> None:
        """Let the write take effect or not, then hang up without a word."""
        if fault.kind == "cut-after":
            await self._app(scope, receive, _unheard)
        else:
            await _drain(receive)
        scope["state"]["phonotary.abort"]()
        while (await receive())["type"] != "http.disconnect":
            pass


def _listening(entry: Entry, receive: Receive) -> Receive:
    async def listen() -> Message:
        message = await receive()
        entry.request_body = _kept(entry.request_body, message.get("body", b""))
        return message

    return listen


def _speaking(entry: Entry, send: Send) -> Send:
    async def speak(message: Message) -> None:
        if message["type"] == "http.response.start":
            entry.status = message["status"]
        else:
            entry.response_body = _kept(entry.response_body, message.get("body", b""))
        await send(message)

    return speak


def _kept(so_far: bytes, more: bytes) -> bytes:
    """A body up to its bound. One that comes whole and is small is kept as it is, not copied."""
    if not so_far and len(more) <= BODY:
        return more
    return so_far + more[: BODY - len(so_far)]


async def _drain(receive: Receive) -> None:
    """Read the request to its end: some clients break where a server answers sooner."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return


async def _refuse(fault: Fault, send: Send) -> None:
    status, code, message = _SAID[fault.kind]
    extra = [(b"retry-after", b"1")] if status in (429, 503) else None
    await wire.answer(status, wire.error_body(status, code, message), extra).send(send)


async def _unheard(message: Message) -> None:
    """The answer that nobody gets."""
