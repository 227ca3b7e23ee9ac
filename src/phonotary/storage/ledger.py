"""The ledger's writer: calls are put in a queue, and one thread hashes and inserts them.

**What may be lost.** A call is answered before its row is on disk: the ledger is behind by the
batch interval, 200 ms, and as long as the database takes. Whoever ends with :meth:`close` loses
nothing; a process that is killed, or a machine that loses power, loses the rows that waited.
What was written is written as everything else here is (WAL with ``synchronous=FULL``), and its
chain still checks. Nothing is dropped because the database is slow or away: rows wait, and when
too many wait, :meth:`LedgerWriter.append` refuses, or counts what it drops in a row of its own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from time import sleep
from typing import Literal

from phonotary import clock, report, sids
from phonotary.clock import Instant
from phonotary.shaken.ledger import Batch, Chain, Dropped, Entry, Frame, Full, Link
from phonotary.storage.ledger_histories import SETTLE, Witnessing
from phonotary.storage.ledger_table import Calls, Certificate, opened, x5u_of

INTERVAL = 0.2
"""Seconds between the first row that waits and its transaction. A transaction costs as much as a
hundred rows, so a shorter one is paid for by the calls that are signed meanwhile."""
LOOK = 60.0
"""Seconds of a writer's activity between two looks at the other chains."""
MOST_WAITING = 256 << 20
"""Bytes of calls that may wait, by :func:`weight`, however few they are."""
BATCH = 1_000
"""Rows of one transaction: on SQLite the API's writer waits as long as it takes."""
# Between two transactions, so that the API's writer, which polls, gets its turn.
_GAP = 0.002
_STRETCH = 100
_BACK_OFF, _LONGEST_BACK_OFF = 0.05, 2.0
# Milliseconds to wait for another writer of the SQLite file; nobody waits for this thread.
_PATIENCE = 5_000

