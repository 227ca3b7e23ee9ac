"""Several bursts of the same kind: made again where somebody disturbed them, and their middle."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median

from benchmarks.load import Burst

# A burst is made again, so often at most, where others took more of the machine than this.
_DISTURBED, _TRIES = 0.15, 3


class Bursts:
    """What was measured, by name, in the order in which the names first came."""

    def __init__(self) -> None:
        self._found: dict[str, list[Burst]] = {}

    def add(self, name: str, run: Callable[[], Burst]) -> Burst:
        """The least disturbed of a few; one is enough where nobody disturbs it."""
        best = run()
        for _ in range(_TRIES - 1):
            if best.others < _DISTURBED:
                break
            best = min(best, run(), key=lambda each: each.others)
        self._found.setdefault(name, []).append(best)
        return best

    def middle(self) -> dict[str, Burst]:
        return {name: _middle(each) for name, each in self._found.items()}


def _middle(bursts: Iterable[Burst]) -> Burst:
    columns = zip(
        *((b.per_second, b.p50_ms, b.p99_ms, b.cpu_us, b.others) for b in bursts), strict=True
    )
    return Burst(*map(median, columns))
