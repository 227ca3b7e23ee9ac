"""Jobs that ask somebody else's server, which may hang: nothing but their own kind waits for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

from phonotary import report
from phonotary.bootstrap.aside import aside
from phonotary.bootstrap.lane import Lane
from phonotary.clock import Clock
from phonotary.storage import jobs
from phonotary.storage.database import Database
from phonotary.storage.jobs import Claimed
from phonotary.storage.store import SqlStore

Ending = Callable[[SqlStore], None]
"""What is kept of an errand, in the transaction that ends its job or has it done again."""

_AT_ONCE = 16
_OF_ONE = 4
"""At once, of one customer with all its subaccounts: servers of its own that hang leave room."""


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
        sandbox: bool = False,
        in_order: bool = False,
    ) -> None:
        """``ended`` is called after each subject's. ``in_order``: endings are kept in the order in
        which the jobs fell due, so that a slow answer changes nothing but the time it takes. In a
        ``sandbox`` one customer may have all the room there is."""
        self._database, self._clock, self._kind = database, clock, kind
        self._run, self._told, self._in_order = run, ended, in_order
        self._of_one = _AT_ONCE if sandbox else _OF_ONE
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._customers: dict[str, str] = {}
        """Whose the subjects are that are under way."""
        self._beginning = asyncio.Lock()
        self.lane = Lane(self.begin)

    async def begin(self) -> int:
        """Begin what is due, as far as there is room; how many jobs that was."""
        async with self._beginning:
            return await self._begin()

    async def _begin(self) -> int:
        room = _AT_ONCE - len(self._under_way)
        if not room:
            return 0
        # As they are now: on PostgreSQL a thread claims, and errands end meanwhile.
        busy, shares = tuple(self._under_way), Counter(self._customers.values())
        claim = partial(self._claim, room, busy, shares)
        claimed, begun = await aside(self._database, self._database.write, claim)
        self._customers.update(begun)
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

    def _claim(
        self, room: int, busy: tuple[str, ...], several: Counter[str], store: SqlStore
    ) -> tuple[list[Claimed], dict[str, str]]:
        """What is to be begun, and whose it is; no more of one customer than its share."""
        claimed = jobs.claim(
            store,
            self._clock.now(),
            self._clock.wall(),
            room,
            self._kind,
            not_of=busy,
            not_for=[each for each, count in several.items() if count >= self._of_one],
        )
        whose = jobs.customers(store, [each.job.subject for each in claimed]) if claimed else {}
        begun: dict[str, str] = {}
        for subject in dict.fromkeys(each.job.subject for each in claimed):
            customer = whose.get(subject, subject)
            if several[customer] < self._of_one:
                several[customer] += 1
                begun[subject] = customer
        if over := [each.seq for each in claimed if each.job.subject not in begun]:
            jobs.give_back(store, over)
        return [each for each in claimed if each.job.subject in begun], begun

    async def _one_by_one(self, several: list[Claimed], before: asyncio.Task[None] | None) -> None:
        for place, each in enumerate(several, 1):
            ending = await self._run(each)
            if before is not None:
                await asyncio.wait([before])
            end = partial(self._end, ending, several[place:])
            await aside(self._database, self._database.write, end)

    def _end(self, ending: Ending, left: list[Claimed], store: SqlStore) -> None:
        ending(store)
        if left:
            # Their turn comes late, and another process must not take it meanwhile.
            jobs.hold(store, self._clock.wall(), [each.seq for each in left])

    def _ended(self, subject: str, task: asyncio.Task[None]) -> None:
        del self._under_way[subject], self._customers[subject]
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            report.to("phonotary.work").error(
                "an errand failed", kind=self._kind, subject=subject, exc_info=error
            )
        # There is room now, and the subject's next may be due.
        self.lane.ring()
        self._told()
