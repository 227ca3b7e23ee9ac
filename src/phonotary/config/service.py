"""The settings of a service: one TOML file, then ``PHONOTARY_*``, which wins."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from phonotary.config import (
    Cnam,
    DipClient,
    ProviderFiles,
    Settings,
    Stir,
    Trunk,
    default_data_directory,
    service_url,
)

MOST_WORKERS = 256
MOST_SESSIONS = 64
_ACCOUNT = re.compile("AC[0-9a-fA-F]{32}")


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 12:
        raise ValueError(f"{text} is not a whole number")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise ValueError(f"the port {text} is not a number from 0 to 65535")
    return int(text)


def _within(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = _whole(text)
        if not least <= number <= most:
            raise ValueError(f"{text} is not from {least} to {most}")
        return number

    return read


def _sessions(text: str) -> int:
    number = _whole(text)
    if not 1 <= number <= MOST_SESSIONS:
        raise ValueError(f"sessions are 1 to {MOST_SESSIONS}, and {text} is not")
    return number


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,2}(\.\d{1,3})?", text) or not 0.01 <= float(text) <= 30:
        raise ValueError(f"{text} is no number of seconds from 0.01 to 30")
    return float(text)


def _days(text: str) -> int:
    number = _whole(text)
    if number < 1:
        raise ValueError(f"{text} is no number of days; leave it out to keep everything")
    return number


def _whole_seconds(text: str) -> int:
    number = _whole(text)
    if number < 1:
        raise ValueError(f"{text} is no number of seconds from 1 on")
    return number


def _yes(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text} is neither true nor false")
    return text.lower() == "true"


def _origins(text: str) -> frozenset[str]:
    found = frozenset(text.replace(",", " ").split())
    for each in found:
        if not re.fullmatch("https?://[^/]+", each):
            raise ValueError(f"{each} is no origin; write it as http://127.0.0.1:8080")
    return found


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text} is none of {', '.join(words)}")
        return text

    return read


# The name in the environment (after PHONOTARY_) and, in lower case, in TOML; what its text must be.
_PLAIN: dict[str, Callable[[str], Any]] = {
    "DATABASE_URL": str,
    "HOST": str,
    "PORT": _port,
    "VETTING": _one_of("instant", "delayed", "manual"),
    "REVIEWER_PASSWORD": str,
    "SIP_PORT": _port,
    "SIP_UNSIGNED": _one_of("proceed", "block"),
    "SIP_FAILED": _one_of("proceed", "block"),
    "WORKERS": _within(1, MOST_WORKERS),
}
_STIR: dict[str, Callable[[str], Any]] = {
    "STIR_ANCHORS": Path,
    "STIR_CRL": Path,
    "STIR_CRL_ISSUER": Path,
    "STIR_CRL_REQUIRED": _yes,
    "STIR_LAB": _origins,
    "STIR_ORIGID": _one_of("as-given", "per-call", "per-customer"),
    "STIR_DETERMINISTIC": _yes,
    "STIR_RCD": _yes,
    "STIR_DIVERTED_FRESHNESS": _within(60, 86_400),
    # Every order of the diversions is tried, so more would cost a caller nothing and us much.
    "STIR_MAX_DIVERSIONS": _within(0, 5),
    "STIR_MAX_TARGETS": _within(1, 100),
    "STIR_REPLAYS": _one_of("refuse", "off"),
    "STIR_REPLAY_MEMORY": _within(1, 100_000_000),
    "STIR_ALLOW_BASE": _yes,
    "STIR_DELEGATE_SHAKEN": _yes,
    "STIR_SPC_VOUCHES": _yes,
    "STIR_DIRECTORY": _whole,
    "STIR_HSM_SESSIONS": _sessions,
    "STIR_HSM_SECONDS": _seconds,
    "STIR_LEDGER_BOUND": _whole,
    "STIR_LEDGER_FULL": _one_of("refuse", "count"),
    "STIR_LEDGER_WAIT": _whole_seconds,
}
_CNAM: dict[str, Callable[[str], Any]] = {
    "CNAM_DNS_PORT": _port,
    "CNAM_DNS_APEX": str,
    "CNAM_DNS_ABSENT": _one_of("nxdomain", "unavailable"),
    "CNAM_KEEP_DAYS": _days,
}
# The one provider of a hub that has but one.
_PROVIDER = ("STIR_CHAIN", "STIR_KEY", "STIR_X5U")
NAMES = (*_PLAIN, *_STIR, *_CNAM, *_PROVIDER)
_TABLES = ("provider", "trunk", "dip_client", "database")


def service(file: Path | None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings of ``serve``. ValueError, in one sentence, names what is wrong. Nothing of a
    sandbox is on."""
    source = os.environ if environ is None else environ
    content: dict[str, Any] = {}
    if file is not None:
        content = tomllib.loads(file.read_text("utf-8"))
    tables = {name: content.pop(name, []) for name in _TABLES}
    unknown = sorted(set(content) - {name.lower() for name in NAMES})
    if unknown:
        raise ValueError(f"{file} has settings nobody reads: {', '.join(unknown)}")
    given = {name.upper(): _text(value) for name, value in content.items()}
    given |= {n: source[f"PHONOTARY_{n}"] for n in NAMES if f"PHONOTARY_{n}" in source}
    plain = _read(_PLAIN, "", given)
    stir, cnam = _read(_STIR, "STIR_", given), _read(_CNAM, "CNAM_", given)
    if ("crl" in stir) != ("crl_issuer" in stir):
        raise ValueError("a list of revocations needs stir_crl and stir_crl_issuer together")
    if stir.get("crl_required") and "crl" not in stir:
        raise ValueError("stir_crl_required needs a list of revocations: set stir_crl")
    if plain.get("workers", 1) > 1 and plain.get("sip_port") == 0:
        raise ValueError("several workers share one SIP port; give its number")
    return Settings(
        **{
            "database_url": service_url(default_data_directory()),
            "vetting": "manual",
            **plain,
            "sandbox": False,
            "stir": Stir(providers=_providers(given, tables["provider"]), **stir),
            "trunks": tuple(_row(Trunk, "trunk", row) for row in tables["trunk"]),
            "cnam": Cnam(
                databases=tuple(_database(row) for row in tables["database"]),
                clients=tuple(_row(DipClient, "dip_client", row) for row in tables["dip_client"]),
                **cnam,
            ),
        }
    )


