"""The only place that reads the environment. Settings are values from here on."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
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
    state_file: Path | None = None
    """A dump of ``/_sandbox/state`` that a fresh data directory starts from."""
    reviewer_password: str | None = None
    """None: minted and kept with the hub's other secrets."""
    stir_chain: Path | None = None
    """PEM file, leaf first. Without chain, key and address a service signs no calls."""
    stir_key: Path | None = None
    stir_x5u: str | None = None
    """Where verifiers fetch the chain."""


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


# What a service reads: the name in the environment (after PHONOTARY_) and, in lower case, in TOML.
_SERVICE = (
    "DATABASE_URL",
    "HOST",
    "PORT",
    "VETTING",
    "REVIEWER_PASSWORD",
    "STIR_CHAIN",
    "STIR_KEY",
    "STIR_X5U",
)
_VETTING = ("instant", "delayed", "manual")


def service(file: Path | None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings of ``serve``: a TOML file, then ``PHONOTARY_*``, which wins. ValueError, in one
    sentence, names what is wrong. Nothing of a sandbox is on."""
    source = os.environ if environ is None else environ
    given: dict[str, str] = {}
    if file is not None:
        content = tomllib.loads(file.read_text("utf-8"))
        unknown = sorted(set(content) - {name.lower() for name in _SERVICE})
        if unknown:
            raise ValueError(f"{file} has settings nobody reads: {', '.join(unknown)}")
        given = {name.upper(): str(value) for name, value in content.items()}
    for name in _SERVICE:
        if f"PHONOTARY_{name}" in source:
            given[name] = source[f"PHONOTARY_{name}"]
    port, vetting = given.get("PORT", "8080"), given.get("VETTING", "manual")
    if not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"the port {port} is not a number from 0 to 65535")
    if vetting not in _VETTING:
        raise ValueError(f"vetting {vetting} is none of {', '.join(_VETTING)}")
    stir = [given.get(name) for name in ("STIR_CHAIN", "STIR_KEY", "STIR_X5U")]
    if any(stir) and not all(stir):
        raise ValueError("signing needs stir_chain, stir_key and stir_x5u together")
    return Settings(
        database_url=given.get("DATABASE_URL") or service_url(default_data_directory()),
        host=given.get("HOST", "127.0.0.1"),
        port=int(port),
        vetting=vetting,
        sandbox=False,
        reviewer_password=given.get("REVIEWER_PASSWORD"),
        stir_chain=Path(stir[0]) if stir[0] else None,
        stir_key=Path(stir[1]) if stir[1] else None,
        stir_x5u=stir[2],
    )


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
