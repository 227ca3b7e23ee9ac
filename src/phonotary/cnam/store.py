"""What registrations and deliveries need kept. ``storage`` implements it for both databases.

A store belongs to one transaction, as ``trusthub.store`` says of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from phonotary.clock import Instant
from phonotary.cnam.delivery import Delivery
from phonotary.cnam.registry import Registration


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """Many numbers on their way to one database, under one key."""

    key: str
    """``CO`` and 32 hexadecimal digits: written before the order is sent, sent with it, and found
    again by it. An order is repeated with the same key and the same lines."""
    database: str
    action: str
    """``register`` or ``remove``."""
    since: Instant
    due: Instant
    order_ref: str | None = None
    """What the database calls it; None while it is not known whether it arrived."""
    attempts: int = 0
    seq: int = 0
    """Counts the orders; given when it is kept."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one database answered when it was asked for a number."""

    phone_number: str
    database: str
    expected_name: str
    observed_name: str
    """Empty where it knew none."""
    observed_at: Instant


class Store(Protocol):
    """One transaction's view of the names and where they are."""

    def standing(self, numbers: Sequence[str]) -> Mapping[str, Registration]:
        """The registrations that stand, by number."""
        ...

    def newest(self, numbers: Sequence[str]) -> Mapping[str, int]:
        """Each number's latest version, where it has had one."""
        ...

    def add_registrations(self, registrations: Sequence[Registration]) -> None: ...

    def replace_registrations(self, registrations: Sequence[Registration]) -> None: ...

    def deliveries(self, numbers: Sequence[str]) -> Sequence[Delivery]:
        """All of these numbers', held for the rest of the transaction."""
        ...

    def put_deliveries(self, deliveries: Iterable[Delivery]) -> None:
        """Add or replace, by number and database."""
        ...
