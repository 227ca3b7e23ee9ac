"""The only place that reads the environment. Settings are values from here on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


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
    callback_hosts: frozenset[str] = field(default_factory=frozenset)
    """Hosts a callback may go to although they are private; a sandbox allows loopback."""


def sqlite_url(directory: Path) -> str:
    return f"sqlite:///{directory / 'phonotary.db'}"


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
