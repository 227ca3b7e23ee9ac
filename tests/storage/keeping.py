"""Short ways to fill and to read one collection of anything that keeps records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from phonotary.trusthub.store import Ask, Page
from tests.storage.samples import MAKE, OURS, owner_column


def fill(kept: Any, kind: str, count: int, owner: str = OURS, start: int = 1) -> list[Any]:
    records = [MAKE[kind](n, owner) for n in range(start, start + count)]

    def add(store: Any) -> None:
        for record in records:
            getattr(store, kind).add(record)

    kept.write(add)
    return records


def read(kept: Any, kind: str, ask: Callable[[Any], Any]) -> Any:
    return kept.read(lambda store: ask(getattr(store, kind)))


def page(kept: Any, kind: str, cursor: str | None = None, size: int = 3, **where: Any) -> Page[Any]:
    wanted = where or {owner_column(kind): OURS}
    found: Page[Any] = read(kept, kind, lambda rows: rows.page(Ask(size, cursor), wanted))
    return found
