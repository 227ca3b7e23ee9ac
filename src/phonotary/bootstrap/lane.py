"""Work that goes on whatever other work waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from phonotary import report
from phonotary.storage.faults import Away, TryAgain

_POLL = 1.0


class Lane:
    """Does what is due of some work, as soon as it is rung for or within a second."""

    def __init__(self, once: Callable[[], Awaitable[int]]) -> None:
        """``once`` does some of what is due; whether there was anything."""
        self._once = once
        self._bell = asyncio.Event()

    def ring(self) -> None:
        """On the lane's own loop."""
        self._bell.set()

    async def run(self) -> None:
        """Until cancelled. What fails is logged, and tried again like anything that is due."""
        while True:
            self._bell.clear()
            try:
                if await self._once():
                    # There may be more; but what else waits for this loop, a call for one, goes
                    # first.
                    await asyncio.sleep(0)
                    continue
            except (Away, TryAgain):
                # The database has said so itself, once, or is busy for a moment.
                pass
            except Exception:
                report.to("phonotary.work").exception("a round of work failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL):
                    await self._bell.wait()
