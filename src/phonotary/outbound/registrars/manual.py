"""A database that only people reach: each order is a ticket, kept as a file until it is done."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio.to_thread

from phonotary.clock import Instant
from phonotary.cnam import orders_ticket
from phonotary.cnam.orders import LineOutcome, Order, OrderUnknown, Outcome
from phonotary.cnam.orders_ticket import Ticket

_REFERENCE = re.compile(r"ticket-[A-Za-z0-9-]{1,40}")
_MOST_BYTES = 4_194_304


class Manual:
    most = 1000

    def __init__(self, name: str, directory: str) -> None:
        """``directory`` is made where it is not there; whoever serves the name shares it."""
        self.name, self._directory = name, Path(directory)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def submit(self, order: Order) -> Outcome:
        return await anyio.to_thread.run_sync(self._opened, order)

    async def poll(self, order_ref: str, numbers: Collection[str] | None = None) -> Outcome:
        return (await anyio.to_thread.run_sync(self.ticket, order_ref)).outcome

    async def observe(self, number: str) -> str | None:
        return None

    def ticket(self, order_ref: str) -> Ticket:
        """Raises OrderUnknown."""
        path = self._path(order_ref)
        try:
            with path.open(encoding="utf-8") as file:
                return orders_ticket.read(file.read(_MOST_BYTES))
        except FileNotFoundError:
            raise OrderUnknown(self.name) from None

    def tickets(self) -> list[str]:
        """The references of all tickets, open or not, in the order of their keys."""
        return sorted(each.stem for each in self._directory.glob("ticket-*.json"))

    def decide(
        self,
        order_ref: str,
        outcome: LineOutcome,
        numbers: Collection[str] = (),
        *,
        by: str,
        at: Instant,
    ) -> Ticket:
        """A person's word; see :func:`orders_ticket.decided`. The next poll brings it in."""
        with self._alone():
            ticket = orders_ticket.decided(self.ticket(order_ref), numbers, outcome, by=by, at=at)
            self._write(ticket)
        return ticket

    def _opened(self, order: Order) -> Outcome:
        ticket = orders_ticket.opened(order)
        with self._alone():
            try:
                return self.ticket(ticket.ref).outcome
            except OrderUnknown:
                self._write(ticket)
                return ticket.outcome

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One at a time changes tickets, in whichever process: of two words at once, the second
        must see the first and not write over it."""
        with open(os.open(self._directory / ".lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield

    def _write(self, ticket: Ticket) -> None:
        path = self._path(ticket.ref)
        beside = path.with_suffix(f".{os.getpid()}.part")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(orders_ticket.written(ticket))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    def _path(self, order_ref: str) -> Path:
        if not _REFERENCE.fullmatch(order_ref):
            raise OrderUnknown(self.name)
        return self._directory / f"{order_ref}.json"
