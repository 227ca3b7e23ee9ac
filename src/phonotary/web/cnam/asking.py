"""What is asked, and by whom it says to be asked, in each shape that a PBX writes it.

OpenCNAM: ``/v2/phone/{n}`` and ``/v3/phone/{n}``, ``format=pbx|text|json``, Basic authentication or
``account_sid`` and ``auth_token`` (FreePBX cidlookup, Superfecta's OpenCNAM source). The rest is
what Superfecta's sources send to services whose place we can take: BulkCNAM, VoIPCNAM and TrueCNAM.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from phonotary.errors import Reason, Refused
from phonotary.web.stir_v1 import Headers

MAX_TARGET = 2048
"""Bytes of a path with its query; one dip's is under 200."""
TEXT, JSON, TRUE_CNAM = "text", "json", "truecnam"


@dataclass(frozen=True, slots=True)
class Asked:
    number: str
    """As written."""
    uri: str
    """The path that was asked, without its query."""
    form: str
    """TEXT, JSON or TRUE_CNAM."""
    user: str | None = None
    key: str | None = None
    """From the query; not the Authorization header's."""
    miss: int = 200
    """The status of an answer without a name."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """A service whose number and credentials stand in the query."""

    number: str
    user: str | None
    key: str | None
    form: str


_SHAPES = {
    "/cnam/query": _Shape("number", "account_sid", "auth_token", TEXT),
    "/cnam/query-simple.php": _Shape("did", None, "id", TEXT),
    "/cnam/query.php": _Shape("number", None, "api_key", TEXT),
    "/cnam/api/v1": _Shape("calling_number", "username", "password", TRUE_CNAM),
}
_OPENCNAM = {"/v2/phone/": TEXT, "/v3/phone/": JSON}
_FORMATS = {"pbx": TEXT, "text": TEXT, "json": JSON}
_NONE: Mapping[str, str] = {}


def form_of(target: str, headers: Headers) -> str:
    """In which form whoever asks so wants to be refused; it raises nothing."""
    try:
        return read(target, headers).form
    except Refused:
        return JSON if b"json" in headers.get(b"accept", b"") else TEXT


def read(target: str, headers: Headers) -> Asked:
    """Refused with NOT_FOUND for a path that is none, INVALID_PARAMETER for what makes no sense."""
    if len(target) > MAX_TARGET:
        raise Refused(Reason.INVALID_PARAMETER, f"A dip takes {MAX_TARGET} bytes at most")
    path, _, query = target.partition("?")
    given = _parameters(query) if query else _NONE
    shape = _SHAPES.get(path)
    if shape is not None:
        return Asked(
            number=_needed(given, shape.number),
            uri=path,
            form=shape.form,
            user=given.get(shape.user) if shape.user else None,
            key=given.get(shape.key) if shape.key else None,
        )
    number, form = _in_path(path)
    if "format" in given:
        if given["format"] not in _FORMATS:
            raise Refused(Reason.INVALID_PARAMETER, "The formats are pbx, text and json")
        form = _FORMATS[given["format"]]
    elif b"json" in headers.get(b"accept", b""):
        form = JSON
    return Asked(
        number=unquote(number) if "%" in number else number,
        uri=path,
        form=form,
        user=given.get("account_sid"),
        key=given.get("auth_token"),
        miss=404 if given.get("miss") == "404" else 200,
    )


def _in_path(path: str) -> tuple[str, str]:
    """The number at the path's end, and the form that the path stands for."""
    inner = path[5:] if path.startswith("/cnam/") else path
    form = _OPENCNAM.get(inner[:10])
    if form is not None:
        number = inner[10:]
    elif inner is not path:
        number, form = inner[1:], TEXT
    else:
        number, form = "", TEXT
    number = number.removesuffix("/")
    if not number or "/" in number:
        raise Refused(Reason.NOT_FOUND, "There is no such path; ask for /cnam/ and the number")
    return number, form


def _parameters(query: str) -> Mapping[str, str]:
    """A plus sign stays one: dialplans write ``number=+1215…`` as it is. Parameters that nobody
    here knows are of no harm (``ref=freepbx``, ``service_level``), and the first of two counts."""
    found: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        found.setdefault(name, unquote(value, errors="replace") if "%" in value else value)
    return found


def _needed(given: Mapping[str, str], name: str) -> str:
    if not given.get(name):
        raise Refused(Reason.MISSING_PARAMETER, f"The number is missing; it is called {name}")
    return given[name]
