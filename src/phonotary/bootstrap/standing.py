"""What the Trust Hub knows of a number, in the words the signing room asks in.

``shaken`` and ``trusthub`` never import each other; this is where they meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar, cast

from phonotary import clock
from phonotary.access import accounts
from phonotary.bootstrap.displaying import shown_as
from phonotary.bootstrap.noting import Noted
from phonotary.bootstrap.vouched import Ask, Vouched, asked_anew
from phonotary.clock import Instant
from phonotary.directory import CAPACITY, EVERYTHING, Directory
from phonotary.errors import Reason, Refused
from phonotary.shaken.ports import Standing
from phonotary.storage.database import Database
from phonotary.storage.feed import Feed
from phonotary.storage.store import SqlStore
from phonotary.trusthub import assignments, display
from phonotary.trusthub import standing as kyc
from phonotary.trusthub.records import Bundle, Party
from phonotary.trusthub.store import Store

T = TypeVar("T")

_CUT_OFF = "Nothing is heard from the database, so nothing new can be known; try again"
_MOST_ALIKE = 50_000
_MOST_INPUTS = 8
# Seconds by which one thread's time may lie before another's.
_JITTER = 5


def standing_in(
    store: SqlStore, tn: str, account_sid: str, now: Instant, ask: Ask = asked_anew
) -> Standing:
    """The standing of one number for one calling account, read within a transaction."""
    noted = Noted(store, now)
    noted.subjects.add(account_sid)
    account = store.account(account_sid)
    owner_sid = account.owner_account_sid if account else account_sid
    noted.subjects.add(owner_sid)
    # A subaccount is nothing without its parent: whoever suspends the parent means both.
    known = account is not None and accounts.is_active(account, store.account(owner_sid))
    caller = Party(account_sid, owner_sid)
    facts = kyc.of_number(noted.store, tn, caller, now, ask(store, noted))
    shown = display.of_number(noted.store, facts.on, now)
    name = kyc.business_name(noted.store, facts.profile) if facts.profile else None
    # The ledger keeps the first of them: whose word the level is, then whose the name.
    speaking = (facts.profile, facts.product)
    naming = (shown.product_sid, shown.name_product_sid)
    return Standing(
        account_sid=facts.number.account_sid if facts.number else None,
        account_known=known,
        number_ours=facts.known,
        number_right_valid=facts.right_valid,
        profile_sid=facts.profile.sid if facts.profile else None,
        profile_vouching=facts.profile_vouching,
        product_sid=facts.product.sid if facts.product else None,
        product_vouching=facts.product_vouching,
        product_linked=facts.product_linked,
        number_on_profile=facts.number_on_profile,
        number_on_product=facts.number_on_product,
        account_vouched=facts.account_vouched,
        display=shown_as(shown, name),
        until=noted.until,
        inputs=tuple((sid, store.version(sid)) for sid in _inputs(speaking, naming, noted)),
        depends_on=noted.depends_on,
    )


def _inputs(
    first: tuple[Bundle | None, ...], naming: tuple[str | None, ...], noted: Noted
) -> list[str]:
    """The bundles that were read: those that speak for the number, those that say how it is shown,
    then what those stand on."""
    named = (sid for sid in naming if sid)
    sids = [*(each.sid for each in first if each), *named, *sorted(noted.bundles)]
    return list(dict.fromkeys(sids))[:_MOST_INPUTS]


Alike = tuple[str, str | None, tuple[str, ...]]
"""The caller, who holds the number, and the bundles that count for it, in order."""


def _alike(store: SqlStore, tn: str, account_sid: str) -> Alike:
    """All that a number itself brings into its standing: two numbers that agree in this stand
    alike, and the second is read in two queries instead of a dozen. :mod:`trusthub.standing` asks
    nothing else of a number, and a test holds it to that."""
    number = store.numbers.first(phone_number=tn)
    if number is None:
        return account_sid, None, ()
    counting = assignments.of_number(cast(Store, store), number)
    return account_sid, number.account_sid, tuple(one.bundle_sid for one in counting)


class Standings:
    """Implements ``shaken.ports.StandingOf``: from memory, or else by one short read.

    Until :meth:`start` nothing is kept, for nobody would say when it is over, and every answer is
    read anew. From then on :attr:`feed` says what to forget. While the feed is lost, what is kept
    is marked as not fresh, which is worth a B at most, and nothing is read: a database from which
    nothing is heard may be one that hangs, and whoever asked it for one caller's number would keep
    all the others waiting.
    """

    def __init__(
        self,
        database: Database,
        now: Callable[[], Instant],
        capacity: int = CAPACITY,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        """``now`` is the hub's clock, by which approvals run out; ``capacity`` is in numbers."""
        self._database = database
        self._now = now
        self._latest = 0
        self._started = False
        self._alike_since = -1
        self._known_alike: dict[Alike, Standing] = {}
        self.directory: Directory[Standing] = Directory(capacity, stale=_not_fresh)
        self._directories: list[Directory[Any]] = [self.directory]
        self._vouched = Vouched(lambda: self.directory.epoch)
        self.feed = Feed(database, self._change, self._forget_all, monotonic)

    @property
    def cut_off(self) -> bool:
        """Whether nothing is heard any more of what changes."""
        return self._started and self.feed.lost

    @property
    def trouble(self) -> str | None:
        """Why whoever is not in memory is refused, in a sentence for anybody."""
        return _CUT_OFF if self.cut_off else None

    def glance(self, work: Callable[[SqlStore], T], *, one_moment: bool = False) -> T:
        """One short read for whoever holds the event loop. Raises Refused (UNAVAILABLE) where the
        database does not answer, and while nothing is heard from it, without asking."""
        if self.cut_off:
            raise Refused(Reason.UNAVAILABLE, _CUT_OFF)
        return self._database.glance(work, one_moment=one_moment)

    def tell(self, directory: Directory[Any]) -> None:
        """Let another directory of the same numbers hear of the same changes, by the same feed."""
        self._directories.append(directory)

    def start(self) -> None:
        """Keep standings from now on, and hear of what ends them."""
        self._database.listeners.append(self._change)
        self._started = True
        self.feed.start()

    def stop(self) -> None:
        """Keep nothing any more."""
        if self._started:
            self._started = False
            self._database.listeners.remove(self._change)
            self.feed.stop()
            self._forget_all()

    def _change(self, subjects: Iterable[str]) -> None:
        told = frozenset(subjects)
        for directory in self._directories:
            directory.change(told)
        self._vouched.change(told)

    def _forget_all(self) -> None:
        self._change((EVERYTHING,))

    def __call__(self, tn: str, account_sid: str) -> Standing:
        now = self._now()
        if not self._started:
            return self._read(tn, account_sid, now)
        if now < self._latest - _JITTER:
            # A sandbox's clock was put back: what had run out by then has not yet.
            self._forget_all()
        self._latest = now
        fresh = not self.feed.lost
        found = self.directory.get(tn, account_sid, now, fresh)
        if found is not None:
            return found
        epoch = self.directory.epoch
        found = self._read(tn, account_sid, now, self._alike(epoch), self._vouched.since(epoch))
        return self.directory.put(tn, account_sid, found, epoch) or found

    def _alike(self, epoch: int) -> dict[Alike, Standing]:
        """What was read since the last change anybody has heard of."""
        if epoch != self._alike_since or len(self._known_alike) >= _MOST_ALIKE:
            self._alike_since, self._known_alike = epoch, {}
        return self._known_alike

    def _read(
        self,
        tn: str,
        account_sid: str,
        now: Instant,
        known: dict[Alike, Standing] | None = None,
        ask: Ask = asked_anew,
    ) -> Standing:
        """Refused with UNAVAILABLE as :meth:`glance` is."""

        def work(store: SqlStore) -> Standing:
            if known is None:
                return standing_in(store, tn, account_sid, now)
            alike = _alike(store, tn, account_sid)
            found = known.get(alike)
            if found is None or (found.until is not None and now >= found.until):
                found = known[alike] = standing_in(store, tn, account_sid, now, ask)
            return found

        return self.glance(work, one_moment=True)


def _not_fresh(standing: Standing) -> Standing:
    return replace(standing, fresh=False)
