"""Responses kept for retransmissions, so that no call is signed or written down twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from phonotary.clock import Instant

Reply = tuple[bytes, int]
"""A response, and the port it goes back to when it goes by UDP."""

LIFE = 32
"""Seconds: 64*T1, after which an INVITE is not sent again (RFC 3261 section 17.1.1.2)."""


class Kept:
    """The last responses, at most ``capacity`` and ``most_bytes``; the oldest are forgotten first.

    A full cache loses only the protection of the oldest calls: a retransmission comes half a
    second after the first, and that is what the bounds should span.
    """

    def __init__(self, capacity: int = 32_768, most_bytes: int = 64 * 1024 * 1024) -> None:
        self._capacity = capacity
        self._most_bytes = most_bytes
        # In the order of their times. A plain dict looks for its first over all that have gone.
        self._replies: OrderedDict[Hashable, tuple[Instant, Reply | None]] = OrderedDict()
        self.bytes = 0
        """What the responses hold together."""

    def __len__(self) -> int:
        return len(self._replies)

    def get(self, key: Hashable) -> Reply | None:
        found = self._replies.get(key)
        return found[1] if found else None

    def __contains__(self, key: Hashable) -> bool:
        """Also true while the answer is still being worked out."""
        return key in self._replies

    def begin(self, key: Hashable, now: Instant) -> None:
        """The request is in hand: its retransmissions are absorbed until :meth:`put`."""
        self.put(key, None, now)

    def put(self, key: Hashable, reply: Reply | None, now: Instant) -> None:
        """The life of an answer begins when it is given."""
        self.drop(key)
        self._replies[key] = now, reply
        self.bytes += _size(reply)
        while len(self._replies) > self._capacity or self.bytes > self._most_bytes:
            self._forget_first()

    def drop(self, key: Hashable) -> None:
        """Nothing was decided, so another try is judged anew."""
        gone = self._replies.pop(key, None)
        if gone is not None:
            self.bytes -= _size(gone[1])

    def forget(self, now: Instant) -> None:
        """Let go of what is too old to be asked for again."""
        replies, oldest = self._replies, now - LIFE
        while replies and replies[next(iter(replies))][0] < oldest:
            self._forget_first()

    def _forget_first(self) -> None:
        _, (_, reply) = self._replies.popitem(last=False)
        self.bytes -= _size(reply)


def _size(reply: Reply | None) -> int:
    return len(reply[0]) if reply else 0
