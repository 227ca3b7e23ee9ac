"""From one query to one response: who asks, what is asked, what is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from phonotary import clock
from phonotary.cnam.clients import Client
from phonotary.cnam.dips import Answer
from phonotary.dns.messages import (
    BADVERS,
    LARGEST,
    OVER_TCP,
    REFUSED,
    SERVFAIL,
    Found,
    Malformed,
    Question,
    failure,
    read,
    write,
)
from phonotary.dns.zone import Zone
from phonotary.errors import Reason, Refused

STRANGERS = 50
"""Refusals a second to all unknown sources together; the rest of what they send is dropped."""

_REFUSED, _SERVFAIL, _BADVERS = Found(REFUSED), Found(SERVFAIL), Found(BADVERS)


class Dips(Protocol):
    """What the DNS edge asks of the dips."""

    def now(self, number: str, client: Client, /) -> Answer:
        """What ``client`` may be told of ``number``. Raises errors.Refused: UNAVAILABLE when it
        cannot be known, any other reason when the client has had enough."""

    def client_of(self, address: str, /) -> Client | None:
        """Who asks from an address as a socket writes it; None for a stranger."""


class Responder:
    """Answers for one zone. All state is a count of refused strangers."""

    def __init__(
        self, zone: Zone, dips: Dips, *, now: Callable[[], float] = clock.monotonic
    ) -> None:
        self._zone = zone
        self._dips = dips
        self._now = now
        self._left = float(STRANGERS)
        self._since = now()

    def knows(self, address: str) -> bool:
        return self._dips.client_of(address) is not None

    def answer(self, data: bytes, address: str, *, tcp: bool = False) -> bytes | None:
        """The response to ``data``; None when there is to be none.

        A stranger's answer is never longer than its question, as the address may be a victim's.
        """
        client = self._dips.client_of(address)
        if client is None:
            return self._to_stranger(data)
        try:
            question = read(data)
        except Malformed as fault:
            return None if fault.code is None else failure(data, fault.code)
        if question.version:
            # RFC 6891 section 6.1.3: the answer's OPT says which version is understood.
            return write(question, _BADVERS)
        found = self._find(question, client)
        return write(question, found, OVER_TCP if tcp else min(question.largest, LARGEST))

    def _find(self, question: Question, client: Client) -> Found:
        try:
            return self._zone.find(question, lambda number: self._dips.now(number, client))
        except Refused as refused:
            return _SERVFAIL if refused.reason is Reason.UNAVAILABLE else _REFUSED

    def _to_stranger(self, data: bytes) -> bytes | None:
        now = self._now()
        self._left = min(STRANGERS, self._left + (now - self._since) * STRANGERS)
        self._since = now
        if self._left < 1:
            return None
        try:
            question = read(data)
        except Malformed:
            return None
        self._left -= 1
        return write(question, _REFUSED)
