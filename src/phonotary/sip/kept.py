"""Responses kept for retransmissions, so that no call is signed or written down twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from phonotary.clock import Instant

Reply = tuple[bytes, int]
"""A response, and the port it goes back to when it goes by UDP."""

LIFE = 32
"""Seconds: 64*T1, after which an INVITE is not sent again (RFC 3261 section 17.1.1.2)."""


class Kept:
    """The last responses, at most ``capacity``; the oldest are forgotten first.

    A full cache loses only the protection of the oldest calls: a retransmission comes half a
    second after the first, and that is what ``capacity`` should span.
    """

    def __init__(self, capacity: int = 32_768) -> None:
        self._capacity = capacity
        self._replies: dict[Hashable, Reply | None] = {}
        self._order: deque[tuple[Instant, Hashable]] = deque()

    def __len__(self) -> int:
        return len(self._replies)

    def get(self, key: Hashable) -> Reply | None:
        return self._replies.get(key)

    def __contains__(self, key: Hashable) -> bool:
        """Also true while the answer is still being worked out."""
        return key in self._replies

    def begin(self, key: Hashable, now: Instant) -> None:
        """The request is in hand: its retransmissions are absorbed until :meth:`put`."""
        self.put(key, None, now)

    def put(self, key: Hashable, reply: Reply | None, now: Instant) -> None:
        if key not in self._replies:
            self._order.append((now, key))
        self._replies[key] = reply
        if len(self._order) > self._capacity:
            self._replies.pop(self._order.popleft()[1], None)

    def drop(self, key: Hashable) -> None:
        """Nothing was decided, so another try is judged anew. Its place in line stays."""
        self._replies.pop(key, None)

    def forget(self, now: Instant) -> None:
        """Let go of what is too old to be asked for again."""
        order, oldest = self._order, now - LIFE
        while order and order[0][0] < oldest:
            self._replies.pop(order.popleft()[1], None)
