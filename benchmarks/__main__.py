"""``python -m benchmarks``: measure phonotary beside its peers, print tables, keep the figures."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import report, starts
from benchmarks.cases import cases, field
from benchmarks.load import rounds

_RESULTS = Path(__file__).with_name("results")
_FEW = 10


def main() -> None:
    asked = _arguments()
    _RESULTS.mkdir(exist_ok=True)
    # Not the system's temporary directory: that may be memory, where a commit costs nothing.
    with tempfile.TemporaryDirectory(dir=_RESULTS, prefix="data-") as directory:
        home = Path(directory)
        result: dict[str, Any] = {"machine": report.machine(home)}
        print("starts", flush=True)
        result["start"] = starts.measure(home, asked.starts)
        result["imports"] = starts.imports(home)
        print("load", flush=True)
        result |= _loaded(home, asked)
    report.show(result)
    report.keep(result, _RESULTS / "latest.json")
    print(f"kept in {_RESULTS / 'latest.json'}")


def _loaded(home: Path, asked: argparse.Namespace) -> dict[str, Any]:
    with field(home, _FEW, asked.rows) as servers:
        memory = {
            "phonotary, idle, 10 rows": servers.few.memory(),
            f"phonotary, idle, {asked.rows:,} rows": servers.many.memory(),
            "Prism, idle": servers.prism.memory(),
        }
        bursts = rounds(cases(servers, asked.rows // 2), asked.rounds, asked.seconds)
        memory |= {
            "phonotary after reading, 10 rows": servers.few.memory(),
            "phonotary after writing": servers.written.memory(),
            f"phonotary after the load, {asked.rows:,} rows": servers.many.memory(),
            "Prism after the load": servers.prism.memory(),
        }
        return {
            "rows": asked.rows,
            "filled_in_seconds": round(servers.filled_in, 1),
            "load": {name: asdict(burst) for name, burst in bursts.items()},
            "ratios": report.ratios(bursts),
            "memory": memory,
        }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many rows are many")
    parser.add_argument("--rounds", type=int, default=5, help="bursts of each case")
    parser.add_argument("--seconds", type=float, default=3, help="length of a burst")
    parser.add_argument("--starts", type=int, default=7, help="starts of each kind")
    return parser.parse_args()


if __name__ == "__main__":
    main()
