"""One burst of load from ``wrk``, and what the server spent on it."""

from __future__ import annotations

import base64
import math
import os
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.servers import Server, busy_seconds

_SCRIPT = Path(__file__).with_name("load.lua")
# A burst is made again, so often at most, where others took more of the machine than this.
_DISTURBED, _TRIES = 0.15, 3


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table: what is asked of whom."""

    name: str
    server: Server
    path: str
    create: bool = False
    connections: int = 32
    prefer: str = ""
    asks: tuple[object, ...] = ()
    """What ``load.lua`` is told to ask, where it is more than one path again and again."""
    rate: float = 0
    """Requests a second, about; as many as the server takes when 0."""
    processor: str = ""
    """The only one that the load may have; any when empty."""


@dataclass(frozen=True, slots=True)
class Burst:
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """CPU time of the server, all its processes, for one request."""
    others: float
    """Share of the machine that neither the server nor the load had: whoever else is on it."""
    requests: int = 0
    """How many there were."""


def burst(case: Case, seconds: float) -> Burst:
    """``wrk`` on one thread. An answer other than 2xx or 3xx, or a name that is not the number's,
    makes the whole run invalid."""
    server = case.server
    proof = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
    pause = math.ceil(1000 * case.connections / case.rate) if case.rate else 0
    pinned = ["taskset", "-c", case.processor] if case.processor else []
    command = [*pinned, "wrk", "-t1", f"-c{case.connections}", f"-d{seconds:g}s"]
    command += ["-s", str(_SCRIPT)]
    command += ["-H", f"Authorization: Basic {proof}"]
    if case.prefer:
        command += ["-H", f"Prefer: {case.prefer}"]
    asks = case.asks or ("create" if case.create else "get",)
    command += [f"{server.origin}{case.path}", "--", str(pause), *map(str, asks)]
    begun = time.perf_counter(), busy_seconds(), _wrk_seconds(), server.cpu_seconds()
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    ended = time.perf_counter(), busy_seconds(), _wrk_seconds(), server.cpu_seconds()
    took, busy, load, spent = (after - before for before, after in zip(begun, ended, strict=True))
    others = max(busy - load - spent, 0) / (took * (os.cpu_count() or 1))
    line = next(line for line in said.splitlines() if line.startswith("RESULT "))
    requests, duration, p50, p99, bad = (int(word) for word in line.split()[1:])
    if bad or not requests:
        raise RuntimeError(f"{case.name}: {bad} of {requests} requests went wrong\n{said}")
    cpu_us = spent * 1e6 / requests
    return Burst(requests * 1e6 / duration, p50 / 1000, p99 / 1000, cpu_us, others, requests)


def _wrk_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _quiet(case: Case, seconds: float) -> Burst:
    """The least disturbed of a few bursts; one is enough where nobody disturbs it."""
    best = burst(case, seconds)
    for _ in range(_TRIES - 1):
        if best.others < _DISTURBED:
            break
        best = min(best, burst(case, seconds), key=lambda each: each.others)
    return best


def rounds(cases: list[Case], times: int, seconds: float) -> dict[str, Burst]:
    """Every case once in each round, each round starting elsewhere: medians of them all.

    What else the machine does then falls on all of them alike, and so mostly out of the ratios.
    """
    found: dict[str, list[Burst]] = {case.name: [] for case in cases}
    for number in range(times):
        first = number * len(cases) // times
        for case in cases[first:] + cases[:first]:
            found[case.name].append(_quiet(case, seconds))
        print(f"  round {number + 1} of {times} done", flush=True)
    return {name: _middle(bursts) for name, bursts in found.items()}


def _middle(bursts: list[Burst]) -> Burst:
    return Burst(
        median(b.per_second for b in bursts),
        median(b.p50_ms for b in bursts),
        median(b.p99_ms for b in bursts),
        median(b.cpu_us for b in bursts),
        median(b.others for b in bursts),
    )
