"""What is known of numbers, kept in memory: bounded, exact, forgotten when changed.

Standings for the signing room and names for the dips lie in directories of their own. Numbers lie
in a table of buckets, eight to a bucket, in two compact arrays: the digits of the number, and which
record it has. All numbers of a customer of which the same is known share one record, so a number
costs at most 24 bytes (twice the slots of its capacity, 12 bytes each) and memory is taken only
where numbers lie. A full bucket forgets one of its numbers; nothing is ever moved, so no call waits
while a table grows.
"""

from __future__ import annotations

import mmap
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, Protocol, TypeVar

from phonotary.clock import Instant

CAPACITY = 2_000_000
EVERYTHING = "*"
"""As a subject of a change: it may have changed anything. In ``depends_on``: on all of it."""

_WAYS = 8
# E.164 has fifteen digits.
_BEYOND = 10**15
# Changes that are remembered to judge an answer that was read while they came in.
_RECENT = 1024
# Slots that are looked through for dead records with each number that is kept.
_SWEPT = 64


class Record(Hashable, Protocol):
    """What a directory keeps: a value, equal to others that say the same."""

    @property
    def until(self) -> Instant | None:
        """The instant at which the clock alone changes it, None for never."""
        ...

    @property
    def depends_on(self) -> frozenset[str]:
        """The SIDs of all that was read for it; a change of any ends it. ``*`` is anything."""
        ...


T = TypeVar("T", bound=Record)


class _Kept(Generic[T]):
    """One record of one caller, shared by all numbers that have it."""

    __slots__ = ("caller", "record", "stale", "until", "uses")

    def __init__(self, caller: str, record: T) -> None:
        self.caller = caller
        self.record = record
        self.until = record.until
        self.stale: T | None = None
        """The same, marked as not fresh; made when it is first asked for."""
        self.uses = 0
        """Slots that name this record."""


