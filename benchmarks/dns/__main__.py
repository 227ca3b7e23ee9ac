"""``python -m benchmarks.dns``: measure the DNS edge beside PowerDNS, print and keep the figures.

Both answer from one SQLite file, each on one processor, while dnsperf asks from another. PowerDNS
has deploy/powerdns's recipe, all its caches off, so that a withdrawn name is gone at once, as it is
from ours. A lost query or any answer but a name ends the run.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.dns import rows
from benchmarks.report import keep, table
from benchmarks.seal.pairs import ONE, running
from benchmarks.servers import Server
from tests.simulators import dig, dnsperf
from tests.simulators.powerdns import RECIPES
from tests.simulators.sipp import free_port

_RESULTS = Path(__file__).parents[1] / "results"
_AIM = 2.0
_OUTSTANDING = "100"
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Burst:
    """One run of dnsperf against one server."""

    rate: float
    """Answers a second."""
    cpu_us: float
    """Processor time of the server for one answer."""


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


class Asking:
    """dnsperf with the numbers of this run, in random order."""

    def __init__(self, home: Path, numbers: int, working: int) -> None:
        chosen = random.Random(5).sample(range(numbers), min(working, numbers))
        self._file = home / "questions"
        self._file.write_text("".join(f"{rows.enum_name(n)} NAPTR\n" for n in chosen))

    def run(self, port: int, *options: str) -> dnsperf.Figures:
        command = ["taskset", "-c", ONE.load, "dnsperf", "-s", "127.0.0.1", "-p", str(port)]
        done = dnsperf.run([*command, "-d", str(self._file), "-q", _OUTSTANDING, *options])
        if done.lost or done.codes != {"NOERROR": done.completed}:
            raise RuntimeError(f"not every answer was a name:\n{done.output[-2000:]}")
        return done

    def once(self, port: int) -> float:
        """Every number once, as after a start; answers a second."""
        return self.run(port, "-n", "1").rate

    def burst(self, server: Server, port: int, seconds: float) -> Burst:
        before = server.cpu_seconds()
        done = self.run(port, "-l", f"{seconds:g}")
        used = server.cpu_seconds() - before
        return Burst(done.rate, used / done.completed * 1e6)

    def latency(self, port: int, rate: float, seconds: float) -> dict[str, float]:
        """Milliseconds until the answer at ``rate`` a second."""
        done = self.run(port, "-l", f"{seconds:g}", "-Q", f"{rate:.0f}", "-v")
        took = sorted(
            float(one) for one in re.findall(r"^> \w+ \S+ \S+ ([\d.]+)$", done.output, re.M)
        )
        if not took:
            raise RuntimeError(f"dnsperf did not tell latencies:\n{done.output[:500]}")
        return {
            "rate": round(rate),
            "p50_ms": round(took[len(took) // 2] * 1e3, 3),
            "p99_ms": round(took[len(took) * 99 // 100] * 1e3, 3),
        }


def main() -> None:
    asked = _arguments()
    _RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_RESULTS, prefix="dns-") as directory:
        file = Path(directory) / "service.db"
        print(f"a database of {asked.numbers:,} names", flush=True)
        result: dict[str, Any] = {"numbers": asked.numbers, "asked_for": asked.working}
        result["filled_in"] = round(rows.fill(file, asked.numbers), 1)
        result |= measure(file, asked)
    _show(result)
    keep(result, _RESULTS / "dns.json")
    print(f"kept in {_RESULTS / 'dns.json'}")


def measure(file: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Bursts in turn, so that both have the machine's good and bad moments."""
    asking = Asking(file.parent, asked.numbers, asked.working)
    bursts: dict[str, list[Burst]] = {"phonotary": [], "PowerDNS": []}
    result: dict[str, Any] = {"version": _version()}
    with ours(file) as (mine, port), powerdns(file) as (theirs, their_port):
        both = {"phonotary": (mine, port), "PowerDNS": (theirs, their_port)}
        result["first_time"] = {name: round(asking.once(at)) for name, (_, at) in both.items()}
        for _ in range(asked.rounds):
            for name, (server, at) in both.items():
                bursts[name].append(asking.burst(server, at, asked.seconds))
        result["bursts"] = {name: _summed(found) for name, found in bursts.items()}
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


def _summed(bursts: Iterable[Burst]) -> dict[str, float]:
    found = list(bursts)
    return {
        "rate": round(statistics.median(one.rate for one in found)),
        "cpu_us": round(statistics.median(one.cpu_us for one in found), 1),
    }


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
    return parser.parse_args()


if __name__ == "__main__":
    main()
