"""An API as rows of a table: method, path, form, the one room call, the resource it answers with.

One function serves every row, so authentication, paging, errors and commit are the same for all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from phonotary import report
from phonotary.access import accounts
from phonotary.access.accounts import Account
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.storage.store import SqlStore
from phonotary.trusthub.records import Party
from phonotary.trusthub.store import Ask, Page
from phonotary.web import lists, wire
from phonotary.web.bodies import read_body
from phonotary.web.forms import Field, parse_form, parse_query, take
from phonotary.web.gate import is_key
from phonotary.web.wire import Answer


class Hub(Protocol):
    """What the web needs of the running hub; ``bootstrap`` provides it."""

    def now(self) -> Instant: ...
    def authenticate(self, headers: Mapping[bytes, bytes]) -> Account: ...
    async def read(self, work: Callable[[SqlStore], Any]) -> Any: ...
    async def write(self, work: Callable[[SqlStore], Any]) -> Any: ...


@dataclass(slots=True)
class Call:
    """One request, as far as a room call or a resource needs to know it."""

    store: SqlStore
    caller: Account
    account: Account
    party: Party
    now: Instant
    origin: str
    """Scheme and host the client used; URLs in bodies start with it."""
    path: Mapping[str, str]
    form: dict[str, Any]
    query: Mapping[str, str]
    ask: Ask
    where: dict[str, Any]
    hub: Any


@dataclass(frozen=True, slots=True)
class Listing:
    """What makes an operation a list: the array's name, its filters, its envelope.

    ``v1`` and ``core`` are pages; ``whole`` is the list of countries, which Twilio never pages.
    """

    key: str = "results"
    filters: tuple[Field, ...] = ()
    envelope: str = "v1"


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    call: Callable[[Call], Any]
    resource: Callable[[Any, Call], Any] | None = None
    form: tuple[Field, ...] = ()
    status: int = 200
    listing: Listing | None = None
    query: tuple[Field, ...] = ()
    keys: bool = True
    """Whether an API key may; else it takes the account's own token."""


class Resource:
    """Every operation of one path, as an ASGI endpoint."""

    def __init__(self, hub: Hub, path: str, operations: Iterable[Operation]) -> None:
        self.path = path
        self._hub = hub
        self._by_method = {operation.method: operation for operation in operations}
        self._allow = ", ".join(sorted(self._by_method)).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            reply = await self._reply(scope, receive)
        except Refused as refused:
            reply = wire.refusal(refused)
        except Exception:
            log = report.to("phonotary.web")
            log.exception("unhandled", method=scope["method"], path=self.path)
            reply = wire.failure()
        await reply.send(send)

    async def _reply(self, scope: Scope, receive: Receive) -> Answer:
        body = await read_body(receive)
        headers = dict(scope["headers"])
        operation = self._by_method.get(scope["method"])
        if operation is None:
            refused = Refused(
                Reason.METHOD_NOT_ALLOWED, f"Method {scope['method']} is not allowed here"
            )
            return wire.refusal(refused, [(b"allow", self._allow)])
        caller = self._hub.authenticate(headers)
        if not operation.keys and is_key(headers):
            # As Twilio has it: such a key proves nothing here.
            raise Refused(Reason.NOT_AUTHENTICATED, "Authenticate")
        if "\x00" in scope["path"]:
            # No name has one, and PostgreSQL takes it as an error of ours to ask.
            raise Refused(Reason.NOT_FOUND, "The requested resource was not found")
        query = parse_query(scope["query_string"])
        form: dict[str, str] = {}
        if operation.method == "POST":
            form = parse_form(headers.get(b"content-type", b""), body)
        work = _work(self._hub, operation, scope, headers, caller, query, form)
        run = self._hub.read if operation.method == "GET" else self._hub.write
        reply: Answer = await run(work)
        return reply


def _work(
    hub: Hub,
    operation: Operation,
    scope: Scope,
    headers: Mapping[bytes, bytes],
    caller: Account,
    query: dict[str, str],
    form: dict[str, str],
) -> Callable[[SqlStore], Answer]:
    listing = operation.listing
    paging = lists.read(query, tuple(f.name for f in listing.filters)) if listing else None
    where = take(listing.filters, {k: v for k, v in query.items() if v}, "query") if listing else {}
    taken = take(operation.form, form, "post body") | take(operation.query, query, "query")
    origin = origin_of(scope, headers)
    now = hub.now()

    def work(store: SqlStore) -> Answer:
        path = scope["path_params"]
        account = _account(store, caller, path, headers)
        call = Call(
            store=store,
            caller=caller,
            account=account,
            party=Party(account.sid, account.owner_account_sid),
            now=now,
            origin=origin,
            path=path,
            form=taken,
            query=query,
            ask=paging.ask if paging else Ask(),
            where=where,
            hub=hub,
        )
        result = operation.call(call)
        if listing and paging:
            return _list(call, operation, listing, paging, result, scope["path"])
        render = operation.resource
        return wire.answer(operation.status, render(result, call) if render else None)

    return work


def _list(
    call: Call,
    operation: Operation,
    listing: Listing,
    paging: lists.Paging,
    page: Page[Any],
    path: str,
) -> Answer:
    render = operation.resource
    rows = [render(row, call) for row in page.rows] if render else page.rows
    if listing.envelope == "whole":
        return wire.answer(200, {listing.key: rows, "uri": path})
    if listing.envelope == "core":
        return wire.answer(200, lists.core(listing.key, rows, page, paging, path))
    return wire.answer(200, lists.v1(listing.key, rows, page, paging, call.origin + path))


def _account(
    store: SqlStore, caller: Account, path: Mapping[str, str], headers: Mapping[bytes, bytes]
) -> Account:
    """Whom the request is for: the path's account (2010-04-01), the X-Twilio-AccountSid header's
    (v1, as some integrators send it), else the caller's own."""
    sid = path.get("account_sid") or headers.get(b"x-twilio-accountsid", b"").decode("latin-1")
    if not sid or sid == caller.sid:
        return caller
    return accounts.acting_as(store, caller, sid)


_HOST = re.compile(r"([A-Za-z0-9._\-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


def origin_of(scope: Scope, headers: Mapping[bytes, bytes]) -> str:
    """Scheme and host as the client used them, so that it can follow every URL we give it."""
    host = headers.get(b"host", b"").decode("latin-1")
    if not _HOST.fullmatch(host):
        server = scope.get("server") or ("127.0.0.1", 80)
        host = f"{server[0]}:{server[1]}"
    return f"{scope['scheme']}://{host}"
