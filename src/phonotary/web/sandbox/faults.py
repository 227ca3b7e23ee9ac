"""Faults on order: 429, 5xx, slowness, and connections cut before or after the write took effect.

A program that cannot bear these loses customers' work at Twilio; here it can learn to resume.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from phonotary.errors import Reason, Refused

KINDS = ("429", "500", "502", "503", "slow", "cut-before", "cut-after")
_SLOWEST = 120.0


@dataclass(slots=True)
class Fault:
    """One rule. ``path`` may hold ``*``; ``times`` None means for ever."""

    kind: str
    method: str = "*"
    path: str = "*"
    account: str = "*"
    """Whose requests: the account SID or key SID they are signed with."""
    rate: float = 1.0
    times: int | None = None
    skip: int = 0
    """How many that fit pass unharmed first: with ``times=1`` it strikes the one after them."""
    seconds: float = 1.0
    """How long ``slow`` waits before the request is served."""
    hits: int = 0
    passed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise Refused(Reason.INVALID_PARAMETER, f"kind must be one of {', '.join(KINDS)}")
        if not 0 <= self.rate <= 1:
            raise Refused(Reason.INVALID_PARAMETER, "rate must be between 0 and 1")
        if not 0 <= self.seconds <= _SLOWEST:
            raise Refused(Reason.INVALID_PARAMETER, f"seconds must be at most {_SLOWEST:.0f}")
        if self.times is not None and self.times < 1:
            raise Refused(Reason.INVALID_PARAMETER, "times must be at least 1")

    def fits(self, method: str, path: str, account: str | None) -> bool:
        if self.times is not None and self.hits >= self.times:
            return False
        if self.account not in ("*", account):
            return False
        return self.method in ("*", method) and fnmatchcase(path, self.path)

    def spares(self) -> bool:
        """Whether this one passes unharmed."""
        self.passed += 1
        return self.passed <= self.skip


@dataclass
class Faults:
    """The rules in force, oldest first; the first that fits and whose rate strikes is applied."""

    rules: list[Fault] = field(default_factory=list)
    dice: random.Random = field(default_factory=random.Random)

    def strike(self, method: str, path: str, account: str | None = None) -> Fault | None:
        for rule in self.rules:
            if not rule.fits(method, path, account) or rule.spares():
                continue
            if rule.rate >= 1 or self.dice.random() < rule.rate:
                rule.hits += 1
                return rule
        return None
