"""The name shown for a number, kept while nothing has changed that it rests on."""

from __future__ import annotations

from collections.abc import Callable

from phonotary.bootstrap.standing import Standings
from phonotary.clock import Instant
from phonotary.storage.database import Database
from phonotary.trusthub import standing as kyc
from phonotary.trusthub.filing import Vetting

_MOST = 50_000
# An approval also runs out, and a name arrives, by the clock alone; nobody is told of that.
_SECONDS = 60


class Names:
    """Asked for each verified call; reads the store once for a number between two changes."""

    def __init__(
        self,
        database: Database,
        standings: Standings,
        vetting: Vetting,
        now: Callable[[], Instant],
    ) -> None:
        self._database = database
        self._standings = standings
        self._vetting = vetting
        self._now = now
        self._epoch = -1
        self._kept: dict[str, tuple[Instant, str | None]] = {}

    def __call__(self, number: str) -> str | None:
        """The display name of ``number`` (``+`` and digits); None when it has none, and while
        this process might not hear of one that has ended."""
        if self._standings.feed.lost:
            return None
        epoch, now = self._standings.directory.epoch, self._now()
        if epoch != self._epoch or len(self._kept) >= _MOST:
            self._kept.clear()
            self._epoch = epoch
        kept = self._kept.get(number)
        if kept is None or not 0 <= now - kept[0] < _SECONDS:
            delay = self._vetting.propagation(number)
            name = self._database.read(lambda s: kyc.display_name(s, number, now, delay))
            kept = self._kept[number] = now, name
        return kept[1]
