"""What a phone shows of a number, and when that will change: the sandbox's simulated carriers.

Approved is not displayed. A name is in the databases 48 to 72 hours after its registration (CNAM
guide), and then at each carrier as it renews the copy it keeps to save the fee of a dip: vendors
report 24 to 72 hours, up to four weeks, and several months where copies go stale. Landlines show
names by default, mobile phones where their subscriber has asked for it (CNAM guide).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from zlib import crc32

from phonotary.clock import Instant, iso8601

HOUR = 3600
DAY = 24 * HOUR


class Line(StrEnum):
    LANDLINE = "landline"
    MOBILE = "mobile"


class Kind(StrEnum):
    NAME = "name"
    PLACE = "place"
    """The city and state of the number, which databases hold where there is no name."""
    PRIVATE = "private"
    """That the caller keeps the name from being shown, which is not that there is none."""
    NUMBER = "number"
    """The number and nothing else."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """How the provider of the called phone learns names."""

    name: str
    does: str
    """What it does, after "this carrier"."""
    soonest: int = 0
    """Seconds by which its copy follows the databases at least …"""
    latest: int = 0
    """… and at most; where between, is the same for one number every time."""
    knows: bool = True
    """Whether what it asks has the names registered here."""
    ours: bool = False
    """It asks our own dips, where a name arrives and ends as they say."""

    def behind(self, number: str) -> int:
        """Seconds by which what it shows of this number follows the databases."""
        spread = self.latest - self.soonest
        seed = crc32(f"{self.name}:{number}".encode())
        return self.soonest + (seed % (spread + 1) if spread else 0)


CARRIERS: dict[str, Carrier] = {
    each.name: each
    for each in (
        Carrier("ours", "asks this hub's own dips", ours=True),
        Carrier("fresh", "asks a database at every call"),
        Carrier("daily", "keeps an answer for up to 24 hours", 1, DAY),
        Carrier("weekly", "keeps an answer for up to 7 days", DAY, 7 * DAY),
        Carrier("monthly", "keeps an answer for up to 4 weeks", 7 * DAY, 28 * DAY),
        Carrier("stale", "keeps an answer for months", 60 * DAY, 180 * DAY),
        Carrier("elsewhere", "asks another database, where this name is not", knows=False),
    )
}
"""The kinds there are; the times are those that vendors report, and no carrier's own word."""


@dataclass(frozen=True, slots=True)
class Spell:
    """One name of a number, from when it was vouched for until when it no longer was."""

    name: str
    since: Instant
    """The later of the approval of the product and the assignment of the number."""
    until: Instant | None = None
    began: Instant = 0
    """When this spell of it began, where that is later: a profile that was suspended vouches
    again, and the databases wait for no new approval."""
    private: bool = False
    """The databases keep it, and it is shown to nobody (GR-1188's reason for the absence of a
    name; ``unavailable=p`` by ENUM)."""

    def arrives(self, propagation: int) -> Instant:
        return max(self.since + propagation, self.began)


@dataclass(frozen=True, slots=True)
class History:
    """All names of one number, oldest first."""

    number: str
    spells: tuple[Spell, ...]
    propagation: int
    """Seconds until a name is in the databases."""
    own_propagation: int = 0
    """Seconds until our own dips tell it."""


@dataclass(frozen=True, slots=True)
class Seen:
    kind: Kind
    text: str | None
    """The name, or the city and state; None where the number stands alone or the name is private.
    """


@dataclass(frozen=True, slots=True)
class Display:
    """What one phone shows at one instant."""

    now: Seen
    why: str
    """One sentence."""
    changes: Instant | None = None
    """When it will show something else if nothing happens in between; None: never."""
    then: Seen | None = None
    because: str = ""
    """Why no name is shown any more then, in a clause; empty where one comes instead."""


