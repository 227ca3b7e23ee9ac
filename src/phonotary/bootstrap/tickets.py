"""The tickets of databases that only people reach, for the people who decide them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import anyio.to_thread

from phonotary.clock import Instant
from phonotary.cnam import orders_ticket
from phonotary.cnam.orders import Registrar
from phonotary.cnam.orders_ticket import Ticket
from phonotary.cnam.store import OpenOrder
from phonotary.errors import Reason, Refused
from phonotary.outbound.registrars.manual import Manual
from phonotary.storage.cnam import CnamStore
from phonotary.storage.store import SqlStore


@dataclass(frozen=True, slots=True)
class Listed:
    """One open ticket in the list of them."""

    order: OpenOrder
    ticket: Ticket | None
    """None where its file cannot be read."""


class Tickets:
    """What is decided is written into the ticket's own file, with who decided it and when; the
    poll of its order brings it into the ledger."""

    page = 50
    """Tickets on one page."""

    def __init__(self, registrars: Mapping[str, Registrar], now: Callable[[], Instant]) -> None:
        self._manual = {n: each for n, each in registrars.items() if isinstance(each, Manual)}
        self._now = now

    def waiting(self, store: SqlStore, after: int = 0) -> list[OpenOrder]:
        """The orders of open tickets, oldest first; one more than a page where there is more."""
        return CnamStore(store, False).open_orders(tuple(self._manual), after, self.page + 1)

    async def listed(self, orders: Collection[OpenOrder]) -> list[Listed]:
        return await anyio.to_thread.run_sync(lambda: [self._listed(each) for each in orders])

    async def ticket(self, database: str, order_ref: str) -> Ticket:
        """Open or closed. Raises Refused (NOT_FOUND)."""
        return await anyio.to_thread.run_sync(self._of(database).ticket, order_ref)

    async def decide(
        self,
        database: str,
        order_ref: str,
        word: str,
        numbers: Collection[str],
        because: str,
        by: str,
    ) -> Ticket:
        """A person's word about these numbers, or about all that wait where none is given; ``word``
        is one of ``orders_ticket.DECISIONS``. Raises Refused, and then nothing is changed."""
        manual, at = self._of(database), self._now()

        def work() -> Ticket:
            ticket = manual.ticket(order_ref)
            outcome = orders_ticket.decision(ticket.order.action, word, because)
            chosen = numbers or ticket.waiting
            return manual.decide(order_ref, outcome, chosen, by=by, at=at)

        return await anyio.to_thread.run_sync(work)

    def _of(self, database: str) -> Manual:
        found = self._manual.get(database)
        if found is None:
            raise Refused(Reason.NOT_FOUND, "There is no such ticket.")
        return found

    def _listed(self, order: OpenOrder) -> Listed:
        try:
            return Listed(order, self._of(order.database).ticket(order.order_ref or ""))
        except Refused:
            return Listed(order, None)
