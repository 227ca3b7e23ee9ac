"""Whether a request can be read, and its JSON as one typed value or the parameter at fault."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from phonotary.web.stir_v1.answers import MAX_BODY, Headers, Problem

_T = TypeVar("_T")
_JSON = "application/json"
_MISSING = re.compile(r"missing required field `(\w+)`(?: - at `\$\.\w+\.(\w+)`)?")
_AT = re.compile(r" - at `\$\.\w+\.(\w+)")
_NO_WEIGHT = re.compile(r"q\s*=\s*0(\.0{0,3})?")
_READ = frozenset({None, b"application/json", b"*/*"})
_TN = "0123456789*#+.-()"


def fit(headers: Headers, body: bytes) -> None:
    """Raises Problem unless the headers announce a JSON body that may be read and answered."""
    accept = headers.get(b"accept")
    if accept not in _READ and not _admits_json(accept or b""):
        raise Problem("SVC4002", (accept or b"").decode("latin-1"))
    kind = headers.get(b"content-type", b"")
    if kind != b"application/json" and _media(kind) != _JSON:
        raise Problem("SVC4004", _JSON)
    length = headers.get(b"content-length")
    if length is None:
        raise Problem("SVC4007")
    if not length.isdigit() or len(length) > 18:
        raise Problem("SVC4005", "Content-Length", "it is not a number of bytes")
    bounded(length, body)
    if not body:
        raise Problem("SVC4000")


def bounded(length: bytes, body: bytes) -> None:
    """Neither the announced length nor what came may be over MAX_BODY."""
    if len(body) > MAX_BODY or (len(length) > 4 and int(length) > MAX_BODY):
        raise Problem("SVC4006", f"it is longer than {MAX_BODY} bytes")


def _media(kind: bytes) -> str:
    return kind.partition(b";")[0].strip().lower().decode("latin-1")


def _admits_json(accept: bytes) -> bool:
    """RFC 9110 section 12.5.1: the most specific range that matches decides, and q=0 excludes."""
    weights: dict[str, bool] = {}
    for part in accept.decode("latin-1").lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        weights[media] = not any(_NO_WEIGHT.fullmatch(one) for one in parameters)
    ranges = (_JSON, "application/*", "*/*")
    return next((weights[one] for one in ranges if one in weights), False)


def read(decode: Callable[[bytes], _T], body: bytes) -> _T:
    """The request, or the line of the error table that names the parameter at fault.

    A parameter inside ``orig`` or ``dest`` is reported under that name, as other ATIS-1000082
    servers do.
    """
    try:
        return decode(body)
    except msgspec.ValidationError as fault:
        said = str(fault)
        if missing := _MISSING.search(said):
            inner, outer = missing[1], missing[2]
            raise Problem("SVC4001", f"{outer}.{inner}" if outer else inner) from fault
        sentence = said.partition(" - at ")[0].replace("`", "").lower()
        if claim := _AT.search(said):
            raise Problem("SVC4005", claim[1], sentence) from fault
        raise Problem("SVC4006", sentence) from fault
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Problem("SVC4006", "it is not JSON") from fault


def number(written: str, parameter: str) -> str:
    """A ``tn`` has ATIS-1000082's characters only; a URI in its place would be read as one."""
    if not 1 <= len(written) <= 32 or written.strip(_TN):
        raise Problem("SVC4005", parameter, f"a number is 1 to 32 of the characters {_TN}")
    return written
