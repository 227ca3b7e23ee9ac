"""Everything that is not Twilio's API: console, OAuth, health, and the sandbox's own controls."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from phonotary.clock import duration, iso8601
from phonotary.errors import Reason, Refused
from phonotary.web import wire
from phonotary.web.console import inquiry, reviews
from phonotary.web.forms import parse_form
from phonotary.web.operations import read_body
from phonotary.web.wire import Answer


def routes(hub: Any) -> list[BaseRoute]:
    """``hub`` is the running hub; sandbox controls are only there when it is a sandbox."""
    every: list[BaseRoute] = [
        Route("/v2/token", _token(hub), methods=["POST"]),
        Route("/healthz", _healthy),
        Route("/readyz", _ready(hub)),
        *inquiry.routes(hub),
        *reviews.routes(hub),
    ]
    if hub.settings.sandbox:
        every.append(Route("/_sandbox/clock", _clock(hub), methods=["GET", "POST"]))
    return every


def _as_response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers = list(answer.headers)
    return response


def _token(hub: Any) -> Any:
    """OAuth 2.0 ``/v2/token``: client credentials in a form, a bearer token back."""

    async def token(request: Request) -> Response:
        try:
            body = await read_body(request.receive, 65_536)
            kind = request.headers.get("content-type", "").encode()
            form = parse_form(kind, body)
            if form.get("grant_type") != "client_credentials":
                raise Refused(Reason.INVALID_PARAMETER, "grant_type must be client_credentials")
            granted = hub.gate.token(form.get("client_id", ""), form.get("client_secret", ""))
            return _as_response(wire.answer(200, granted))
        except Refused as refused:
            return _as_response(wire.refusal(refused))

    return token


async def _healthy(request: Request) -> Response:
    return PlainTextResponse("ok\n")


def _ready(hub: Any) -> Any:
    async def ready(request: Request) -> Response:
        await hub.read(lambda store: store.setting("first_account"))
        return PlainTextResponse("ok\n")

    return ready


def _clock(hub: Any) -> Any:
    """Read the sandbox's clock, or advance it: ``{"advance": "72h"}``."""

    async def clock(request: Request) -> Response:
        if request.method == "POST":
            try:
                step = msgspec.json.decode(await read_body(request.receive, 4096))
                seconds = duration(str(step["advance"]))
            except (msgspec.DecodeError, KeyError, TypeError, ValueError, Refused):
                return JSONResponse(
                    {"error": 'Send {"advance": "72h"}; units are s, m, h and d.'}, 400
                )
            await hub.advance(seconds)
        return JSONResponse({"now": iso8601(hub.now()), "advanced": hub.clock.advanced})

    return clock
