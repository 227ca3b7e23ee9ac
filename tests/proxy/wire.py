"""HTTP by hand: what a client library would smooth over is what these tests are about."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 20.0
SECONDARY = "RNdfbf3fae0e1107f8aded0e7cead80bf5"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running hub, by its ready file."""

    ready: dict[str, Any]
    directory: Path

    @property
    def address(self) -> tuple[str, int]:
        return _address(self.ready["proxy"].removeprefix("http://"))

    @property
    def tls_address(self) -> tuple[str, int]:
        return _address(self.ready["tls"])

    @property
    def authorization(self) -> str:
        pair = f"{self.ready['account_sid']}:{self.ready['auth_token']}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ready["ca"])
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    @contextlib.contextmanager
    def connection(self) -> Iterator[socket.socket]:
        with socket.create_connection(self.address, timeout=PATIENCE) as plain:
            yield plain

    @contextlib.contextmanager
    def tunnel(self, host: str, *, sni: str = "") -> Iterator[ssl.SSLSocket]:
        """A secured connection to a Twilio host, as a client behind a proxy makes it."""
        with self.connection() as plain:
            plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
            assert read_head(plain).startswith(b"HTTP/1.1 200 ")
            with self.context().wrap_socket(plain, server_hostname=sni or host) as secured:
                yield secured

    def request(self, method: str, path: str, host: str, form: str = "", *more: str) -> bytes:
        """One request; a POST has a form."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
        lines.append(f"Authorization: {self.authorization}")
        if method == "POST":
            lines.append("Content-Type: application/x-www-form-urlencoded")
            lines.append(f"Content-Length: {len(form)}")
        return "\r\n".join((*lines, *more, "", form)).encode()

    def log(self) -> str:
        return (self.directory / "log").read_text()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def read_head(connection: socket.socket) -> bytes:
    """Up to the empty line and not a byte further."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            break
        head += byte
    return head


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One answer with a Content-Length, so that another may follow it."""
    first, *lines = read_head(connection).decode().strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    body = b""
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    return int(first.split()[1]), headers, body


def read_json(connection: socket.socket) -> tuple[int, Any]:
    status, _, body = read_answer(connection)
    return status, json.loads(body) if body else None


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


@contextlib.contextmanager
def serving(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A host of somebody else's, on this machine: its port. Each connection is a thread's."""
    listener = socket.create_server(("127.0.0.1", 0))
    talking: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            talking.append(threading.Thread(target=_talk, args=(talk, connection)))
            talking[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        # A thread in accept() is woken by shutdown, not by close.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (accepting, *talking):
            thread.join(PATIENCE)


def _talk(talk: Callable[[socket.socket], None], connection: socket.socket) -> None:
    with connection, contextlib.suppress(ConnectionError):
        connection.settimeout(PATIENCE)
        talk(connection)
