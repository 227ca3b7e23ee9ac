"""A service's database with as many numbers as wanted, each good for an A, written past HTTP."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from phonotary.access import accounts
from phonotary.config import sqlite_url
from phonotary.storage import migrate
from phonotary.storage.database import Database
from phonotary.trusthub.lifecycle import APPROVED
from phonotary.trusthub.policies import PRIMARY, SECONDARY, SHAKEN_STIR
from phonotary.trusthub.records import CUSTOMER_PROFILE, TRUST_PRODUCT

USER, PASSWORD = "AC" + "b" * 32, "c" * 32
NUMBERS_EACH = 1_000
"""Numbers of one customer: an ISV's customers share what is kept of them."""
FIRST = 12_000_000_000
MOST = 10_000_000
"""More would need another area code, and digits that do not sort as they are written."""
_PRIMARY = "BU" + "f" * 32
_MADE = 1_700_000_000
_ENDS = 2_500_000_000


def tn(number: int) -> int:
    """The digits of the n-th number."""
    return FIRST + number


def url(file: Path) -> str:
    return sqlite_url(file.parent).replace("phonotary.db", file.name)


def fill(file: Path, wanted: int) -> float:
    """A fresh database with one account and ``wanted`` numbers; how many seconds it took."""
    if not 1 <= wanted <= MOST:
        raise ValueError(f"a benchmark has 1 to {MOST:,} numbers")
    begun = time.perf_counter()
    database = Database(url(file))
    migrate.upgrade(database)
    database.write(
        lambda store: accounts.open_account(
            store, _MADE, "benchmark", sid=USER, auth_token=PASSWORD
        )
    )
    database.close()
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        # Nothing of it need survive a power cut, and SQLite makes its own rows faster than it
        # takes them from Python. SIDs and numbers rise, so every index grows at its end.
        for pragma in ("synchronous=OFF", "journal_mode=OFF", "cache_size=-262144"):
            connection.execute(f"PRAGMA {pragma}")
        values = {
            "user": USER,
            "primary": _PRIMARY,
            "made": _MADE,
            "ends": _ENDS,
            "first": FIRST,
            "each": NUMBERS_EACH,
            "wanted": wanted,
            "customers": -(-wanted // NUMBERS_EACH),
        }
        connection.execute("BEGIN")
        for statement in _STATEMENTS:
            connection.execute(statement, values)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL")
    return time.perf_counter() - begun


def _sid(prefix: str, number: str) -> str:
    return f"'{prefix}' || printf('%0{34 - len(prefix)}x', {number})"


def _counted(upto: str) -> str:
    """Rows ``n`` from 0; SQLite makes them one by one, so ten million need no room."""
    return (
        f"WITH RECURSIVE counted(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted "
        f"WHERE n + 1 < {upto})"
    )


def _statements() -> list[str]:
    customers, numbers = _counted(":customers"), _counted(":wanted")
    bundle = """INSERT INTO bundles (sid, account_sid, kind, policy_sid, friendly_name, status,
        email, valid_until, errors, date_created, date_updated)"""
    said = f"'Acme', '{APPROVED}', 'a@acme.example', :ends, '[]', :made, :made"
    entity = """INSERT INTO entity_assignments (sid, account_sid, bundle_sid, object_sid,
        object_type, date_created)"""
    endpoint = """INSERT INTO channel_endpoint_assignments (sid, account_sid, bundle_sid,
        channel_endpoint_sid, channel_endpoint_type, holder_sid, date_created)"""
    number = """INSERT INTO incoming_phone_numbers (sid, account_sid, phone_number, friendly_name,
        date_created, date_updated, kind, iso_country, voice_caller_id_lookup, settings)"""
    one, two, pn = _sid("BU1", "n"), _sid("BU2", "n"), _sid("PN", "n")
    found = [f"{bundle} SELECT :primary, :user, '{CUSTOMER_PROFILE}', '{PRIMARY}', {said}"]
    for sid, kind, policy in (
        (one, CUSTOMER_PROFILE, SECONDARY),
        (two, TRUST_PRODUCT, SHAKEN_STIR),
    ):
        found.append(
            f"{bundle} {customers} SELECT {sid}, :user, '{kind}', '{policy}', {said} FROM counted"
        )
    for mark, sid, into in (("1", one, ":primary"), ("2", two, one)):
        found.append(
            f"{entity} {customers} SELECT {_sid('BV' + mark, 'n')}, :user, {sid}, {into}, "
            "'customer_profile', :made FROM counted"
        )
    found.append(
        f"{number} {numbers} SELECT {pn}, :user, '+' || (:first + n), n, :made, :made, 'local', "
        "'US', 0, '{}' FROM counted"
    )
    for mark in "12":
        found.append(
            f"{endpoint} {numbers} SELECT {_sid('RA' + mark, 'n')}, :user, "
            f"{_sid('BU' + mark, '(n / :each)')}, {pn}, 'phone-number', :user, :made FROM counted"
        )
    return found


_STATEMENTS = _statements()
