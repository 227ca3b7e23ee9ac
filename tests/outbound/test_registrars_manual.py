"""Tickets in a directory."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from phonotary.cnam.orders import Action, Line, LineOutcome, LineState, Order, OrderUnknown
from phonotary.outbound.registrars.manual import Manual

ONE = "+14155550100"
ORDER = Order("key-1", Action.REGISTER, (Line(ONE, "ACME"),))


def test_a_persons_word_is_in_the_next_poll(tmp_path: Path) -> None:
    desk = Manual("syniverse", str(tmp_path / "tickets"))
    ref = asyncio.run(desk.submit(ORDER)).order_ref
    assert not asyncio.run(desk.poll(ref)).done
    desk.decide(ref, LineOutcome(LineState.DONE, text="seen in their portal"), by="ana", at=1)
    outcome = asyncio.run(desk.poll(ref))
    assert (outcome.done, outcome.of(ONE).text) == (True, "seen in their portal")


def test_a_repeated_order_is_the_same_ticket(tmp_path: Path) -> None:
    desk = Manual("syniverse", str(tmp_path))
    ref = asyncio.run(desk.submit(ORDER)).order_ref
    desk.decide(ref, LineOutcome(LineState.DONE), by="ana", at=1)
    again = Manual("syniverse", str(tmp_path))
    assert asyncio.run(again.submit(ORDER)).done
    assert again.tickets() == [ref]


@pytest.mark.parametrize("ref", ["ticket-none", "../../etc/passwd", "ticket-../x", ""])
def test_a_ticket_that_is_not_there_is_unknown(tmp_path: Path, ref: str) -> None:
    with pytest.raises(OrderUnknown):
        asyncio.run(Manual("syniverse", str(tmp_path)).poll(ref))


def test_a_ticket_is_its_owners_alone(tmp_path: Path) -> None:
    desk = Manual("syniverse", str(tmp_path / "tickets"))
    ref = asyncio.run(desk.submit(ORDER)).order_ref
    assert (tmp_path / "tickets" / f"{ref}.json").stat().st_mode & 0o077 == 0


def test_of_two_words_at_once_none_is_lost(tmp_path: Path) -> None:
    numbers = [f"+1415555{at:04}" for at in range(40)]
    order = Order("key-1", Action.REGISTER, tuple(Line(each, "ACME") for each in numbers))
    ref = asyncio.run(Manual("desk", str(tmp_path)).submit(order)).order_ref
    together = threading.Barrier(2)

    def decide(by: str, some: list[str]) -> None:
        desk = Manual("desk", str(tmp_path))
        together.wait()
        for each in some:
            desk.decide(ref, LineOutcome(LineState.DONE), [each], by=by, at=1)

    people = [
        threading.Thread(target=decide, args=(by, numbers[start::2]))
        for start, by in enumerate(("ana", "ben"))
    ]
    for each in people:
        each.start()
    for each in people:
        each.join()
    ticket = Manual("desk", str(tmp_path)).ticket(ref)
    assert (ticket.waiting, len(ticket.words)) == ([], 40)
