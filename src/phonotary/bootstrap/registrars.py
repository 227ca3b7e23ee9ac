"""The databases that names are registered with, as the settings name them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from phonotary.cnam.orders import Registrar
from phonotary.cnam.terms import TERMS, Terms
from phonotary.errors import Reason, Refused


class _Manual(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    directory: str


# How a kind is dealt with by other terms than its own.
_TERMS = ("batch", "timeout", "waits", "polls", "looks")


def registrars(
    rows: Iterable[Mapping[str, Any]],
) -> tuple[dict[str, Registrar], dict[str, Terms]]:
    """The registrars and their terms by name. Raises Refused for what cannot serve."""
    found: dict[str, Registrar] = {}
    terms: dict[str, Terms] = {}
    for row in rows:
        given = dict(row)
        kind, name = given.pop("kind"), given["name"]
        if kind not in _KINDS or name in found or name == "local":
            raise Refused(
                Reason.INVALID_PARAMETER,
                f"the database {name} needs a name of its own and a kind of {', '.join(_KINDS)}",
            )
        own = {key: given.pop(key) for key in _TERMS if key in given}
        try:
            found[name] = _KINDS[kind](given)
            terms[name] = _terms(kind, name, own)
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            raise Refused(
                Reason.INVALID_PARAMETER, f"the database {name} cannot be used: {error}"
            ) from error
    return found, terms


def _terms(kind: str, name: str, own: dict[str, Any]) -> Terms:
    known = TERMS[kind]
    return Terms(
        name,
        batch=int(own.get("batch", known.batch)),
        timeout=own.get("timeout", known.timeout),
        waits=tuple(own.get("waits", known.waits)),
        polls=tuple(own.get("polls", known.polls)),
        recalls=known.recalls,
        looks=tuple(own.get("looks", known.looks)),
    )


# Each kind's library is loaded only where a database is of it.


def _bandwidth(row: dict[str, Any]) -> Registrar:
    from phonotary.outbound.registrars import bandwidth

    return bandwidth.Bandwidth(_settings(row, bandwidth.Settings))


def _http(row: dict[str, Any]) -> Registrar:
    from phonotary.outbound.registrars import http

    return http.HttpTemplate(_settings(row, http.Settings))


def _sftp(row: dict[str, Any]) -> Registrar:
    from phonotary.outbound.registrars import sftp

    return sftp.Sftp(_settings(row, sftp.Settings))


def _manual(row: dict[str, Any]) -> Registrar:
    from phonotary.outbound.registrars.manual import Manual

    given = msgspec.convert(row, _Manual)
    return Manual(given.name, given.directory)


def _settings(row: dict[str, Any], kind: Any) -> Any:
    unknown = sorted(set(row) - set(kind.__dataclass_fields__))
    if unknown:
        raise ValueError(f"it has settings nobody reads: {', '.join(unknown)}")
    return msgspec.convert(row, kind)


_KINDS: dict[str, Callable[[dict[str, Any]], Registrar]] = {
    "bandwidth": _bandwidth,
    "http": _http,
    "sftp": _sftp,
    "manual": _manual,
}