def display_at(
    carrier: Carrier,
    line: Line,
    history: History,
    place: str | None,
    now: Instant,
    *,
    opted_in: bool = False,
) -> Display:
    """What a phone of ``carrier`` shows of a call from ``history.number``. ``place`` is the city
    and state of the number; ``opted_in``: the subscriber of a mobile line has asked for names."""
    if line is Line.MOBILE and not opted_in:
        why = "mobile phones show names only to subscribers who have asked for it (opt-in)"
        return Display(Seen(Kind.NUMBER, None), why)
    nameless = Seen(Kind.PLACE, place) if place else Seen(Kind.NUMBER, None)
    if not carrier.knows:
        return Display(nameless, f"this carrier {carrier.does}")
    shown = _shown(carrier, history)
    seen = _seen(shown, nameless, now)
    later = sorted({at for one in shown for at in (one.since, one.until) if at and at > now})
    changes = next((at for at in later if _seen(shown, nameless, at) != seen), None)
    then = None if changes is None else _seen(shown, nameless, changes)
    why, because = _why(carrier, history, seen, now), _ending(carrier, history, now, changes)
    gone = then is not None and then.kind in (Kind.PLACE, Kind.NUMBER)
    return Display(seen, why, changes, then, because if gone else "")


def _ending(carrier: Carrier, history: History, now: Instant, changes: Instant | None) -> str:
    """Why a name ends at this carrier at the instant ``changes``."""
    behind = carrier.behind(history.number)
    ends = [spell.until for spell in history.spells if spell.until is not None]
    ended = next((until for until in ends if until + behind == changes), None)
    if ended is None:
        return ""
    if ended > now:
        # What ends by the clock alone: every approval has its valid_until.
        return f"an approval that the name rests on runs out at {iso8601(ended)}"
    return f"the name ended at {iso8601(ended)}, and this carrier hears of it then"


def _shown(carrier: Carrier, history: History) -> list[Spell]:
    """The same spells, as that carrier has them."""
    propagation = history.own_propagation if carrier.ours else history.propagation
    behind = carrier.behind(history.number)
    found = []
    for spell in history.spells:
        arrives = spell.arrives(propagation)
        if spell.until is not None and spell.until <= arrives:
            # It was withdrawn before it had arrived anywhere.
            continue
        until = None if spell.until is None else spell.until + behind
        found.append(Spell(spell.name, arrives + behind, until, private=spell.private))
    return found


def _seen(shown: list[Spell], nameless: Seen, at: Instant) -> Seen:
    for spell in reversed(shown):
        if spell.since <= at and (spell.until is None or at < spell.until):
            return Seen(Kind.PRIVATE, None) if spell.private else Seen(Kind.NAME, spell.name)
    return nameless


def _why(carrier: Carrier, history: History, seen: Seen, now: Instant) -> str:
    does = f"this carrier {carrier.does}"
    standing = next((s for s in reversed(history.spells) if _stands(s, now)), None)
    if standing is None:
        if seen.kind is Kind.NAME:
            return f"{does}, and has not heard that {seen.text!r} was withdrawn"
        if seen.kind is Kind.PRIVATE:
            return f"{does}, and has not heard that the private name was withdrawn"
        return f"{does}, and no name is registered for this number"
    if seen.text == standing.name and seen.kind is Kind.NAME:
        return f"{does}, and {standing.name!r} has arrived there"
    if seen.kind is Kind.PRIVATE and standing.private:
        kept = f"{standing.name!r} is registered and private"
        return f"{does}; {kept}, so that it is shown to nobody"
    old = f", so it still has {seen.text!r}" if seen.kind is Kind.NAME else ""
    propagation = history.own_propagation if carrier.ours else history.propagation
    if now < standing.arrives(propagation):
        on_its_way = f"{standing.name!r} is on its way to the databases, 48 to 72 hours"
        return f"{does}; {on_its_way} from its approval (CNAM guide){old}"
    return f"{does}; {standing.name!r} is in the databases, but its copy is older{old}"


def _stands(spell: Spell, now: Instant) -> bool:
    return max(spell.since, spell.began) <= now and (spell.until is None or now < spell.until)
