"""Suspend, reject, unassign, release or expire, and the next call anywhere is lower in two seconds.

Two processes on one database, as two nodes of a provider are; and a node that hears of nothing
any more, which then gives no A.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from phonotary.storage import migrate
from phonotary.storage.database import Database
from tests.simulators import postgres
from tests.storage import feeding
from tests.storage.feeding import ENDINGS, Act, Family

SOON = 2.0
A = "A number-verified"


class Node:
    """The other process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def call(self, family: Family) -> str:
        """The level a call of the customer from its number gets now, and why."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{family.tn} {family.parent.sid}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def wait(self, family: Family, true: Callable[[str], bool], patience: float = SOON) -> None:
        """Call until a call gets such an answer; a failure if that takes too long."""
        deadline = time.monotonic() + patience
        while not true(answer := self.call(family)):
            assert time.monotonic() < deadline, f"still {answer!r} after {patience} s"
            time.sleep(0.02)


@contextmanager
def signing(url: str) -> Iterator[Node]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.journeys.signing_node", url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    with process:
        try:
            yield Node(process)
        finally:
            process.terminate()


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    migrate.upgrade(database)
    try:
        yield database
    finally:
        database.close()


def a_family(database: Database) -> Family:
    """The state is emptied first, so that one database serves many endings."""

    def make(store: feeding.SqlStore) -> Family:
        feeding.snapshot.clear(store)
        store.changes.everything()
        return feeding.vouched(store)

    return database.write(make)


def test_whatever_ends_an_a_ends_it_in_the_other_process_within_two_seconds(empty_url: str) -> None:
    with opened(empty_url) as database, signing(empty_url) as node:
        for act in ENDINGS.values():
            family = a_family(database)
            node.wait(family, A.__eq__)
            _do(database, act, family)
            node.wait(family, lambda answer: not answer.startswith("A "))


def test_what_begins_again_is_known_in_the_other_process_as_soon(empty_url: str) -> None:
    with opened(empty_url) as database:
        family = a_family(database)
        with signing(empty_url) as node:
            _do(database, ENDINGS["unassigned from the product"], family)
            node.wait(family, "B number-not-on-product".__eq__)
            _do(database, _assign_again, family)
            node.wait(family, A.__eq__)


def _assign_again(store: feeding.SqlStore, family: Family) -> None:
    number = store.numbers.get(family.number)
    product = feeding.bundle_of(store, family.product)
    assert number is not None
    feeding.office.on(store, family.parent, product, number)


def _do(database: Database, act: Act, family: Family) -> None:
    database.write(lambda store: act(store, family))


@contextmanager
def cut_off(server: str, url: str) -> Iterator[None]:
    """The node's listener is thrown out, and nobody new is let in to this database."""
    name = make_url(url).database
    with psycopg.connect(postgres._dsn(server), autocommit=True) as superuser:
        superuser.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND application_name = 'phonotary feed'",
            (name,),
        )
        try:
            yield
        finally:
            superuser.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")


def test_a_node_that_lost_its_feed_stops_giving_a_and_missed_nothing_when_it_is_back(
    postgres_server: str,
) -> None:
    with postgres.database(postgres_server) as url, opened(url) as database:
        family = a_family(database)
        with signing(url) as node:
            assert node.call(family) == A
            with cut_off(postgres_server, url):
                _do(database, ENDINGS["the product is suspended"], family)
                # Before it notices, it may still say A; two seconds after the suspension no more.
                node.wait(family, "B standing-not-fresh".__eq__)
            node.wait(family, "B product-not-vouching".__eq__)


def test_a_feed_that_is_back_gives_back_the_a(postgres_server: str) -> None:
    with postgres.database(postgres_server) as url, opened(url) as database:
        family = a_family(database)
        with signing(url) as node:
            assert node.call(family) == A
            with cut_off(postgres_server, url):
                node.wait(family, "B standing-not-fresh".__eq__)
            node.wait(family, A.__eq__)


def test_a_node_whose_database_hangs_gives_no_a_and_answers_all_the_same(
    postgres_server: str,
) -> None:
    with postgres.database(postgres_server) as url, opened(url) as database, signing(url) as node:
        family = a_family(database)
        node.wait(family, A.__eq__)
        with hanging(postgres_server, url):
            node.wait(family, "B standing-not-fresh".__eq__)
        node.wait(family, A.__eq__)


@contextmanager
def hanging(server: str, url: str) -> Iterator[None]:
    """Whoever is connected gets no answer, and is not told that there will be none."""
    with psycopg.connect(postgres._dsn(server), autocommit=True) as superuser:
        found = superuser.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = %s", (make_url(url).database,)
        )
        pids = [pid for (pid,) in found]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
