"""``/console/deliveries``: where names stand, number by number and database by database.

A reviewer sees every delivery, a customer those of their own numbers; and a customer sees as well
which of their names could not be taken as they are, and what would do instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from phonotary import report
from phonotary.clock import iso8601
from phonotary.cnam import names, suggestions
from phonotary.cnam.moves import State
from phonotary.errors import Reason, Refused
from phonotary.storage import cnam_ledger
from phonotary.storage.cnam_ledger import Asked
from phonotary.storage.store import SqlStore
from phonotary.tn import parse
from phonotary.trusthub import facts, policies
from phonotary.trusthub.records import Bundle
from phonotary.trusthub.store import Ask
from phonotary.web.bodies import Form
from phonotary.web.console import signing_in
from phonotary.web.console.deciding import by_form
from phonotary.web.console.page import page, position, refusal
from phonotary.web.console.signing_in import Viewer
from phonotary.web.forms import parse_query

_PATH = "/console/deliveries"
_WHO = "Sign in as a reviewer, or with your account's credentials."
# What may be sent again (``cnam.moves``: retry).
_ENDED = (State.REJECTED, State.PARTIAL, State.TIMED_OUT)
_OPEN = ("draft", "twilio-rejected")
# Products that are looked through for names that cannot be taken: the newest.
_PRODUCTS = 20
_INFORMATION = "cnam_information"


def routes(hub: Any) -> list[Route]:
    return [
        Route(_PATH, _list(hub), methods=["GET"]),
        Route(_PATH, _send_again(hub), methods=["POST"]),
    ]


def _list(hub: Any) -> Any:
    async def show(request: Request) -> Response:
        try:
            viewer = signing_in.viewer(hub, request)
            if viewer is None:
                return signing_in.unknown(_WHO)
            given = parse_query(request.scope["query_string"])
            asked, before = _asked(given, viewer), position(given.get("after", ""))
            answer: Response = await hub.read(_shown(hub, viewer, given, asked, before))
        except Refused as refused:
            return refusal(refused)
        return answer

    return show


def _shown(
    hub: Any, viewer: Viewer, given: dict[str, str], asked: Asked, before: int | None
) -> Callable[[SqlStore], Response]:
    def work(store: SqlStore) -> Response:
        found = cnam_ledger.page(store, asked, before)
        return page(
            "deliveries.html",
            rows=found.rows,
            next=_next(given, found.after),
            given=given,
            states=[str(each) for each in State],
            ended=_ENDED,
            sent_to=hub.names.registering.databases,
            databases=cnam_ledger.databases(store, viewer.account_sid),
            viewer=viewer,
            names=_unfit(store, viewer),
            time=iso8601,
        )

    return work


def _send_again(hub: Any) -> Any:
    """A reviewer has a delivery that ended badly sent once more."""

    async def send(request: Request, reviewer: str, form: Form) -> Response:
        number, database = form.get("number", ""), form.get("database", "")
        if "\x00" in number:
            raise Refused(Reason.NOT_FOUND, "There is no such delivery.")

        def work(store: SqlStore) -> None:
            hub.names.registering.retry(store, number, database)

        await hub.write(work)
        _log().info("sent again", by=reviewer, number=number, database=database)
        hub.worker.wake()
        return RedirectResponse(f"{_PATH}?{urlencode({'number': number})}", 303)

    return by_form(hub, send)


def _asked(given: dict[str, str], viewer: Viewer) -> Asked:
    """Raises Refused for a filter that asks for nothing there could be."""
    number, state = given.get("number", "").strip(), given.get("state", "")
    database = given.get("database", "")
    if state and state not in list(State):
        raise Refused(Reason.INVALID_PARAMETER, f"The states are {', '.join(State)}.")
    if "\x00" in database:
        raise Refused(Reason.INVALID_PARAMETER, "There is no such database.")
    tn = parse(number) if number else None
    if number and tn is None:
        raise Refused(
            Reason.INVALID_PARAMETER, f"{number[:32]} is no number; write it as +14155550100."
        )
    return Asked(
        tn.e164 if tn else None,
        database or None,
        State(state) if state else None,
        viewer.account_sid,
    )


def _next(given: dict[str, str], after: int | None) -> str | None:
    if after is None:
        return None
    kept = {key: given[key] for key in ("number", "database", "state") if given.get(key)}
    return f"{_PATH}?{urlencode({**kept, 'after': after})}"


@dataclass(frozen=True, slots=True)
class Unfit:
    """A name that cannot be taken as it is."""

    bundle: Bundle
    name: str
    sentences: tuple[str, ...]
    instead: tuple[str, ...]
    """What the rules would take, best first."""


def _unfit(store: SqlStore, viewer: Viewer) -> list[Unfit]:
    """The customer's names that break a rule of the guide, where the product can be changed."""
    if viewer.account_sid is None:
        return []
    where = {"account_sid": viewer.account_sid, "policy_sid": policies.CNAM, "status": _OPEN}
    products = store.bundles.page(Ask(_PRODUCTS), where).rows
    judged = [_judged(product, name) for product in products for name in _names(store, product)]
    return [each for each in judged if each.sentences]


def _names(store: SqlStore, product: Bundle) -> list[str]:
    given = [
        each.attributes.get("cnam_display_name")
        for each in facts.end_users_of(store, product)
        if each.type == _INFORMATION
    ]
    return [name for name in given if isinstance(name, str)]


def _judged(product: Bundle, name: str) -> Unfit:
    shown = name[: suggestions.LONGEST_INPUT]
    found = names.findings(shown)
    instead = suggestions.suggest(shown) if found else []
    return Unfit(product, shown, tuple(each.sentence for each in found), tuple(instead))


def _log() -> Any:
    return report.to("phonotary.console")
