"""Everything of a hub that names pass through: registered with databases, asked for by phones."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from sqlalchemy.engine import make_url

from phonotary.bootstrap import placing
from phonotary.bootstrap.dipping import Dips
from phonotary.bootstrap.files import contents
from phonotary.bootstrap.notices import Notices
from phonotary.bootstrap.registering import Registering
from phonotary.bootstrap.registrars import registrars
from phonotary.bootstrap.retention import DAY, Retention
from phonotary.bootstrap.standing import Standings
from phonotary.bootstrap.tickets import Tickets
from phonotary.clock import Clock
from phonotary.cnam.clients import LONGEST_KEY, SANDBOX, Client, digest
from phonotary.config import DipClient, Settings, default_data_directory
from phonotary.dns import server as dns
from phonotary.dns.zone import DEFAULT_APEX, Absent
from phonotary.errors import Reason, Refused
from phonotary.storage.database import Database
from phonotary.trusthub.filing import Vetting


class CallerNames:
    """The CNAM half of one hub; made with it, started when it serves."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        standings: Standings,
    ) -> None:
        """Raises Refused where a setting is not as it should be."""
        self._settings = settings
        vetting = Vetting(settings.vetting)
        clients = [_client(each) for each in settings.cnam.clients]
        if settings.sandbox:
            clients.append(SANDBOX)
        found, terms = registrars(settings.cnam.databases)
        self._places = placing.FollowedPlaces(_directory(database))
        try:
            self.dips = Dips(
                database,
                standings,
                vetting,
                clock.now,
                clients=clients,
                place_of=self.place_of,
            )
        except ValueError as error:
            raise Refused(Reason.INVALID_PARAMETER, f"a dip client: {error}") from error
        self.registering = Registering(
            database,
            found,
            clock.now,
            propagation=vetting.propagation,
            terms=terms,
            wall=clock.wall,
        )
        days = settings.cnam.keep_days
        self.retention = Retention(database, clock.now, days * DAY) if days else None
        self.notices = Notices(found, self.registering)
        self.tickets = Tickets(found, clock.now)
        self._dns: dns.Server | None = None

    @property
    def dns_port(self) -> int | None:
        return self._dns.port if self._dns else None

    async def start(self) -> None:
        """The standings must have been started. Raises Refused when the DNS port is taken."""
        self.dips.start()
        settings, cnam = self._settings, self._settings.cnam
        if cnam.dns_port is None:
            return
        try:
            self._dns = await dns.serve(
                settings.host,
                cnam.dns_port,
                self.dips,
                apex=cnam.dns_apex or DEFAULT_APEX,
                absent=Absent(cnam.dns_absent),
                shared=settings.workers > 1,
            )
        except (OSError, ValueError) as error:
            because = getattr(error, "strerror", None) or str(error)
            raise Refused(
                Reason.INVALID_PARAMETER, f"the DNS door cannot be opened: {because}"
            ) from error

    def place_of(self, number: str) -> str | None:
        """The city and state of a number, as clients are told them that want it."""
        return self._places.of(number)

    def look(self) -> None:
        """Take in what has changed outside: the table of places. It may take a second."""
        self._places.look()

    async def stop(self) -> None:
        if self._dns is not None:
            await self._dns.close()
        self.dips.stop()


def _directory(database: Database) -> Path:
    """Where `phonotary places import` puts its table."""
    if database.is_sqlite and (file := make_url(database.url).database):
        return Path(file).parent
    return default_data_directory()


def _client(given: DipClient) -> Client:
    try:
        networks = tuple(ipaddress.ip_network(one) for one in given.networks)
    except ValueError as error:
        raise Refused(Reason.INVALID_PARAMETER, f"a dip client's network: {error}") from error
    if ":" in given.name:
        # RFC 7617 section 2: the first one ends the user's name.
        raise Refused(Reason.INVALID_PARAMETER, f"the dip client {given.name} has a colon")
    key = _key(given.key_file) if given.key_file else None
    return Client(
        given.name,
        networks,
        digest(key) if key else None,
        given.fallback,
        given.per_second,
        given.per_day,
    )


def _key(file: Path) -> str:
    """Raises Refused for a file without a key: its client would be known by its network alone."""
    key = contents(file).decode("utf-8", "replace").strip()
    if not key or len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise Refused(
            Reason.INVALID_PARAMETER,
            f"{file} does not hold one line with a key of {LONGEST_KEY} ASCII characters at most",
        )
    return key
