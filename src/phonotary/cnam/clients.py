"""Who may dip, how often, and how often it did: the counts are what a client is billed by."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused

FALLBACKS = ("none", "place")
DAY = 86_400
MOST = 10_000
"""Clients of whom quotas and counts are held at once; accounts come and go among them."""
_ADDRESSES = 16_384
LONGEST_KEY = 256
"""Characters of a client's key; a longer one is nobody's."""
_KEYS = 4_096

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOOPBACK: tuple[Network, ...] = (
    ipaddress.ip_network("127.0.0.0/8"),
    ipaddress.ip_network("::1/128"),
)


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who may dip: a PBX, a carrier, an account of ours."""

    name: str
    """Also the user of HTTP Basic authentication, and what counts are kept by."""
    networks: tuple[Network, ...] = ()
    """Whoever asks from one of them is this client, without a key."""
    key_digest: str | None = field(default=None, repr=False)
    """SHA-256 of its key, in hexadecimal. Keys are long and random, so no slow hash is needed."""
    fallback: str = "none"
    """``place``: where there is no name, it is told the city and state."""
    per_second: int | None = None
    """Dips in one second, in each process; None for as many as it likes."""
    per_day: int | None = None
    """Dips in one day of UTC, in all processes together."""


SANDBOX = Client("sandbox", LOOPBACK)
"""Who asks a sandbox from its own machine."""


class OverQuota(Refused):
    """The client has had its dips. FORBIDDEN, for it is not we who are at fault."""

    def __init__(self, because: str, retry_after: int) -> None:
        super().__init__(Reason.FORBIDDEN, because)
        self.retry_after = retry_after
        """Seconds."""


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class Clients:
    """The clients that were configured, found by key or by address."""

    def __init__(self, clients: Iterable[Client] = ()) -> None:
        """ValueError when two have one name or one key, or one neither network nor key."""
        self.all = tuple(clients)
        self._by_digest = {each.key_digest: each for each in self.all if each.key_digest}
        keyed = sum(each.key_digest is not None for each in self.all)
        if len({each.name for each in self.all}) < len(self.all) or len(self._by_digest) < keyed:
            raise ValueError("two clients have the same name, or the same key")
        for each in self.all:
            if each.fallback not in FALLBACKS or not (each.networks or each.key_digest):
                raise ValueError(
                    f"client {each.name} has no network and no key, or no such fallback"
                )
        self._networks = [(network, each) for each in self.all for network in each.networks]
        # The narrowest network that holds an address says whose it is.
        self._networks.sort(key=lambda pair: -pair[0].prefixlen)
        self._by_address: dict[str, Client | None] = {}
        self._by_key: dict[str, Client | None] = {}

    def at(self, address: str) -> Client | None:
        """Whose address it is, as a socket writes it."""
        try:
            return self._by_address[address]
        except KeyError:
            if len(self._by_address) >= _ADDRESSES:
                self._by_address.clear()
            found = self._by_address[address] = self._look_up(address)
            return found

    def with_key(self, key: str, user: str | None = None) -> Client | None:
        """Whose key it is; with ``user`` only if that is the client's own name."""
        found = self._by_key.get(key)
        if found is None and len(key) <= LONGEST_KEY:
            given = digest(key)
            held = self._by_digest.get(given)
            if held is not None and hmac.compare_digest(held.key_digest or "", given):
                if len(self._by_key) >= _KEYS:
                    self._by_key.clear()
                found = self._by_key[key] = held
        return found if found is None or user in (None, found.name) else None

    def _look_up(self, address: str) -> Client | None:
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return None
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        for network, client in self._networks:
            if parsed in network:
                return client
        return None


@dataclass(frozen=True, slots=True)
class Count:
    """So many answers of one kind that a client had in one day."""

    client: str
    day: Instant
    """The day's first second, UTC by the hub's clock."""
    status: str
    """One of KINDS."""
    dips: int


KINDS = ("present", "absent", "private", "foreign", "limited")
"""What is counted: the statuses of an answer, and what a quota refused."""
LIMITED = KINDS.index("limited")
_ANY = 1 << 60


