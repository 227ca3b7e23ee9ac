"""Which PASSporTs were already used, for as long as a copy of one would still be fresh.

RFC 8224 section 12.1 leaves replays within the freshness window to the verifier's memory. An entry
is named by the first half of the signature, ``r``: it stands for the signer's nonce, so no two
tokens share it (unless a deterministic signer signs the same call twice in one second), and unlike
the whole signature it is the same in the second form that anybody can compute of an ECDSA signature
(``s`` and ``n - s`` both verify).
"""

from __future__ import annotations

from phonotary.clock import Instant

_R = 32


class Replays:
    """A bounded memory; not for use by several threads at once."""

    def __init__(self, freshness: int = 60, capacity: int = 250_000) -> None:
        """``freshness`` in seconds. An entry of the default capacity takes some 250 bytes."""
        if capacity < 1 or freshness < 0:
            raise ValueError("a memory of replays has room and a window")
        # An iat may lie as far ahead of now as behind, so a token can stay fresh for two windows.
        self._life = 2 * freshness + 1
        self._capacity = capacity
        self._seen: dict[bytes, tuple[Instant, str | None]] = {}
        self._purged_at: Instant | None = None
        self.dropped = 0
        """Entries that went before their time, because there was no room."""

    def __len__(self) -> int:
        return len(self._seen)

    def used(self, signature: bytes, now: Instant, call_id: str | None = None) -> bool:
        """Remember this raw signature; True when another call has already used it.

        ``call_id`` stands for the call and tells a retransmission, or the same call over a second
        route, from another call; without it every second use is a replay.
        """
        if now != self._purged_at:
            self._purge(now)
        name = signature[:_R]
        before = self._seen.get(name)
        if before is not None and before[0] > now:
            return call_id is None or before[1] != call_id
        if before is None and len(self._seen) >= self._capacity:
            del self._seen[next(iter(self._seen))]
            self.dropped += 1
        self._seen[name] = (now + self._life, call_id)
        return False

    def forget(self, signature: bytes) -> None:
        """The call that used it came to nothing, and its caller was asked to try again."""
        self._seen.pop(signature[:_R], None)

    def _purge(self, now: Instant) -> None:
        """Entries stand in the order of their end, so only those that go are looked at."""
        self._purged_at = now
        gone = []
        for name, (until, _) in self._seen.items():
            if until > now:
                break
            gone.append(name)
        for name in gone:
            del self._seen[name]
