"""The ledger's writer: calls are put in a queue, and one thread hashes and inserts them.

**What may be lost.** A call is answered before its row is on disk: the ledger is behind by the
batch interval, 200 ms, and as long as the database takes. A process that is killed, or a machine
that loses power, loses the rows that waited, which is no more than ``wait`` seconds of calls: when
one has waited longer, or too many wait, :meth:`LedgerWriter.append` refuses. Under ``drop-visible``
it takes as many as there is room for, and counts what it drops in a row of its own. Whoever ends
with :meth:`close` loses nothing: what the database does not take goes into a file
(:mod:`phonotary.storage.ledger_left`). What was written is written as everything else here is (WAL
with ``synchronous=FULL``), and its chain still checks.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from math import inf
from pathlib import Path
from time import sleep
from typing import Literal, NamedTuple

from msgspec.structs import replace

from phonotary import clock, report, sids
from phonotary.clock import Instant
from phonotary.shaken.ledger import Batch, Chain, Dropped, Entry, Frame, Full, Link, Witnessed
from phonotary.storage import ledger_left
from phonotary.storage.ledger_age import Oldest
from phonotary.storage.ledger_histories import SETTLE, Witnessing
from phonotary.storage.ledger_left import Leftovers, Piece
from phonotary.storage.ledger_table import Calls, Certificate, opened, x5u_of

INTERVAL = 0.2
"""Seconds between the first row that waits and its transaction. A transaction costs as much as a
hundred rows, so a shorter one is paid for by the calls that are signed meanwhile."""
LOOK = 60.0
"""Seconds of a writer's activity between two looks at the other chains."""
WAIT = 5.0
"""Seconds that a row may wait before more calls are refused."""
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
_CANNOT = "The ledger of calls cannot be written, and no call goes unrecorded"

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


class _Heard(NamedTuple):
    """What the chain is to say besides calls, read from the database before any row is made."""

    others: list[Link] | None
    """How far the other chains are; None between two looks."""
    histories: list[Witnessed]
    """What is new in the histories that calls rest on."""


def weight(entry: Entry) -> int:
    """About how many bytes a call takes while it waits. What a door lets grow is counted."""
    return 1_024 + len(entry.identity) + 64 * len(entry.dest)


