"""A hub in this process, whose console is opened by a reviewer and by customers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from phonotary.bootstrap.hub import Hub, open_hub
from phonotary.config import Cnam, Settings, service_url

REVIEWER = ("rita", "chosen")


class Console:
    def __init__(self, hub: Hub, http: httpx.AsyncClient) -> None:
        self.hub, self.http = hub, http

    async def work(self) -> None:
        """All that is due with the databases."""
        while await self.hub.names.registering.work_once():
            pass

    async def page(self, path: str, auth: tuple[str, str] | None = REVIEWER) -> str:
        answer = await self.http.get(path, auth=auth)
        assert answer.status_code == 200, answer.text
        return answer.text


@contextmanager
def hub_with(
    directory: Path,
    *databases: Mapping[str, Any],
    keep_days: int | None = None,
    url: str | None = None,
) -> Iterator[Hub]:
    """On SQLite in ``directory``, unless ``url`` names a database."""
    hub = open_hub(
        Settings(
            url or service_url(directory),
            vetting="manual",
            sandbox=False,
            reviewer_password=REVIEWER[1],
            cnam=Cnam(databases=databases, keep_days=keep_days),
        )
    )
    hub.serve_at("http://127.0.0.1:8080")
    try:
        yield hub
    finally:
        hub.database.close()


def opened(hub: Hub, use: Callable[[Console], Awaitable[None]]) -> None:
    async def run() -> None:
        transport = httpx.ASGITransport(hub.asgi())
        async with httpx.AsyncClient(transport=transport, base_url="http://hub.example") as http:
            await use(Console(hub, http))

    asyncio.run(run())
