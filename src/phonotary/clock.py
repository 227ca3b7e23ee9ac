"""The only place that reads the time.

An *instant* is a whole number of seconds since 1970-01-01T00:00:00Z; rooms receive it as an
argument. A sandbox runs on a :class:`Clock` that can be advanced, production on one that is not.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

Instant = int

_DURATION = re.compile(r"^(\d{1,9})(s|m|h|d)$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def milliseconds() -> int:
    """Real time in milliseconds since 1970, for what only has to be in order."""
    return time.time_ns() // 1_000_000


def monotonic() -> float:
    """Seconds that only ever grow, from no particular instant: for how long something took."""
    return time.monotonic()


class Clock:
    """The system's time plus what the sandbox has advanced it by."""

    def __init__(self, advanced: int = 0) -> None:
        self.advanced = advanced

    def now(self) -> Instant:
        return int(time.time()) + self.advanced

    @staticmethod
    def wall() -> Instant:
        """Real time, whatever the sandbox has advanced: leases and token lives count in it."""
        return int(time.time())

    def advance(self, seconds: int) -> Instant:
        """Move forward; time never runs backwards, so a negative step is an error."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        self.advanced += seconds
        return self.now()


def duration(text: str) -> int:
    """Seconds in ``90s``, ``15m``, ``72h`` or ``3d``; ValueError for anything else."""
    found = _DURATION.match(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a duration; write it as 90s, 15m, 72h or 3d")
    return int(found[1]) * _SECONDS[found[2]]


def iso8601(at: Instant) -> str:
    """``2019-07-30T22:29:24Z``: the only form Twilio's v1 clients parse as a date."""
    day, second = divmod(at, 86400)
    minute, second = divmod(second, 60)
    return f"{_date(day)}T{minute // 60:02}:{minute % 60:02}:{second:02}Z"


@lru_cache(maxsize=4096)
def _date(day: int) -> str:
    """``2019-07-30``: a page of a list has few days, and strftime was a fourth of its cost."""
    return datetime.fromtimestamp(day * 86400, UTC).strftime("%Y-%m-%d")


def rfc2822(at: Instant) -> str:
    """``Tue, 18 Aug 2015 17:07:30 +0000``: the form of the 2010-04-01 API."""
    return format_datetime(datetime.fromtimestamp(at, UTC))
