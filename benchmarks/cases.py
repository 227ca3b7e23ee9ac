"""What is measured: the servers of a run, and what is asked of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks import rows
from benchmarks.load import Case
from benchmarks.servers import Server, phonotary, prism

_PROFILES = "/v1/CustomerProfiles"
_ONE_ROW = "example=readFull"
"""Prism's own example of a list with something in it has one row; left alone it sends none."""


@dataclass(frozen=True, slots=True)
class Field:
    """All servers of a run, side by side. The idle ones cost nothing."""

    prism: Server
    few: Server
    """Ten rows, only read."""
    written: Server
    """Ten rows at first, then written to."""
    many: Server
    filled_in: float


@contextmanager
def field(home: Path, few: int, many: int) -> Iterator[Field]:
    for name in ("few", "written", "many"):
        with phonotary(name, home / name):
            pass
    rows.fill(home / "few", few)
    rows.fill(home / "written", few)
    filled_in = rows.fill(home / "many", many)
    print(f"  {many:,} rows written in {filled_in:.0f} s", flush=True)
    with ExitStack() as stack:
        start = stack.enter_context
        yield Field(
            start(prism(home / "prism.log")),
            start(phonotary("few", home / "few")),
            start(phonotary("written", home / "written")),
            start(phonotary("many", home / "many")),
            filled_in,
        )


def cases(field: Field, deep_row: int) -> list[Case]:
    p, few, written, many = field.prism, field.few, field.written, field.many
    deep, second = _page_token(many, deep_row, 1000), _page_token(few, 4, 4)
    drafts = f"{_PROFILES}?Status=draft&PageSize"
    return [
        Case("create: Prism", p, _PROFILES, create=True),
        Case("create: 10 rows", written, _PROFILES, create=True),
        Case("create: many rows", many, _PROFILES, create=True),
        Case("create, 1 client: Prism", p, _PROFILES, create=True, connections=1),
        Case("create, 1 client: 10 rows", written, _PROFILES, create=True, connections=1),
        Case("list of 1: Prism", p, f"{_PROFILES}?PageSize=1", prefer=_ONE_ROW),
        Case("list of 1: 10 rows", few, f"{_PROFILES}?PageSize=1"),
        Case("list of 1: many rows", many, f"{_PROFILES}?PageSize=1"),
        Case("list of 50: Prism, which sends 1", p, _PROFILES, prefer=_ONE_ROW),
        Case("list of 50: Prism, which sends 0", p, _PROFILES),
        Case("list of 50: many rows", many, _PROFILES),
        Case("list of 50, deep: many rows", many, f"{_PROFILES}?PageSize=50&Page=9&{deep}"),
        Case("list of 4: 10 rows", few, f"{_PROFILES}?PageSize=4"),
        Case("list of 4, second page: 10 rows", few, f"{_PROFILES}?PageSize=4&Page=1&{second}"),
        Case("list of 4: many rows", many, f"{_PROFILES}?PageSize=4"),
        Case("list of 4, deep: many rows", many, f"{_PROFILES}?PageSize=4&Page=9&{deep}"),
        Case("list of 4 drafts: 10 rows", few, f"{drafts}=4"),
        Case("list of 4 drafts: many rows", many, f"{drafts}=4"),
    ]


# What is divided by what, and what it should come to.
RATIOS = (
    ("create: 10 rows / Prism", "create: 10 rows", "create: Prism", "at least 3"),
    ("create: many rows / Prism", "create: many rows", "create: Prism", "at least 3"),
    (
        "create, 1 client: 10 rows / Prism",
        "create, 1 client: 10 rows",
        "create, 1 client: Prism",
        "",
    ),
    ("list of 1: 10 rows / Prism", "list of 1: 10 rows", "list of 1: Prism", "at least 5"),
    ("list of 1: many rows / Prism", "list of 1: many rows", "list of 1: Prism", "at least 5"),
    (
        "list of 50: many rows / Prism sending 1",
        "list of 50: many rows",
        "list of 50: Prism, which sends 1",
        "",
    ),
    ("create: many / 10 rows", "create: many rows", "create: 10 rows", "at least 0.9"),
    ("list of 4: many / 10 rows", "list of 4: many rows", "list of 4: 10 rows", "at least 0.9"),
    (
        "deep page, many / second page, 10 rows",
        "list of 4, deep: many rows",
        "list of 4, second page: 10 rows",
        "at least 0.9",
    ),
    (
        "drafts: many / 10 rows",
        "list of 4 drafts: many rows",
        "list of 4 drafts: 10 rows",
        "at least 0.9",
    ),
)


def _page_token(server: Server, row: int, step: int) -> str:
    """The PageToken of the page that starts after so many rows, walked to as a client would."""
    url: str | None = f"{server.origin}{_PROFILES}?PageSize={step}"
    passed = 0
    while url is not None:
        parts = urlsplit(url)
        page = json.loads(server.get(f"{parts.path}?{parts.query}"))
        passed += len(page["results"])
        url = page["meta"]["next_page_url"]
        if url is not None and passed >= row:
            return f"PageToken={parse_qs(urlsplit(url).query)['PageToken'][0]}"
    raise RuntimeError(f"there are only {passed} rows, not {row}")
