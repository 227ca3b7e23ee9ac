"""Bandwidth's XML, as its documents show it and as nobody should send it."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from phonotary.cnam import orders_lidb
from phonotary.cnam.orders import (
    Action,
    Line,
    LineState,
    Order,
    Unreadable,
    UseType,
    Visibility,
)

ONE, TWO, THREE = "+18045030097", "+18045030098", "+18885959350"
ERROR = (
    "<Error><TelephoneNumber>{}</TelephoneNumber><Code>{}</Code>"
    "<Description>no</Description></Error>"
)


def document(
    status: str, errors: str = "", numbers: tuple[str, ...] = (ONE[2:], TWO[2:], THREE[2:])
) -> bytes:
    tns = "".join(f"<TelephoneNumber>\n {each}\n</TelephoneNumber>" for each in numbers)
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
    <LidbOrder><CustomerOrderId>key-1</CustomerOrderId><orderId>255bda29</orderId>
    <ProcessingStatus>{status}</ProcessingStatus><ErrorList>{errors}</ErrorList>
    <LidbTnGroups><LidbTnGroup><TelephoneNumbers>{tns}</TelephoneNumbers></LidbTnGroup>
    </LidbTnGroups></LidbOrder>""".encode()


def order(action: Action = Action.REGISTER) -> Order:
    lines = (
        Line(ONE, "JOES GARAGE"),
        Line(TWO, "JOES GARAGE"),
        Line(THREE, "A", UseType.RESIDENTIAL, Visibility.PRIVATE),
    )
    return Order("key-1", action, lines)


def shape(body: bytes) -> list[tuple[list[str | None], str | None, str | None, str | None]]:
    return [
        (
            [each.text for each in group.iter("TelephoneNumber")],
            group.findtext("SubscriberInformation"),
            group.findtext("UseType"),
            group.findtext("Visibility"),
        )
        for group in ElementTree.fromstring(body).iter("LidbTnGroup")
    ]


def test_numbers_that_are_alike_share_a_group() -> None:
    body = orders_lidb.build(order())
    assert ElementTree.fromstring(body).findtext("CustomerOrderId") == "key-1"
    assert shape(body) == [
        ([ONE[2:], TWO[2:]], "JOES GARAGE", "BUSINESS", "PUBLIC"),
        ([THREE[2:]], "A", "RESIDENTIAL", "PRIVATE"),
    ]


def test_a_removal_keeps_the_name_from_being_shown() -> None:
    assert {each[3] for each in shape(orders_lidb.build(order(Action.REMOVE)))} == {"PRIVATE"}


def test_marks_in_a_name_are_not_markup() -> None:
    body = orders_lidb.build(Order("k", Action.REGISTER, (Line(ONE, "A<b>&'\""),)))
    assert shape(body)[0][1] == "A<b>&'\""


@pytest.mark.parametrize(
    ("status", "state", "done"),
    [
        ("RECEIVED", LineState.SUBMITTED, False),
        ("PROCESSING", LineState.ACCEPTED, False),
        ("COMPLETE", LineState.DONE, True),
        ("PARTIAL", LineState.DONE, True),
        ("FAILED", LineState.REJECTED, True),
    ],
)
def test_an_order_without_errors_stands_as_its_status_says(
    status: str, state: LineState, done: bool
) -> None:
    outcome, key = orders_lidb.read(document(status))
    assert (outcome.order_ref, key, outcome.done) == ("255bda29", "key-1", done)
    assert [outcome.of(each).state for each in (ONE, TWO, THREE)] == [state] * 3


# What each code of the error tables leads to: while the order is under way, and once it is done.
REMEDIES = {
    "5015": (LineState.QUEUED, LineState.QUEUED),
    "11005": (LineState.REJECTED, LineState.REJECTED),
    "11006": (LineState.REJECTED, LineState.REJECTED),
    "11007": (LineState.REJECTED, LineState.REJECTED),
    "11014": (LineState.REJECTED, LineState.REJECTED),
    "11015": (LineState.REJECTED, LineState.REJECTED),
    "11016": (LineState.REJECTED, LineState.REJECTED),
    "11020": (LineState.SUBMITTED, LineState.QUEUED),
    "11024": (LineState.REJECTED, LineState.REJECTED),
    "99999": (LineState.REJECTED, LineState.REJECTED),
}


