"""The candidates as processes of their own, on loopback, and what /proc says of them."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

_ROOT = Path(__file__).parents[1]
_PRISM = _ROOT / "benchmarks" / "node" / "node_modules" / ".bin" / "prism"
_DOCUMENT = _ROOT / ".make" / "oai" / "twilio_trusthub_v1.json"
_TICK = os.sysconf("SC_CLK_TCK")
_PATIENCE = 60.0
USER, PASSWORD = "AC" + "b" * 32, "c" * 32
"""The account of every run: `up` adopts it from the environment."""


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    pid: int
    origin: str
    first_answer: float
    """Seconds from its start to its first good answer."""
    user: str = USER
    password: str = PASSWORD

    def cpu_seconds(self) -> float:
        return sum(_cpu(pid) for pid in _family(self.pid))

    def memory(self) -> dict[str, float]:
        """MB resident: all of it, and the part that is its own rather than a mapped file's."""
        whole, own = 0, 0
        for pid in _family(self.pid):
            status = Path(f"/proc/{pid}/status").read_text()
            lines = dict(line.split(":", 1) for line in status.splitlines())
            whole += int(lines["VmRSS"].split()[0])
            own += int(lines["RssAnon"].split()[0])
        return {"rss_mb": round(whole / 1024, 1), "anonymous_mb": round(own / 1024, 1)}

    def get(self, path: str) -> bytes:
        return fetch(self.origin + path, self.user, self.password)


@contextmanager
def phonotary(name: str, data: Path, *flags: str) -> Iterator[Server]:
    """``phonotary up``; ``flags`` are the interpreter's."""
    port = _free_port()
    command = [sys.executable, *flags, "-m", "phonotary", "up"]
    command += ["--port", str(port), "--data", str(data)]
    credentials = {"TWILIO_ACCOUNT_SID": USER, "TWILIO_AUTH_TOKEN": PASSWORD}
    log = data.parent / f"{data.name}.log"
    with _running(name, command, port, log, {**_environment(), **credentials}) as server:
        yield server


@contextmanager
def prism(log: Path) -> Iterator[Server]:
    """Prism at its fastest: it logs errors only, and logs in a process beside the server's."""
    port = _free_port()
    command = [str(_PRISM), "mock", "--multiprocess", "--verboseLevel", "error"]
    command += ["--host", "127.0.0.1", "--port", str(port), str(_DOCUMENT)]
    with _running("Prism", command, port, log, _environment()) as server:
        yield server


def fetch(url: str, user: str = USER, password: str = PASSWORD, timeout: float = 30) -> bytes:
    """GET with credentials, the account's unless said, past any proxy the machine may have set."""
    proof = base64.b64encode(f"{user}:{password}".encode()).decode()
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {proof}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=timeout) as answer:
        body: bytes = answer.read()
    return body


@contextmanager
def _running(
    name: str, command: list[str], port: int, log: Path, environment: dict[str, str]
) -> Iterator[Server]:
    origin = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        _wait(process, f"{origin}/v1/CustomerProfiles?PageSize=1", log)
        yield Server(name, process.pid, origin, time.perf_counter() - start)
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            fetch(url)
            return
        except (URLError, ConnectionError):
            time.sleep(0.005)
    raise RuntimeError(f"{url} did not answer:\n{log.read_text(errors='replace')}")


def in_memory(file: Path) -> None:
    """As much of it as the system keeps: a disk that seeks would be measured otherwise."""
    with file.open("rb", buffering=0) as content:
        while content.read(1 << 24):
            pass


def busy_seconds() -> float:
    """What all processors together have worked since the machine started."""
    first = Path("/proc/stat").read_text().splitlines()[0].split()
    user, nice, system, _idle, _wait, irq, softirq, steal = (int(n) for n in first[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICK


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _environment() -> dict[str, str]:
    """Without what would steer phonotary elsewhere."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("TWILIO_", "PHONOTARY_"))}


def _family(pid: int) -> list[int]:
    """The process and all that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK
