"""What happened, as values. Rooms return or record them; edges decide who hears of them."""

from __future__ import annotations

from dataclasses import dataclass

from phonotary.clock import Instant


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """One move of one bundle. Kept for ever: it is the answer to "who decided this, and why?"."""

    bundle_sid: str
    account_sid: str
    before: str
    after: str
    by: str
    """``customer``, ``vetting`` (automatic), or ``reviewer:NAME``."""
    at: Instant
    because: str
    """Sentences for people; empty where nothing had to be explained."""
    codes: tuple[int, ...] = ()
    """Catalogue codes of a rejection (18601 …)."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is due at an instant and survives a crash: vetting, or one callback.

    ``key`` makes it idempotent: a second job with the same key is the same job.
    """

    kind: str
    key: str
    subject: str
    due: Instant
    body: str = ""
    attempts: int = 0
    """That have ended, and were not enough."""
