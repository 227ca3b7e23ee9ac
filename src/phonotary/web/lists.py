"""Both list envelopes: v1's ``meta`` with seven keys, and the 2010-04-01 page with its URIs.

PageSize is clamped to 1..1000 (Node and Python send what they are given, 5000 included); pages go
on by PageToken only, and clients fetch the URLs verbatim.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from phonotary.errors import Reason, Refused
from phonotary.trusthub.store import Ask, Page

DEFAULT_SIZE, MAX_SIZE = 50, 1000
# Python's own int() also takes spaces, underscores and digits of other scripts.
_WHOLE = re.compile(r"-?[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Paging:
    """What a request said of its page."""

    ask: Ask
    page: int
    filters: tuple[tuple[str, str], ...]

    def query(self, page: int, token: str | None) -> str:
        filters = urlencode(self.filters, quote_via=quote) + "&" if self.filters else ""
        turn = f"{filters}PageSize={self.ask.size}&Page={page}"
        return f"{turn}&PageToken={quote(token, safe='')}" if token else turn


def read(query: Mapping[str, str], filter_names: tuple[str, ...]) -> Paging:
    """``Page`` is the client's own count. Without its PageToken a later page cannot be known."""
    size = min(max(_whole(query, "PageSize", DEFAULT_SIZE), 1), MAX_SIZE)
    page = max(_whole(query, "Page", 0), 0)
    token = query.get("PageToken") or None
    if page > 0 and token is None:
        raise Refused(
            Reason.INVALID_PAGE_TOKEN, "Page needs the PageToken of the paging URLs; follow those"
        )
    filters = tuple((name, query[name]) for name in filter_names if query.get(name))
    return Paging(Ask(size, token), page, filters)


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if not text:
        return default
    if not _WHOLE.fullmatch(text):
        raise Refused(Reason.INVALID_PARAMETER, f"{name} must be a whole number")
    return int(text)


def v1(key: str, rows: list[Any], page: Page[Any], paging: Paging, url: str) -> dict[str, Any]:
    """``{key: […], meta: {…}}``; ``url`` is the list's own, scheme and host included."""
    turn = paging.page

    def at(number: int, token: str | None) -> str:
        return f"{url}?{paging.query(number, token)}"

    meta = {
        "page": turn,
        "page_size": paging.ask.size,
        "first_page_url": at(0, None),
        "previous_page_url": at(max(turn - 1, 0), page.previous_cursor)
        if page.previous_cursor
        else None,
        "url": at(turn, paging.ask.cursor),
        "next_page_url": at(turn + 1, page.next_cursor) if page.next_cursor else None,
        "key": key,
    }
    return {key: rows, "meta": meta}


def core(key: str, rows: list[Any], page: Page[Any], paging: Paging, path: str) -> dict[str, Any]:
    """The 2010-04-01 page. Python refuses it if one key more than these stands beside the list."""
    start = paging.page * paging.ask.size

    def at(number: int, token: str | None) -> str:
        return f"{path}?{paging.query(number, token)}"

    return {
        "end": start + max(len(rows) - 1, 0),
        "first_page_uri": at(0, None),
        key: rows,
        "next_page_uri": at(paging.page + 1, page.next_cursor) if page.next_cursor else None,
        "page": paging.page,
        "page_size": paging.ask.size,
        "previous_page_uri": at(max(paging.page - 1, 0), page.previous_cursor)
        if page.previous_cursor
        else None,
        "start": start,
        "uri": at(paging.page, paging.ask.cursor),
    }
