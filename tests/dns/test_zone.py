"""What the zone says of each name."""

from __future__ import annotations

import pytest

from phonotary.dns.messages import NAPTR, read
from phonotary.dns.responder import Responder
from phonotary.dns.zone import Absent, Soa, Zone
from phonotary.errors import Reason, Refused
from tests.dns.books import (
    BRITISH,
    CANADIAN,
    HIDDEN,
    NAMELESS,
    OWL,
    PBX,
    Book,
    Reply,
    enum_name,
    query,
    reply,
    responder,
)

SOA = ("SOA", "localhost. hostmaster.localhost. 1 86400 7200 604800 60")
HEAD = '10 100 "u" "E2U+pstndata:cnam" "!^.*$!pstndata:cnam'
A, NS, SOA_TYPE, TXT, HTTPS, IXFR, AXFR, ANY = 1, 2, 6, 16, 65, 251, 252, 255


def ask(name: str, kind: int = NAPTR, door: Responder | None = None, class_: int = 1) -> Reply:
    return reply((door or responder()).answer(query(name, kind, class_=class_), "127.0.0.1"))


@pytest.mark.parametrize("kind", [NAPTR, ANY])
def test_a_name_is_escaped_enum_data(kind: int) -> None:
    found = ask(enum_name(OWL), kind)
    content = f"/{OWL};;charset=us-ascii,OWL%2C%20BANK%20CO."
    assert (found.code, found.authority) == ("NOERROR", [])
    assert found.answer == [("NAPTR", f'{HEAD}{content}!" .')]
    assert found.message.answer[0].ttl == 300


def test_a_name_is_one_string_for_asterisk() -> None:
    found = ask(enum_name(OWL), TXT)
    assert found.answer == [("TXT", '"OWL, BANK CO."')]


def test_a_private_number_is_not_even_repeated() -> None:
    found = ask(enum_name(HIDDEN))
    assert found.answer == [("NAPTR", f'{HEAD};;unavailable=p,Private!" .')]
    found = ask(enum_name(HIDDEN), TXT)
    assert (found.code, found.answer, found.authority) == ("NOERROR", [], [SOA])


@pytest.mark.parametrize("number", [NAMELESS, CANADIAN, BRITISH, "+18005550100", "+10005550100"])
@pytest.mark.parametrize("kind", [NAPTR, TXT, ANY])
def test_a_number_without_a_name_is_not_there(number: str, kind: int) -> None:
    found = ask(enum_name(number), kind)
    assert (found.code, found.answer, found.authority) == ("NXDOMAIN", [], [SOA])


def test_a_setting_tells_of_a_number_without_a_name() -> None:
    door = responder(absent=Absent.UNAVAILABLE)
    found = ask(enum_name(NAMELESS), NAPTR, door)
    assert found.answer == [("NAPTR", f'{HEAD}/{NAMELESS};;unavailable=u,Unavailable!" .')]
    found = ask(enum_name(NAMELESS), TXT, door)
    assert (found.code, found.answer) == ("NOERROR", [])
    for foreign in (CANADIAN, BRITISH, "+99"):
        assert ask(enum_name(foreign), NAPTR, door).code == "NXDOMAIN"


@pytest.mark.parametrize("digits", range(1, 11))
def test_the_way_to_a_number_is_there_though_nothing_is_at_it(digits: int) -> None:
    book = Book()
    found = ask(enum_name(OWL[: digits + 1]), ANY, responder(book))
    assert (found.code, found.answer, found.authority) == ("NOERROR", [], [SOA])
    assert book.asked == []


@pytest.mark.parametrize(
    "name",
    [
        "www.cnam.internal",
        "10.cnam.internal",
        "a.1.cnam.internal",
        f"x.{enum_name(OWL)}",
        f"0.{enum_name(OWL)}",
        enum_name("+" + "4" * 16),
        "0\\.1.cnam.internal",
        "-.cnam.internal",
    ],
)
def test_what_is_no_number_is_not_there_and_not_asked_for(name: str) -> None:
    book = Book()
    found = ask(name, NAPTR, responder(book))
    assert (found.code, found.authority) == ("NXDOMAIN", [SOA])
    assert book.asked == []


