"""uvicorn's HTTP protocol with one thing more: an app may hang up, as a broken network does."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from phonotary.web.patience import Patience


class AbortableProtocol(Patience, HttpToolsProtocol):
    """Puts the connection's ``abort`` into each request's ``scope["state"]``."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        state: dict[str, Any] = {**self.app_state, "phonotary.abort": transport.abort}
        self.app_state = state
