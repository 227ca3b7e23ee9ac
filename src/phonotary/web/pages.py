"""Everything that is not Twilio's API: console, OAuth, health, and the sandbox's own controls."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from phonotary.errors import Reason, Refused
from phonotary.web import notices, wire
from phonotary.web.bodies import read_form
from phonotary.web.console import deliveries, inquiry, reviews, tickets
from phonotary.web.sandbox import control
from phonotary.web.wire import Answer

# A route that names its methods answers others in plain text; Twilio's clients want its JSON.
_EVERY = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_MEASURES = "text/plain; version=0.0.4; charset=utf-8"


def routes(hub: Any) -> list[BaseRoute]:
    """``hub`` is the running hub; sandbox controls are only there when it is a sandbox."""
    every: list[BaseRoute] = [
        Route("/v2/token", _token(hub), methods=_EVERY),
        Route("/healthz", _healthy),
        Route("/readyz", _ready(hub)),
        Route("/metrics", _metrics(hub)),
        *inquiry.routes(hub),
        *reviews.routes(hub),
        *deliveries.routes(hub),
        *tickets.routes(hub),
        *notices.routes(hub),
    ]
    if hub.settings.sandbox:
        every += control.routes(hub)
    return every


def _as_response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers = list(answer.headers)
    return response


def _token(hub: Any) -> Any:
    """OAuth 2.0 ``/v2/token``: client credentials in a form, a bearer token back."""

    async def token(request: Request) -> Response:
        try:
            if request.method != "POST":
                refused = Refused(Reason.METHOD_NOT_ALLOWED, "A token is asked for with POST")
                return _as_response(wire.refusal(refused, [(b"allow", b"POST")]))
            form = await read_form(request, 65_536)
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
        # First, for a database that hangs is not asked.
        if hub.trouble is not None:
            return PlainTextResponse(f"{hub.trouble}\n", 503)
        try:
            await hub.read(lambda store: store.setting("first_account"))
        except Refused as refused:
            return PlainTextResponse(f"{refused.because}\n", 503)
        return PlainTextResponse("ok\n")

    return ready


def _metrics(hub: Any) -> Any:
    """Numbers for monitoring, in the text format of Prometheus; nothing secret is among them."""

    async def metrics(request: Request) -> Response:
        return PlainTextResponse(hub.voice.measured(), headers={"content-type": _MEASURES})

    return metrics
