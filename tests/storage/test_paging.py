"""Every list is paged by position: forward, back, and true while rows come and go."""

from __future__ import annotations

from typing import Any

import pytest

from phonotary.errors import Reason, Refused
from phonotary.trusthub.store import Page
from tests.storage.keeping import fill, page
from tests.storage.samples import MAKE, OTHERS, OURS

every_kind = pytest.mark.parametrize("kind", MAKE)


@every_kind
def test_pages_go_forward_to_the_end_and_back_to_the_start(kept: Any, kind: str) -> None:
    records = fill(kept, kind, 7)[::-1]
    fill(kept, kind, 3, OTHERS, start=50)
    one = page(kept, kind)
    two = page(kept, kind, one.next_cursor)
    three = page(kept, kind, two.next_cursor)
    assert [one.rows, two.rows, three.rows] == [records[:3], records[3:6], records[6:]]
    assert one.previous_cursor is None
    assert three.next_cursor is None
    back = page(kept, kind, three.previous_cursor)
    assert back.rows == two.rows
    start = page(kept, kind, back.previous_cursor)
    assert (start.rows, start.previous_cursor) == (one.rows, None)
    assert page(kept, kind, start.next_cursor).rows == two.rows


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_list_that_fits_one_page_has_no_neighbours(kept: Any, count: int) -> None:
    records = fill(kept, "end_users", count)
    assert page(kept, "end_users") == Page(records[::-1], None, None)


def test_a_walk_sees_every_row_once_while_others_come_and_go(kept: Any) -> None:
    records = fill(kept, "end_users", 9)
    seen, cursor = [], None
    for turn in range(3):
        found = page(kept, "end_users", cursor)
        seen += found.rows
        cursor = found.next_cursor
        fill(kept, "end_users", 2, start=100 + 10 * turn)
        gone = seen[-1].sid
        kept.write(lambda store, gone=gone: store.end_users.remove(gone))
    assert seen == records[::-1]
    assert cursor is None


def test_a_page_whose_rows_were_all_removed_still_leads_on(kept: Any) -> None:
    records = fill(kept, "end_users", 6)
    one = page(kept, "end_users", size=2)
    two = page(kept, "end_users", one.next_cursor, size=2)
    three = page(kept, "end_users", two.next_cursor, size=2)
    gone = [row.sid for row in (*one.rows, *three.rows)]

    def remove(store: Any) -> None:
        for each in gone:
            store.end_users.remove(each)

    kept.write(remove)
    end = page(kept, "end_users", two.next_cursor, size=2)
    assert (end.rows, end.next_cursor) == ([], None)
    assert page(kept, "end_users", end.previous_cursor, size=2).rows == records[2:4][::-1]
    start = page(kept, "end_users", two.previous_cursor, size=2)
    assert (start.rows, start.previous_cursor) == ([], None)
    assert page(kept, "end_users", start.next_cursor, size=2).rows == records[2:4][::-1]


GARBLED = {
    "no token": "no-such-token",
    "the direction alone": "PA",
    "Twilio's own form": "PT" + "0" * 32,
    "a sign among the digits": "PA-" + "1" * 31,
    "digits of another script": "PA" + "\u0661" * 32,
    "an underscore": "PA" + "1_1" + "1" * 29,
    "a base prefix": "PA0x" + "1" * 30,
    "a place beyond any row": "PA" + "f" * 32,
    "white space": " " + "PA" + "0" * 32,
    "a NUL": "PA" + "0" * 31 + "\x00",
}


@pytest.mark.parametrize("token", GARBLED.values(), ids=GARBLED.keys())
def test_a_garbled_page_token_is_refused(kept: Any, token: str) -> None:
    fill(kept, "end_users", 2)
    with pytest.raises(Refused) as refused:
        page(kept, "end_users", token)
    assert refused.value.reason is Reason.INVALID_PAGE_TOKEN


def test_a_page_token_of_another_list_is_refused(kept: Any) -> None:
    for kind in ("end_users", "documents"):
        fill(kept, kind, 4)
    fill(kept, "end_users", 4, OTHERS, start=20)
    token = page(kept, "end_users").next_cursor
    asked: tuple[tuple[str, dict[str, str]], ...] = (
        ("documents", {"account_sid": OURS}),
        ("end_users", {"account_sid": OTHERS}),
        ("end_users", {"account_sid": OURS, "type": "any"}),
        ("end_users", {"friendly_name": OURS}),
    )
    for kind, where in asked:
        with pytest.raises(Refused) as refused:
            page(kept, kind, token, **where)
        assert refused.value.reason is Reason.INVALID_PAGE_TOKEN
    assert len(page(kept, "end_users", token, size=1).rows) == 1
