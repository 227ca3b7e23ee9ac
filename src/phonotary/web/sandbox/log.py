"""The request log: the last requests with their bodies, searchable, and what they stepped into."""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from phonotary.clock import Instant, iso8601

KEPT = 10_000
"""Entries kept; older ones are forgotten."""
BODY = 65_536
"""Bytes kept of each body."""


@dataclass(slots=True)
class Entry:
    """One request and its answer, as bytes; they are only read when somebody looks."""

    number: int
    at: Instant
    method: str
    host: str
    path: str
    query: str
    credentials: bytes
    request_body: bytes
    status: int = 0
    """0 when the connection was cut before an answer."""
    response_body: bytes = b""
    milliseconds: float = 0.0
    fault: str | None = None

    @property
    def account(self) -> str | None:
        """The user name of Basic credentials, never the password."""
        scheme, _, value = self.credentials.partition(b" ")
        if scheme.lower() != b"basic":
            return None
        try:
            return base64.b64decode(value).split(b":")[0].decode()
        except (binascii.Error, UnicodeDecodeError):
            return None

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.request_body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def asked(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def answer(self) -> Any:
        """The response's JSON, else its text."""
        try:
            return msgspec.json.decode(self.response_body)
        except msgspec.DecodeError:
            return self.response_body.decode("utf-8", "replace")

    @property
    def code(self) -> int | None:
        body = self.answer if self.status >= 400 else None
        return body.get("code") if isinstance(body, dict) else None


class RequestLog:
    """A ring of entries, newest last."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._next = 1

    def open(self, at: Instant, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Entry:
        entry = Entry(
            number=self._next,
            at=at,
            method=scope["method"],
            host=headers.get(b"host", b"").decode("latin-1"),
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            credentials=headers.get(b"authorization", b""),
            request_body=b"",
        )
        self._next += 1
        self._entries.append(entry)
        return entry

    def clear(self) -> None:
        self._entries.clear()
        self._next = 1

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def search(self, wanted: Mapping[str, str]) -> list[Entry]:
        """Entries that match every given word: method, path, status, code, account, host exactly
        (``path`` may end in ``*``), ``contains`` anywhere in either body, ``after`` a number."""
        return [entry for entry in self if all(_fits(entry, k, v) for k, v in wanted.items())]


SEARCHABLE = ("method", "path", "status", "code", "account", "host", "contains", "after", "fault")


def _fits(entry: Entry, name: str, value: str) -> bool:
    if name == "path":
        return entry.path.startswith(value[:-1]) if value.endswith("*") else entry.path == value
    if name == "contains":
        wanted = value.encode()
        return wanted in entry.request_body or wanted in entry.response_body
    if name == "after":
        return value.isdecimal() and entry.number > int(value)
    if name == "method":
        return entry.method == value.upper()
    return str(getattr(entry, name)) == value


def shown(entry: Entry, traps: list[dict[str, str]]) -> dict[str, Any]:
    """An entry as the control door tells it. Credentials are left out."""
    return {
        "number": entry.number,
        "at": iso8601(entry.at),
        "method": entry.method,
        "host": entry.host,
        "path": entry.path,
        "query": entry.asked,
        "account": entry.account,
        "form": entry.form,
        "status": entry.status,
        "answer": entry.answer,
        "milliseconds": round(entry.milliseconds, 3),
        "fault": entry.fault,
        "traps": traps,
    }
