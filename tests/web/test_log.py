"""The sandbox's request log stays within its bounds and finds what is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from phonotary.web.sandbox import log as module
from phonotary.web.sandbox.log import Entry, RequestLog


def scope(path: str = "/v1/EndUsers", method: str = "GET") -> dict[str, Any]:
    return {"method": method, "path": path, "query_string": b"a=b", "headers": [(b"host", b"h")]}


def said(log: RequestLog, body: bytes, **what: Any) -> Entry:
    entry = log.open(0, scope(**what))
    entry.status, entry.response_body = 200, body
    log.close(entry)
    return entry


def test_the_oldest_are_forgotten_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    log = RequestLog()
    for _ in range(5):
        said(log, b"x")
    assert [entry.number for entry in log] == [3, 4, 5]


def test_the_oldest_are_forgotten_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BYTES", 100)
    log = RequestLog()
    for size in (60, 60, 30):
        said(log, b"x" * size)
    assert [entry.number for entry in log] == [2, 3]
    said(log, b"x" * 101)
    assert list(log) == []
    said(log, b"x" * 100)
    assert [entry.number for entry in log] == [5]


def test_a_request_under_way_when_the_log_is_cleared_does_not_count() -> None:
    log = RequestLog()
    under_way = log.open(0, scope())
    log.clear()
    log.close(under_way)
    assert list(log) == []


def test_a_search_is_by_every_word() -> None:
    log = RequestLog()
    said(log, b'{"sid": "IT1"}', path="/v1/EndUsers/IT1")
    said(log, b'{"sid": "IT2"}', path="/v1/EndUsers/IT2", method="POST")
    assert [e.number for e in log.search({"path": "/v1/EndUsers/*"})] == [1, 2]
    assert [e.number for e in log.search({"path": "/v1/EndUsers/*", "method": "post"})] == [2]
    assert [e.number for e in log.search({"contains": "IT1"})] == [1]
    assert [e.number for e in log.search({"after": "1"})] == [2]
    assert log.search({"status": "404"}) == []
