"""Requests and answers by template."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotary.cnam import orders_template as template
from phonotary.cnam.orders import Action, Line, LineState, Order, Unreadable
from phonotary.cnam.orders_template import EACH, Reading, Request
from phonotary.errors import Refused

ONE, TWO = "+14155550100", "+14155550101"


def order(*lines: Line) -> Order:
    return Order("k7", Action.REGISTER, lines or (Line(ONE, 'A "B" & C', key="d 1"),))


def test_a_request_is_filled_in() -> None:
    body = {"cnam": {"enabled": True, "details": "{name}"}, "who": "{key}/{use_type}"}
    filled = template.fill(Request("PATCH", "/numbers/{number}/voice?r={line_key}", body), order())
    assert filled.path == "/numbers/%2B14155550100/voice?r=d%201"
    assert json.loads(filled.body or b"") == {
        "cnam": {"enabled": True, "details": 'A "B" & C'},
        "who": "k7/BUSINESS",
    }


def test_each_line_has_its_place_in_a_list() -> None:
    request = Request("POST", "/cnam/{key}", {"numbers": [{EACH: {"tn": "{national}"}}]})
    assert not request.of_one_line
    filled = template.fill(request, order(Line(ONE, "A"), Line(TWO, "A")))
    assert json.loads(filled.body or b"") == {"numbers": [{"tn": ONE[2:]}, {"tn": TWO[2:]}]}


def test_one_lines_places_do_not_take_two_lines() -> None:
    request = Request("POST", "/{number}")
    assert request.of_one_line
    with pytest.raises(Refused):
        template.fill(request, order(Line(ONE, "A"), Line(TWO, "A")))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("BREW", "/", None),
        ("GET", "numbers", None),
        ("GET", "/{nmuber}", None),
        ("POST", "/", [{"a": "{secret}"}]),
    ],
)
def test_a_request_that_cannot_be_filled_is_refused(method: str, path: str, body: Any) -> None:
    with pytest.raises(Refused):
        Request(method, path, body)


def test_a_place_without_a_value_is_refused() -> None:
    with pytest.raises(Refused):
        template.fill(Request("GET", "/{ref}"), order())


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=15))
def test_no_name_leaves_its_string(name: str) -> None:
    line = Line(ONE, name) if name.strip() else Line(ONE, "A")
    filled = template.fill(Request("POST", "/x/{name}/y", {"n": "{name}"}), order(line))
    assert json.loads(filled.body or b"") == {"n": line.name}
    assert filled.path.count("/") == 3
    assert not set(filled.path) & set("?# \r\n")


READING = Reading(
    state="/data/status",
    states={"pending": LineState.SUBMITTED, "live": LineState.DONE, "bad": LineState.REJECTED},
    ref="/data/id",
    code="/errors/0/code",
    text="/errors/0/detail",
    failures="/data/failed",
)


def read(answer: Any, numbers: frozenset[str] | None = None) -> template.Outcome:
    return template.read(READING, json.dumps(answer).encode(), "k7", numbers)


def test_a_good_answer_says_how_the_order_stands() -> None:
    outcome = read({"data": {"status": "pending", "id": 17}})
    assert (outcome.order_ref, outcome.done) == ("17", False)
    assert outcome.of(ONE).state == LineState.SUBMITTED
    assert read({"data": {"status": "live"}}).order_ref == "k7"


def test_a_number_that_failed_is_told_apart_in_a_good_order() -> None:
    failed = [{"number": "4155550101", "code": 12, "message": "no"}]
    outcome = read({"data": {"status": "live", "failed": failed}}, frozenset({ONE, TWO}))
    assert outcome.of(ONE).state == LineState.DONE
    assert (outcome.of(TWO).state, outcome.of(TWO).code) == (LineState.REJECTED, "12")
    with pytest.raises(Unreadable):
        read({"data": {"status": "live", "failed": failed}}, frozenset({ONE}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[" * 100_000,
        b'{"data": {"status": "live"',
        b'{"data": {"status": "dreaming"}}',
        b'{"data": {"status": ["live"]}}',
        b'{"data": {"status": "live", "failed": 7}}',
        b'{"data": {"status": "live", "failed": [7]}}',
        b"{}",
        b"\xff\xfe",
    ],
)
def test_an_answer_in_another_form_is_not_believed(body: bytes) -> None:
    with pytest.raises(Unreadable):
        template.read(READING, body, "k7")


def test_a_refusal_keeps_the_databases_words_or_else_its_status() -> None:
    body = json.dumps({"errors": [{"code": "10015", "detail": "bad name"}]}).encode()
    outcome = template.read_refusal(READING, body, 422, "k7").of(ONE)
    assert (outcome.state, outcome.code, outcome.text) == (LineState.REJECTED, "10015", "bad name")
    assert template.read_refusal(READING, b"<html>", 422, "k7").of(ONE).code == "422"


def test_an_answer_that_need_not_be_read_is_not() -> None:
    assert template.read(Reading(), b"", "k7").of(ONE).state == LineState.DONE


# RFC 6901 section 5.
DOCUMENT = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "m~n": 8, 'k"l': 6}


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", DOCUMENT),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/m~0n", 8),
        ('/k"l', 6),
        ("/foo/2", None),
        ("/foo/01", None),
        ("/foo/-", None),
        ("/foo/0/x", None),
        ("/no/way", None),
    ],
)
def test_pointers(pointer: str, found: Any) -> None:
    assert template.at(DOCUMENT, pointer) == found
