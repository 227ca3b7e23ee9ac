"""Bursts of INVITEs, each to be answered with a 302 that carries a signed Identity of level A."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from benchmarks.load import Burst
from benchmarks.seal.http_load import Callers, children
from benchmarks.seal.pairs import Layout
from benchmarks.servers import Server, busy_seconds

_SOURCE = Path(__file__).with_suffix(".c")


def built(home: Path) -> Path:
    """The caller, compiled."""
    program = home / "sip_load"
    subprocess.run(["cc", "-O2", "-o", str(program), str(_SOURCE)], check=True)
    return program


def burst(
    program: Path, server: Server, port: int, layout: Layout, callers: Callers, seconds: float
) -> Burst:
    """As many as the server can take. It measures no time of an answer: those are 0."""
    command = ["taskset", "-c", layout.load, str(program), str(port), f"{seconds:g}"]
    command += [str(callers.count), str(callers.step)]
    begun = time.perf_counter(), busy_seconds(), children(), server.cpu_seconds()
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    ended = time.perf_counter(), busy_seconds(), children(), server.cpu_seconds()
    took, busy, load, spent = (after - before for before, after in zip(begun, ended, strict=True))
    lasted, good, other, lost = (float(word) for word in said.split())
    if other or lost or not good:
        raise RuntimeError(
            f"{server.name}: {good:.0f} INVITEs had a 302 of level A, {other:.0f} had not, and "
            f"{lost:.0f} had no answer"
        )
    others = max(busy - load - spent, 0) / (took * (os.cpu_count() or 1))
    return Burst(good / lasted, 0, 0, spent * 1e6 / good, others)
