"""The dips of one process: names from memory, clients with their quotas, counts to the database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, cast

from phonotary import report
from phonotary.bootstrap.noting import Noted
from phonotary.bootstrap.standing import Standings
from phonotary.clock import Instant
from phonotary.cnam import dips
from phonotary.cnam.clients import DAY, KINDS, Client, Clients, Count, Meters
from phonotary.cnam.dips import Answer, Named, Status, Where
from phonotary.directory import CAPACITY, Directory
from phonotary.errors import Reason, Refused
from phonotary.storage import dip_counts
from phonotary.storage.database import Database
from phonotary.storage.faults import Unsure
from phonotary.storage.store import SqlStore
from phonotary.trusthub import assignments
from phonotary.trusthub import standing as kyc
from phonotary.trusthub.filing import Vetting
from phonotary.trusthub.privacy import is_private
from phonotary.trusthub.store import Store

FLUSH = 2.0
"""Seconds between two writings of the counts; also how late a quota for the day is known to
another process."""

# A name that is on its way arrives by the clock, and is looked for this often in seconds.
_PENDING = 10
_MOST_ALIKE = 50_000
# Seconds by which one thread's time may lie before another's.
_JITTER = 5
_CALLER = ""
_KIND_OF = {status: KINDS.index(status) for status in Status}
_UNAVAILABLE = "What stands for this number cannot be known now; try again"

_Alike = tuple[str, tuple[str, ...]]
"""Who holds a number, and the bundles that count for it, in order."""


def named_in(store: SqlStore, tn: str, now: Instant, propagation: int = 0) -> Named:
    """What stands for one number (``+`` and digits), read within a transaction. ``propagation`` is
    how many seconds its name takes from the approval on."""
    noted = Noted(store, now)
    name = kyc.display_name(noted.store, tn, now, propagation)
    until = noted.until
    if name is None and propagation and kyc.display_name(noted.store, tn, now) is not None:
        until = now + _PENDING if until is None else min(until, now + _PENDING)
    return Named(
        name=dips.shown(name),
        private=name is not None and is_private(noted.store, tn),
        until=until,
        depends_on=noted.depends_on,
    )


class Dips:
    """What every door asks. From memory on a hit, by one short read on a miss.

    It hears of changes by the standings' own feed: a withdrawn name is gone at once in the process
    that withdrew it, and within two seconds in all others. A process that has lost its feed refuses
    with UNAVAILABLE instead of answering from memory or from the database. Any name it knows may
    have been withdrawn; reading each anew would put all its load on a database that is in trouble;
    and "no name" would be kept by clients, and billed, though nobody knows it to be true. Doors
    turn the refusal into silence: SERVFAIL, an empty 503, a call that goes on without a name.
    """

    def __init__(
        self,
        database: Database,
        standings: Standings,
        vetting: Vetting,
        now: Callable[[], Instant],
        *,
        clients: Iterable[Client] = (),
        place_of: Callable[[str], str | None] | None = None,
        capacity: int = CAPACITY,
    ) -> None:
        """``now`` is the hub's clock. ``place_of`` gives the city and state of a number, for the
        clients that want it. Raises ValueError for clients that contradict each other."""
        self._database = database
        self._feed = standings.feed
        self._vetting = vetting
        self._now = now
        self._place_of = place_of
        self._latest = 0
        self._alike_since = -1
        self._known_alike: dict[_Alike, Named] = {}
        self._accounts: dict[str, Client] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.clients = Clients(clients)
        self.meters = Meters(self.clients.all)
        self.directory: Directory[Named] = Directory(capacity)
        standings.tell(self.directory)

    def client_of(self, address: str, key: str | None = None) -> Client | None:
        """The client with this key, or the one whose network the address is of."""
        return self.clients.at(address) if key is None else self.clients.with_key(key)

    def account(self, account_sid: str) -> Client:
        """An account of ours is always a client, once its credentials are proved."""
        found = self._accounts.get(account_sid)
        if found is None:
            if len(self._accounts) >= _MOST_ALIKE:
                self._accounts.clear()
            found = self._accounts[account_sid] = Client(account_sid)
        return found

    def now(self, number: str, client: Client, private: bool = False) -> Answer:
        """One dip: what ``client`` is told of ``number`` as written on the wire. ``private``: the
        call asks for privacy. Raises OverQuota, and Refused with UNAVAILABLE."""
        now = self._now()
        meter = self.meters.take(client, now)
        key, at = dips.asked(number)
        if at is Where.US and not private:
            if self._feed.lost:
                raise Refused(Reason.UNAVAILABLE, _UNAVAILABLE)
            if now != self._latest:
                self._moved(now)
            named = self.directory.find(key, _CALLER, now) or self._missed(key, now)
            place = None
            if named.name is None and client.fallback == "place" and self._place_of is not None:
                place = self._place_of(f"+{key}")
            answer = dips.judged(at, named, place, client, now)
        else:
            answer = dips.judged(at, None, None, client, now, private)
        meter.counts[_KIND_OF[answer.status]] += 1
        return answer

    def name_of(self, number: str) -> str | None:
        """The registered name, for our own use: no client is counted. None also where it cannot be
        known, for a call goes on without it."""
        try:
            key, at = dips.asked(number)
            if at is not Where.US or self._feed.lost:
                return None
            now = self._now()
            if now != self._latest:
                self._moved(now)
            named = self.directory.find(key, _CALLER, now) or self._missed(key, now)
        except Refused:
            return None
        return None if named.private else named.name

    def _moved(self, now: Instant) -> None:
        """Another second than the last one; the first dip in it comes here."""
        if now < self._latest - _JITTER:
            # A sandbox's clock was put back: what had arrived or run out by then has not yet.
            self.directory.forget_all()
        self._latest = now

    def _missed(self, key: int, now: Instant) -> Named:
        number, epoch = f"+{key}", self.directory.epoch
        found = self._read(number, now, epoch)
        return self.directory.put(number, _CALLER, found, epoch) or found

    def _read(self, number: str, now: Instant, epoch: int) -> Named:
        if epoch != self._alike_since or len(self._known_alike) >= _MOST_ALIKE:
            self._alike_since, self._known_alike = epoch, {}
        known, delay = self._known_alike, self._vetting.propagation(number)

        def work(store: SqlStore) -> Named:
            row = store.numbers.first(phone_number=number)
            if row is None:
                return Named(None)
            if delay:
                # Each number's name arrives in its own time.
                return named_in(store, number, now, delay)
            counting = assignments.of_number(cast(Store, store), row)
            alike = row.account_sid, tuple(one.bundle_sid for one in counting)
            found = known.get(alike)
            if found is None or (found.until is not None and now >= found.until):
                found = known[alike] = named_in(store, number, now)
            return found

        return self._database.glance(work)

    # The counts.

    def start(self) -> None:
        """Write the counts from now on; the standings must be started as well."""
        self._thread = threading.Thread(target=self._run, name="dip-counts", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is left."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(5.0)
        self.flush()

    def flush(self) -> bool:
        """Write the counts, and learn what all processes have served today. False when it could not
        be done; then they are written the next time, unless they may be written already."""
        counts = self.meters.taken()
        limited, today = self.meters.limited, self._now() // DAY * DAY

        def work(store: SqlStore) -> dict[str, int]:
            dip_counts.add(store, counts)
            return dip_counts.served(store, limited, today) if limited else {}

        if not counts and not limited:
            return True
        try:
            served = self._database.write(work)
        except Unsure as unsure:
            # Counts are bills, and nobody is billed twice.
            lost = sum(each.dips for each in counts)
            _log().warning("dips may not be counted", dips=lost, because=unsure.because)
            return False
        except Exception as error:
            self.meters.put_back(counts)
            _log().warning("dips could not be counted", because=type(error).__name__)
            return False
        for client, total in served.items():
            self.meters.used(client, today, total)
        return True

    def counts(self, client: str | None = None, since: Instant = 0) -> list[Count]:
        """What is written, for bills."""
        return self._database.read(lambda store: dip_counts.of(store, client, since))

    def _run(self) -> None:
        while not self._stopped.wait(FLUSH):
            self.flush()


def _log() -> Any:
    return report.to("phonotary.dips")
