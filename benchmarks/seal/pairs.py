"""phonotary as a service and its peers, as processes of their own that sign with one key."""

from __future__ import annotations

import contextlib
import http.server
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks.seal import rows
from benchmarks.servers import Server
from phonotary.clock import Clock
from phonotary.shaken.certificates import SigningCredential, load_credential, sandbox_certificates

_KAMAILIO = Path(__file__).with_name("kamailio.cfg")
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Which processors the server and the load have, and how many workers the server."""

    name: str
    workers: int
    server: str
    load: str


ONE = Layout("one core", 1, "0", "1")
BOTH = Layout("both cores", 2, "0,1", "0,1")


@dataclass(frozen=True, slots=True)
class Files:
    """The key and the certificates that every candidate works with."""

    home: Path
    x5u: str
    credential: SigningCredential

    def __getattr__(self, name: str) -> Path:
        return self.home / f"{name}.pem"


@contextmanager
def files(home: Path) -> Iterator[Files]:
    """Written to ``home``, the chain served on loopback for whoever verifies."""
    issued = sandbox_certificates(Clock.wall(), "709J", "Owl Telecom")
    with _serving(issued.chain_pem) as x5u:
        credential = load_credential(issued.chain_pem, issued.key_pem, x5u)
        public = credential.key.public_key()  # type: ignore[attr-defined]
        for name, content in {
            "chain": issued.chain_pem,
            "key": issued.key_pem,
            "root": issued.root_pem,
            "public": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        }.items():
            (home / f"{name}.pem").write_bytes(content)
        yield Files(home, x5u, credential)


@contextmanager
def phonotary(held: Files, database: Path, layout: Layout) -> Iterator[tuple[Server, int]]:
    """``phonotary serve`` with everything on, and its SIP port."""
    port, sip = _free_port(socket.SOCK_STREAM), _free_port(socket.SOCK_DGRAM)
    settings = {
        "database_url": rows.url(database),
        "port": port,
        "sip_port": sip,
        "workers": layout.workers,
        "stir_chain": held.chain,
        "stir_key": held.key,
        "stir_x5u": held.x5u,
        "stir_anchors": held.root,
        "stir_lab": held.x5u.rpartition("/")[0],
    }
    file = database.with_suffix(".toml")
    lines = [f"{name} = {_toml(value)}" for name, value in settings.items()]
    trunk = ["[[trunk]]", 'networks = ["127.0.0.0/8"]', f'account_sid = "{rows.USER}"']
    file.write_text("\n".join([*lines, *trunk, 'role = "authenticate"', ""]))
    command = [sys.executable, "-m", "phonotary", "serve", "--config-file", str(file)]
    more = {"PHONOTARY_DATA": str(held.home)}
    with running("phonotary", command, port, database.with_suffix(".log"), layout, more) as server:
        yield server, sip


SECSIPIDX = "secsipidx"
WITH_CHAIN = "secsipidx with chain"


@contextmanager
def secsipidx(held: Files, layout: Layout, *, chain: bool = False) -> Iterator[Server]:
    """secsipidx's own server. It tells every call to its output, which goes nowhere here.

    With ``chain`` it verifies as a service must that is not told whose key to believe: it fetches
    the certificate from its address, once, and holds it to its validity and the trust anchor.
    """
    port = _free_port(socket.SOCK_STREAM)
    command = ["secsipidx", "-http-srv", f"127.0.0.1:{port}", "-expire", "60"]
    command += ["-fprvkey", str(held.key)]
    if chain:
        # Its flags: 1 is the time of validity, 4 the anchors in its own file.
        command += ["-cert-verify", "5", "-ca-file", str(held.root)]
        (cache := held.home / "cache").mkdir(exist_ok=True)
        command += ["-cache-dir", str(cache), "-cache-expire", "86400"]
    else:
        command += ["-fpubkey", str(held.public)]
    more = {"GOMAXPROCS": str(layout.workers)}
    name = WITH_CHAIN if chain else SECSIPIDX
    with running(name, command, port, Path(os.devnull), layout, more) as server:
        yield server


@contextmanager
def bare(held: Files, layout: Layout) -> Iterator[tuple[Server, int]]:
    """No peer, but what any server of ours could be at the most, and its SIP port."""
    port, sip = _free_port(socket.SOCK_STREAM), _free_port(socket.SOCK_DGRAM)
    command = [sys.executable, "-m", "benchmarks.seal.bare", str(port), str(sip), str(held.key)]
    command += [str(held.public), held.x5u, str(layout.workers)]
    with running("bare", command, port, held.home / "bare.log", layout, {}) as server:
        yield server, sip


@contextmanager
def kamailio(held: Files, layout: Layout) -> Iterator[tuple[Server, int]]:
    """Kamailio with secsipid, one child for each worker."""
    port = _free_port(socket.SOCK_DGRAM)
    file = held.home / "kamailio.cfg"
    values = {"PORT": port, "CHILDREN": layout.workers, "KEY": held.key, "X5U": held.x5u}
    text = _KAMAILIO.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    file.write_text(text)
    command = ["kamailio", "-DD", "-E", "-w", str(held.home), "-Y", str(held.home), "-f", str(file)]
    log = held.home / "kamailio.log"
    with running("Kamailio", command, None, log, layout, {}) as server:
        yield server, port


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    port: int | None,
    log: Path,
    layout: Layout,
    more: dict[str, str],
) -> Iterator[Server]:
    """``port`` is a TCP port that must take a connection before it counts as started."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("TWILIO_", "PHONOTARY_"))}
    with log.open("wb") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(
            ["taskset", "-c", layout.server, *command],
            env={**ours, **more},
            stdout=output,
            stderr=output,
        )
    try:
        if port is not None:
            until(
                lambda: _connects(port) or process.poll() is not None,
                lambda: f"{name} does not listen",
            )
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended at once:\n{log.read_text(errors='replace')}")
        origin = f"http://127.0.0.1:{port}"
        took = time.perf_counter() - begun
        yield Server(name, process.pid, origin, took, rows.USER, rows.PASSWORD)
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def until(true: Callable[[], Any], otherwise: Callable[[], str]) -> None:
    """RuntimeError, ``otherwise``, when it does not become true in a minute."""
    deadline = time.monotonic() + _PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError(otherwise())
        time.sleep(0.02)


def _connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _toml(value: object) -> str:
    return str(value) if isinstance(value, int) else f'"{value}"'


def _free_port(kind: int) -> int:
    """None that the system gives to whoever connects: who asks at such a port whether anybody
    listens yet may at last be connected with himself."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket(type=kind) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def _serving(chain: bytes) -> Iterator[str]:
    """The chain's address, at which a thread of this process answers."""

    class Repository(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/pem-certificate-chain")
            self.send_header("Cache-Control", "max-age=86400")
            self.send_header("Content-Length", str(len(chain)))
            self.end_headers()
            self.wfile.write(chain)

        def log_message(self, format: str, *values: Any) -> None:
            """A line for each would lie between the tables."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Repository) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/chain.pem"
        finally:
            server.shutdown()
            thread.join()