WhenFull = Literal["refuse", "drop-visible"]


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the database is behind."""

    waiting: int
    """Rows that are not written yet."""
    seconds: float
    """How long the oldest of them has waited, within one batch interval."""
    last_error: str | None
    """Why the last attempt failed; None once one has succeeded."""
    dropped: int
    """Calls that were not recorded because too many waited, since the start."""


def weight(entry: Entry) -> int:
    """About how many bytes a call takes while it waits. What a door lets grow is counted."""
    return 1_024 + len(entry.identity) + 64 * len(entry.dest)


class LedgerWriter:
    """Records calls in a chain of its own. Any thread may append; one thread writes.

    ``bound`` is how many rows may wait, and ``most_waiting`` how many bytes of them. ``chain_of``
    gives the PEM chain of a certificate by its fingerprint, or None; it is asked once for each
    certificate, from the writer's thread. ``look``: seconds between looks at other chains and at
    the histories that calls rest on; ``settle``: how long PostgreSQL's have to settle.
    """

    def __init__(
        self,
        database_url: str,
        *,
        bound: int = 100_000,
        when_full: WhenFull = "refuse",
        chain_of: Callable[[str], bytes | None] = lambda fingerprint: None,
        patience: int = _PATIENCE,
        look: float = LOOK,
        most_waiting: int = MOST_WAITING,
        settle: float = SETTLE,
    ) -> None:
        self._table: Calls = opened(database_url, patience)
        ordered = database_url.startswith("sqlite")
        self._witnessing = Witnessing(self._table.ask, 0.0 if ordered else settle)
        self._bound = bound
        self._refuses = when_full == "refuse"
        self._chain_of = chain_of
        self._chain = Chain(sids.mint("LG"))
        self._queue: deque[Entry | threading.Event] = deque()
        self._in_hand = 0
        """Rows between the queue and the batches, while the database is asked what to say first."""
        self._batches: list[Batch] = []
        self._flushed: list[threading.Event] = []
        self._frames_written = 0
        self._look, self._looked = look, 0.0
        self._most_waiting = most_waiting
        # Held for a few instructions, never while anything is waited for.
        self._counting = threading.Lock()
        self._waiting = 0
        """Bytes in the queue."""
        self._dropped = self._dropped_ever = 0
        self._awake = False
        self._work, self._hurry, self._closing, self._never = (threading.Event() for _ in range(4))
        self._since: int | None = None
        self._error: str | None = None
        self.written: Link | None = None
        """The newest row that is on disk; None before the first."""
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> LedgerWriter:
        self._thread.start()
        return self

    def append(self, entry: Entry) -> None:
        """Record one call: a sum and a deque's append, and nothing else.

        Raises Full (UNAVAILABLE) when ``bound`` rows or ``most_waiting`` bytes wait, and after
        :meth:`close`: the call must then not be answered. Under ``drop-visible`` it returns while
        the writer runs, and a row will say how many calls are missing.
        """
        more = weight(entry)
        with self._counting:
            waiting = self._waiting + more
            if len(self._queue) >= self._bound or waiting > self._most_waiting:
                self._overflow()
                return
            self._waiting = waiting
            self._queue.append(entry)
        if not self._awake:
            self._wake()

    def _overflow(self) -> None:
        # After its end no row of the writer's could say what is missing.
        if self._refuses or self._closing.is_set():
            raise Full
        self._dropped += 1
        self._dropped_ever += 1

    def _wake(self) -> None:
        """Once for each batch; ``_run`` looks at the queue after it has unset this."""
        self._awake = True
        if self._since is None:
            self._since = clock.milliseconds()
        self._work.set()

    @property
    def chain(self) -> str:
        return self._chain.name

    @property
    def lag(self) -> Lag:
        # Counted so that a row on its way from one place to the next is counted twice, not missed.
        waiting = len(self._queue) + self._in_hand + sum(each.rows for each in self._batches)
        since = self._since
        seconds = (clock.milliseconds() - since) / 1000 if since is not None and waiting else 0.0
        return Lag(waiting, seconds, self._error, self._dropped_ever)

    def flush(self, timeout: float | None = 10.0) -> bool:
        """Wait until all that was appended before is on disk; whether it is. ``timeout`` is in
        seconds; None waits for as long as it takes."""
        if not self._thread.is_alive():
            return not self.lag.waiting
        written = threading.Event()
        self._queue.append(written)
        self._hurry.set()
        self._wake()
        return written.wait(timeout)

    def close(self, timeout: float = 10.0) -> int:
        """Write what is left and end; how many rows could not be written within ``timeout``.
        Whoever appends from now on is refused."""
        with self._counting:
            self._bound = 0
            self._closing.set()
        self._hurry.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return self.lag.waiting

    # The writer's thread

    def _run(self) -> None:
        while not (self._closing.is_set() and not self._queue and not self._batches):
            self._work.wait()
            self._work.clear()
            self._hurry.wait(INTERVAL)
            self._hurry.clear()
            self._awake = False
            self._drain()
        self._table.close()

    def _drain(self) -> None:
        """Write until nothing waits, however long the database takes."""
        delay = _BACK_OFF
        while self._batches or self._queue:
            taken_at = clock.milliseconds()
            try:
                self._write()
            except Exception as error:
                # Whatever it was, the rows stay in the batch, and the error is seen in the lag.
                self._failed(error)
                self._never.wait(_BACK_OFF if self._closing.is_set() else delay)
                delay = min(2 * delay, _LONGEST_BACK_OFF)
                continue
            delay = _BACK_OFF
            self._since = taken_at if self._queue else None
            hurried = self._hurry.is_set() or self._closing.is_set()
            if len(self._queue) < BATCH and not hurried:
                # The few that came meanwhile are worth no transaction of their own yet.
                if self._queue:
                    self._work.set()
                return
            self._never.wait(_GAP)

    def _write(self) -> None:
        """One transaction."""
        batches = self._batches
        if self._error is not None:
            # A connection that broke may have broken after the commit.
            kept = self._table.position(self._chain.name)
            self._batches = [each for each in self._batches if each.position > kept]
        if not self._batches:
            self._take()
            batches = self._batches or batches
        frames = list(islice(self._chain.frames.items(), self._frames_written, None))
        if self._batches:
            certificates = [self._certificate(*each) for each in frames]
            self._table.add(self._batches, certificates, self._witnessing.marker)
            self._frames_written += len(frames)
        if batches:
            last = batches[-1]
            end = last.position + last.rows - 1
            self.written = (last.chain, end, last.hashes[-32:].hex())
        self._batches, self._error = [], None
        for each in self._flushed:
            each.set()
        self._flushed = []

    def _take(self) -> None:
        """Up to BATCH rows from the queue."""
        self._in_hand = min(BATCH, len(self._queue))
        try:
            self._fill([self._queue.popleft() for _ in range(self._in_hand)])
        finally:
            self._in_hand = 0

    def _fill(self, taken: list[Entry | threading.Event]) -> None:
        """Batches of what was taken; a chain's first rows bring the row that starts it."""
        entries = [each for each in taken if isinstance(each, Entry)]
        self._flushed += [each for each in taken if isinstance(each, threading.Event)]
        if not entries:
            return
        try:
            self._see(entries[0].at)
        except Exception:
            self._queue.extendleft(reversed(entries))
            raise
        with self._counting:
            self._waiting -= sum(map(weight, entries))
        for at in range(0, len(entries), _STRETCH):
            self._chain.add(entries[at : at + _STRETCH])
            # Whoever answers calls waits for the interpreter no longer than this many take.
            sleep(0)
        self._missed()
        with self._counting:
            missing, self._dropped = self._dropped, 0
        if missing:
            self._chain.control(Dropped(entries[-1].at, missing))
        self._batches = self._chain.packed()

    def _see(self, at: Instant) -> None:
        """The row that starts the chain, or, once a minute, one that names the others' newest, and
        rows that witness what is new in the histories."""
        since = clock.monotonic()
        first, due = self._chain.position == 0, since - self._looked >= self._look
        self._witnessing.marker = None
        if not (first or due or self._witnessing.more):
            return
        rows = self._witnessing.rows(at)
        if first:
            self._chain.start(at, self._table.others(self._chain.name))
        elif due:
            self._chain.look(at, self._table.others(self._chain.name))
        for row in rows:
            self._chain.control(row)
        if first or due:
            self._looked = since

    def _missed(self) -> None:
        """Entries that were none are counted as dropped."""
        why = self._chain.unreadable
        for error in why:
            report.to("ledger").error("a call could not be recorded", exc_info=error)
        with self._counting:
            self._dropped += len(why)
            self._dropped_ever += len(why)
        why.clear()

    def _certificate(self, frame: Frame, digest: str) -> Certificate:
        pem = self._chain_of(frame.fingerprint)
        return Certificate(
            digest, *frame, x5u_of(frame), pem.decode() if pem else None, self._batches[0].first_at
        )

    def _failed(self, error: Exception) -> None:
        self._table.close()
        first = self._error is None
        # The statement and its values are calls of people: only the driver's own words are told.
        self._error = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        if first:
            report.to("ledger").error("the ledger cannot be written", error=self._error)
