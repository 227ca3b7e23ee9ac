"""Both list envelopes, and what a request may say of its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from phonotary.errors import Reason, Refused
from phonotary.trusthub.store import Page
from phonotary.web import lists

URL = "http://127.0.0.1:8080/v1/EndUsers"
PATH = "/2010-04-01/Accounts.json"
META = {
    "page",
    "page_size",
    "first_page_url",
    "previous_page_url",
    "url",
    "next_page_url",
    "key",
}
CORE = {
    "end",
    "first_page_uri",
    "next_page_uri",
    "page",
    "page_size",
    "previous_page_uri",
    "start",
    "uri",
}


def v1(query: Mapping[str, str], page: Page[Any], filters: tuple[str, ...] = ()) -> dict[str, Any]:
    paging = lists.read(query, filters)
    return lists.v1("results", page.rows, page, paging, URL)["meta"]


def core(query: Mapping[str, str], page: Page[Any]) -> dict[str, Any]:
    return lists.core("accounts", page.rows, page, lists.read(query, ()), PATH)


@pytest.mark.parametrize(
    ("text", "size"),
    [(None, 50), ("", 50), ("1", 1), ("0", 1), ("-5", 1), ("1000", 1000), ("5000", 1000)],
)
def test_a_page_has_between_one_and_a_thousand_rows(text: str | None, size: int) -> None:
    query = {} if text is None else {"PageSize": text}
    assert lists.read(query, ()).ask.size == size


@pytest.mark.parametrize("text", ["abc", "1.5", " 1", "1_0", "٣", "9" * 10])
@pytest.mark.parametrize("name", ["Page", "PageSize"])
def test_a_page_is_a_whole_number(name: str, text: str) -> None:
    with pytest.raises(Refused) as caught:
        lists.read({name: text}, ())
    assert caught.value.reason is Reason.INVALID_PARAMETER


def test_a_later_page_is_only_found_by_its_token() -> None:
    with pytest.raises(Refused) as caught:
        lists.read({"Page": "2"}, ())
    assert caught.value.reason is Reason.INVALID_PAGE_TOKEN
    assert lists.read({"Page": "2", "PageToken": "t"}, ()).ask.cursor == "t"


def test_an_empty_list_still_has_every_key() -> None:
    """Java falls over a key that is missing."""
    meta = v1({}, Page([]))
    assert set(meta) == META
    assert meta["next_page_url"] is None and meta["previous_page_url"] is None
    assert meta["first_page_url"] == meta["url"] == f"{URL}?PageSize=50&Page=0"
    body = core({}, Page([]))
    assert set(body) == CORE | {"accounts"}
    assert (body["start"], body["end"]) == (0, 0)


def test_a_middle_page_leads_both_ways() -> None:
    query = {"PageSize": "2", "Page": "3", "PageToken": "here"}
    meta = v1(query, Page(["a", "b"], "after", "before"))
    assert meta["page"] == 3
    assert meta["url"] == f"{URL}?PageSize=2&Page=3&PageToken=here"
    assert meta["next_page_url"] == f"{URL}?PageSize=2&Page=4&PageToken=after"
    assert meta["previous_page_url"] == f"{URL}?PageSize=2&Page=2&PageToken=before"
    body = core(query, Page(["a", "b"], "after", "before"))
    assert (body["start"], body["end"]) == (6, 7)
    assert body["next_page_uri"] == f"{PATH}?PageSize=2&Page=4&PageToken=after"


def test_filters_go_along_and_stay_what_they_were() -> None:
    name = "a&b=c#d e+f/ü"
    meta = v1({"FriendlyName": name, "Other": "x"}, Page([]), ("FriendlyName", "Status"))
    assert meta["url"] == f"{URL}?FriendlyName=a%26b%3Dc%23d%20e%2Bf%2F%C3%BC&PageSize=50&Page=0"


def test_the_core_envelope_has_one_key_beside_its_own() -> None:
    """Python takes the one key it does not know for the list."""
    assert set(core({}, Page(["a"]))) - CORE == {"accounts"}
