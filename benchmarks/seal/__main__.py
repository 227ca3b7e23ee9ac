"""``python -m benchmarks.seal``: measure the seal beside its peers, print tables, keep the figures.

Without an answer that is right from everybody there is no report: a burst with a refused call, a
level other than A or a failed verification ends the run.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.report import keep
from benchmarks.seal import beside, inprocess, pairs, report, rows, scale
from benchmarks.seal.http_load import Callers

_RESULTS = Path(__file__).parents[1] / "results"
_FEW = 1_000


def main() -> None:
    asked = _arguments()
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("server and load need a processor each, and this machine has one")
    _RESULTS.mkdir(exist_ok=True)
    result: dict[str, Any] = {"machine": report.machine(), "ratios": [], "memory": {}}
    # Not the system's temporary directory: that may be memory, where a commit costs nothing.
    with tempfile.TemporaryDirectory(dir=_RESULTS, prefix="seal-") as directory:
        print("in process", flush=True)
        rates = inprocess.measure(asked.rounds, asked.seconds)
        result["in_process"] = asdict(rates)
        result["ratios"] += report.process_ratios(rates)
        with pairs.files(Path(directory)) as held:
            _loaded(held, asked, result)
    result["machine"]["load after"] = f"{os.getloadavg()[0]:.2f}"
    report.show(result)
    keep(result, _RESULTS / "seal.json")
    print(f"kept in {_RESULTS / 'seal.json'}")


def _loaded(held: pairs.Files, asked: argparse.Namespace, result: dict[str, Any]) -> None:
    databases, result["filled_in"] = dict[int, Path](), {}
    for numbers in sorted({_FEW, asked.numbers, asked.many} - {0}):
        print(f"a database of {numbers:,} numbers", flush=True)
        databases[numbers] = held.home / f"service{numbers}.db"
        took = rows.fill(databases[numbers], numbers)
        result["filled_in"][f"{numbers:,}"] = round(took, 1)
    print("beside the peers", flush=True)
    callers = Callers.among(asked.numbers, asked.callers)
    found, memory = beside.measure(
        held, databases[asked.numbers], callers, asked.rounds, asked.seconds
    )
    result["beside"] = report.plain(found)
    result["ratios"] += report.peer_ratios(found)
    result["memory"] |= memory
    print("scale", flush=True)
    found, memory = scale.measure(held, databases, asked.working, asked.rounds, asked.seconds)
    result["scale"] = report.plain(found)
    result["ratios"] += report.scale_ratios(found, list(databases))
    result["memory"] |= memory


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seal", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="bursts of each kind")
    parser.add_argument("--seconds", type=int, default=3, help="length of a burst")
    parser.add_argument("--numbers", type=int, default=1_000_000, help="numbers in the database")
    parser.add_argument(
        "--many", type=int, default=rows.MOST, help="numbers in the largest one; 0: none"
    )
    parser.add_argument(
        "--callers", type=int, default=10_000, help="numbers that call, beside the peers"
    )
    parser.add_argument(
        "--working", type=int, default=100_000, help="numbers that call, where scale is measured"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
