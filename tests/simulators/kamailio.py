"""Kamailio, the SIP proxy, run with the recipes that this project gives its users."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.simulators.sipp import free_port

RECIPES = Path(__file__).parents[2] / "deploy" / "kamailio"
_PATIENCE = 20.0

_PROBE = (
    "OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{n}\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:probe@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1:{port}>\r\n"
    "Call-ID: probe-{n}\r\nCSeq: {n} OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


class KamailioMissing(Exception):
    """The program is not on this machine."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running Kamailio."""

    port: int
    log: Path


@contextmanager
def proxy(
    directory: Path, recipe: str, *, port: int | None = None, **defines: str
) -> Iterator[Proxy]:
    """A Kamailio on ``port`` of loopback, else on a free one, with ``deploy/kamailio/<recipe>``;
    ``defines`` are the recipe's own settings. It runs in the foreground and ends with the block."""
    program = shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        raise KamailioMissing("kamailio is not installed; Debian's kamailio has it")
    port, run = port or free_port(), directory / recipe
    run.mkdir()
    command = [program, "-f", str(RECIPES / recipe), "-DD", "-E", "-m", "32", "-M", "4"]
    command += ["-Y", str(run), "-w", str(run), "-A", f"LISTEN=udp:127.0.0.1:{port}"]
    command += [word for name, value in defines.items() for word in ("-A", f'{name}="{value}"')]
    log = run / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=run, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait_until_it_answers(port, process, log)
        yield Proxy(port, log)
    finally:
        # Not SIGTERM: told to stop in the middle of a message, Kamailio's workers now and then wait
        # for each other for ever. It is the leader of a session of its own, workers included.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(_PATIENCE)


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline, n = time.monotonic() + _PATIENCE, 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        probe.settimeout(0.1)
        while time.monotonic() < deadline and process.poll() is None:
            n += 1
            asked = _PROBE.format(port=port, own=probe.getsockname()[1], n=n)
            probe.sendto(asked.encode(), ("127.0.0.1", port))
            try:
                if probe.recv(65536).startswith(b"SIP/2.0 200 "):
                    return
            except (TimeoutError, ConnectionError):
                continue
    raise RuntimeError(f"kamailio did not answer:\n{log.read_text(errors='replace')}")