class LedgerWriter:
    """Records calls in a chain of its own. Any thread may append; one thread writes.

    ``bound`` is how many rows may wait, ``most_waiting`` how many bytes of them, and ``wait`` for
    how many seconds, unless they are dropped when there are too many. ``chain_of`` gives the PEM
    chain of a certificate by its fingerprint, or None; it is asked once for each certificate, from
    the writer's thread. ``look``: seconds between looks at other chains and at the histories that
    calls rest on; ``settle``: how long PostgreSQL's have to settle. ``beside`` is what the names of
    files begin with into which calls go that could not be written; None: there are none.
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
        wait: float = WAIT,
        beside: Path | None = None,
        monotonic: Callable[[], float] = clock.monotonic,
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
        """Rows between the queue and the batches."""
        self._batches: list[Batch] = []
        self._flushed: list[threading.Event] = []
        self._frames_written = 0
        self._look, self._looked = look, 0.0
        self._most_waiting = most_waiting
        self._longest = wait if self._refuses else inf
        self._beside = beside
        self._monotonic = monotonic
        self._left = Leftovers(self._table, beside)
        # Held for a few instructions, never while anything is waited for.
        self._counting = threading.Lock()
        self._waiting = 0
        """Bytes in the queue."""
        self._dropped = self._dropped_ever = 0
        self._awake = False
        self._work, self._hurry, self._closing, self._never = (threading.Event() for _ in range(4))
        self._oldest = Oldest()
        # Held by whoever makes rows of what waits, never while anything is waited for.
        self._packing = threading.Lock()
        self._relieved = False
        """Whether what waits has gone into a file: the thread writes nothing more."""
        self._told_late = False
        self._error: str | None = None
        self.written: Link | None = None
        """The newest row that is on disk; None before the first."""
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> LedgerWriter:
        """Write from now on; first of all what earlier writers have left."""
        self._left.look()
        if self._left.waiting:
            self._work.set()
        self._thread.start()
        return self

    def append(self, entry: Entry) -> None:
        """Record one call: a sum, a look at the clock, a deque's append, and nothing else.

        Raises Full (UNAVAILABLE) when ``bound`` rows or ``most_waiting`` bytes wait, when one has
        waited for ``wait`` seconds, and after :meth:`close`: the call must then not be answered.
        Under ``drop-visible`` it returns while the writer runs, and a row will say how many calls
        are missing.
        """
        more = weight(entry)
        if self._monotonic() - self._oldest.since > self._longest:
            # A writer that hangs cannot say so itself.
            self._tell_late()
            raise Full
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

    def _tell_late(self) -> None:
        """Once for each time that this is so."""
        if not self._told_late:
            self._told_late = True
            seconds = round(self.lag.seconds)
            report.to("ledger").error("calls are refused: those before wait", seconds=seconds)

    def _wake(self) -> None:
        """Once for each batch; ``_run`` looks at the queue after it has unset this."""
        self._awake = True
        self._oldest.came(self._monotonic())
        self._work.set()

    @property
    def chain(self) -> str:
        return self._chain.name

    @property
    def lag(self) -> Lag:
        since = min(self._oldest.since, now := self._monotonic())
        # Counted so that a row on its way from one place to the next is counted twice, not missed.
        waiting = len(self._queue) + self._in_hand + sum(each.rows for each in self._batches)
        return Lag(waiting, now - since if waiting else 0.0, self._error, self._dropped_ever)

    @property
    def trouble(self) -> str | None:
        """Why calls are refused, or will be if this goes on, in a sentence for anybody. None while
        rows are written, and under ``drop-visible``, where none is refused for this."""
        late = self._monotonic() - self._oldest.since > self._longest
        full = len(self._queue) >= self._bound
        return _CANNOT if self._refuses and (late or full or self._error is not None) else None

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

    def close(self, timeout: float = 3.0) -> int:
        """Write what is left and end; what could not be written within ``timeout`` seconds goes
        into a file, for the next start. How many rows are in neither. Whoever appends from now on
        is refused."""
        with self._counting:
            self._bound = 0
            self._closing.set()
        self._hurry.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(timeout)
        if self._beside is not None and self.lag.waiting:
            self._leave(self._beside)
        return self.lag.waiting

    def _leave(self, beside: Path) -> None:
        """The writer's thread may be writing some of these rows right now. They are in the file as
        well then, and whoever reads it sees that by their positions."""
        with self._packing:
            self._relieved = True
            pieces = [self._batches]
            while self._queue:
                pieces.append(self._take(_Heard([], [])))
            frames = self._new_frames()
            self._batches = batches = [batch for piece in pieces for batch in piece]
            self._in_hand = 0
        if not batches:
            return
        certificates = self._certificates(frames, batches[0].first_at)
        first, *more = (Piece(piece) for piece in pieces if piece)
        first = Piece(first.batches, certificates)
        try:
            file = ledger_left.leave(beside, self._chain.name, [first, *more])
        except OSError as error:
            report.to("ledger").error("the calls that wait cannot be left", error=str(error))
            self._relieved = False
            self._work.set()
            return
        self._batches, rows = [], sum(batch.rows for batch in batches)
        report.to("ledger").warning("calls wait for the next start", rows=rows, file=str(file))

    # The writer's thread

    def _run(self) -> None:
        while not (self._closing.is_set() and not self._queue and not self._batches):
            self._work.wait()
            self._work.clear()
            self._hurry.wait(INTERVAL)
            self._hurry.clear()
            self._awake = False
            self._drain()
        self._left.close()
        self._table.close()

    @property
    def _has_work(self) -> bool:
        own = bool(self._batches or self._queue)
        return (own and not self._relieved) or (self._left.waiting and not self._closing.is_set())

    def _drain(self) -> None:
        """Write until nothing waits, however long the database takes."""
        delay = _BACK_OFF
        while self._has_work:
            self._oldest.mark(self._monotonic(), len(self._queue))
            try:
                if not self._closing.is_set():
                    # Own rows in between: no call waits for all that somebody has left.
                    self._left.write()
                self._write()
            except Exception as error:
                # Whatever it was, the rows stay in the batch, and the error is seen in the lag.
                self._failed(error)
                self._never.wait(_BACK_OFF if self._closing.is_set() else delay)
                delay = min(2 * delay, _LONGEST_BACK_OFF)
                continue
            delay = _BACK_OFF
            self._oldest.wrote(len(self._queue))
            self._told_late = False
            hurried = self._hurry.is_set() or self._closing.is_set()
            if len(self._queue) < BATCH and not hurried and not self._left.waiting:
                # The few that came meanwhile are worth no transaction of their own yet.
                if self._queue:
                    self._work.set()
                return
            self._never.wait(_GAP)

    def _write(self) -> None:
        """One transaction."""
        before = self._batches
        if self._error is not None:
            # A connection that broke may have broken after the commit.
            kept = self._table.position(self._chain.name)
            with self._packing:
                self._batches = [each for each in self._batches if each.position > kept]
        heard = None if self._batches else self._hear()
        with self._packing:
            if self._relieved:
                return
            if heard is not None:
                self._batches = self._take(heard)
                self._in_hand = 0
            batches, frames = self._batches, self._new_frames()
        if batches:
            certificates = self._certificates(frames, batches[0].first_at)
            self._table.add(batches, certificates, self._witnessing.marker)
        with self._packing:
            # Whoever ends the writer may have packed more meanwhile, behind these.
            self._batches, self._error = self._batches[len(batches) :], None
            self._frames_written += len(frames)
        if batches or before:
            last = (batches or before)[-1]
            self.written = (last.chain, last.position + last.rows - 1, last.hashes[-32:].hex())
        for each in self._flushed:
            each.set()
        self._flushed = []

    def _hear(self) -> _Heard:
        """For the row that starts this chain, and once a minute: how far the other chains are, and
        what is new in the histories."""
        self._witnessing.marker = None
        due = not self._chain.position or self._monotonic() - self._looked >= self._look
        histories = self._witnessing.rows(0) if due or self._witnessing.more else []
        if not due:
            return _Heard(None, histories)
        # A process that was here longer than this one may have left something meanwhile.
        self._left.look()
        return _Heard(self._table.others(self._chain.name), histories)

    def _take(self, heard: _Heard) -> list[Batch]:
        """Up to BATCH rows from the queue; the chain's first brings the row that starts it, and
        ``heard`` rows of its own."""
        size = min(BATCH, len(self._queue))
        self._in_hand += size
        taken = [self._queue.popleft() for _ in range(size)]
        self._oldest.took(len(taken))
        entries = [each for each in taken if isinstance(each, Entry)]
        self._flushed += [each for each in taken if isinstance(each, threading.Event)]
        if not entries:
            # What was heard is heard again.
            self._witnessing.marker = None
            return []
        self._say(entries[0].at, heard)
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
        return self._chain.packed()

    def _say(self, at: Instant, heard: _Heard) -> None:
        """The row that starts the chain or names the others, and rows that witness what is new in
        the histories."""
        if self._chain.position == 0:
            self._chain.start(at, heard.others or [])
        elif heard.others is not None:
            self._chain.look(at, heard.others)
        for row in heard.histories:
            self._chain.control(replace(row, at=at))
        if heard.others is not None:
            self._looked = self._monotonic()

    def _missed(self) -> None:
        """Entries that were none are counted as dropped."""
        why = self._chain.unreadable
        for error in why:
            report.to("ledger").error("a call could not be recorded", exc_info=error)
        with self._counting:
            self._dropped += len(why)
            self._dropped_ever += len(why)
        why.clear()

    def _new_frames(self) -> list[tuple[Frame, str]]:
        return list(islice(self._chain.frames.items(), self._frames_written, None))

    def _certificates(
        self, frames: list[tuple[Frame, str]], first_seen: Instant
    ) -> list[Certificate]:
        found = []
        for frame, digest in frames:
            pem = self._chain_of(frame.fingerprint)
            chain_pem = pem.decode() if pem else None
            found.append(Certificate(digest, *frame, x5u_of(frame), chain_pem, first_seen))
        return found

    def _failed(self, error: Exception) -> None:
        self._table.close()
        first = self._error is None
        # The statement and its values are calls of people: only the driver's own words are told.
        self._error = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        if first:
            report.to("ledger").error("the ledger cannot be written", error=self._error)
