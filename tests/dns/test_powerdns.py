"""PowerDNS with the recipes of deploy/powerdns, on this project's own databases, asked by dig."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.engine import make_url

from phonotary.dns.messages import NAPTR, TXT
from phonotary.storage import migrate, schema_names
from phonotary.storage.database import Database
from tests.dns import books
from tests.dns.books import BRITISH, CANADIAN, HIDDEN, NAMELESS, OWL, enum_name
from tests.simulators import postgres, powerdns
from tests.simulators.dig import ask

KINDS = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
WITHDRAWN, ON_ITS_WAY = "+14155550103", "+14155550104"
SOA = "localhost. hostmaster.localhost. 1 86400 7200 604800 60"


def register(database: Database, number: str, name: str, **others: object) -> None:
    """A registration as the hub writes it; its product is the number's own."""
    sid = number.removeprefix("+").rjust(32, "0")
    row = {
        "sid": f"CR{sid}",
        "account_sid": "AC" + "0" * 32,
        "phone_number": number,
        "enum_name": ".".join(reversed(number[1:])),
        "version": 1,
        "number_sid": f"PN{sid}",
        "product_sid": f"BU{sid}",
        "profile_sid": "BU" + "0" * 32,
        "name": name,
        "state": "registered",
        "since": 0,
        "began": 0,
        "shown": True,
        "private": False,
    }
    with database.writing() as store:
        store.connection.execute(insert(schema_names.cnam_registrations).values(row | others))


@contextmanager
def kept(kind: str, directory: Path, server: str) -> Iterator[tuple[Database, dict[str, str]]]:
    """A database with a few names, and how PowerDNS finds it."""
    if kind == "sqlite":
        file = directory / "hub.db"
        with closing(Database(f"sqlite:///{file}")) as database:
            yield database, {"gsqlite3_database": str(file)}
        return
    with postgres.database(server) as url, closing(Database(url)) as database:
        found = make_url(url)
        where = {"host": str(found.query["host"]), "dbname": str(found.database), "user": "pdns"}
        yield database, {f"gpgsql_{name}": value for name, value in where.items()}


@pytest.fixture(params=["sqlite", "postgresql"])
def served(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_server: str
) -> Iterator[tuple[Database, int]]:
    with kept(request.param, tmp_path, postgres_server) as (database, where):
        migrate.upgrade(database)
        register(database, OWL, "OWL, BANK CO.")
        register(database, HIDDEN, "HIDDEN", private=True)
        register(database, WITHDRAWN, "GONE", state="withdrawn", shown=False)
        register(database, ON_ITS_WAY, "SOON", shown=False)
        if request.param == "postgresql":
            _reader(database)
        with powerdns.name_server(tmp_path, request.param, **where) as running:
            yield database, running.port


def _reader(database: Database) -> None:
    """The role of the recipe's README, which may read the view and nothing else."""
    with database.writing() as store:
        store.connection.execute(
            text(
                "DO $$ BEGIN CREATE ROLE pdns LOGIN;"
                " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            )
        )
        store.connection.execute(text("GRANT SELECT ON cnam_names TO pdns"))


def test_powerdns_says_what_the_edge_says(served: tuple[Database, int]) -> None:
    _, port = served
    edge = books.responder()
    for number in (OWL, HIDDEN, NAMELESS, CANADIAN, BRITISH):
        for name, kind in (("NAPTR", NAPTR), ("TXT", TXT)):
            ours = books.reply(edge.answer(books.query(enum_name(number), kind), "127.0.0.1"))
            theirs = ask(port, enum_name(number), name)
            assert (theirs.status, theirs.answer) == (ours.code, ours.answer), (number, name)
            ttls = [one[1] for one in theirs.sections.get("ANSWER", [])]
            assert ttls == [str(one.ttl) for one in ours.message.answer]
            assert bool(theirs.authority) is bool(ours.authority)


def test_powerdns_says_nothing_of_names_that_do_not_stand(served: tuple[Database, int]) -> None:
    _, port = served
    for number in (WITHDRAWN, ON_ITS_WAY):
        assert ask(port, enum_name(number), "NAPTR").status == "NXDOMAIN"


def test_a_withdrawn_name_is_gone_with_the_next_question(served: tuple[Database, int]) -> None:
    database, port = served
    assert ask(port, enum_name(OWL), "NAPTR").status == "NOERROR"
    table = schema_names.cnam_registrations
    with database.writing() as store:
        store.connection.execute(
            update(table).where(table.c.phone_number == OWL).values(state="withdrawn", shown=False)
        )
    assert ask(port, enum_name(OWL), "NAPTR").status == "NXDOMAIN"


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_the_rest_of_the_zone(served: tuple[Database, int], transport: str) -> None:
    _, port = served
    assert ask(port, "cnam.internal", "SOA", transport).answer == [("SOA", SOA)]
    assert ask(port, "cnam.internal", "NS", transport).answer == [("NS", "localhost.")]
    said = ask(port, "5.5.1.4.1.cnam.internal", "NAPTR", transport)
    assert (said.status, said.answer) == ("NOERROR", [])
    assert ask(port, "www.cnam.internal", "NAPTR", transport).status == "NXDOMAIN"
    assert ask(port, f"{enum_name(OWL)}.cnam.internal", "NAPTR", transport).status == "NXDOMAIN"
    assert ask(port, "example.com", "NAPTR", transport).status == "REFUSED"
    assert "Transfer failed" in ask(port, "cnam.internal", "AXFR").output


def test_a_program_that_reads_sql_sees_no_private_name(
    served: tuple[Database, int],
) -> None:
    database, _ = served
    with database.reading() as store:
        rows = store.connection.execute(
            text("SELECT number, name, private FROM cnam_names ORDER BY number")
        ).all()
    assert [tuple(row) for row in rows] == [(OWL, "OWL, BANK CO.", 0), (HIDDEN, None, 1)]


def test_the_role_of_powerdns_reads_nothing_else(postgres_server: str) -> None:
    with postgres.database(postgres_server) as url, closing(Database(url)) as database:
        migrate.upgrade(database)
        _reader(database)
        found = make_url(url)
        dsn = f"host={found.query['host']} dbname={found.database} user=pdns"
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT count(*) FROM cnam_names").fetchone() == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT name FROM cnam_registrations")


@KINDS
def test_a_recipe_names_one_apex_only(kind: str) -> None:
    """Who replaces it everywhere has another zone."""
    recipe = (powerdns.RECIPES / f"pdns-{kind}.conf").read_text()
    assert "internal" not in recipe.replace("cnam.internal", "")
