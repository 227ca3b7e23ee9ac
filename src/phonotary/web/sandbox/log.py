"""The request log: the last requests with their bodies, searchable, and what they stepped into."""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from phonotary.clock import Instant, iso8601
from phonotary.web.sandbox import mask

KEPT = 10_000
"""Entries kept at most; older ones are forgotten."""
BODY = 65_536
"""Bytes kept of each body."""
BYTES = 64 << 20
"""Bytes kept of all bodies together; older entries are forgotten for newer ones."""


@dataclass(slots=True)
class Entry:
    """One request and its answer, as bytes; they are only read when somebody looks."""

    number: int
    at: Instant
    method: str
    path: str
    query_string: bytes
    headers: Iterable[tuple[bytes, bytes]]
    request_body: bytes = b""
    status: int = 0
    """0 when the connection was cut before an answer."""
    response_body: bytes = b""
    milliseconds: float = 0.0
    fault: str | None = None
    counted: int = 0
    """Bytes this entry was counted with, once its request was over."""

    def _header(self, wanted: bytes) -> bytes:
        return next((value for name, value in self.headers if name == wanted), b"")

    @property
    def host(self) -> str:
        return self._header(b"host").decode("latin-1")

    @property
    def query(self) -> str:
        return self.query_string.decode("latin-1")

    @property
    def account(self) -> str | None:
        """The user name of Basic credentials, never the password."""
        scheme, _, value = self._header(b"authorization").partition(b" ")
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

    def contains(self, wanted: bytes) -> bool:
        """Whether either body has it, among what is not secret. Bodies that cannot have it are
        not read at all."""
        if wanted in self.request_body and wanted in mask.searched_form(
            self.request_body, self.form
        ):
            return True
        return wanted in self.response_body and wanted in mask.searched_answer(
            self.response_body, self.answer
        )

    @property
    def code(self) -> int | None:
        body = self.answer if self.status >= 400 else None
        return body.get("code") if isinstance(body, dict) else None


class RequestLog:
    """A ring of entries, newest last."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._next = 1

    def open(self, at: Instant, scope: Mapping[str, Any]) -> Entry:
        """A new entry, filled while its request is served."""
        entry = Entry(
            self._next, at, scope["method"], scope["path"], scope["query_string"], scope["headers"]
        )
        self._next += 1
        self._entries.append(entry)
        return entry

    def close(self, entry: Entry) -> None:
        """The request is over: count what it holds, forget the oldest where that is too much."""
        if not any(entry is each for each in reversed(self._entries)):
            return
        entry.counted = len(entry.request_body) + len(entry.response_body)
        self._bytes += entry.counted
        while self._entries and (len(self._entries) > KEPT or self._bytes > BYTES):
            self._bytes -= self._entries.popleft().counted

    def clear(self) -> None:
        self._entries.clear()
        self._bytes = 0
        self._next = 1

    def forget(self, accounts: Collection[str]) -> None:
        """What these accounts and keys have asked is forgotten; numbers go on."""
        kept = [entry for entry in self._entries if entry.account not in accounts]
        self._entries = deque(kept)
        self._bytes = sum(entry.counted for entry in kept)

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
        return entry.contains(value.encode())
    if name == "after":
        return value.isdecimal() and entry.number > int(value)
    if name == "method":
        return entry.method == value.upper()
    return str(getattr(entry, name)) == value


def shown(entry: Entry, traps: list[dict[str, str]]) -> dict[str, Any]:
    """An entry as the control door tells it. Secrets are left out."""
    return {
        "number": entry.number,
        "at": iso8601(entry.at),
        "method": entry.method,
        "host": entry.host,
        "path": entry.path,
        "query": mask.form(entry.asked),
        "account": entry.account,
        "form": mask.form(entry.form),
        "status": entry.status,
        "answer": mask.shown(entry.answer),
        "milliseconds": round(entry.milliseconds, 3),
        "fault": entry.fault,
        "traps": traps,
    }
