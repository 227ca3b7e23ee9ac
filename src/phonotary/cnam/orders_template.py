"""Orders over HTTP as somebody else's API wants them: JSON with places to fill in.

A place is ``{number}`` (E.164), ``{national}`` (ten digits), ``{name}``, ``{use_type}``,
``{visibility}``, ``{line_key}``, ``{key}`` (the order's), ``{action}`` or ``{ref}`` (what the
database called the order). In a path its value is percent-encoded; in a body the JSON is filled in
after it was parsed, so no value can leave its string. ``{"$each": X}`` in a list stands for one X
for every line. Answers are read by JSON Pointer (RFC 6901).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from phonotary.cnam.orders import (
    SETTLED,
    Line,
    LineOutcome,
    LineState,
    Order,
    Outcome,
    Unreadable,
    require_known,
    said,
)
from phonotary.errors import Reason, Refused

EACH = "$each"
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_PLACE = re.compile(r"\{([a-z_]+)\}")
_OF_A_LINE = frozenset({"number", "national", "name", "use_type", "visibility", "line_key"})
_OF_AN_ORDER = frozenset({"key", "action", "ref"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request to be filled in. Raises Refused for a place that has no value."""

    method: str
    path: str
    """Begins with a slash and is put behind the database's URL; may have a query."""
    body: Any = None
    """JSON, as parsed; None for a request without a body."""

    def __post_init__(self) -> None:
        if self.method not in METHODS or not self.path.startswith("/"):
            raise _unfit("a method that is not known, or a path without its slash")
        places = set(_PLACE.findall(self.path)) | _places(self.body)
        if not places <= _OF_A_LINE | _OF_AN_ORDER:
            raise _unfit("a place that nothing can fill")

    @property
    def of_one_line(self) -> bool:
        """Whether a place outside ``$each`` speaks of a line, so that an order can have but one."""
        outside = set(_PLACE.findall(self.path)) | _places(self.body, outside=True)
        return bool(outside & _OF_A_LINE)


@dataclass(frozen=True, slots=True)
class Reading:
    """Where an answer says what. Each is a JSON Pointer; empty where the answer does not say."""

    state: str = ""
    states: Mapping[str, LineState] = field(default_factory=dict)
    """By what stands at ``state``; for a value that is not here the answer is not believed."""
    otherwise: LineState = LineState.DONE
    """What a good answer means where ``state`` is empty."""
    ref: str = ""
    code: str = ""
    text: str = ""
    failures: str = ""
    """A list with an object for each number that failed in an otherwise good order."""
    failed_number: str = "/number"
    """In each of those objects."""
    failed_code: str = "/code"
    failed_text: str = "/message"
    name: str = "/name"
    """In the answer to ``observe``."""


@dataclass(frozen=True, slots=True)
class Filled:
    method: str
    path: str
    body: bytes | None


def fill(request: Request, order: Order | None = None, **values: str) -> Filled:
    """The request for an order, or for single ``values``. Raises Refused when a place stays empty
    or one place would have to hold several lines."""
    lines = order.lines if order else ()
    if order is not None:
        values |= {"key": order.idempotency_key, "action": order.action}
        if request.of_one_line:
            if len(lines) != 1:
                raise _unfit("places of one line for an order of several")
            values |= _of(lines[0])
    encoded = {name: quote(value, safe="") for name, value in values.items()}
    body = None if request.body is None else json.dumps(_filled(request.body, values, lines))
    path = _text(request.path, encoded)
    return Filled(request.method, path, None if body is None else body.encode())


def read(
    reading: Reading, body: bytes, key: str, numbers: Collection[str] | None = None
) -> Outcome:
    """What a good answer says of an order. Raises Unreadable."""
    answer = parse(body) if _is_read(reading) else None
    state = reading.otherwise
    if reading.state:
        word = _word(answer, reading.state)
        if word is None or word not in reading.states:
            raise Unreadable("The database answers with a state that was not agreed.")
        state = reading.states[word]
    others = LineOutcome(
        state, said(_word(answer, reading.code)), said(_word(answer, reading.text))
    )
    failed = dict(_failures(reading, answer))
    require_known(failed, numbers, "The database")
    reference = said(_word(answer, reading.ref)) or key
    return Outcome(reference, failed, state in SETTLED, others)


