"""Names by HTTP, and by both doors with a thousand rows in the database and with many."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.dns import rows
from benchmarks.dns.asking import Asking, summed
from benchmarks.dns.asking import Burst as Answered
from benchmarks.dns.service import Service, service
from benchmarks.load import Burst
from benchmarks.report import table
from benchmarks.seal.bursts import Bursts
from benchmarks.servers import in_memory

FEW = 1_000
_FULL, _HALF = "names by HTTP", "names by HTTP, half the load"
_AIM, _P99_AIM, _SAME = 10_000, 5.0, 0.9


def by_http(file: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Full speed, and the latency at half of it: medians of the rounds."""
    found = Bursts()
    with service(file, asked.numbers, asked.working) as ours:
        first = ours.first_time()
        for _ in range(asked.rounds):
            rate = found.add(_FULL, partial(ours.burst, asked.seconds)).per_second
            found.add(_HALF, partial(ours.burst, asked.seconds, rate=rate / 2))
        memory = ours.server.memory()
    bursts = {name: _plain(burst) for name, burst in found.middle().items()}
    return {"first_time": round(first), "bursts": bursts, "memory": memory}


def scale(home: Path, made: dict[int, Path], asked: argparse.Namespace) -> dict[str, Any]:
    """As many numbers are asked for in both, spread evenly and known before, so that only what lies
    in the database differs; bursts in turn. What it costs to have many callers is seen above.
    ``made`` are databases that are there already, by how many names they hold."""
    files, result = dict[int, Path](), dict[str, Any]({"memory": {}})
    for numbers in (FEW, asked.many):
        files[numbers] = made.get(numbers, home / f"service{numbers}.db")
        if numbers not in made:
            print(f"a database of {numbers:,} names", flush=True)
            took = rows.fill(files[numbers], numbers)
            result.setdefault("filled_in", {})[f"{numbers:,}"] = round(took, 1)
    by_dns: dict[int, list[Answered]] = {numbers: [] for numbers in files}
    found = Bursts()
    with ExitStack() as stack:
        known = dict[int, tuple[Service, Asking]]()
        for numbers, file in files.items():
            in_memory(file)
            ours = stack.enter_context(service(file, numbers, FEW))
            known[numbers] = ours, Asking(file.with_suffix(".questions"), ours.asked)
            result["memory"][f"{numbers:,} names, idle"] = ours.server.memory()
            ours.first_time()
        for number in range(asked.rounds):
            for numbers in list(files)[:: 1 if number % 2 else -1]:
                ours, asking = known[numbers]
                found.add(str(numbers), partial(ours.burst, asked.seconds))
                by_dns[numbers].append(asking.burst(ours.server, ours.dns_port, asked.seconds))
        for numbers, (ours, _) in known.items():
            count = f"{numbers:,} names, {len(ours.asked):,} asked for"
            result["memory"][count] = ours.server.memory()
    http = found.middle()
    result["by HTTP"] = {str(numbers): _plain(http[str(numbers)]) for numbers in files}
    result["by DNS"] = {str(numbers): summed(bursts) for numbers, bursts in by_dns.items()}
    for door in ("by HTTP", "by DNS"):
        few, many = (result[door][str(numbers)] for numbers in files)
        result[f"ratio {door}"] = round(many["rate"] / few["rate"], 3)
        result[f"CPU ratio {door}"] = round(many["cpu_us"] / few["cpu_us"], 3)
    return result


def _plain(burst: Burst) -> dict[str, float]:
    return {
        "rate": round(burst.per_second),
        "cpu_us": round(burst.cpu_us, 1),
        "p50_ms": round(burst.p50_ms, 2),
        "p99_ms": round(burst.p99_ms, 2),
        "others": round(burst.others, 2),
    }


def show(result: dict[str, Any]) -> None:
    http = result["http"]
    head = ("", "answers/s", "CPU µs", "p50 ms", "p99 ms", "others")
    table(
        head,
        (
            (name, f"{b['rate']:,}", b["cpu_us"], b["p50_ms"], b["p99_ms"], f"{b['others']:.0%}")
            for name, b in http["bursts"].items()
        ),
    )
    full, half = http["bursts"][_FULL]["rate"], http["bursts"][_HALF]["p99_ms"]
    print(f"first time of each number: {http['first_time']:,}/s; memory {http['memory']}")
    print(f"{full:,}/s, aim {_AIM:,}: {_verdict(full >= _AIM)}")
    print(f"p99 {half} ms at half the load, aim under {_P99_AIM:g}: {_verdict(half < _P99_AIM)}")
    if "scale" in result:
        _show_scale(result["scale"])


def _show_scale(found: dict[str, Any]) -> None:
    print()
    table(
        ("names in the database", "by HTTP/s", "CPU µs", "by DNS/s", "CPU µs"),
        (
            (f"{int(numbers):,}", f"{one['rate']:,}", one["cpu_us"],
             f"{found['by DNS'][numbers]['rate']:,}", found["by DNS"][numbers]["cpu_us"])
            for numbers, one in found["by HTTP"].items()
        ),
    )  # fmt: skip
    for door in ("by HTTP", "by DNS"):
        ratio, cpu = found[f"ratio {door}"], found[f"CPU ratio {door}"]
        told = f"{ratio}, aim {_SAME}: {_verdict(ratio >= _SAME)}; CPU of a dip {cpu}"
        print(f"many : {FEW:,} names, {door}: {told}")
    print()
    table(
        ("memory", "RSS MB", "of it anonymous MB"),
        ((name, m["rss_mb"], m["anonymous_mb"]) for name, m in found["memory"].items()),
    )


def _verdict(reached: bool) -> str:
    return "reached" if reached else "MISSED"
