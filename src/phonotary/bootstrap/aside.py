"""Transactions of work in the background, out of the way of whoever else needs the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from phonotary.storage.database import Database

T = TypeVar("T")


async def aside(database: Database, run: Callable[..., T], *given: Any) -> T:
    """SQLite in line, as everywhere, for a thread costs more than the query; PostgreSQL, which is
    waited for and may hang, in a thread. What was begun there is ended before a cancellation goes
    on: nothing is written behind the back of who has called work off."""
    if database.is_sqlite:
        return run(*given)
    begun = asyncio.get_running_loop().run_in_executor(None, run, *given)
    try:
        return await asyncio.shield(begun)
    except asyncio.CancelledError:
        await asyncio.wait([begun])
        raise