class Directory(Generic[T]):
    """Numbers and callers to records. Any thread may call it; no call waits for long.

    The safety of it: :meth:`get` answers only where the exact digits and the exact caller are those
    the record was kept for. A record's place is given to another one only when no slot names it
    any more (slots are counted), so no slot can come to show another customer's record.
    """

    def __init__(
        self,
        capacity: int = CAPACITY,
        records: int | None = None,
        stale: Callable[[T], T] | None = None,
    ) -> None:
        """``capacity`` is how many numbers find room; ``records`` how many different records, half
        as many unless told. ``stale`` makes of a record the one that is not fresh."""
        self._buckets = max(1, capacity * 2 // _WAYS)
        self._most = max(16, capacity // 2) if records is None else records
        self._stale = stale
        self._lock = threading.Lock()
        self._recent: deque[tuple[int, frozenset[str]]] = deque(maxlen=_RECENT)
        self.epoch = 0
        """Counts the changes heard of. Read it before reading what :meth:`put` is to keep."""
        self._empty()

    def _empty(self) -> None:
        slots = self._buckets * _WAYS
        # Pages of zeros that the system hands out when they are first written to.
        self._keys = memoryview(mmap.mmap(-1, slots * 8)).cast("Q")
        self._values = memoryview(mmap.mmap(-1, slots * 4)).cast("I")
        self._records: list[_Kept[T] | None] = []
        self._unused: list[int] = []
        self._named: dict[int, int] = {}
        """Of dead records: how many slots still name them. Their places wait for that."""
        self._ids: dict[tuple[str, T], int] = {}
        self._by_subject: dict[str, int | set[int]] = {}
        self._swept = 0
        self._victim = 0
        self._turn = 0

    def __len__(self) -> int:
        """How many different records are kept."""
        return len(self._ids)

    def get(self, tn: str, caller: str, now: Instant, fresh: bool = True) -> T | None:
        """What was kept for exactly this number (``+`` and digits) and this caller; None when
        nothing was, or when the clock has ended it. Without ``fresh`` the answer says that changes
        made elsewhere may be unknown here."""
        key = _key(tn)
        return self.find(key, caller, now, fresh) if key else None

    def find(self, key: int, caller: str, now: Instant, fresh: bool = True) -> T | None:
        """The same for whoever has the number's digits as an integer."""
        start = hash((key, key)) % self._buckets * _WAYS
        with self._lock:
            keys = self._keys
            for slot in range(start, start + _WAYS):
                if keys[slot] == key:
                    kept = self._records[self._values[slot]]
                    if kept is not None and kept.caller == caller:
                        break
            else:
                return None
        if kept.until is not None and now >= kept.until:
            return None
        return kept.record if fresh else self._not_fresh(kept)

    def put(self, tn: str, caller: str, record: T, epoch: int) -> T | None:
        """Keep what was read since :attr:`epoch` was ``epoch``: the object that is kept for it,
        which numbers of which the same is known share.

        None, and nothing is kept, when a change that arrived meanwhile touches it (the reading may
        be older than the change), when the number is none of ``+`` and one to fifteen digits, and
        when there is no room.
        """
        key = _key(tn)
        if not key:
            return None
        with self._lock:
            if self._has_changed_since(epoch, tn, record):
                return None
            ident = self._record(caller, record)
            kept = None if ident is None else self._records[ident]
            if ident is None or kept is None:
                return None
            slot = self._slot(key, caller)
            # First the new use, then the old: a number that is kept again must not end its record.
            kept.uses += 1
            self._let_go(slot)
            self._keys[slot] = key
            self._values[slot] = ident
            if self._named:
                self._sweep()
            return kept.record

    def change(self, subjects: Iterable[str]) -> None:
        """Forget all that rests on these: SIDs, and numbers with their ``+``."""
        told = frozenset(subjects)
        if not told:
            return
        with self._lock:
            self.epoch += 1
            self._recent.append((self.epoch, told))
            if EVERYTHING in told:
                self._empty()
                return
            for subject in (*told, EVERYTHING):
                held = self._by_subject.get(subject)
                if held is not None:
                    for ident in (held,) if isinstance(held, int) else tuple(held):
                        self._retire(ident)
                if key := _key(subject):
                    self._forget_number(key)

    def forget_all(self) -> None:
        self.change((EVERYTHING,))

    def _has_changed_since(self, epoch: int, tn: str, record: T) -> bool:
        if epoch == self.epoch:
            return False
        if EVERYTHING in record.depends_on or epoch < self.epoch - len(self._recent):
            return True
        for at, told in reversed(self._recent):
            if at <= epoch:
                return False
            if tn in told or EVERYTHING in told or not told.isdisjoint(record.depends_on):
                return True
        return False

    def _record(self, caller: str, record: T) -> int | None:
        """Where this record is kept, found or made; None when there is no room for one more."""
        ident = self._ids.get((caller, record))
        if ident is not None:
            return ident
        if not self._unused and len(self._records) >= self._most:
            # Room is made for the next one; whoever is retired is read anew when it calls.
            self._victim = (self._victim + 1) % self._most
            self._retire(self._victim)
            self._sweep()
            if not self._unused:
                return None
        kept = _Kept(caller, record)
        if self._unused:
            ident = self._unused.pop()
            self._records[ident] = kept
        else:
            ident = len(self._records)
            self._records.append(kept)
        self._ids[(caller, record)] = ident
        for subject in record.depends_on:
            held = self._by_subject.setdefault(subject, ident)
            if isinstance(held, set):
                held.add(ident)
            elif held != ident:
                self._by_subject[subject] = {held, ident}
        return ident

    def _retire(self, ident: int) -> None:
        """The record is dead: no slot that names it answers any more."""
        kept = self._records[ident]
        if kept is None:
            return
        self._records[ident] = None
        del self._ids[(kept.caller, kept.record)]
        for subject in kept.record.depends_on:
            held = self._by_subject[subject]
            if isinstance(held, set):
                held.discard(ident)
                if held:
                    continue
            del self._by_subject[subject]
        if kept.uses:
            self._named[ident] = kept.uses
        else:
            self._unused.append(ident)

    def _let_go(self, slot: int) -> None:
        """Empty one slot. A record that no slot names any more makes room for another one."""
        if not self._keys[slot]:
            return
        self._keys[slot] = 0
        ident = self._values[slot]
        kept = self._records[ident]
        if kept is not None:
            kept.uses -= 1
            if not kept.uses:
                self._retire(ident)
        elif self._named[ident] > 1:
            self._named[ident] -= 1
        else:
            del self._named[ident]
            self._unused.append(ident)

    def _not_fresh(self, kept: _Kept[T]) -> T:
        if kept.stale is None:
            assert self._stale is not None, "only who can tell it apart asks without fresh"
            kept.stale = self._stale(kept.record)
        return kept.stale

    def _start(self, key: int) -> int:
        """The first slot of the number's bucket. Numbers come in blocks whose beginnings lie evenly
        apart, which no remainder spreads; a pair's hash mixes well, an integer's not at all."""
        return hash((key, key)) % self._buckets * _WAYS

    def _slot(self, key: int, caller: str) -> int:
        """Where the number goes: its own slot, one that is free or dead, or somebody else's."""
        start = self._start(key)
        free = None
        for slot in range(start, start + _WAYS):
            kept = self._records[self._values[slot]] if self._keys[slot] else None
            if kept is None:
                free = slot if free is None else free
            elif self._keys[slot] == key and kept.caller == caller:
                return slot
        if free is not None:
            return free
        self._turn = (self._turn + 1) % _WAYS
        return start + self._turn

    def _forget_number(self, key: int) -> None:
        start = self._start(key)
        for slot in range(start, start + _WAYS):
            if self._keys[slot] == key:
                self._let_go(slot)

    def _sweep(self) -> None:
        """Go on emptying slots that name dead records, a few at a time."""
        slots = len(self._keys)
        for _ in range(_SWEPT):
            slot = self._swept
            self._swept = (slot + 1) % slots
            if self._keys[slot] and self._records[self._values[slot]] is None:
                self._let_go(slot)


def _key(tn: str) -> int:
    """The digits of a number as an integer, 0 for what is not ``+`` and such digits.

    Written back it must be the very same text: a leading zero, a service number's ``*`` or ``#``,
    or digits of another script never meet a telephone number's key.
    """
    try:
        key = int(tn)
    except ValueError:
        return 0
    return key if f"+{key}" == tn and key < _BEYOND else 0
