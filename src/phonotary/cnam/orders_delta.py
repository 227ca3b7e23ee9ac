"""Orders as files: a CSV file of changes goes out, a response file comes back.

No database's record layout is public, so columns, codes and file names are a mapping that the
agreement with each database fills in.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from phonotary.cnam.orders import (
    SETTLED,
    Action,
    Line,
    LineOutcome,
    LineState,
    Order,
    Outcome,
    Unreadable,
    only,
    require_known,
    said,
)
from phonotary.errors import Reason, Refused

MOST_BYTES = 4_194_304
MOST_LINES = 10_000

FIELDS = frozenset({"action", "number", "national", "name", "use_type", "visibility", "key"})
_NAME_PARTS = frozenset({"date", "sequence", "key"})
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_E164 = re.compile(r"\+?[0-9]{7,15}")


@dataclass(frozen=True, slots=True)
class Layout:
    """What was agreed with one database. Raises Refused for what cannot be sent or told apart."""

    columns: tuple[tuple[str, str], ...] = (
        ("ACTION", "action"),
        ("TN", "number"),
        ("NAME", "name"),
        ("USE", "use_type"),
        ("VISIBILITY", "visibility"),
        ("REFERENCE", "key"),
    )
    """The file's header, and which of FIELDS stands under each."""
    register: str = "A"
    remove: str = "D"
    file_name: str = "cnam-{date}-{sequence}-{key}.csv"
    """``{date}`` as 20261120 in UTC, ``{sequence}`` in six digits, ``{key}``: the order's own."""
    response_name: str = "{stem}.rsp.csv"
    """``{stem}``: the file's name without its ending."""
    response_number: str = "TN"
    response_code: str = "RESULT"
    response_text: str = "TEXT"
    """May be absent from the response."""
    results: Mapping[str, LineState] = field(
        default_factory=lambda: {"OK": LineState.DONE, "RETRY": LineState.QUEUED}
    )
    """By result code; a code that is not here rejects."""

    def __post_init__(self) -> None:
        fields = [each for _, each in self.columns]
        if not set(fields) <= FIELDS or not {"action"} < set(fields) & {
            "action",
            "number",
            "national",
        }:
            raise _unfit("columns need an action and a number, and know no other fields")
        parts = set(re.findall(r"\{([^}]*)\}", self.file_name))
        if not parts <= _NAME_PARTS or not parts & {"sequence", "key"}:
            raise _unfit("file_name needs {sequence} or {key}, for two orders are two files")
        if self.response_name.count("{stem}") != 1 or self.response_name == "{stem}.csv":
            raise _unfit("response_name needs {stem}, and is not the file's own")


def file_name(layout: Layout, order: Order) -> str:
    """The same for every repetition of an order. Raises Refused when it is no plain file name."""
    day = datetime.fromtimestamp(order.at, UTC).strftime("%Y%m%d")
    parts = {"date": day, "sequence": f"{order.sequence:06}", "key": order.idempotency_key}
    return _plain(_filled(layout.file_name, parts))


def reference(layout: Layout, order: Order) -> str:
    """The file's name and, behind a ``#``, what its numbers are known again by."""
    return f"{file_name(layout, order)}#{_digest(order.numbers)}"


def response_name(layout: Layout, order_ref: str) -> str:
    sent = order_ref.partition("#")[0]
    return _plain(_filled(layout.response_name, {"stem": _plain(sent).rpartition(".")[0] or sent}))


def build(layout: Layout, order: Order) -> bytes:
    """The file: a header, then a line for each number; CRLF and quotes as RFC 4180 has them."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow([header for header, _ in layout.columns])
    letter = layout.register if order.action == Action.REGISTER else layout.remove
    for line in order.lines:
        rows.writerow([_value(line, each, letter) for _, each in layout.columns])
    return text.getvalue().encode("ascii")


def read(
    layout: Layout, body: bytes, order_ref: str, numbers: Collection[str] | None = None
) -> Outcome:
    """What the response says; ``numbers`` are those that are still open.

    A response may leave numbers out for now, and these stay submitted. It is then believed only
    if all that it names are open, for one that was settled before cannot be told from another's.

    Raises Unreadable: too large, cut off, without its columns, the same number twice, or a number
    that is not in the order.
    """
    if len(body) > MOST_BYTES:
        raise Unreadable(f"The response file has more than {MOST_BYTES} bytes.")
    if not body.endswith(b"\n"):
        raise Unreadable("The response file does not end with its last line.")
    found: dict[str, LineOutcome] = {}
    for row in _rows(layout, body):
        number = _e164(row[layout.response_number])
        if number in found:
            raise Unreadable("The response file names a number twice.")
        code = row[layout.response_code].strip()
        state = layout.results.get(code, LineState.REJECTED)
        found[number] = LineOutcome(state, said(code), said(row.get(layout.response_text)))
    complete = order_ref.partition("#")[2] == _digest(found)
    if not complete:
        require_known(found, numbers or (), "The response file")
    settled = all(each.state in SETTLED for each in found.values())
    return only(Outcome(order_ref, found, complete and settled), numbers)


def _digest(numbers: Collection[str]) -> str:
    return hashlib.sha256(" ".join(sorted(numbers)).encode()).hexdigest()[:32]


def _rows(layout: Layout, body: bytes) -> list[dict[str, str]]:
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = [each.strip() for each in next(lines, [])]
        rows: list[dict[str, str]] = []
        for values in lines:
            if not values:
                continue
            if len(values) != len(header) or len(rows) >= MOST_LINES:
                raise Unreadable("The response file has a line that does not fit its header.")
            rows.append(dict(zip(header, values, strict=True)))
    except (csv.Error, UnicodeDecodeError):
        raise Unreadable("The response file is not CSV.") from None
    if not {layout.response_number, layout.response_code} <= set(header):
        raise Unreadable("The response file lacks the columns that were agreed.")
    return rows


def _value(line: Line, of: str, letter: str) -> str:
    return letter if of == "action" else str(getattr(line, of))


def _filled(pattern: str, parts: Mapping[str, str]) -> str:
    for name, value in parts.items():
        pattern = pattern.replace("{" + name + "}", value)
    return pattern


def _plain(name: str) -> str:
    """Without directories and with a first letter or digit, so that it stays where it is put."""
    if not _FILE_NAME.fullmatch(name):
        raise Refused(Reason.INVALID_PARAMETER, "A file of an order has no plain name.")
    return name


def _e164(text: str) -> str:
    number = text.strip()
    if not _E164.fullmatch(number):
        raise Unreadable("The response file answers for what is not a telephone number.")
    digits = number.removeprefix("+")
    return f"+1{digits}" if len(digits) == 10 and number == digits else f"+{digits}"


def _unfit(because: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The file layout does not serve: {because}.")
