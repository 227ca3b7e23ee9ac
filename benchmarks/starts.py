"""From starting ``phonotary up`` to its first answer, and where that time goes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median

from benchmarks.servers import Server, phonotary, prism

_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s*([\w.]+)")


def measure(home: Path, times: int) -> dict[str, float]:
    """Median seconds of so many starts each, in turns, after one that only warms the caches."""
    kept = home / "kept"
    candidates: dict[str, Callable[[int], AbstractContextManager[Server]]] = {
        "phonotary, new data directory": lambda n: phonotary("start", home / f"fresh-{n}"),
        "phonotary, existing data directory": lambda n: phonotary("start", kept),
        "Prism": lambda n: prism(home / "prism-start.log"),
    }
    with phonotary("start", kept):
        pass
    found: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(times):
        for name, start in candidates.items():
            with start(number) as server:
                found[name].append(server.first_answer)
    return {name: median(seconds) for name, seconds in found.items()}


def imports(home: Path) -> dict[str, float]:
    """Milliseconds each package takes to import at a start, the dearest first.

    Python's own account of it (``-X importtime``) makes everything somewhat slower.
    """
    with phonotary("start", home / "kept", "-X", "importtime"):
        pass
    spent: Counter[str] = Counter()
    for line in (home / "kept.log").read_text().splitlines():
        found = _LINE.match(line)
        if found:
            spent[found[2].split(".")[0]] += int(found[1])
    whole = {"all imports": spent.total() / 1000}
    return whole | {name: micros / 1000 for name, micros in spent.most_common(12)}
