"""``phonotary serve`` with both doors to names, and ``wrk`` at the one by HTTP."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.error import URLError

from benchmarks import load
from benchmarks.dns import rows
from benchmarks.load import Burst, Case
from benchmarks.seal.pairs import ONE, running, until
from benchmarks.servers import Server
from tests.simulators.sipp import free_port

_PATH = "/cnam/v3/phone/"
_CLIENT, _KEY = "pbx", "f" * 32
_PACED = 64
_WARMING = 2.0


@dataclass(frozen=True, slots=True)
class Service:
    """A running one, and which of its numbers are asked for."""

    server: Server
    dns_port: int
    numbers: int
    asked: range

    def burst(self, seconds: float, *, rate: float = 0) -> Burst:
        """Numbers drawn by chance from those asked for; ``rate`` requests a second, as many as it
        can take when 0."""
        return load.burst(self._case("drawn", random.randrange(1 << 31), rate), seconds)

    def first_time(self) -> float:
        """Every number once and in turn, as after a start; answers a second."""
        done, took = 0, 0.0
        while done < len(self.asked):
            found = load.burst(self._case("each", done), _WARMING)
            done, took = done + found.requests, took + found.requests / found.per_second
        return done / took

    def _case(self, order: str, seed: int, rate: float = 0) -> Case:
        asks = "names", order, len(self.asked), self.asked.step, seed, *rows.SHAPE
        connections = _PACED if rate else 32
        name = f"names by HTTP, {self.numbers:,} rows"
        return Case(name, self.server, _PATH, False, connections, "", asks, rate, ONE.load)


@contextmanager
def service(file: Path, numbers: int, working: int) -> Iterator[Service]:
    """On one processor; a PBX asks by HTTP with its key, a resolver of this machine by DNS."""
    port, dns_port = free_port(), free_port()
    key = file.with_suffix(".key")
    key.write_text(_KEY)
    config = file.with_suffix(".toml")
    config.write_text(
        f'database_url = "{rows.url(file)}"\nport = {port}\ncnam_dns_port = {dns_port}\n'
        f'[[dip_client]]\nname = "{_CLIENT}"\nkey_file = "{key}"\n'
        '[[dip_client]]\nname = "resolver"\nnetworks = ["127.0.0.0/8"]\n'
    )
    command = [sys.executable, "-m", "phonotary", "serve", "--config-file", str(config)]
    more = {"PHONOTARY_DATA": str(file.parent)}
    with running(
        f"phonotary, {numbers:,} rows", command, port, file.with_suffix(".log"), ONE, more
    ) as server:
        found = replace(server, user=_CLIENT, password=_KEY)
        _answers_rightly(found)
        yield Service(found, dns_port, numbers, rows.among(numbers, working))


def _answers_rightly(server: Server) -> None:
    """RuntimeError unless the first number's name comes in the time that a start may take."""
    said = ""

    def right() -> bool:
        nonlocal said
        try:
            said = server.get(f"{_PATH}+{rows.tn(0)}?format=json").decode()
        except URLError as fault:
            said = str(fault)
            return False
        return bool(json.loads(said)["name"] == rows.name(0))

    until(right, lambda: f"{server.name} does not name a number as it must: {said}")
