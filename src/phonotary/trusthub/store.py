"""What the Trust Hub needs kept. ``storage`` implements these, over SQLite and PostgreSQL.

A store belongs to one transaction: a room call reads and writes through it, and either all of it
is kept when the edge commits or none of it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from phonotary.events import Job, StatusChanged
from phonotary.trusthub import records as r

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """One page of a list, newest first. ``cursor`` is a page token a former page gave out."""

    size: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows and the tokens of the neighbouring pages, None where there is none."""

    rows: list[T]
    next_cursor: str | None = None
    previous_cursor: str | None = None


class Collection(Protocol[T]):
    """All records of one kind. A tuple as a ``where`` value means "any of these"."""

    def add(self, record: T) -> None: ...
    def get(self, sid: str) -> T | None: ...
    def replace(self, record: T) -> None: ...
    def remove(self, sid: str) -> None: ...
    def page(self, ask: Ask, where: Mapping[str, Any]) -> Page[T]: ...
    def all(self, **where: Any) -> list[T]: ...
    def first(self, **where: Any) -> T | None: ...


class Store(Protocol):
    """One transaction's view of everything the Trust Hub keeps."""

    @property
    def bundles(self) -> Collection[r.Bundle]: ...
    @property
    def end_users(self) -> Collection[r.EndUser]: ...
    @property
    def documents(self) -> Collection[r.SupportingDocument]: ...
    @property
    def entity_assignments(self) -> Collection[r.EntityAssignment]: ...
    @property
    def endpoint_assignments(self) -> Collection[r.ChannelEndpointAssignment]: ...
    @property
    def evaluations(self) -> Collection[r.StoredEvaluation]: ...
    @property
    def addresses(self) -> Collection[r.Address]: ...
    @property
    def numbers(self) -> Collection[r.Number]: ...
    @property
    def caller_ids(self) -> Collection[r.OutgoingCallerId]: ...
    @property
    def inquiries(self) -> Collection[r.Inquiry]: ...

    def owner_of(self, account_sid: str) -> str | None:
        """The account that owns this one (itself, for a parent); None when there is none."""
        ...

    def is_active(self, account_sid: str) -> bool:
        """Whether the account exists and is neither suspended nor closed."""
        ...

    def move(self, before: r.Bundle, after: r.Bundle) -> bool:
        """Save a change of status, unless somebody else changed it first (then False)."""
        ...

    def record(self, event: StatusChanged, filed: Mapping[str, Any] | None = None) -> None:
        """Keep what happened, for ever, and what the bundle then held."""
        ...

    def history(self, bundle_sid: str) -> list[StatusChanged]:
        """All that happened to a bundle, oldest first."""
        ...

    def enqueue(self, job: Job) -> None:
        """Have work done once it is due; a key seen before is ignored."""
        ...
