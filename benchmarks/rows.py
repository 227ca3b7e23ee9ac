"""A data directory with as many customer profiles as wanted, written past HTTP."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import func, insert, select

from benchmarks.servers import USER
from phonotary import config, sids
from phonotary.storage.database import Database
from phonotary.storage.schema import bundles
from phonotary.trusthub.policies import SECONDARY
from phonotary.trusthub.records import CUSTOMER_PROFILE

_AT_ONCE = 50_000
_STATUSES = ("draft", "twilio-approved")


def fill(directory: Path, wanted: int) -> float:
    """Add profiles to the benchmark's account until it has ``wanted``; how many seconds it took.

    The directory is one that ``up`` has been run on. Every other profile is a draft.
    """
    start = time.perf_counter()
    database = Database(config.sqlite_url(directory))
    mine = select(func.count()).where(
        bundles.c.account_sid == USER, bundles.c.kind == CUSTOMER_PROFILE
    )
    with database.reading() as store:
        present: int = store.connection.execute(mine).scalar_one()
    for first in range(present, wanted, _AT_ONCE):
        some = [_row(number) for number in range(first, min(first + _AT_ONCE, wanted))]
        with database.writing() as store:
            store.connection.execute(insert(bundles), some)
    database.close()
    return time.perf_counter() - start


def _row(number: int) -> dict[str, object]:
    # Rows a second apart, so that no date is like the next one's.
    at = 1_700_000_000 + number
    return {
        "sid": sids.mint("BU"),
        "account_sid": USER,
        "kind": CUSTOMER_PROFILE,
        "policy_sid": SECONDARY,
        "friendly_name": f"Acme Plumbing {number} LLC",
        "status": _STATUSES[number % 2],
        "email": f"legal{number}@acme{number}.example",
        "status_callback": None,
        "valid_until": None,
        "errors": (),
        "copy_of": None,
        "date_created": at,
        "date_updated": at,
    }
