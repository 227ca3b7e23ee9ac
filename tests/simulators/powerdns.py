"""PowerDNS, run with the recipes that this project gives its users."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.simulators import dig
from tests.simulators.sipp import free_port

RECIPES = Path(__file__).parents[2] / "deploy" / "powerdns"
_PATIENCE = 20.0


class PowerDnsMissing(Exception):
    """The program is not on this machine."""


@dataclass(frozen=True, slots=True)
class NameServer:
    """A running PowerDNS."""

    port: int
    log: Path


@contextmanager
def name_server(directory: Path, recipe: str, **settings: str) -> Iterator[NameServer]:
    """PowerDNS on a free port of loopback with ``deploy/powerdns/pdns-<recipe>.conf``;
    ``settings`` are put in the place of the recipe's, underscores for hyphens."""
    program = shutil.which("pdns_server", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise PowerDnsMissing("pdns_server is not installed; Debian's pdns-server has it")
    port = free_port()
    run = directory / f"pdns-{port}"
    run.mkdir()
    # A Unix socket's path has 107 bytes, and a test's own directory may need all of them.
    sockets = tempfile.mkdtemp(prefix="pdns-")
    settings = {"local_port": str(port), "socket_dir": sockets, **settings}
    command = [program, f"--config-dir={RECIPES}", f"--config-name={recipe}", "--guardian=no"]
    command += [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    log = run / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=run, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_it_answers(port, process, log)
        yield NameServer(port, log)
    finally:
        process.terminate()
        process.wait(_PATIENCE)
        shutil.rmtree(sockets, ignore_errors=True)


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if dig.ask(port, "cnam.internal", "SOA", "+time=1", "+tries=1").status == "NOERROR":
            return
        time.sleep(0.05)
    raise RuntimeError(f"PowerDNS did not answer:\n{log.read_text(errors='replace')}")
