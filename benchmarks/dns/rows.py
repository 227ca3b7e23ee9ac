"""A service's database in which every number has an approved name, written past HTTP."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from phonotary.access import accounts
from phonotary.config import sqlite_url
from phonotary.storage import migrate
from phonotary.storage.cnam_feed import Following
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.trusthub.lifecycle import APPROVED
from phonotary.trusthub.policies import CNAM, PRIMARY
from phonotary.trusthub.records import CUSTOMER_PROFILE, TRUST_PRODUCT

NUMBERS_EACH = 100
"""Numbers of one customer, which have one name."""
MOST = 16_000_000
"""All numbers of two area codes."""
_IN_AREA, _FIRST, _GAP = 8_000_000, 12_122_000_000, 2_000_000
SHAPE = _FIRST, _IN_AREA, _GAP, NUMBERS_EACH
"""The same for ``load.lua``, which draws numbers and knows their names by it."""
_ACCOUNT, _PROFILE = "AC" + "b" * 32, "BU" + "f" * 32
_MADE, _ENDS = 1_700_000_000, 2_500_000_000


def tn(n: int) -> int:
    """The digits of the n-th number."""
    return _FIRST + n + n // _IN_AREA * _GAP


def name(n: int) -> str:
    return f"OWL {n // NUMBERS_EACH}, CO"


def among(numbers: int, wanted: int) -> range:
    """So many of them, evenly."""
    step = max(1, numbers // wanted)
    return range(0, min(wanted, numbers) * step, step)


def enum_name(n: int) -> str:
    return ".".join(reversed(str(tn(n)))) + ".cnam.internal"


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
            store, _MADE, "benchmark", sid=_ACCOUNT, auth_token="c" * 32
        )
    )
    database.write(_followed)
    database.close()
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        # Nothing of it need survive a power cut. SIDs and numbers rise, so most indexes grow at
        # their end.
        for pragma in ("synchronous=OFF", "journal_mode=OFF", "cache_size=-262144"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        values = {"wanted": wanted, "customers": -(-wanted // NUMBERS_EACH)}
        for statement in _statements():
            named = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(statement, named)
        connection.execute("COMMIT")
        connection.execute("ANALYZE")
        connection.execute("PRAGMA journal_mode=WAL")
    return time.perf_counter() - begun


def _followed(store: SqlStore) -> None:
    """As in a service that has been running for long: no name has to be registered any more."""
    place = Following().load(store)
    place.pending.clear()
    Following.save(store, place)


def _sid(prefix: str, number: str) -> str:
    return f"'{prefix}' || printf('%0{34 - len(prefix)}x', {number})"


def _into(table: str, upto: str, row: dict[str, str]) -> str:
    """Rows with ``n`` from 0 on; SQLite makes them one by one."""
    counted = (
        "WITH RECURSIVE counted(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted "
        f"WHERE n + 1 < {upto})"
    )
    columns, values = ", ".join(row), ", ".join(row.values())
    return f"INSERT INTO {table} ({columns}) {counted} SELECT {values} FROM counted"


def _statements() -> list[str]:
    account = {"account_sid": f"'{_ACCOUNT}'"}
    dated = {"date_created": f"{_MADE}", "date_updated": f"{_MADE}"}
    called = {"friendly_name": "'Owl'"}
    product, user, number = _sid("BU2", "n"), _sid("IT", "n"), _sid("PN", "n")
    of_number = _sid("BU2", f"(n / {NUMBERS_EACH})")
    e164 = f"({_FIRST} + n + n / {_IN_AREA} * {_GAP})"
    reverse = " || '.' || ".join(f"substr({e164}, {place}, 1)" for place in range(11, 0, -1))
    bundle = account | called | dated | {"status": f"'{APPROVED}'", "email": "'a@owl.example'"}
    bundle |= {"valid_until": f"{_ENDS}", "errors": "'[]'"}
    profile = {
        "sid": f"'{_PROFILE}'",
        "kind": f"'{CUSTOMER_PROFILE}'",
        "policy_sid": f"'{PRIMARY}'",
    }
    one = {"sid": product, "kind": f"'{TRUST_PRODUCT}'", "policy_sid": f"'{CNAM}'"}
    entity = account | {"date_created": f"{_MADE}", "bundle_sid": product}
    name = f"'OWL ' || (n / {NUMBERS_EACH}) || ', CO'"
    attributes = "'{\"cnam_display_name\": \"OWL ' || n || ', CO\"}'"
    endpoint = account | {"date_created": f"{_MADE}", "channel_endpoint_sid": number}
    endpoint |= {"channel_endpoint_type": "'phone-number'", "holder_sid": f"'{_ACCOUNT}'"}
    kept = {"phone_number": f"'+' || {e164}", "kind": "'local'", "iso_country": "'US'"}
    kept |= {"voice_caller_id_lookup": "0", "settings": "'{}'", "sid": number}
    registered = account | {"sid": _sid("CR", "n"), "phone_number": f"'+' || {e164}"}
    registered |= {"enum_name": reverse, "version": "1", "number_sid": number, "name": name}
    registered |= {"product_sid": of_number, "profile_sid": f"'{_PROFILE}'", "private": "0"}
    registered |= {"state": "'registered'", "since": f"{_MADE}", "began": f"{_MADE}", "shown": "1"}
    cnam = {"type": "'cnam_information'", "attributes": attributes, "sid": user}
    linked = {"sid": _sid("BV1", "n"), "object_sid": f"'{_PROFILE}'"}
    said = {"sid": _sid("BV2", "n"), "object_sid": user, "object_type": "'end_user'"}
    return [
        _into("bundles", "1", bundle | profile),
        _into("bundles", ":customers", bundle | one),
        _into("end_users", ":customers", account | called | dated | cnam),
        _into("entity_assignments", ":customers", entity | linked | {"object_type": "'profile'"}),
        _into("entity_assignments", ":customers", entity | said),
        _into("incoming_phone_numbers", ":wanted", account | called | dated | kept),
        *(
            _into(
                "channel_endpoint_assignments",
                ":wanted",
                endpoint | {"sid": _sid(f"RA{mark}", "n"), "bundle_sid": bundle_sid},
            )
            for mark, bundle_sid in (("1", f"'{_PROFILE}'"), ("2", of_number))
        ),
        _into("cnam_registrations", ":wanted", registered),
    ]
