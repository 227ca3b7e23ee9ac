"""The databases that names are registered with, as the settings name them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Annotated, Any

import msgspec

from phonotary.bootstrap.registering import LOCAL
from phonotary.cnam.orders import Registrar
from phonotary.cnam.terms import TERMS, Terms
from phonotary.errors import Reason, Refused


class _Manual(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    directory: str


# At least one: what is due again at once would keep the worker at it for ever.
_Positive = Annotated[int, msgspec.Meta(ge=1)]
_Times = Annotated[tuple[_Positive, ...], msgspec.Meta(min_length=1)]


class _Own(msgspec.Struct):
    """What may be agreed with a database in place of its kind's own terms; times in seconds."""

    batch: _Positive | msgspec.UnsetType = msgspec.UNSET
    timeout: _Positive | msgspec.UnsetType = msgspec.UNSET
    waits: _Times | msgspec.UnsetType = msgspec.UNSET
    polls: _Times | msgspec.UnsetType = msgspec.UNSET
    looks: tuple[_Positive, ...] | msgspec.UnsetType = msgspec.UNSET


# It stands in the key of each line, which is bounded.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


def registrars(
    rows: Iterable[Mapping[str, Any]],
) -> tuple[dict[str, Registrar], dict[str, Terms]]:
    """The registrars and their terms by name. Raises Refused for what cannot serve."""
    found: dict[str, Registrar] = {}
    terms: dict[str, Terms] = {}
    for row in rows:
        given = dict(row)
        kind, name = str(given.pop("kind")), given["name"]
        if wrong := _wrong(name, kind, found):
            raise Refused(Reason.INVALID_PARAMETER, f"the database {name[:64]!a} {wrong}")
        own = {key: given.pop(key) for key in _Own.__struct_fields__ if key in given}
        try:
            found[name] = _KINDS[kind](given)
            terms[name] = _terms(kind, name, own)
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            raise Refused(
                Reason.INVALID_PARAMETER, f"the database {name} cannot be used: {error}"
            ) from error
    return found, terms


def _wrong(name: str, kind: str, found: Collection[str]) -> str | None:
    """What is wrong with a database's name or kind; ``found`` are the names before it."""
    if not _NAME.fullmatch(name):
        return "needs a name of 32 letters, digits, dots, underscores and dashes at most"
    if name == LOCAL:
        return "needs another name: that one is our own database's"
    if name in found:
        return "is there twice; each needs a name of its own"
    if kind not in _KINDS:
        return f"needs a kind of {', '.join(_KINDS)}, and {kind[:64]!a} is none"
    return None


def _terms(kind: str, name: str, own: dict[str, Any]) -> Terms:
    agreed: dict[str, Any] = msgspec.structs.asdict(msgspec.convert(own, _Own))
    agreed = {key: value for key, value in agreed.items() if value is not msgspec.UNSET}
    looks = agreed.get("looks", ())
    if list(looks) != sorted(set(looks)):
        raise ValueError("each of its looks comes after the one before")
    return replace(TERMS[kind], database=name, **agreed)


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
    _require_read(row, kind)
    made = msgspec.convert(row, kind)
    for key, value in row.items():
        table = getattr(made, key)
        if is_dataclass(table):
            _require_read(value, table, f"{key}.")
    return made


def _require_read(row: dict[str, Any], kind: Any, where: str = "") -> None:
    unknown = sorted(set(row) - {each.name for each in fields(kind)})
    if unknown:
        named = ", ".join(where + each for each in unknown)
        raise ValueError(f"it has settings nobody reads: {named}")


_KINDS: dict[str, Callable[[dict[str, Any]], Registrar]] = {
    "bandwidth": _bandwidth,
    "http": _http,
    "sftp": _sftp,
    "manual": _manual,
}
