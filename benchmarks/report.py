"""The figures as plain tables, and as JSON for whoever compares two runs."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases import RATIOS
from benchmarks.load import Burst


def ratios(bursts: dict[str, Burst]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "ratio": round(bursts[above].per_second / bursts[below].per_second, 2),
            "aim": aim,
        }
        for name, above, below, aim in RATIOS
    ]


def table(head: Iterable[str], body: Iterable[Iterable[object]]) -> None:
    """Columns as wide as they need to be: words to the left, numbers to the right."""
    lines = [[str(cell) for cell in line] for line in (head, *body)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    for line in lines:
        first, *rest = (
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  ".join((first, *rest)).rstrip())
    print()


def show(result: dict[str, Any]) -> None:
    machine = result["machine"]
    print()
    table(("machine", ""), machine.items())
    table(
        ("under load", "req/s", "p50 ms", "p99 ms", "CPU us/req", "others"),
        (
            (name, f"{b['per_second']:,.0f}", *(f"{b[k]:.2f}" for k in ("p50_ms", "p99_ms")),
             f"{b['cpu_us']:.0f}", f"{b['others']:.0%}")
            for name, b in result["load"].items()
        ),
    )  # fmt: skip
    table(
        ("ratio of req/s", "ratio", "aim"),
        ((row["name"], f"{row['ratio']:.2f}", row["aim"]) for row in result["ratios"]),
    )
    table(
        ("start to first answer", "seconds"),
        ((name, f"{seconds:.2f}") for name, seconds in result["start"].items()),
    )
    table(
        ("imports at a start", "ms"),
        ((name, f"{spent:.0f}") for name, spent in result["imports"].items()),
    )
    table(
        ("memory", "RSS MB", "of it anonymous MB"),
        ((name, m["rss_mb"], m["anonymous_mb"]) for name, m in result["memory"].items()),
    )


def machine(home: Path) -> dict[str, str]:
    node = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True)
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processors": f"{os.cpu_count()} ({platform.machine()}), shared with the load generator",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "Node": node.stdout.strip(),
        "one durable SQLite commit": f"{_commit(home / 'commit.db') * 1e6:.0f} us",
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def _commit(path: Path) -> float:
    """Seconds one commit takes as phonotary makes it: the disk's share of a create."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
    took = []
    for _ in range(500):
        start = time.perf_counter()
        connection.execute("INSERT INTO t (b) VALUES ('one row')")
        took.append(time.perf_counter() - start)
    connection.close()
    return median(took)


def keep(result: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
