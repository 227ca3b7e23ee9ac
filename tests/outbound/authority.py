"""A laboratory behind a real HTTP server on loopback, for the clients of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from phonotary.cli import start
from phonotary.clock import Clock
from phonotary.shaken.laboratory.laboratory import Laboratory
from phonotary.web.laboratory import doors
from phonotary.web.stir_v1 import certs_app
from tests.rooms.shaken.laboratory_scenes import ANY, OWL, InMemory

Around = Callable[[Any], Any]


@contextmanager
def serving(around: Around = lambda app: app) -> Iterator[Laboratory]:
    """A fresh laboratory in real time; ``around`` may put an application before its doors."""
    listener = start.listen("127.0.0.1", 0)
    lab = Laboratory(InMemory(), start.origin_of(listener), Clock.wall(), [OWL, ANY])
    inner, certs = doors.app(lambda: lab, Clock.wall), certs_app(lab.chains)

    async def whole(scope: Any, receive: Any, send: Any) -> None:
        await (certs if scope["path"].startswith("/certs/") else inner)(scope, receive, send)

    server = uvicorn.Server(
        uvicorn.Config(around(whole), log_level="warning", access_log=False, lifespan="off")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield lab
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
