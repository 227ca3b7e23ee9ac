"""Heads of requests that were read before.

A client that keeps its connection sends the same head, byte for byte, with each call of the same
length. Bytes that were once read as the head of one request, and found plain, say the same again,
so they need not be parsed again, nor can another reader take them for anything else.
"""

from __future__ import annotations

from typing import NamedTuple

LONGEST = 1_024
"""Bytes of a head that is kept."""
MOST = 512
"""Heads that are kept; then all are forgotten, and those in use are soon known again."""
_END = b"\r\n\r\n"


class Head(NamedTuple):
    """What a head says."""

    method: str
    target: str
    headers: dict[bytes, bytes]
    """Those that a door reads; nobody changes them."""
    length: int
    """Bytes of the body."""


class Heads:
    """Of one door, and bounded."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Head] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def read(self, data: bytes) -> tuple[Head, bytes] | None:
        """The head and body of the one request that ``data``, which must begin where a request
        does, is from end to end; None when it is anything else, or its head was not kept."""
        end = data.find(_END, 0, LONGEST) + len(_END)
        head = self._kept.get(data[:end])
        if head is None or len(data) - end != head.length:
            return None
        return head, data[end:]

    def keep(self, data: bytes, head: Head) -> None:
        """``data`` begins with what was read as ``head``: HTTP/1.1, kept alive, a body whose length
        is given and nothing asked for beside it."""
        end = data.find(_END, 0, LONGEST) + len(_END)
        written = data[:end]
        # Empty lines before a request, and lines that end without CR, are let pass by the parser.
        # Then the head may end elsewhere than here.
        lines = written.count(b"\r\n")
        exact = written.startswith(head.method.encode()) and written.count(b"\n") == lines
        if end < len(_END) or not exact:
            return
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[written] = head
