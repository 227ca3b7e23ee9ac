"""All HTTP doors on one origin. Their paths do not clash, so one port serves every Twilio host."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from phonotary.errors import Reason, Refused
from phonotary.web import wire
from phonotary.web.core_2010.operations import OPERATIONS as CORE
from phonotary.web.lookups.operations import OPERATIONS as LOOKUPS
from phonotary.web.operations import Hub, Operation, Resource
from phonotary.web.paths import Paths
from phonotary.web.trusthub_v1.operations import OPERATIONS as TRUST_HUB

API: tuple[Operation, ...] = (*TRUST_HUB, *CORE, *LOOKUPS)


class Doors:
    """Bare ASGI apps before the framework, by path prefix and the API's by path: the hot paths
    skip its routing and its middleware."""

    def __init__(self, prefixed: dict[str, ASGIApp], api: Paths, rest: ASGIApp) -> None:
        self._prefixed = tuple(prefixed.items())
        self._api = api
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            for prefix, app in self._prefixed:
                if path.startswith(prefix):
                    await app(scope, receive, send)
                    return
            resource = self._api.find(path, scope)
            if resource is not None:
                await resource(scope, receive, send)
                return
        await self._rest(scope, receive, send)


def build(hub: Hub, prefixed: dict[str, ASGIApp], pages: Sequence[BaseRoute]) -> ASGIApp:
    """The whole web: ``prefixed`` are bare apps, ``pages`` what people open in a browser."""
    app = Starlette(routes=list(pages))
    app.router.redirect_slashes = False
    app.router.default = _unknown
    return Doors(prefixed, _api_paths(hub), app)


def _api_paths(hub: Hub) -> Paths:
    by_path: dict[str, list[Operation]] = {}
    for operation in API:
        by_path.setdefault(operation.path, []).append(operation)
    return Paths({path: Resource(hub, path, rows) for path, rows in by_path.items()})


async def _unknown(scope: Scope, receive: Receive, send: Send) -> None:
    """404 in Twilio's form for every path there is not."""
    path = scope["path"]
    if path.startswith("/2010-04-01/") and not path.endswith(".json"):
        await wire.xml_refusal(path).send(send)
        return
    refused = Refused(Reason.NOT_FOUND, f"The requested resource {path} was not found")
    await wire.refusal(refused).send(send)
