"""A ``phonotary up`` that can be killed and started again on the same data, and a receiver."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx

from tests.simulators import hub as hubs

_PATIENCE = 30.0


class Sandbox:
    """One data directory and the process that serves it, if one runs."""

    def __init__(self, directory: Path, *options: str, database_url: str = "") -> None:
        self._directory = directory
        self._options = options
        self._database_url = database_url
        self._process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}

    def start(self) -> None:
        ready, log = self._directory / "ready.json", self._directory / "log"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "phonotary", "up", "--port", "0", *self._options]
        command += ["--data", str(self._directory / "data"), "--ready-file", str(ready)]
        steered = ("TWILIO_", "PHONOTARY_")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(steered)}
        if self._database_url:
            environment["PHONOTARY_DATABASE_URL"] = self._database_url
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + _PATIENCE
        while not ready.exists():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"phonotary up did not serve:\n{log.read_text()}")
            time.sleep(0.01)
        self.ready = json.loads(ready.read_text())

    def kill(self) -> None:
        """As a power cut would: no handler runs, nothing is finished."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_PATIENCE)
            self._process = None

    @property
    def hub(self) -> hubs.Hub:
        """What the tests of a hub that is not killed are given."""
        return hubs.described(self.ready)

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.ready["http"],
            auth=(self.ready["account_sid"], self.ready["auth_token"]),
            trust_env=False,
            timeout=10,
        )


@contextmanager
def running(directory: Path, *options: str, database_url: str = "") -> Iterator[Sandbox]:
    sandbox = Sandbox(directory, *options, database_url=database_url)
    sandbox.start()
    try:
        yield sandbox
    finally:
        sandbox.stop()


@dataclass(frozen=True, slots=True)
class Received:
    """One POST as it came."""

    url: str
    form: dict[str, str]
    headers: dict[str, str]

    @property
    def token(self) -> str:
        return self.headers["i-twilio-idempotency-token"]


@dataclass
class Receiver:
    """A customer's own server: it keeps what it gets and answers what it is told to."""

    url: str = ""
    got: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses of the next answers; 204 once they are used up."""
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, holds: Callable[[list[Received]], bool], seconds: float = 10) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: holds(self.got), seconds), self.got

    def statuses(self, bundle_sid: str) -> list[str]:
        with self.changed:
            return [r.form["Status"] for r in self.got if r.form["BundleSid"] == bundle_sid]


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A hub that is killed resets its connections: nothing of that is worth printing."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:
                # The sender died in the middle of it: nothing was received.
                self.close_connection = True
                return
            form = dict(parse_qsl(body.decode(), keep_blank_values=True))
            headers = {name.lower(): value for name, value in self.headers.items()}
            url = f"http://{self.headers['host']}{self.path}"
            with receiver.changed:
                receiver.got.append(Received(url, form, headers))
                status = receiver.answers.pop(0) if receiver.answers else 204
                receiver.changed.notify_all()
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing is printed among the tests' own lines."""

    server = _Server(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook?of=ours"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