@pytest.mark.parametrize("code", REMEDIES)
def test_an_error_is_of_its_number_alone(code: str) -> None:
    for status, expected in zip(("PROCESSING", "PARTIAL"), REMEDIES[code], strict=True):
        outcome, _ = orders_lidb.read(document(status, ERROR.format(TWO[2:], code)))
        assert outcome.of(TWO).state == expected
        assert (outcome.of(TWO).code, outcome.of(TWO).text) == (code, "no")
        assert outcome.of(ONE).state in (LineState.ACCEPTED, LineState.DONE)


def test_an_error_of_no_number_is_everybodys() -> None:
    error = "<Error><Code>5015</Code><Description>The lidb request timed out.</Description></Error>"
    outcome, _ = orders_lidb.read(document("FAILED", error))
    assert {outcome.of(each).state for each in (ONE, TWO, THREE)} == {LineState.QUEUED}


def test_a_400_that_names_a_number_leaves_the_others_to_be_ordered_anew() -> None:
    error = ERROR.format(TWO[2:], 11005)
    body = f"<LidbOrderResponse><ErrorList>{error}</ErrorList></LidbOrderResponse>"
    outcome = orders_lidb.read_refusal(body.encode(), order())
    assert outcome.done
    assert outcome.of(TWO).state == LineState.REJECTED
    assert outcome.of(ONE).state == LineState.QUEUED


def test_a_400_that_names_no_number_rejects_with_its_own_words() -> None:
    error = "<Error><Code>11007</Code><Description>No visibility</Description></Error>"
    status = "<Status><Code>400</Code><Description>Bad</Description></Status>"
    said = f"<LidbOrderResponse>{status}<ErrorList>{error}</ErrorList></LidbOrderResponse>"
    outcome = orders_lidb.read_refusal(said.encode(), order()).of(ONE)
    assert (outcome.state, outcome.code, outcome.text) == (
        LineState.REJECTED,
        "11007",
        "No visibility",
    )
    bare = f"<LidbOrderResponse>{status}</LidbOrderResponse>"
    assert orders_lidb.read_refusal(bare.encode(), order()).of(ONE).text == "Bad"


def with_doctype(declared: str, used: str, encoding: str = "utf-8") -> bytes:
    """An order in which nothing else is wrong."""
    text = document("RECEIVED").decode().replace("key-1", used).partition("?>")[2].strip()
    return (
        f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE LidbOrder {declared}>{text}'.encode(
            encoding
        )
    )


LAUGHS = "[<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {each} '{f'&{before};' * 10}'>" for before, each in pairwise("abcdefghij")
)
DOCTYPES = {
    "billion laughs": with_doctype(f"{LAUGHS}]", "&j;"),
    "a few laughs": with_doctype("[<!ENTITY a 'ha'>]", "&a;"),
    "in another encoding": with_doctype("[<!ENTITY a 'ha'>]", "&a;", "utf-16"),
    "external entity": with_doctype("[<!ENTITY a SYSTEM 'file:///etc/passwd'>]", "&a;"),
    "external DTD": with_doctype("SYSTEM 'http://127.0.0.1/x.dtd'", "key-1"),
    "bare": with_doctype("", "key-1"),
}


@pytest.mark.parametrize("kind", DOCTYPES)
def test_a_doctype_is_not_read(kind: str) -> None:
    with pytest.raises(Unreadable, match="DOCTYPE"):
        orders_lidb.read(DOCTYPES[kind])


HOSTILE = {
    "undefined entity": b"<LidbOrder><orderId>&x;</orderId></LidbOrder>",
    "unknown encoding": b'<?xml version="1.0" encoding="klingon"?><a/>',
    "deep": b"<a>" * 5000 + b"</a>" * 5000,
    "many": b"<a>" + b"<b/>" * 50_000 + b"</a>",
    "huge": b"<a>" + b"x" * 2_000_000 + b"</a>",
    "half": document("RECEIVED")[:-40],
    "empty": b"",
    "no XML": b'{"orderId": 1}',
    "no order": b"<LidbOrderResponse/>",
    "no status": b"<LidbOrder><orderId>1</orderId></LidbOrder>",
    "new status": document("DREAMING"),
    "no number": document("RECEIVED", numbers=("x",)),
    "two documents": document("RECEIVED") + b"<a/>",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_not_an_order_is_not_read(kind: str) -> None:
    with pytest.raises(Unreadable):
        orders_lidb.read(HOSTILE[kind])
