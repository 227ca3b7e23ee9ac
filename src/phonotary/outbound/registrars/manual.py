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
from phonotary.errors import Reason, Refused

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
        """Raises OrderUnknown, and Refused (UNREADABLE_BODY) where its file is damaged."""
        path = self._path(order_ref)
        try:
            with path.open(encoding="utf-8") as file:
                return orders_ticket.read(file.read(_MOST_BYTES))
        except FileNotFoundError:
            raise OrderUnknown(self.name) from None
        except (OSError, UnicodeDecodeError):
            raise Refused(Reason.UNREADABLE_BODY, "The ticket cannot be read.") from None

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
        """A person's word; see :func:`orders_ticket.decided`. The next poll brings it in. Raises
        Refused as well (BODY_TOO_LARGE) where the ticket has no room for it."""
        with self._alone():
            before = self.ticket(order_ref)
            ticket = orders_ticket.decided(before, numbers, outcome, by=by, at=at)
            if ticket is not before:
                # The other half is kept for the words that settle: there is an end to these, and
                # a ticket that takes no more of them would stay open for ever.
                settles = len(ticket.waiting) < len(before.waiting)
                self._write(ticket, _MOST_BYTES if settles else _MOST_BYTES // 2)
        return ticket

    def _opened(self, order: Order) -> Outcome:
        ticket = orders_ticket.opened(order)
        with self._alone():
            try:
                return self.ticket(ticket.ref).outcome
            except OrderUnknown:
                self._write(ticket, _MOST_BYTES)
                return ticket.outcome

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One at a time changes tickets, in whichever process: of two words at once, the second
        must see the first and not write over it."""
        with open(os.open(self._directory / ".lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield

    def _write(self, ticket: Ticket, most: int) -> None:
        path, text = self._path(ticket.ref), orders_ticket.written(ticket)
        if len(text) > most:
            raise Refused(Reason.BODY_TOO_LARGE, "The ticket has no room for more words.")
        beside = path.with_suffix(f".{os.getpid()}.part")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    def _path(self, order_ref: str) -> Path:
        if not _REFERENCE.fullmatch(order_ref):
            raise OrderUnknown(self.name)
        return self._directory / f"{order_ref}.json"
