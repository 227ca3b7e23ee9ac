"""Signing over HTTP with a thousand numbers in the database, with a million, and with many."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.load import Burst
from benchmarks.seal import http_load, pairs
from benchmarks.seal.bursts import Bursts
from benchmarks.seal.http_load import Callers, Target
from benchmarks.seal.pairs import ONE, Files
from benchmarks.servers import in_memory


def measure(
    held: Files, databases: dict[int, Path], working: int, rounds: int, seconds: int
) -> tuple[dict[str, Burst], dict[str, dict[str, float]]]:
    """One core each. ``databases`` is by how many numbers are in it; of them ``working`` call,
    spread evenly, all known before it is measured. At the end anybody calls."""
    found, memory = Bursts(), dict[str, dict[str, float]]()
    with ExitStack() as stack:
        targets = dict[int, Target]()
        for numbers, file in databases.items():
            server, _ = stack.enter_context(pairs.phonotary(held, file, ONE))
            target = targets[numbers] = Target(server, ONE, held)
            http_load.ready(target, Callers.among(numbers, working))
            memory[f"{numbers:,} numbers, idle"] = server.memory()
        for numbers, target in targets.items():
            callers = Callers.among(numbers, working)
            in_memory(databases[numbers])
            http_load.warm(target, callers)
            known = f"{numbers:,} numbers, {callers.count:,} known"
            memory[known] = target.server.memory()
            print(f"  {known}", flush=True)
        for number in range(rounds):
            order = list(targets.items())
            for numbers, target in order[number % len(order) :] + order[: number % len(order)]:
                callers = Callers.among(numbers, working)
                run = partial(http_load.sign, target, callers, seconds)
                found.add(known_of(numbers), run)
        for numbers, target in targets.items():
            if numbers > working:
                everybody = Callers(numbers, 1)
                found.add(anybody_of(numbers), partial(http_load.sign, target, everybody, seconds))
            memory[f"{numbers:,} numbers, after the load"] = target.server.memory()
    return found.middle(), memory


def known_of(numbers: int) -> str:
    return f"{numbers:,} numbers"


def anybody_of(numbers: int) -> str:
    return f"{numbers:,} numbers, any of them"
