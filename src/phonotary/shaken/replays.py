"""Which PASSporTs were already used, for as long as a copy of one would still be fresh.

RFC 8224 section 12.1 leaves replays within the freshness window to the verifier's memory. An entry
is named by the first half of the signature, ``r``: it stands for the signer's nonce, so no two
tokens share it (unless a deterministic signer signs the same call twice in one second), and unlike
the whole signature it is the same in the second form that anybody can compute of an ECDSA signature
(``s`` and ``n - s`` both verify).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Generic, TypeVar

from phonotary.clock import Instant

_R = 32
T = TypeVar("T")

Taken = tuple[bytes, bytes | None]
"""One entry: the signature, and below a diversion that of the ``div`` that arrived."""


class Use(Enum):
    """What a PASSporT's use is to those before it."""

    FIRST = "first"
    SAME = "same"
    """The same call again: a retransmission, or a second route."""
    REPLAY = "replay"


class Replays:
    """A bounded memory; not for use by several threads at once."""

    def __init__(
        self,
        freshness: int = 60,
        capacity: int = 250_000,
        diverted_freshness: int = 60,
        full: Callable[[], None] = lambda: None,
    ) -> None:
        """Both windows in seconds, as the rules have them. There is room for ``capacity`` PASSporTs
        of some 300 bytes, by default two thousand a second; and for as many again that were
        diverted, each with 70 bytes more for every further target. ``full`` is told once, when the
        first has to go before its time: from then on a replay may pass."""
        if capacity < 1 or min(freshness, diverted_freshness) < 0:
            raise ValueError("a memory of replays has room and a window")
        # An iat may lie ahead of now as well, so a token can stay fresh for two windows.
        self._used = _Kept[str | None](2 * freshness + 1, capacity, self._drop)
        older = max(freshness, diverted_freshness)
        self._diverted = _Kept[tuple[bytes, ...]](freshness + older + 1, capacity, self._drop)
        self._full = full
        self.dropped = 0
        """Entries that went before their time, because there was no room."""

    def __len__(self) -> int:
        return len(self._used) + len(self._diverted)

    def _drop(self) -> None:
        self.dropped += 1
        if self.dropped == 1:
            self._full()

    def use(self, signature: bytes, now: Instant, call_id: str | None = None) -> Use:
        """Remember that a call carries this raw signature.

        ``call_id`` stands for the call and tells a retransmission, or the same call over a second
        route, from another call; without it every second use is a replay.
        """
        name = signature[:_R]
        before = self._used.get(name, now)
        if before is None:
            self._used.put(name, (now, call_id))
            return Use.FIRST
        return Use.SAME if call_id is not None and before[1] == call_id else Use.REPLAY

    def divert(self, origin: bytes, by: bytes, now: Instant, most: int) -> Use:
        """Remember that the call of the signature ``origin`` was diverted here, by the ``div`` of
        the signature ``by``: a replay once ``most`` others have diverted it."""
        name, end = origin[:_R], by[:_R]
        before = self._diverted.get(name, now)
        ends = before[1] if before else ()
        if end in ends:
            return Use.SAME
        if len(ends) >= most:
            return Use.REPLAY
        self._diverted.put(name, (before[0] if before else now, (*ends, end)))
        return Use.FIRST

    def forget(self, taken: Taken) -> None:
        """The call that was first to use it came to nothing, and its caller was asked to try
        again."""
        name, by = taken[0][:_R], taken[1]
        if by is None:
            self._used.drop(name)
            return
        before = self._diverted.held(name)
        if before is None:
            return
        ends = tuple(one for one in before[1] if one != by[:_R])
        if ends:
            self._diverted.put(name, (before[0], ends))
        else:
            self._diverted.drop(name)


class _Kept(Generic[T]):
    """Entries that live equally long, each with when it came."""

    def __init__(self, life: int, capacity: int, drop: Callable[[], None]) -> None:
        """``drop`` is told of each entry that goes before its time."""
        self._life = life
        self._capacity = capacity
        self._drop = drop
        self._entries: dict[bytes, tuple[Instant, T]] = {}
        self._purged_at: Instant | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: bytes, now: Instant) -> tuple[Instant, T] | None:
        if now != self._purged_at:
            self._purge(now)
        found = self._entries.get(name)
        return found if found and found[0] + self._life > now else None

    def held(self, name: bytes) -> tuple[Instant, T] | None:
        """Whatever its age."""
        return self._entries.get(name)

    def put(self, name: bytes, entry: tuple[Instant, T]) -> None:
        if name not in self._entries and len(self._entries) >= self._capacity:
            del self._entries[next(iter(self._entries))]
            self._drop()
        self._entries[name] = entry

    def drop(self, name: bytes) -> None:
        self._entries.pop(name, None)

    def _purge(self, now: Instant) -> None:
        """Entries stand in the order they came, so only those that go are looked at."""
        self._purged_at = now
        gone = []
        for name, (came, _) in self._entries.items():
            if came + self._life > now:
                break
            gone.append(name)
        for name in gone:
            del self._entries[name]
