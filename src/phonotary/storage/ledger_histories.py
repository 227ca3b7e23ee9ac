"""Two histories that calls rest on, witnessed by the ledger: decisions, and what became of numbers.

They are written by whoever changes something, in that transaction, and hashing them there would
make writers wait for each other. So the ledger's writer reads what is new in them, when its chain
begins and once a minute while calls come, and puts its digest into a row of the chain: no call and
no change pays for it. What was altered before nobody can tell; a row says since when an entry is
what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from phonotary import clock
from phonotary.clock import Instant
from phonotary.shaken.ledger import Witnessed

DECISIONS, CHANGES = "status_changes", "standing_changes"
MARKER = "ledger_witnessed"
"""The setting that says up to where the histories are witnessed. It saves looking for it, and
nobody relies on it: whoever puts it forward leaves entries unwitnessed, and they are told so. It
stays where a ledger was emptied."""
PIECE = 500
"""Entries of one witness, at most: whoever answers calls waits for the interpreter meanwhile."""
SETTLE = 5.0
"""Seconds: on PostgreSQL a lower number may be committed after a higher one."""

Ask = Callable[[str], Sequence[Sequence[Any]]]
"""What a SELECT without parameters finds."""

# JSON is hashed as it is kept: both databases keep its text.
_ENTRY = {
    DECISIONS: '"seq", "bundle_sid", "account_sid", "before", "after", "by", "at", "because", '
    'CAST("codes" AS TEXT), CAST("filed" AS TEXT)',
    CHANGES: '"seq", "kind", "subject", "about", "account_sid", "phone_number", "at"',
}
# Of a sandbox: decisions that were there before are gone, or other ones have their numbers.
_PUT_BACK = f"SELECT COALESCE(MAX(seq), 0) FROM {CHANGES} WHERE subject = '*' AND kind = 'replaced'"
_MARKED = f"SELECT value FROM settings WHERE name = '{MARKER}'"


class _Marker(msgspec.Struct):
    as_of: int = 0
    upto: dict[str, int] = msgspec.field(default_factory=dict)


class Witnessing:
    """What one writer has still to witness. ``settle`` is in seconds, 0 where numbers are the order
    of commits."""

    def __init__(self, ask: Ask, settle: float) -> None:
        self._ask = ask
        self._settle = settle
        self._noted: tuple[float, dict[str, int]] | None = None
        self.more = False
        """Whether there is more to witness than was taken."""
        self.marker: tuple[str, str] | None = None
        """To be kept in the transaction that writes the rows."""

    def rows(self, at: Instant) -> list[Witnessed]:
        """Up to :data:`PIECE` entries of each history that no row names yet, in a row for each."""
        as_of = put_back(self._ask)
        marker = self._marked()
        if marker.as_of < as_of:
            marker.upto.pop(DECISIONS, None)
        marker.as_of = as_of
        newest = {of: newest_of(self._ask, of) for of in _ENTRY}
        settled = self._settled(newest)
        found = [
            witness
            for of in _ENTRY
            if (witness := self._piece(of, marker, settled.get(of, 0), at)) is not None
        ]
        self.more = any(marker.upto.get(of, 0) < newest[of] for of in _ENTRY)
        # Also when there is nothing: it says that a ledger was begun here.
        self.marker = (MARKER, msgspec.json.encode(marker).decode())
        return found

    def _settled(self, newest: dict[str, int]) -> dict[str, int]:
        """Up to where nothing can come in between any more."""
        if not self._settle:
            return newest
        now = clock.monotonic()
        noted, self._noted = self._noted, self._noted or (now, newest)
        if noted is None or now - noted[0] < self._settle:
            return {}
        self._noted = now, newest
        return noted[1]

    def _piece(self, of: str, marker: _Marker, last: int, at: Instant) -> Witnessed | None:
        after = marker.upto.get(of, 0)
        if last <= after:
            return None
        entries = self._ask(
            f"SELECT {_ENTRY[of]} FROM {of} WHERE seq > {after:d} AND seq <= {last:d} "
            f"ORDER BY seq LIMIT {PIECE:d}"
        )
        marker.upto[of] = entries[-1][0] if len(entries) == PIECE else last
        if not entries:
            return None
        return Witnessed(marker.as_of, at, _digest(entries), of, _runs([row[0] for row in entries]))

    def _marked(self) -> _Marker:
        found = self._ask(_MARKED)
        try:
            return msgspec.json.decode(found[0][0], type=_Marker) if found else _Marker()
        except msgspec.DecodeError:
            return _Marker()


def put_back(ask: Ask) -> int:
    """The number of the change by which a sandbox was put back last; 0 for never."""
    found: int = ask(_PUT_BACK)[0][0]
    return found


def newest_of(ask: Ask, of: str) -> int:
    """The number of a history's newest entry; 0 for none."""
    found: int = ask(f"SELECT COALESCE(MAX(seq), 0) FROM {of}")[0][0]
    return found


def at_of(change: int) -> str:
    return f"SELECT at FROM {CHANGES} WHERE seq = {change:d}"


def count_of(of: str) -> str:
    return f"SELECT COUNT(*) FROM {of}"


def is_void(witness: Witnessed, as_of: int) -> bool:
    """Whether the decisions of that time were put away by a sandbox that was put back."""
    return witness.of == DECISIONS and witness.as_of < as_of


def names(witness: Witnessed, entry: int) -> bool:
    """Whether an entry is among those that were witnessed."""
    return any(first <= entry <= last for first, last in witness.runs)


def holds(ask: Ask, witness: Witnessed) -> bool:
    """Whether all entries are there and as they were witnessed."""
    if witness.of not in _ENTRY or not witness.runs:
        return False
    first, last = witness.runs[0][0], witness.runs[-1][1]
    found = ask(
        f"SELECT {_ENTRY[witness.of]} FROM {witness.of} WHERE seq BETWEEN {first:d} AND {last:d} "
        "ORDER BY seq"
    )
    entries = [row for row in found if names(witness, row[0])]
    return _digest(entries) == witness.digest


def _digest(entries: Sequence[Sequence[Any]]) -> str:
    found = sha256()
    for entry in entries:
        found.update(msgspec.json.encode(list(entry)) + b"\n")
    return found.hexdigest()


def _runs(numbers: Sequence[int]) -> tuple[tuple[int, int], ...]:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return tuple((first, last) for first, last in runs)