@pytest.mark.parametrize("kind", [A, NS, SOA_TYPE, HTTPS])
def test_another_type_of_a_name_is_no_data(kind: int) -> None:
    found = ask(enum_name(OWL), kind)
    assert (found.code, found.answer, found.authority) == ("NOERROR", [], [SOA])


def test_the_apex() -> None:
    assert ask("cnam.internal", SOA_TYPE).answer == [SOA]
    assert ask("cnam.internal", ANY).answer == [SOA]
    assert ask("cnam.internal", NS).answer == [("NS", "localhost.")]
    found = ask("cnam.internal", A)
    assert (found.code, found.answer, found.authority) == ("NOERROR", [], [SOA])


@pytest.mark.parametrize(
    "name",
    [
        "",
        "internal",
        "example.com",
        enum_name(OWL, "e164.arpa"),
        "xcnam.internal",
        enum_name(OWL, "xcnam.internal"),
    ],
)
@pytest.mark.parametrize("kind", [NAPTR, SOA_TYPE, ANY])
def test_other_zones_are_refused(name: str, kind: int) -> None:
    found = ask(name, kind)
    assert (found.code, found.answer, found.authority) == ("REFUSED", [], [])


def test_an_apex_inside_a_label_is_another_zone() -> None:
    # One label of 15 octets that ends as the apex does.
    inside = query("q" * 15).replace(b"\x0f" + b"q" * 15, b"\x0fx\x04cnam\x08internal")
    assert read(inside).name.endswith(b"\x04cnam\x08internal\0")
    assert reply(responder().answer(inside, "127.0.0.1")).code == "REFUSED"


@pytest.mark.parametrize(("kind", "class_"), [(AXFR, 1), (IXFR, 1), (TXT, 3), (NAPTR, 255)])
def test_transfers_and_other_classes_are_refused(kind: int, class_: int) -> None:
    assert ask("cnam.internal", kind, class_=class_).code == "REFUSED"


def test_a_no_is_kept_no_longer_than_a_yes_may_be() -> None:
    found = ask(enum_name(NAMELESS), NAPTR, responder(soa=Soa(negative_ttl=3600)))
    # What the dips allow, which is less than the zone would.
    assert found.message.authority[0].ttl == 60
    found = ask(enum_name(BRITISH), NAPTR, responder(soa=Soa(negative_ttl=30)))
    assert found.message.authority[0].ttl == 30


@pytest.mark.parametrize(
    ("apex", "nameservers"),
    [
        ("e164.arpa", ("localhost",)),
        ("cnam.E164.ARPA.", ("localhost",)),
        ("", ("localhost",)),
        (".", ("localhost",)),
        ("cnam..internal", ("localhost",)),
        ("a" * 64, ("localhost",)),
        (".".join(["a"] * 128), ("localhost",)),
        ("cnäm.internal", ("localhost",)),
        ("cnam.internal", ()),
        ("cnam.internal", ("cnam.internal",)),
        ("cnam.internal", ("ns.cnam.internal",)),
    ],
)
def test_a_zone_that_cannot_be(apex: str, nameservers: tuple[str, ...]) -> None:
    with pytest.raises(ValueError):
        Zone(apex, soa=Soa(nameservers))


def test_another_apex() -> None:
    door = Responder(Zone("Names.Example.ORG."), Book())
    assert ask(enum_name(OWL, "names.example.org"), TXT, door).code == "NOERROR"
    assert ask(enum_name(OWL), TXT, door).code == "REFUSED"


@pytest.mark.parametrize(
    ("reason", "code"), [(Reason.UNAVAILABLE, "SERVFAIL"), (Reason.FORBIDDEN, "REFUSED")]
)
def test_who_may_not_be_told_now_is_told_so(reason: Reason, code: str) -> None:
    found = ask(enum_name(OWL), NAPTR, responder(Book(refusal=Refused(reason, "No."))))
    assert (found.code, found.answer, found.authority) == (code, [], [])


def test_a_number_is_asked_for_in_the_name_of_the_client() -> None:
    class Noting(Book):
        def now(self, number, client, /):  # type: ignore[no-untyped-def]
            assert client is PBX
            return super().now(number, client)

    book = Noting()
    ask(enum_name(OWL), NAPTR, responder(book))
    assert book.asked == [OWL]
