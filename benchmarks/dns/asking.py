"""dnsperf at one server, and what it came to."""

from __future__ import annotations

import random
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.dns import rows
from benchmarks.seal.pairs import ONE
from benchmarks.servers import Server
from tests.simulators import dnsperf

_OUTSTANDING = "100"


@dataclass(frozen=True, slots=True)
class Burst:
    """One run of dnsperf against one server."""

    rate: float
    """Answers a second."""
    cpu_us: float
    """Processor time of the server for one answer."""


class Asking:
    """dnsperf with the numbers of this run, in random order."""

    def __init__(self, file: Path, asked: Sequence[int]) -> None:
        """``asked`` are their places among the rows; ``file`` is written."""
        chosen = random.Random(5).sample(asked, len(asked))
        self._file = file
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


def summed(bursts: Iterable[Burst]) -> dict[str, float]:
    """Their medians."""
    found = list(bursts)
    return {
        "rate": round(statistics.median(one.rate for one in found)),
        "cpu_us": round(statistics.median(one.cpu_us for one in found), 1),
    }
