"""A small HTTP server that remembers the callbacks it gets, for the demonstration."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

from phonotary.outbound.callbacks import signature


class Receiver:
    """Listens on a free loopback port between ``with`` and its end."""

    def __init__(self) -> None:
        self._got: list[tuple[dict[str, str], str]] = []
        got = self._got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                form = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
                got.append((form, self.headers.get("X-Twilio-Signature", "")))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing: the story is told on standard output."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/status"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, count: int, patience: float = 5.0) -> list[dict[str, str]]:
        """The forms received so far, once there are ``count`` or patience is over."""
        deadline = time.monotonic() + patience
        while len(self._got) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return [form for form, _ in self._got]

    def all_signed(self, auth_token: str) -> bool:
        return all(given == signature(auth_token, self.url, form) for form, given in self._got)
