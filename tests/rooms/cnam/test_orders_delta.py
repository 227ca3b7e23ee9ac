"""Files of changes, and the files that answer them."""

from __future__ import annotations

import pytest

from phonotary.cnam import orders_delta
from phonotary.cnam.orders import Action, Line, LineOutcome, LineState, Order, Unreadable
from phonotary.cnam.orders_delta import Layout
from phonotary.errors import Refused

ONE, TWO = "+14155550100", "+14155550101"
AT = 1_763_640_000  # 2025-11-20T12:00:00Z
LAYOUT = Layout()


def order(action: Action = Action.REGISTER) -> Order:
    lines = (Line(ONE, "Acme, Inc.", key="d1"), Line(TWO, "B", key="d2"))
    return Order("k7", action, lines, AT, 42)


def test_the_file_is_the_agreed_columns() -> None:
    assert orders_delta.build(LAYOUT, order()).decode() == (
        "ACTION,TN,NAME,USE,VISIBILITY,REFERENCE\r\n"
        'A,+14155550100,"Acme, Inc.",BUSINESS,PUBLIC,d1\r\n'
        "A,+14155550101,B,BUSINESS,PUBLIC,d2\r\n"
    )
    other = Layout(columns=(("Phone", "national"), ("Op", "action")), remove="DEL")
    assert orders_delta.build(other, order(Action.REMOVE)).decode() == (
        "Phone,Op\r\n4155550100,DEL\r\n4155550101,DEL\r\n"
    )


def test_a_repeated_order_has_the_same_file_name() -> None:
    name = orders_delta.file_name(LAYOUT, order())
    assert name == "cnam-20251120-000042-k7.csv"
    assert orders_delta.response_name(LAYOUT, f"{name}#1") == "cnam-20251120-000042-k7.rsp.csv"


@pytest.mark.parametrize("name", ["../x.csv", "a/b.csv", ".hidden", "", "a\nb"])
def test_a_reference_is_never_a_path(name: str) -> None:
    with pytest.raises(Refused):
        orders_delta.response_name(LAYOUT, name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": (("TN", "number"),)},
        {"columns": (("A", "action"), ("N", "name"))},
        {"columns": (("A", "action"), ("TN", "number"), ("X", "password"))},
        {"file_name": "cnam-{date}.csv"},
        {"file_name": "{key}{home}.csv"},
        {"response_name": "answer.csv"},
        {"response_name": "{stem}.csv"},
    ],
)
def test_a_layout_that_cannot_serve_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Refused):
        Layout(**wrong)  # type: ignore[arg-type]


REFERENCE = orders_delta.reference(LAYOUT, order())


def read(text: str, *numbers: str) -> orders_delta.Outcome:
    return orders_delta.read(LAYOUT, text.encode(), REFERENCE, numbers or (ONE, TWO))


def test_each_line_of_the_response_is_of_its_number() -> None:
    outcome = read("TN,RESULT,TEXT\n+14155550100,OK,\n4155550101,E17,not yours\n")
    assert outcome.done
    assert outcome.of(ONE) == LineOutcome(LineState.DONE, "OK")
    assert outcome.of(TWO) == LineOutcome(LineState.REJECTED, "E17", "not yours")


def test_numbers_that_the_response_leaves_out_are_waited_for() -> None:
    outcome = read("TN,RESULT\n+14155550100,OK\n")
    assert not outcome.done
    assert outcome.of(TWO).state == LineState.SUBMITTED


def test_a_number_that_was_settled_before_is_known_again_in_the_whole_response() -> None:
    outcome = read("TN,RESULT\n+14155550100,OK\n+14155550101,OK\n", TWO)
    assert outcome.done
    assert set(outcome.per_number) == {TWO}
    with pytest.raises(Unreadable):
        read("TN,RESULT\n+14155550100,OK\n", TWO)


def test_a_retry_is_to_be_ordered_anew() -> None:
    assert read("TN,RESULT\n+14155550100,RETRY\n").of(ONE).state == LineState.QUEUED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "TN,RESULT\n+14155550100,OK",  # cut off, or still being written
        "TN,TEXT\n+14155550100,OK\n",
        "TN,RESULT\n+14155550100,OK,more\n",
        "TN,RESULT\n+14155550100\n",
        "TN,RESULT\n+14155550100,OK\n+14155550100,E1\n",
        "TN,RESULT\n+14155550100,OK\n+14155550199,OK\n",  # another's number
        "TN,RESULT\nhello,OK\n",
        'TN,RESULT\n"+14155550100,OK\n',
        "TN,RESULT\n" + "+14155550100,OK\n" * 20_000,
        "TN,RESULT\n+14155550100," + "x" * 5_000_000 + "\n",
    ],
)
def test_a_response_that_does_not_fit_is_refused_whole(text: str) -> None:
    with pytest.raises(Unreadable):
        read(text)


def test_a_response_of_other_bytes_is_refused() -> None:
    with pytest.raises(Unreadable):
        orders_delta.read(LAYOUT, b"TN,RESULT\n\xff\xfe,OK\n", REFERENCE)


def test_an_empty_response_settles_nothing() -> None:
    assert not read("TN,RESULT\n").done
