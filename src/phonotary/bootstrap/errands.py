"""Jobs that ask somebody else's server, which may hang: nothing but their own kind waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from phonotary import report
from phonotary.bootstrap.lane import Lane
from phonotary.clock import Clock
from phonotary.storage import jobs
from phonotary.storage.database import Database
from phonotary.storage.jobs import Claimed
from phonotary.storage.store import SqlStore

Ending = Callable[[SqlStore], None]
"""What is kept of an errand, in the transaction that ends its job or has it done again."""

_AT_ONCE = 16


class Errands:
    """Those of one kind that one process has under way: different subjects side by side, one
    subject's one after the other. No transaction is open while an answer is waited for, and an
    errand that is broken off has no ending: its lease runs out, and it is run again."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        kind: str,
        run: Callable[[Claimed], Awaitable[Ending]],
        *,
        ended: Callable[[], None] = lambda: None,
        in_order: bool = False,
    ) -> None:
        """``ended`` is called after each subject's. ``in_order``: endings are kept in the order in
        which the jobs fell due, so that a slow answer changes nothing but the time it takes."""
        self._database, self._clock, self._kind = database, clock, kind
        self._run, self._told, self._in_order = run, ended, in_order
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self.lane = Lane(self.begin)

    async def begin(self) -> int:
        """Begin what is due, as far as there is room; how many jobs that was."""
        room = _AT_ONCE - len(self._under_way)
        if not room:
            return 0
        claimed = self._database.write(partial(self._claim, room))
        by_subject: dict[str, list[Claimed]] = {}
        for each in claimed:
            by_subject.setdefault(each.job.subject, []).append(each)
        for subject, several in by_subject.items():
            before = next(reversed(self._under_way.values()), None) if self._in_order else None
            task = asyncio.get_running_loop().create_task(self._one_by_one(several, before))
            self._under_way[subject] = task
            task.add_done_callback(partial(self._ended, subject))
        return len(claimed)

    async def all_due(self) -> int:
        """Run what is due, until none is due and none under way; of how many subjects."""
        ended = 0
        while await self.begin() or self._under_way:
            done, _ = await asyncio.wait(
                self._under_way.values(), return_when=asyncio.FIRST_COMPLETED
            )
            ended += len(done)
        return ended

    async def break_off(self) -> None:
        """Break off what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _claim(self, room: int, store: SqlStore) -> list[Claimed]:
        now, wall, busy = self._clock.now(), self._clock.wall(), tuple(self._under_way)
        return jobs.claim(store, now, wall, room, self._kind, not_of=busy)

    async def _one_by_one(self, several: list[Claimed], before: asyncio.Task[None] | None) -> None:
        for place, each in enumerate(several, 1):
            ending = await self._run(each)
            if before is not None:
                await asyncio.wait([before])
            self._database.write(partial(self._end, ending, several[place:]))

    def _end(self, ending: Ending, left: list[Claimed], store: SqlStore) -> None:
        ending(store)
        if left:
            # Their turn comes late, and another process must not take it meanwhile.
            jobs.hold(store, self._clock.wall(), [each.seq for each in left])

    def _ended(self, subject: str, task: asyncio.Task[None]) -> None:
        del self._under_way[subject]
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            report.to("phonotary.work").error(
                "an errand failed", kind=self._kind, subject=subject, exc_info=error
            )
        # There is room now, and the subject's next may be due.
        self.lane.ring()
        self._told()
