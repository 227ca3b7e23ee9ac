"""Bandwidth's LIDB orders over HTTP."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection
from dataclasses import dataclass

from phonotary.cnam import orders_lidb
from phonotary.cnam.orders import (
    Action,
    LineOutcome,
    LineState,
    Notice,
    Order,
    OrderUnknown,
    Outcome,
    Unreadable,
    only,
    require_known,
)
from phonotary.errors import Reason, Refused
from phonotary.outbound.registrars.guarded import PATIENCE, Guarded
from phonotary.outbound.secret_file import secret

URL = "https://dashboard.bandwidth.com/api"
MOST = 1000
"""Numbers an order may have: documented for orders of this API's other kinds, not for LIDB's."""
_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,64}")
_XML = {"Content-Type": "application/xml; charset=utf-8", "Accept": "application/xml"}
# Orders of one number that are looked into for ours, newest as the list has them.
_LOOKED_INTO = 5


@dataclass(frozen=True, slots=True)
class Settings:
    name: str
    account: str
    user: str
    password_file: str
    url: str = URL
    ca_file: str | None = None
    allow_loopback: bool = False
    patience: float = PATIENCE
    notices_user: str | None = None
    """What the subscription's BasicAuthentication gives; with its password, Bandwidth is listened
    to."""
    notices_password_file: str | None = None


class Bandwidth:
    most = MOST

    def __init__(self, settings: Settings) -> None:
        """Reads the passwords. Raises Refused for settings that cannot serve."""
        self.name = settings.name
        self.notices_by = _notices_by(settings)
        if not re.fullmatch("[A-Za-z0-9-]{1,40}", settings.account):
            raise Refused(Reason.INVALID_PARAMETER, f"{self.name}'s account is no account number.")
        given = f"{settings.user}:{secret(settings.password_file)}"
        self._http = Guarded(
            settings.name,
            f"{settings.url.rstrip('/')}/accounts/{settings.account}/lidbs",
            {"Authorization": "Basic " + base64.b64encode(given.encode()).decode(), **_XML},
            allow_loopback=settings.allow_loopback,
            ca_file=settings.ca_file,
            patience=settings.patience,
        )

    async def submit(self, order: Order) -> Outcome:
        """The API does not say that it knows a CustomerOrderId again, so an earlier order with
        ours is looked for first: whoever repeats a lost submission gets the same order."""
        if order.action == Action.REMOVE and not all(line.name.strip() for line in order.lines):
            because = "Bandwidth removes no name; it hides one, which the order does not give."
            refused = LineOutcome(LineState.REJECTED, None, because)
            return Outcome(order.idempotency_key, {}, True, refused)
        found = await self._earlier(order)
        if found is not None:
            return found
        answer = await self._http.ask("POST", "", orders_lidb.build(order))
        if answer.status == 409:
            # Not documented here; elsewhere it says that the order is there already.
            return await self._earlier(order) or Outcome(order.idempotency_key)
        if answer.status >= 400:
            refused_order = orders_lidb.read_refusal(answer.body, order)
            require_known(refused_order.per_number, order.numbers, self.name)
            return refused_order
        outcome, _ = orders_lidb.read(answer.body)
        return self._known(outcome, order.numbers)

    async def poll(self, order_ref: str, numbers: Collection[str] | None = None) -> Outcome:
        outcome, _ = await self._read(order_ref)
        if outcome.order_ref != order_ref:
            raise Unreadable(f"{self.name} answers with another order.")
        if numbers is not None and not set(outcome.per_number) & set(numbers):
            raise Unreadable(f"{self.name} answers for none of the order's numbers.")
        return only(outcome, numbers)

    def notice(self, body: bytes) -> Notice:
        return orders_lidb.read_notice(body)

    async def observe(self, number: str) -> str | None:
        """LIDB orders have no dip; another registrar or dip observes what this one stored."""
        return None

    async def _earlier(self, order: Order) -> Outcome | None:
        number = order.lines[0].national
        answer = await self._http.ask("GET", f"?tn={number}")
        if answer.status == 404:
            return None
        looked_into = 0
        for summary in orders_lidb.read_list(answer.body):
            if summary.customer_order_id not in (None, order.idempotency_key):
                continue
            if looked_into == _LOOKED_INTO:
                break
            looked_into += 1
            outcome, key = await self._read(summary.order_ref)
            if key == order.idempotency_key:
                return self._known(outcome, order.numbers)
        return None

    async def _read(self, order_ref: str) -> tuple[Outcome, str | None]:
        if not _REFERENCE.fullmatch(order_ref):
            raise OrderUnknown(self.name)
        answer = await self._http.ask("GET", f"/{order_ref}")
        if answer.status == 404:
            raise OrderUnknown(self.name)
        return orders_lidb.read(answer.body)

    def _known(self, outcome: Outcome, numbers: Collection[str]) -> Outcome:
        if not _REFERENCE.fullmatch(outcome.order_ref):
            raise Unreadable(f"{self.name}'s name for the order is none we could ask by.")
        require_known(outcome.per_number, numbers, self.name)
        return outcome


def _notices_by(settings: Settings) -> tuple[str, str] | None:
    user, file = settings.notices_user, settings.notices_password_file
    if user is None and file is None:
        return None
    # RFC 7617 section 2: the first colon ends the user's name.
    if not user or file is None or ":" in user:
        because = f"{settings.name} needs notices_user, without a colon, and notices_password_file."
        raise Refused(Reason.INVALID_PARAMETER, because)
    return user, secret(file)
