"""Since when the oldest of many rows has waited, for which no row has to carry a time."""

from __future__ import annotations

from collections import deque
from math import inf


class Oldest:
    """Follows a queue that many append to and one takes from. Times are seconds of one clock."""

    def __init__(self) -> None:
        self.since = inf
        """When the oldest row came, or at most one :meth:`mark` before; never, where none waits."""
        self._taken = 0
        self._marks: deque[tuple[float, int]] = deque()
        """When, and how many will have been taken once all that waited then are."""

    def came(self, now: float) -> None:
        """There is a row now where there may have been none."""
        if self.since == inf:
            self.since = now

    def mark(self, now: float, waiting: int) -> None:
        """Whoever comes from now on comes behind these."""
        last = self._taken + waiting
        if not self._marks or self._marks[-1][1] != last:
            self._marks.append((now, last))
        if waiting:
            self.came(now)

    def took(self, rows: int) -> None:
        self._taken += rows

    def wrote(self, waiting: int) -> None:
        """All that were taken are written, and so many others wait."""
        while self._marks and self._marks[0][1] <= self._taken:
            self.since = self._marks.popleft()[0]
        if not waiting:
            self.since = inf
