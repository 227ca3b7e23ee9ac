"""dnsperf, the DNS load generator."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class DnsperfMissing(Exception):
    """The program is not on this machine."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What dnsperf counted."""

    sent: int
    completed: int
    codes: dict[str, int]
    """Answers by response code."""
    rate: float
    """Answers a second."""
    mean: float
    """Seconds until an answer."""
    output: str

    @property
    def lost(self) -> int:
        return self.sent - self.completed


def load(
    directory: Path,
    port: int,
    questions: Iterable[tuple[str, str]],
    *options: str,
    before: tuple[str, ...] = (),
) -> Figures:
    """Ask every question (name and type) of loopback's ``port``; ``options`` are dnsperf's own
    and ``before`` is put before its command, such as ``taskset -c 1``."""
    program = shutil.which("dnsperf")
    if program is None:
        raise DnsperfMissing("dnsperf is not installed; Debian's dnsperf has it")
    file = directory / "questions"
    file.write_text("".join(f"{name} {kind}\n" for name, kind in questions))
    return run([*before, program, "-s", "127.0.0.1", "-p", str(port), "-d", str(file), *options])


def run(command: list[str]) -> Figures:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"dnsperf failed:\n{done.stdout}{done.stderr}")
    text = done.stdout

    def figure(label: str) -> str:
        found = re.search(rf"{label}:\s+([\d.]+)", text)
        if found is None:
            raise RuntimeError(f"dnsperf did not say {label!r}:\n{text}")
        return found[1]

    codes = dict(re.findall(r"([A-Z]+) (\d+) \(", text.partition("Response codes:")[2]))
    return Figures(
        int(figure("Queries sent")),
        int(figure("Queries completed")),
        {code: int(count) for code, count in codes.items()},
        float(figure("Queries per second")),
        float(figure(r"Average Latency \(s\)")),
        text,
    )
