"""``/_sandbox/*``: the doors a test commands the sandbox through. JSON in, JSON out."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from phonotary.clock import duration, iso8601
from phonotary.errors import Reason, Refused
from phonotary.trusthub import outcomes
from phonotary.web.bodies import read_body
from phonotary.web.forms import parse_query
from phonotary.web.sandbox import log, traps, visitors
from phonotary.web.sandbox.faults import Fault

_MAX_STATE = 256 << 20
_STATUS = {Reason.FORBIDDEN: 403, Reason.UNAVAILABLE: 503}
Handler = Callable[[Request], Awaitable[Any]]


def routes(hub: Any) -> list[Route]:
    control = Control(hub)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "clock", control.time),
        ("POST", "clock", control.advance),
        ("GET", "outcomes", control.outcomes),
        ("POST", "outcomes", control.add_outcome),
        ("DELETE", "outcomes", control.clear_outcomes),
        ("GET", "faults", control.faults),
        ("POST", "faults", control.add_fault),
        ("DELETE", "faults", control.clear_faults),
        ("GET", "requests", control.requests),
        ("DELETE", "requests", control.clear_requests),
        ("GET", "state", control.state),
        ("PUT", "state", control.load),
        ("POST", "reset", control.reset),
        ("POST", "accounts", control.open_account),
    ]
    return [
        Route(f"/_sandbox/{name}", _answered(handler, hub.settings.host), methods=[method])
        for method, name, handler in table
    ]


def _answered(handler: Handler, bound: str) -> Any:
    """What the handler returns as JSON; a refusal as 400 with one sentence."""

    async def answer(request: Request) -> Response:
        try:
            visitors.admit(request.headers, request.scope, bound)
            body, status = await handler(request), 200
        except Refused as refused:
            body, status = {"error": refused.because}, _STATUS.get(refused.reason, 400)
        return Response(msgspec.json.encode(body), status, media_type="application/json")

    return answer


async def _json(request: Request, limit: int = 1 << 20, empty: Any = msgspec.UNSET) -> Any:
    """The body's JSON; ``empty`` is what no body at all stands for, where that may be."""
    body = await read_body(request.receive, limit)
    if not body and empty is not msgspec.UNSET:
        return empty
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(Reason.INVALID_PARAMETER, "The body is not JSON") from error


def _number(query: dict[str, str], name: str, least: int, most: int) -> int | None:
    """A number of the query, taken out of it."""
    text = query.pop(name, None)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise Refused(Reason.INVALID_PARAMETER, f"{name} must be a number from {least} to {most}")
    return int(text)


class _NewAccount(msgspec.Struct, forbid_unknown_fields=True):
    friendly_name: Annotated[str, msgspec.Meta(max_length=64, pattern="^[^\x00]*$")] = (
        "Isolated account"
    )
    empty: bool = False


class Control:
    """One method a door."""

    def __init__(self, hub: Any) -> None:
        self._hub = hub

    async def time(self, request: Request) -> Any:
        return {"now": iso8601(self._hub.now()), "advanced": self._hub.clock.advanced}

    async def advance(self, request: Request) -> Any:
        """``{"advance": "72h"}``; returns when all that became due has happened."""
        step = await _json(request)
        try:
            seconds = duration(step["advance"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Refused(
                Reason.INVALID_PARAMETER, 'Send {"advance": "72h"}; units are s, m, h and d'
            ) from error
        await self._hub.advance(seconds)
        return await self.time(request)

    async def outcomes(self, request: Request) -> Any:
        rules = await self._hub.read(self._hub.controls.outcomes.read)
        return {"outcomes": [outcomes.shown(rule) for rule in rules]}

    async def add_outcome(self, request: Request) -> Any:
        rule = outcomes.read(await _json(request))
        await self._hub.write(lambda store: self._hub.controls.outcomes.add(store, rule))
        return outcomes.shown(rule)

    async def clear_outcomes(self, request: Request) -> Any:
        await self._hub.write(lambda store: self._hub.controls.outcomes.keep(store, []))
        return {"outcomes": []}

    async def faults(self, request: Request) -> Any:
        return {"faults": [asdict(rule) for rule in self._hub.controls.faults.rules]}

    async def add_fault(self, request: Request) -> Any:
        given = await _json(request)
        try:
            rule = msgspec.convert(given, Fault)
        except msgspec.ValidationError as error:
            raise Refused(Reason.INVALID_PARAMETER, f"That is not a fault: {error}") from error
        self._hub.controls.faults.rules.append(rule)
        return asdict(rule)

    async def clear_faults(self, request: Request) -> Any:
        self._hub.controls.faults.rules.clear()
        return {"faults": []}

    async def requests(self, request: Request) -> Any:
        """Search; ``expect=N`` refuses any other number of matches, so that curl can assert."""
        wanted = parse_query(request.scope["query_string"])
        limit = _number(wanted, "limit", 1, log.KEPT) or 100
        expected = _number(wanted, "expect", 0, log.KEPT)
        after = _number(wanted, "after", 0, 999_999_999)
        unknown = set(wanted) - set(log.SEARCHABLE)
        if unknown:
            raise Refused(
                Reason.INVALID_PARAMETER,
                f"Search by {', '.join(log.SEARCHABLE)}; not by {', '.join(sorted(unknown))}",
            )
        if after is not None:
            wanted["after"] = str(after)
        found = self._hub.controls.log.search(wanted)
        if expected is not None and len(found) != expected:
            raise Refused(Reason.INVALID_PARAMETER, f"{len(found)} requests match, not {expected}")
        every = list(self._hub.controls.log)
        shown = [log.shown(entry, traps.stepped_in(entry, every)) for entry in found[-limit:]]
        return {"count": len(found), "requests": shown}

    async def clear_requests(self, request: Request) -> Any:
        self._hub.controls.log.clear()
        return {"count": 0, "requests": []}

    async def state(self, request: Request) -> Any:
        return await self._hub.controls.dump()

    async def load(self, request: Request) -> Any:
        await self._hub.controls.load(await _json(request, _MAX_STATE))
        return {"loaded": True}

    async def reset(self, request: Request) -> Any:
        """Back to how the sandbox started, in milliseconds; or ``{"account_sid": "AC…"}``: that
        account's records, rules and log entries go, and nothing of anybody else's."""
        given = await _json(request, empty={})
        if not isinstance(given, dict) or set(given) - {"account_sid"}:
            raise Refused(Reason.INVALID_PARAMETER, 'Send {"account_sid": "AC…"} or nothing')
        if "account_sid" in given:
            await self._hub.controls.reset_account(given["account_sid"])
        else:
            await self._hub.controls.reset()
        return await self.time(request)

    async def open_account(self, request: Request) -> Any:
        """One more account, furnished like the first and isolated from it."""
        given = await _json(request, empty={})
        try:
            wanted = msgspec.convert(given, _NewAccount)
        except msgspec.ValidationError as error:
            raise Refused(Reason.INVALID_PARAMETER, f"That is no account: {error}") from error
        return await self._hub.controls.open_account(wanted.friendly_name, wanted.empty)
