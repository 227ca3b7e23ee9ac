"""What is asked of the ledger: which calls a bundle of evidence is about."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from phonotary import tn
from phonotary.clock import Instant, iso8601
from phonotary.errors import Reason, Refused
from phonotary.storage import ledger_kept
from phonotary.storage.store import SqlStore

LIMIT = 100
"""Calls of one bundle, the newest; ``total`` says how many there are."""
_FORMS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """An ``origid``, or a calling number, a called one, or both, within a time. ``since`` <= time <
    ``until``; for an ``origid`` either may be left open."""

    origid: str | None = None
    number: str | None = None
    dest: str | None = None
    since: Instant | None = None
    until: Instant | None = None
    limit: int = LIMIT

    def __post_init__(self) -> None:
        """Refused (INVALID_PARAMETER) when the question is none."""
        by_number = self.number is not None or self.dest is not None
        if by_number is (self.origid is not None):
            raise _refused("Ask for an origid, or for a calling or a called number")
        if by_number and (self.since is None or self.until is None):
            raise _refused("Say from when to when the number's calls are asked for")
        if self.limit < 1:
            raise _refused("Ask for one call at least")

    def told(self) -> dict[str, str | int | None]:
        """The question as a bundle repeats it."""
        return {
            "origid": self.origid,
            "number": self.number,
            "dest": self.dest,
            "since": iso8601(self.since) if self.since is not None else None,
            "until": iso8601(self.until) if self.until is not None else None,
            "limit": self.limit,
        }

    def found(self, store: SqlStore) -> ledger_kept.Found:
        if self.origid is not None:
            asked = self.origid, self.limit, self.since, self.until
            return ledger_kept.by_origid(store.connection, *asked)
        assert self.since is not None and self.until is not None
        orig, dest = _spellings(self.number), _spellings(self.dest)
        times = self.since, self.until
        return ledger_kept.by_numbers(store.connection, orig, dest, *times, self.limit)


def instant_of(text: str) -> Instant:
    """The instant of ``2026-11-20T18:05``, or with seconds (UTC; a Z after it changes nothing)."""
    for form in _FORMS:
        try:
            at = datetime.strptime(text.removesuffix("Z"), form)
        except ValueError:
            continue
        return int(at.replace(tzinfo=UTC).timestamp())
    raise _refused(
        f"{text} is no time; write it as 2026-11-20T18:05 or 2026-11-20T18:05:30, in UTC"
    )


def _spellings(number: str | None) -> frozenset[str]:
    """How rows may write it: as it is given, for ten digits were signed as ten digits, and as the
    number that they are understood as. Rows of verified calls were once written as they came."""
    if number is None:
        return frozenset()
    parsed = tn.parse(number)
    read = {tn.canonical(parsed.e164)} if parsed else set()
    return frozenset(read | {number, tn.canonical(number)} - {""})


def _refused(because: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, because)
