"""The only place that reads the environment. Settings are values from here on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ProviderFiles:
    """One voice service provider that signs here, by where its things are."""

    name: str
    chain: Path
    """PEM, leaf first. Read again whenever it changes."""
    key: str
    """A PEM file, or a ``pkcs11:`` URI (RFC 7512)."""
    x5u: str
    """Where verifiers fetch the chain; ``{fingerprint}`` stands for the certificate's."""
    accounts: frozenset[str] | None = None
    """The accounts it serves, with their subaccounts; None: all, which only a hub's one provider
    may. An empty list is nobody."""
    rmd_filed: int | None = None
    """When it last certified in the Robocall Mitigation Database, midnight UTC in seconds since
    1970; None: it is not reminded."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """Who may send SIP: the networks of one account, and what its calls are answered with."""

    networks: tuple[str, ...]
    account_sid: str
    role: str
    """``authenticate``, ``verify``, ``both`` or ``diverting``. ``both`` signs whatever carries no
    Identity, so no call from outside may reach it."""
    attest: str = "A"
    """The most that is asked for where a request names no level."""
    trusted: bool = True
    """Whether its P-Asserted-Identity is believed (RFC 3325 section 5); else From counts."""


@dataclass(frozen=True, slots=True)
class DipClient:
    """Who may ask for names, besides the accounts: a PBX, a carrier."""

    name: str
    networks: tuple[str, ...] = ()
    """Whoever asks from one of them is this client, without a key."""
    key_file: Path | None = None
    """Holds its key; the client gives it as the password of its name."""
    fallback: str = "none"
    """``place``: where there is no name, it is told the city and state."""
    per_second: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Cnam:
    """What names are registered with, and who may ask for them."""

    databases: tuple[Mapping[str, Any], ...] = ()
    """One table for each database besides our own; ``kind`` and ``name``, the rest is the kind's
    (:mod:`phonotary.bootstrap.registrars`)."""
    clients: tuple[DipClient, ...] = ()
    dns_port: int | None = None
    """None: no DNS. 0 picks a free one."""
    dns_apex: str | None = None
    """The private name below which numbers are asked for; None: the default one."""
    dns_absent: str = "nxdomain"
    """What is said of a number without a name: ``nxdomain`` or ``unavailable``."""
    keep_days: int | None = None
    """Days after which finished orders and what was seen in databases are deleted; None: never."""


@dataclass(frozen=True, slots=True)
class Stir:
    """What the STIR services run by. Unset means the rule of the standard."""

    providers: tuple[ProviderFiles, ...] = ()
    anchors: Path | None = None
    """PEM certificates of the STI-CAs that are trusted; without it nothing verifies."""
    crl: Path | None = None
    """The STI-PA's indirect list of revocations, DER or PEM."""
    crl_issuer: Path | None = None
    """PEM certificate that signs that list."""
    crl_required: bool = False
    """No verdict without a current list of revocations."""
    lab: frozenset[str] = frozenset()
    """Origins of a laboratory on this machine, as ``http://127.0.0.1:8080``: certificates are
    fetched from them without TLS and on any port."""
    origid: str = "as-given"
    """``as-given``, ``per-call`` or ``per-customer``."""
    deterministic: bool = False
    """RFC 6979 nonces: the same signature for the same call, a tenth slower."""
    rcd: bool = False
    """Every A carries the approved business's name as Rich Call Data."""
    diverted_freshness: int = 60
    """Seconds that what was signed before a diversion may be old."""
    max_diversions: int = 5
    """Diversions of one call that are followed."""
    max_targets: int = 10
    """How many times, while it is fresh, one call may arrive diverted anew."""
    replays: Literal["refuse", "off"] = "refuse"
    """``refuse`` a PASSporT used twice; ``off``: nothing is remembered."""
    replay_memory: int = 250_000
    """Used PASSporTs that a process remembers, and as many diverted ones."""
    allow_base: bool = False
    """A PASSporT without a level validates a number."""
    delegate_shaken: bool = False
    """A delegate's certificate may sign ``shaken``."""
    spc_vouches: bool = True
    """A provider's CA may certify any number to a delegate."""
    directory: int = 2_000_000
    """Numbers whose standing is kept in memory."""
    ledger_bound: int = 100_000
    """Calls that may wait to be written down."""
    hsm_sessions: int = 4
    """Signatures that a provider's key in an HSM makes at one time, in each process."""
    hsm_seconds: float = 1.0
    """That a call waits for such a signature before it is answered 503."""
    ledger_full: str = "refuse"
    """``refuse`` more calls then, or ``count`` those that were not written down."""
    ledger_wait: int = 5
    """Seconds that a call may wait to be written down before more are refused."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a hub is started with."""

    database_url: str
    host: str = "127.0.0.1"
    port: int = 8080
    vetting: str = "instant"
    """``instant``, ``delayed`` or ``manual``."""
    sandbox: bool = True
    empty: bool = False
    primary_identity: str = "isv_reseller_or_partner"
    """``business_identity`` of the seeded primary profile; ``direct_customer`` rehearses the
    refusal that such customers meet when they create secondary profiles."""
    account_sid: str | None = None
    auth_token: str | None = None
    seed: int | None = None
    ready_file: Path | None = None
    state_file: Path | None = None
    """A dump of ``/_sandbox/state`` that a fresh data directory starts from."""
    reviewer_password: str | None = None
    """None: minted and kept with the hub's other secrets."""
    stir: Stir = Stir()
    sip_port: int | None = None
    """None: no SIP. 0 picks a free one."""
    sip_unsigned: str = "proceed"
    """What the proxy is told of a call that cannot be signed: ``proceed`` or ``block``."""
    sip_failed: str = "proceed"
    """The same for a call whose validation failed."""
    workers: int = 1
    """Processes that share the ports."""
    trunks: tuple[Trunk, ...] = ()
    cnam: Cnam = Cnam()


def sqlite_url(directory: Path) -> str:
    return f"sqlite:///{directory / 'phonotary.db'}"


def service_url(directory: Path) -> str:
    """A service's own file: the sandbox beside it has another."""
    return f"sqlite:///{directory / 'service.db'}"


def twilio_credentials(environ: Mapping[str, str] | None = None) -> tuple[str, str] | None:
    """TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN when both are set: the sandbox adopts them."""
    source = os.environ if environ is None else environ
    sid, token = source.get("TWILIO_ACCOUNT_SID"), source.get("TWILIO_AUTH_TOKEN")
    return (sid, token) if sid and token else None


def environment() -> dict[str, str]:
    """A copy of the environment: what a program started by us inherits."""
    return dict(os.environ)


def default_data_directory() -> Path:
    """``PHONOTARY_DATA``, else the user's data directory (XDG base directory specification)."""
    chosen = os.environ.get("PHONOTARY_DATA")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "phonotary"


def database_url() -> str | None:
    """``PHONOTARY_DATABASE_URL``; None means SQLite in the data directory."""
    return os.environ.get("PHONOTARY_DATABASE_URL") or None
