"""``/console/tickets``: orders that people carry to databases without an interface. Reviewers only.

What is decided here is written into the ticket with who decided it and when, and then the order is
asked about: the ledger moves by that, as it does for every other database.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from phonotary.clock import iso8601
from phonotary.cnam.orders_ticket import DECISIONS
from phonotary.errors import Reason, Refused
from phonotary.web.bodies import Form
from phonotary.web.console import signing_in
from phonotary.web.console.deciding import by_form
from phonotary.web.console.page import page, position, refusal
from phonotary.web.forms import parse_query

_PATH = "/console/tickets"
# A ticket has a thousand numbers at most, and each is chosen by a field of its own.
_MOST_FIELDS = 1_010


def routes(hub: Any) -> list[Route]:
    one = f"{_PATH}/{{database}}/{{ref}}"
    return [
        Route(_PATH, _list(hub), methods=["GET"]),
        Route(one, _show(hub), methods=["GET"]),
        Route(one, _decide(hub), methods=["POST"]),
    ]


def _list(hub: Any) -> Any:
    async def show(request: Request) -> Response:
        if signing_in.reviewer(hub, request) is None:
            return signing_in.unknown()
        tickets = hub.names.tickets
        try:
            known = position(parse_query(request.scope["query_string"]).get("after", "")) or 0
            found = await hub.read(lambda store: tickets.waiting(store, known))
        except Refused as refused:
            return refusal(refused)
        shown = found[: tickets.page]
        return page(
            "tickets.html",
            tickets=await tickets.listed(shown),
            next=f"{_PATH}?after={shown[-1].seq}" if len(found) > len(shown) else None,
            time=iso8601,
        )

    return show


def _show(hub: Any) -> Any:
    async def show(request: Request) -> Response:
        if signing_in.reviewer(hub, request) is None:
            return signing_in.unknown()
        database = request.path_params["database"]
        try:
            ticket = await hub.names.tickets.ticket(database, request.path_params["ref"])
        except Refused as refused:
            return refusal(refused)
        return page(
            "ticket.html",
            database=database,
            ticket=ticket,
            lines={line.number: line for line in ticket.order.lines},
            decisions=DECISIONS[ticket.order.action],
            time=iso8601,
        )

    return show


def _decide(hub: Any) -> Any:
    async def decide(request: Request, reviewer: str, form: Form) -> Response:
        database, ref = request.path_params["database"], request.path_params["ref"]
        word, because = form.get("decision", ""), form.get("because", "")
        numbers = form.getlist("number")
        try:
            await hub.names.tickets.decide(database, ref, word, numbers, because, reviewer)
        except Refused as refused:
            if refused.reason is Reason.CONFLICT:
                await _ask(hub, database, ref)
            raise
        await _ask(hub, database, ref)
        return RedirectResponse(f"{_PATH}/{database}/{ref}", 303)

    return by_form(hub, decide, _MOST_FIELDS)


async def _ask(hub: Any, database: str, ref: str) -> None:
    """Have the order asked about, where it is open: also for a word that was there before, since
    whoever wrote that may have come no further. Raises Refused."""
    await hub.write(lambda store: hub.names.registering.hurry(store, database, ref))
    hub.worker.wake()