def read_refusal(reading: Reading, body: bytes, status: int, key: str) -> Outcome:
    """What a 4xx says; an answer in another form keeps its status as its code."""
    try:
        answer = parse(body)
    except Unreadable:
        answer = None
    code = said(_word(answer, reading.code)) or str(status)
    text = said(_word(answer, reading.text))
    return Outcome(key, {}, True, LineOutcome(LineState.REJECTED, code, text))


def read_name(reading: Reading, body: bytes) -> str | None:
    """The name in the answer to ``observe``; None where there is none."""
    return said(_word(parse(body), reading.name))


def parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("The database's answer is not JSON.") from None


def at(document: Any, pointer: str) -> Any:
    """What stands at a JSON Pointer (RFC 6901); None when nothing does."""
    if not pointer:
        return document
    for part in pointer.split("/")[1:]:
        token = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(token)
        elif isinstance(document, list) and re.fullmatch("0|[1-9][0-9]{0,5}", token):
            document = document[int(token)] if int(token) < len(document) else None
        else:
            return None
    return document


def _is_read(reading: Reading) -> bool:
    wanted = (reading.state, reading.ref, reading.code, reading.text, reading.failures)
    return any(wanted)


def _word(document: Any, pointer: str) -> str | None:
    found = at(document, pointer) if pointer else None
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(found) if isinstance(found, str | int) else None


def _failures(reading: Reading, answer: Any) -> list[tuple[str, LineOutcome]]:
    found = at(answer, reading.failures) if reading.failures else None
    if found is None:
        return []
    if not isinstance(found, list):
        raise Unreadable("The database's list of failures is none.")
    failed = []
    for each in found:
        digits = (_word(each, reading.failed_number) or "").removeprefix("+")
        if not re.fullmatch("[0-9]{7,15}", digits):
            raise Unreadable("The database answers for what is not a telephone number.")
        code, text = _word(each, reading.failed_code), _word(each, reading.failed_text)
        number = f"+1{digits}" if len(digits) == 10 else f"+{digits}"
        failed.append((number, LineOutcome(LineState.REJECTED, said(code), said(text))))
    return failed


def _of(line: Line) -> dict[str, str]:
    return {
        "number": line.number,
        "national": line.national,
        "name": line.name,
        "use_type": line.use_type,
        "visibility": line.visibility,
        "line_key": line.key,
    }


def _filled(template: Any, values: Mapping[str, str], lines: Collection[Line]) -> Any:
    if isinstance(template, str):
        return _text(template, values)
    if isinstance(template, dict):
        return {name: _filled(each, values, lines) for name, each in template.items()}
    if isinstance(template, list):
        filled: list[Any] = []
        for each in template:
            if _is_each(each):
                filled += [_filled(each[EACH], {**values, **_of(line)}, ()) for line in lines]
            else:
                filled.append(_filled(each, values, lines))
        return filled
    return template


def _is_each(template: Any) -> bool:
    return isinstance(template, dict) and set(template) == {EACH}


def _text(template: str, values: Mapping[str, str]) -> str:
    def value(place: re.Match[str]) -> str:
        if place[1] not in values:
            raise _unfit(f"nothing to put in {place[0]}")
        return values[place[1]]

    return _PLACE.sub(value, template)


def _places(template: Any, outside: bool = False) -> set[str]:
    if isinstance(template, str):
        return set(_PLACE.findall(template))
    if isinstance(template, dict):
        template = list(template.values())
    if isinstance(template, list):
        kept = [each for each in template if not (outside and _is_each(each))]
        return set().union(*(_places(each, outside) for each in kept))
    return set()


def _unfit(because: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The request's template does not serve: {because}.")
