"""How each database is dealt with: how much at once, how long, how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

WAITS = (60, 300, 1_800, 7_200, 21_600, 86_400)
"""Seconds before an order that could not be sent, or a number that timed out, is tried again."""
POLLS = (60, 300, 900, 3_600)
"""Seconds between two questions about an order; the last stands for all later ones."""
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Terms:
    """How one database is dealt with."""

    database: str
    batch: int = 500
    """Numbers in one order at most."""
    timeout: int | None = 5 * _DAY
    """Seconds until an order without a last word has timed out; None: a person is waited for."""
    waits: tuple[int, ...] = WAITS
    polls: tuple[int, ...] = POLLS
    recalls: bool = False
    """Whether it takes back what it has accepted and not yet done."""
    looks: tuple[int, ...] = ()
    """Seconds after which an active name is looked up there, to see what is shown."""
    propagation: Callable[[str], int] | None = None
    """For a database whose accepted names are active by the clock alone: after so many seconds
    from the registration's ``since``."""

    def wait(self, attempts: int) -> int:
        return self.waits[min(max(attempts, 1), len(self.waits)) - 1]

    def poll(self, polls: int) -> int:
        return self.polls[min(max(polls, 1), len(self.polls)) - 1]


LOOKS = (3_600, 3 * _DAY, 14 * _DAY)
"""For a database that can be asked what it shows."""

# Bandwidth: "These orders require manual intervention and take over 24 hours". The others' times
# are ours, and every one of them is a setting.
TERMS: dict[str, Terms] = {
    "local": Terms("local", recalls=True),
    "bandwidth": Terms("bandwidth"),
    "http": Terms("http", timeout=3 * _DAY),
    "sftp": Terms("sftp", batch=10_000, timeout=7 * _DAY, polls=(900, 3_600)),
    "manual": Terms("manual", timeout=None, polls=(_DAY,)),
}
"""By the kind of registrar."""
