"""Orders to the databases: what may be ordered, and tickets for those that only people reach."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phonotary.cnam import orders_ticket
from phonotary.cnam.orders import (
    MOST_TEXT,
    Action,
    Line,
    LineOutcome,
    LineState,
    Order,
    Outcome,
    said,
)
from phonotary.errors import Refused

ONE, TWO = "+14155550100", "+14155550101"
AT = 1_763_640_000


def order(*lines: Line, action: Action = Action.REGISTER, key: str = "key-1") -> Order:
    return Order(key, action, lines or (Line(ONE, "ACME"), Line(TWO, "ACME")), AT, 42)


@pytest.mark.parametrize("key", ["", "a" * 41, "a b", "../a", "a/b", "-a", "a\n", "ä"])
def test_a_key_is_fit_for_every_database(key: str) -> None:
    with pytest.raises(Refused):
        order(key=key)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("4155550100", "ACME"),
        ("+1415555010x", "ACME"),
        ("+14155550100\n", "ACME"),
        (ONE, "A" * 16),
        (ONE, "CAFÉ"),
        (ONE, "A\nB"),
    ],
)
def test_a_line_that_no_database_could_hold_is_refused(number: str, name: str) -> None:
    with pytest.raises(Refused):
        Line(number, name)


def test_an_order_names_each_number_once_and_registers_no_blank() -> None:
    with pytest.raises(Refused):
        order(Line(ONE, "A"), Line(ONE, "B"))
    with pytest.raises(Refused):
        order(Line(ONE, "  "))
    with pytest.raises(Refused):
        Order("key-1", Action.REGISTER, ())
    assert order(Line(ONE, ""), action=Action.REMOVE).numbers == {ONE}


def test_national_numbers_are_those_of_the_north_american_plan() -> None:
    assert Line(ONE, "A").national == "4155550100"
    assert Line("+442071838750", "A").national == "442071838750"


def test_numbers_that_an_answer_leaves_out_stand_as_the_order_does() -> None:
    failed = LineOutcome(LineState.REJECTED, "11014")
    outcome = Outcome("x", {ONE: failed}, True, LineOutcome(LineState.DONE))
    assert outcome.of(ONE) == failed
    assert outcome.of(TWO).state == LineState.DONE


def test_a_databases_words_are_kept_in_one_bounded_line() -> None:
    assert said("a\r\n\x1b[31m b\t") == "a [31m b"
    assert said(" \n") is None
    assert said("x" * 9999) == "x" * MOST_TEXT


DONE = LineOutcome(LineState.DONE)


def test_a_ticket_is_done_when_a_person_has_spoken_of_every_number() -> None:
    ticket = orders_ticket.opened(order())
    assert not ticket.outcome.done
    rejected = LineOutcome(LineState.REJECTED, "7", "not\nours")
    ticket = orders_ticket.decided(ticket, [ONE], rejected, by="ana", at=AT + 1)
    assert ticket.outcome.of(ONE) == LineOutcome(LineState.REJECTED, "7", "not ours")
    assert not ticket.outcome.done
    ticket = orders_ticket.decided(ticket, [TWO], DONE, by="ben", at=AT + 2)
    assert ticket.outcome.done
    assert [(at, by) for at, by, _ in ticket.words] == [(AT + 1, "ana"), (AT + 2, "ben")]


def test_a_word_without_numbers_is_for_all_of_them() -> None:
    ticket = orders_ticket.decided(orders_ticket.opened(order()), [], DONE, by="ana", at=AT)
    assert ticket.outcome.done


def test_a_ticket_refuses_other_numbers_second_thoughts_and_nobodys_word() -> None:
    ticket = orders_ticket.opened(order())
    with pytest.raises(Refused):
        orders_ticket.decided(ticket, ["+14155550199"], DONE, by="ana", at=AT)
    with pytest.raises(Refused):
        orders_ticket.decided(ticket, [ONE], DONE, by=" ", at=AT)
    ticket = orders_ticket.decided(ticket, [ONE], DONE, by="ana", at=AT)
    with pytest.raises(Refused):
        orders_ticket.decided(ticket, [ONE], DONE, by="ana", at=AT)


def test_the_words_of_a_ticket_are_those_of_its_kind() -> None:
    register, remove = Action.REGISTER, Action.REMOVE
    assert orders_ticket.decision(register, "accepted").state is LineState.ACCEPTED
    assert orders_ticket.decision(register, "active", " seen ") == replace(DONE, text="seen")
    assert orders_ticket.decision(remove, "removed").state is LineState.DONE
    assert orders_ticket.decision(remove, "rejected", "no") == LineOutcome(
        LineState.REJECTED, None, "no"
    )
    for action, word in ((register, "removed"), (remove, "active"), (remove, "accepted")):
        with pytest.raises(Refused):
            orders_ticket.decision(action, word)
    with pytest.raises(Refused):
        orders_ticket.decision(register, "rejected", " ")


def test_a_ticket_is_read_as_it_was_written() -> None:
    ticket = orders_ticket.decided(orders_ticket.opened(order()), [ONE], DONE, by="ana", at=AT)
    assert orders_ticket.read(orders_ticket.written(ticket)) == ticket
    for text in ("", "[]", "{}", "[" * 100_000, orders_ticket.written(ticket)[:-9]):
        with pytest.raises(Refused):
            orders_ticket.read(text)
