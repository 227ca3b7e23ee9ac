"""Tickets in a directory."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from phonotary.cnam.orders import Action, Line, LineOutcome, LineState, Order, OrderUnknown
from phonotary.errors import Reason, Refused
from phonotary.outbound.registrars import manual
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


@pytest.mark.parametrize("damaged", [b"\xff{}", b"{", None])
def test_a_ticket_whose_file_is_damaged_is_refused_and_not_unknown(
    tmp_path: Path, damaged: bytes | None
) -> None:
    desk = Manual("desk", str(tmp_path))
    ref = asyncio.run(desk.submit(ORDER)).order_ref
    file = tmp_path / f"{ref}.json"
    file.unlink()
    if damaged is None:
        file.mkdir()
    else:
        file.write_bytes(damaged)
    with pytest.raises(Refused) as refused:
        desk.ticket(ref)
    assert refused.value.reason is Reason.UNREADABLE_BODY


def test_a_word_that_says_nothing_new_is_not_written(tmp_path: Path) -> None:
    desk = Manual("desk", str(tmp_path))
    ref = asyncio.run(desk.submit(ORDER)).order_ref
    accepted = LineOutcome(LineState.ACCEPTED)
    first = desk.decide(ref, accepted, by="ana", at=1)
    before = (tmp_path / f"{ref}.json").stat()
    assert desk.decide(ref, accepted, by="ben", at=2) == first == desk.ticket(ref)
    assert (tmp_path / f"{ref}.json").stat() == before
    assert len(desk.decide(ref, replace(accepted, text="by phone"), by="ben", at=3).words) == 2


def test_a_ticket_has_room_for_what_settles_it_and_is_always_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manual, "_MOST_BYTES", 4_096)
    desk = Manual("desk", str(tmp_path))
    two = Order("key-1", Action.REGISTER, (Line(ONE, "ACME"), Line("+14155550101", "ACME")))
    ref = asyncio.run(desk.submit(two)).order_ref
    with pytest.raises(Refused) as refused:
        for at in range(100):
            accepted = LineOutcome(LineState.ACCEPTED, text=f"they said so {at}")
            kept = desk.decide(ref, accepted, by="ana", at=at)
    assert refused.value.reason is Reason.BODY_TOO_LARGE
    assert desk.ticket(ref) == kept
    for number in (ONE, "+14155550101"):
        desk.decide(ref, LineOutcome(LineState.DONE), [number], by="ana", at=100)
    assert desk.ticket(ref).waiting == []
    monkeypatch.setattr(manual, "_MOST_BYTES", 100)
    with pytest.raises(Refused):
        asyncio.run(desk.submit(replace(two, idempotency_key="key-2")))
    assert desk.tickets() == [ref]