class Meter:
    """One client's quota and counts, of the second and the day it dipped in last."""

    __slots__ = ("client", "counts", "day", "in_day", "left", "second", "share", "written")

    def __init__(self, client: Client) -> None:
        self.client = client
        self.second = self.day = -1
        self.in_day = 0
        """Dips of the day before this second, in all processes as far as is known."""
        self.share = self.left = 0
        """Dips that this second had at its beginning, and those that are left of it."""
        self.written: tuple[Instant, int] = (-1, 0)
        """A day, and how many dips of it all processes had written when it was last asked."""
        self.counts = [0] * len(KINDS)
        """Of the day, since they were last taken; in the order of KINDS."""


class Meters:
    """The meters of all clients that dipped lately. Time is passed in; one thread calls it, except
    :meth:`taken`, :meth:`put_back` and :meth:`used`, which any may."""

    def __init__(self, clients: Sequence[Client] = (), most: int = MOST) -> None:
        self._most = max(most, len(clients) + 1)
        self._lasting = frozenset(each.name for each in clients)
        self._meters: dict[str, Meter] = {}
        self._finished: list[Count] = []

    def take(self, client: Client, now: Instant) -> Meter:
        """The client's meter, one dip further. Raises OverQuota."""
        meter = self._meters.get(client.name)
        if meter is None or meter.second != now or not meter.left:
            meter = self._begun(client, meter or self._new(client), now)
        meter.left -= 1
        return meter

    def _begun(self, client: Client, meter: Meter, now: Instant) -> Meter:
        """The meter in another second, or in one that has nothing left."""
        if meter.second != now:
            meter.in_day += meter.share - meter.left
            meter.second = now
            if meter.day != now // DAY:
                self._finish(meter)
                meter.day, meter.in_day = now // DAY, 0
            day, written = meter.written
            if day == meter.day * DAY:
                meter.in_day = max(meter.in_day, written + sum(meter.counts[:LIMITED]))
            most = _ANY if client.per_second is None else client.per_second
            if client.per_day is not None:
                most = max(0, min(most, client.per_day - meter.in_day))
            meter.share = meter.left = most
        if not meter.left:
            meter.counts[LIMITED] += 1
            if client.per_second is not None and meter.share == client.per_second:
                raise OverQuota(f"{client.per_second} dips a second are allowed; try again", 1)
            left = (meter.day + 1) * DAY - now
            raise OverQuota(f"{client.per_day} dips a day are allowed", left)
        return meter

    def taken(self) -> list[Count]:
        """All counts since the last time, which are no longer held here."""
        for meter in tuple(self._meters.values()):
            self._finish(meter)
        found, self._finished = self._finished, []
        return found

    def put_back(self, counts: Iterable[Count]) -> None:
        """Counts that were taken and could not be written."""
        self._finished.extend(counts)

    def used(self, client: str, day: Instant, dips: int) -> None:
        """All processes together have written so many dips of this day: from its next second on
        the quota counts them, and those that are not yet written."""
        meter = self._meters.get(client)
        if meter is not None:
            meter.written = (day, dips)

    @property
    def limited(self) -> list[str]:
        """The names of clients that have dipped and have a quota for the day."""
        return [each.client.name for each in tuple(self._meters.values()) if each.client.per_day]

    def _new(self, client: Client) -> Meter:
        if len(self._meters) >= self._most:
            # The first that is not configured: it has been known the longest.
            name = next(name for name in self._meters if name not in self._lasting)
            self._finish(self._meters.pop(name))
        meter = self._meters[client.name] = Meter(client)
        return meter

    def _finish(self, meter: Meter) -> None:
        # Whoever counts adds to the list it finds, in one step of the interpreter: what was counted
        # before the exchange is in this list, and what is counted after it in the next one.
        day = meter.day * DAY
        counts, meter.counts = meter.counts, [0] * len(KINDS)
        found = [
            Count(meter.client.name, day, kind, dips)
            for kind, dips in zip(KINDS, counts, strict=True)
            if dips
        ]
        self._finished.extend(found)
