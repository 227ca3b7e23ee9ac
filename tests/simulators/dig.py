"""dig, BIND's client: what a name server says, as an operator sees it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field

_HEAD = re.compile(r"status: (\w+), id: \d+\n;; flags: ([a-z ]*);")


class DigMissing(Exception):
    """The program is not on this machine."""


@dataclass(frozen=True, slots=True)
class Said:
    """One answer, taken from dig's output."""

    output: str
    status: str = ""
    """``NOERROR``, ``NXDOMAIN``, …; empty when there was no answer."""
    flags: frozenset[str] = frozenset()
    sections: dict[str, list[list[str]]] = field(default_factory=dict)
    """Records by section, each as owner, TTL, class, type and data."""

    @property
    def answer(self) -> list[tuple[str, str]]:
        """Type and data of each record of the answer section."""
        return [(one[3], one[4]) for one in self.sections.get("ANSWER", [])]

    @property
    def authority(self) -> list[tuple[str, str]]:
        """Owner and type of each record of the authority section."""
        return [(one[0], one[3]) for one in self.sections.get("AUTHORITY", [])]


def enum_name(number: str, apex: str = "cnam.internal") -> str:
    """``0.0.1.….1.cnam.internal`` for ``+1…``."""
    return ".".join([*reversed(number.removeprefix("+")), apex])


def ask(port: int, name: str, kind: str, *options: str) -> Said:
    """Ask loopback's ``port``. ``options`` are dig's, such as ``+tcp``."""
    program = shutil.which("dig")
    if program is None:
        raise DigMissing("dig is not installed; Debian's dnsutils has it")
    # -r: no ~/.digrc. Retries would hide a lost answer.
    command = [program, "-r", "@127.0.0.1", "-p", str(port), "+time=5", "+tries=1", "+norecurse"]
    done = subprocess.run(
        [*command, *options, name, kind], capture_output=True, text=True, timeout=30, check=False
    )
    head = _HEAD.search(done.stdout)
    if head is None:
        return Said(done.stdout)
    sections: dict[str, list[list[str]]] = {}
    for part in re.split(r"\n\n", done.stdout):
        title, _, lines = part.strip().partition("\n")
        if found := re.fullmatch(r";; (\w+) SECTION:", title):
            rows = [line.split(None, 4) for line in lines.splitlines() if line[:1] not in ";"]
            sections[found[1]] = rows
    return Said(done.stdout, head[1], frozenset(head[2].split()), sections)
