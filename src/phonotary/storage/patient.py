"""PostgreSQL that does not answer: a connection that waits for it no longer than it is told to.

A server's own ``statement_timeout`` is kept by the very process that hangs, and TCP's timers are
content with a machine that is up: without this a statement waits until somebody mends the server.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import psycopg
from psycopg import errors
from sqlalchemy import Engine, event

Seconds = Callable[[], float]
"""How long one statement may wait for its answer."""


class _Connection(psycopg.Connection[Any]):
    longest: Seconds = staticmethod(lambda: inf)

    def wait(
        self, gen: Any, interval: float = 0.1, timeout: float | None = None, **more: Any
    ) -> Any:
        longest = min(self.longest(), inf if timeout is None else timeout)
        try:
            return super().wait(gen, interval, None if longest == inf else longest, **more)
        except errors._WaitTimeout as late:
            # The answer may come yet, and would be taken for the next statement's.
            self.close()
            raise psycopg.OperationalError(f"no answer within {longest} s") from late


def bounded(engine: Engine, longest: Seconds) -> None:
    """On this engine's connections a statement that is not answered for so long is an error, and
    ends the connection."""

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        connection = _Connection.connect(*arguments, **options)
        connection.longest = longest
        return connection
