"""``python -m benchmarks.dns``: measure dips, print and keep the figures.

The DNS edge and PowerDNS answer from one SQLite file, each on one processor, while dnsperf asks
from another. PowerDNS has deploy/powerdns's recipe, all its caches off, so that a withdrawn name is
gone at once, as it is from ours. Then ``phonotary serve`` answers by HTTP, and at last by both
doors from a thousand rows and from many. A lost query, an answer without a name, or by HTTP any
name but the number's own, ends the run.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.dns import names, rows
from benchmarks.dns.asking import Asking, Burst, summed
from benchmarks.report import keep, table
from benchmarks.seal.pairs import ONE, running
from benchmarks.servers import Server
from tests.simulators import dig
from tests.simulators.powerdns import RECIPES
from tests.simulators.sipp import free_port

_RESULTS = Path(__file__).parents[1] / "results"
_AIM = 2.0
_PATIENCE = 30.0


@contextmanager
def ours(file: Path) -> Iterator[tuple[Server, int]]:
    command = [sys.executable, "-m", "benchmarks.dns.ours", rows.url(file)]
    with _started("phonotary", file, lambda port: [*command, str(port)]) as found:
        yield found


@contextmanager
def powerdns(file: Path) -> Iterator[tuple[Server, int]]:
    settings = {
        "config-dir": RECIPES,
        "config-name": "sqlite",
        "gsqlite3-database": file,
        "socket-dir": file.parent,
        "guardian": "no",
    }
    command = ["/usr/sbin/pdns_server", *(f"--{name}={value}" for name, value in settings.items())]
    with _started("PowerDNS", file, lambda port: [*command, f"--local-port={port}"]) as found:
        yield found


@contextmanager
def _started(
    name: str, file: Path, command: Callable[[int], list[str]]
) -> Iterator[tuple[Server, int]]:
    port = free_port()
    log = file.with_suffix(f".{name}.log")
    with running(name, command(port), None, log, ONE, {}) as server:
        deadline = time.monotonic() + _PATIENCE
        while dig.ask(port, "cnam.internal", "SOA", "+time=1").status != "NOERROR":
            if time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not answer:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        yield server, port


def main() -> None:
    asked = _arguments()
    _RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_RESULTS, prefix="dns-") as directory:
        file = Path(directory) / "service.db"
        print(f"a database of {asked.numbers:,} names", flush=True)
        result: dict[str, Any] = {"numbers": asked.numbers, "asked_for": asked.working}
        result["filled_in"] = round(rows.fill(file, asked.numbers), 1)
        result |= measure(file, asked)
        print("names by HTTP", flush=True)
        result["http"] = names.by_http(file, asked)
        if asked.many:
            result["scale"] = names.scale(Path(directory), {asked.numbers: file}, asked)
    _show(result)
    names.show(result)
    keep(result, _RESULTS / "dns.json")
    print(f"kept in {_RESULTS / 'dns.json'}")


def measure(file: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Bursts in turn, so that both have the machine's good and bad moments."""
    asking = Asking(file.parent / "questions", rows.among(asked.numbers, asked.working))
    bursts: dict[str, list[Burst]] = {"phonotary": [], "PowerDNS": []}
    result: dict[str, Any] = {"version": _version()}
    with ours(file) as (mine, port), powerdns(file) as (theirs, their_port):
        both = {"phonotary": (mine, port), "PowerDNS": (theirs, their_port)}
        result["first_time"] = {name: round(asking.once(at)) for name, (_, at) in both.items()}
        for _ in range(asked.rounds):
            for name, (server, at) in both.items():
                bursts[name].append(asking.burst(server, at, asked.seconds))
        result["bursts"] = {name: summed(found) for name, found in bursts.items()}
        # At one rate that both can bear, and ours at half of what it can.
        common, half = (result["bursts"][name]["rate"] / 2 for name in ("PowerDNS", "phonotary"))
        result["latency"] = {
            name: asking.latency(at, common, asked.seconds) for name, (_, at) in both.items()
        }
        result["at_half_load"] = asking.latency(port, half, asked.seconds)
        result["memory"] = {name: server.memory() for name, (server, _) in both.items()}
    pairs = zip(bursts["phonotary"], bursts["PowerDNS"], strict=True)
    ratios = [one.rate / other.rate for one, other in pairs]
    result["ratio"] = round(statistics.median(ratios), 2)
    result["ratios"] = [round(one, 2) for one in sorted(ratios)]
    return result


def _version() -> str:
    said = subprocess.run(
        ["/usr/sbin/pdns_server", "--version"], check=False, capture_output=True, text=True
    )
    found = re.search(r"Server ([\d.]+)", said.stdout + said.stderr)
    return f"PowerDNS {found[1]}" if found else "PowerDNS"


def _show(result: dict[str, Any]) -> None:
    head = ("", "first time/s", "answers/s", "CPU µs", "p50 ms", "p99 ms", "at/s", "MB")
    body = []
    for name, burst in result["bursts"].items():
        late = result["latency"][name]
        asked = result["first_time"][name], burst["rate"], burst["cpu_us"]
        took = late["p50_ms"], late["p99_ms"], late["rate"]
        body.append((name, *asked, *took, result["memory"][name]["anonymous_mb"]))
    table(head, body)
    late = result["at_half_load"]
    print(f"phonotary at {late['rate']}/s: p50 {late['p50_ms']} ms, p99 {late['p99_ms']} ms")
    verdict = "reached" if result["ratio"] >= _AIM else "MISSED"
    print(f"phonotary / PowerDNS: {result['ratio']} of {result['ratios']}, aim {_AIM}: {verdict}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dns", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="bursts of each")
    parser.add_argument("--seconds", type=float, default=5, help="length of a burst")
    parser.add_argument("--numbers", type=int, default=1_000_000, help="names in the database")
    parser.add_argument("--working", type=int, default=100_000, help="names that are asked for")
    parser.add_argument(
        "--many", type=int, default=10_000_000, help="names where scale is measured; 0: it is not"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