def _read(
    rows: Mapping[str, Callable[[str], Any]], prefix: str, given: Mapping[str, str]
) -> dict[str, Any]:
    return {
        name.removeprefix(prefix).lower(): _named(name.lower(), read, given[name])
        for name, read in rows.items()
        if name in given
    }


def _named(name: str, read: Callable[[Any], Any], value: Any) -> Any:
    """What ``read`` makes of it; what it says against it begins with the setting's name."""
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _database(row: Any) -> dict[str, Any]:
    if not isinstance(row, dict) or not isinstance(row.get("name"), str) or "kind" not in row:
        raise ValueError("a [[database]] has a name and a kind")
    return row


def _text(value: Any) -> str:
    """A TOML value as the environment would have it: lists are words."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return " ".join(value)
    if isinstance(value, list | dict):
        raise ValueError(f"{value!r} is neither a text, a number, true nor false")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _providers(given: Mapping[str, str], rows: Any) -> tuple[ProviderFiles, ...]:
    found = [_row(ProviderFiles, "provider", row) for row in rows]
    one = [given.get(name) for name in _PROVIDER]
    if any(one) and not all(one):
        raise ValueError("signing needs stir_chain, stir_key and stir_x5u together")
    if all(one) and found:
        raise ValueError("stir_chain, stir_key and stir_x5u are for a hub without [[provider]]")
    if all(one):
        chain, key, x5u = (text or "" for text in one)
        found.append(ProviderFiles("provider", Path(chain), key, x5u))
    return tuple(found)


def _row(kind: Any, name: str, row: Any) -> Any:
    """One ``[[name]]`` table: exactly the fields of its kind, lists and paths as such."""
    known = {field.name: field for field in fields(kind)}
    if not isinstance(row, dict):
        raise ValueError(f"{name} is written as [[{name}]]")
    unknown = sorted(set(row) - set(known))
    if unknown:
        raise ValueError(f"a [[{name}]] has settings nobody reads: {', '.join(unknown)}")
    given = {key: _named(f"[[{name}]] {key}", _SHAPES[key], value) for key, value in row.items()}
    try:
        return kind(**given)
    except TypeError as error:
        raise ValueError(f"a [[{name}]] lacks a setting: {error}") from error


def _text_of(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not a text")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false, written without quotes")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is not a whole number")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list; write it in brackets")
    return tuple(_text_of(one) for one in value)


def _account(value: Any) -> str:
    if not _ACCOUNT.fullmatch(_text_of(value)):
        raise ValueError(f"{value} is no account's SID")
    return str(value)


def _day(value: Any) -> int:
    if type(value) is not date:
        raise ValueError(f"{value!r} is no day; write it as 2026-02-20, without quotes")
    return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())


def _accounts(value: Any) -> frozenset[str]:
    return frozenset(_account(one) for one in _texts(value))


_SHAPES: dict[str, Callable[[Any], Any]] = {
    "chain": lambda value: Path(_text_of(value)),
    "name": _text_of,
    "key": _text_of,
    "x5u": _text_of,
    "accounts": _accounts,
    "rmd_filed": _day,
    "account_sid": _account,
    "networks": _texts,
    "role": _one_of("authenticate", "verify", "both", "diverting", "name"),
    "attest": _one_of("A", "B", "C"),
    "trusted": _truth,
    "key_file": lambda value: Path(_text_of(value)),
    "fallback": _one_of("none", "place"),
    "per_second": _number,
    "per_day": _number,
}
