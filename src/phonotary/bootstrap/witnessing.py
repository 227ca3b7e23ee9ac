"""The ledger's newest rows, noted elsewhere: what an audit prints and a service logs, read back.

Whoever can write into the database can take its newest rows away, and nothing there contradicts it.
A log that goes to another machine does.
"""

from __future__ import annotations

import re

from phonotary import report
from phonotary.shaken.ledger import Link
from phonotary.storage.ledger import LedgerWriter

_NOTED = re.compile(r"\b([0-9a-f]{64})  (LG[0-9a-f]{32}) row ([0-9]{1,18})\b")


def written(link: Link) -> str:
    """A row as an audit prints it and a service logs it."""
    chain, position, hashed = link
    return f"{hashed}  {chain} row {position}"


def read(text: str) -> list[Link]:
    """The rows that stand in a text, wherever in it."""
    found = ((chain, int(position), hashed) for hashed, chain, position in _NOTED.findall(text))
    return list(dict.fromkeys(found))


class Telling:
    """Tells the log how far one writer is, each row once."""

    def __init__(self, ledger: LedgerWriter) -> None:
        self._ledger = ledger
        self._told: Link | None = None

    def tell(self) -> None:
        newest = self._ledger.written
        if newest is not None and newest != self._told:
            self._told = newest
            report.to("ledger").info(f"newest row {written(newest)}")
