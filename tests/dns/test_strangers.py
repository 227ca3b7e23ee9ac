"""Who is no client is refused with as much as was sent, and not often."""

from __future__ import annotations

from phonotary.cnam.clients import Clients
from phonotary.dns.responder import STRANGERS, Responder
from phonotary.dns.zone import Zone
from tests.dns.books import OWL, PBX, Book, enum_name, opt, query, reply, responder, with_opt

STRANGER = "192.0.2.7"


def test_a_stranger_is_refused_and_no_number_looked_up() -> None:
    book = Book()
    found = reply(responder(book).answer(query(enum_name(OWL)), STRANGER))
    assert (found.code, found.answer, found.authority) == ("REFUSED", [], [])
    assert book.asked == []


def test_a_refusal_is_no_longer_than_the_question() -> None:
    for asked in (
        query(""),
        query(enum_name(OWL)),
        with_opt(enum_name(OWL)),
        with_opt("", data=b""),
    ):
        answer = responder().answer(asked, STRANGER)
        assert answer is not None and len(answer) <= len(asked)


def test_a_strangers_broken_packet_is_dropped() -> None:
    for broken in (
        query(enum_name(OWL), flags=0x2000),
        query(enum_name(OWL), more=opt()),
        b"x" * 12,
    ):
        assert responder().answer(broken, STRANGER) is None


def test_strangers_are_refused_so_many_times_a_second_together() -> None:
    now = [100.0]
    door = Responder(Zone(), Book(), now=lambda: now[0])

    def refusals(attempts: int) -> int:
        sources = (f"192.0.2.{n % 250}" for n in range(attempts))
        return sum(door.answer(query(enum_name(OWL)), one) is not None for one in sources)

    assert refusals(1000) == STRANGERS
    now[0] += 0.5
    assert refusals(1000) == STRANGERS // 2
    now[0] += 3600
    assert refusals(1000) == STRANGERS
    # Clients do not wait for them.
    assert door.answer(query(enum_name(OWL)), "127.0.0.1") is not None


def test_a_client_is_known_by_its_network() -> None:
    door = Responder(Zone(), Book(clients=Clients([PBX])))
    assert door.knows("127.0.0.1") and door.knows("::1")
    assert not door.knows(STRANGER)
