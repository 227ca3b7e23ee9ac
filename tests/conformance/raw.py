"""HTTP by the byte: what no client library would let anybody send."""

from __future__ import annotations

import base64
import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.simulators.hub import Hub

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, int]:
        """Status and code of an error, whose body has the four keys and agrees with its status."""
        found = self.json
        assert set(found) == {"code", "message", "more_info", "status"}, found
        assert found["status"] == self.status
        return self.status, found["code"]


def request(
    hub: Hub,
    method: str,
    target: str | bytes,
    body: bytes = b"",
    *,
    kind: str | None = FORM,
    host: bytes | None = None,
    authorization: str | None = None,
    headers: tuple[str, ...] = (),
    length: bool = True,
) -> Answer:
    """One request on a connection of its own. ``length=False`` leaves Content-Length out."""
    where = urlsplit(hub.http).netloc.encode()
    credentials = base64.b64encode(f"{hub.account_sid}:{hub.auth_token}".encode()).decode()
    lines = [f"Authorization: {authorization or 'Basic ' + credentials}", "Connection: close"]
    lines += headers
    if kind and body:
        lines.append(f"Content-Type: {kind}")
    if length and (body or method == "POST"):
        lines.append(f"Content-Length: {len(body)}")
    path = target if isinstance(target, bytes) else target.encode()
    head = (
        method.encode() + b" " + path + b" HTTP/1.1\r\nHost: " + (where if host is None else host)
    )
    raw = head + "".join(f"\r\n{line}" for line in lines).encode() + b"\r\n\r\n" + body
    return send(hub, raw)


def send(hub: Hub, raw: bytes) -> Answer:
    where = urlsplit(hub.http)
    with socket.create_connection(
        (where.hostname or "", where.port or 80), timeout=10
    ) as connection:
        connection.sendall(raw)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    return _read(received)


def _read(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100"):
        return _read(body)
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Answer(int(status.split()[1]), headers, body)
