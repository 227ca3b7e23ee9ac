"""The level and the name of one number, and what each of them rests on, as lines of text."""

from __future__ import annotations

from phonotary.bootstrap.controls import advanced_in
from phonotary.bootstrap.standing import standing_in
from phonotary.clock import Clock, Instant
from phonotary.errors import Reason, Refused
from phonotary.shaken.attestation import Level, decide
from phonotary.shaken.ports import Standing
from phonotary.storage import migrate
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.tn import parse
from phonotary.trusthub import standing as kyc
from phonotary.trusthub.filing import Vetting


def lines(database_url: str, number: str, account_sid: str | None) -> list[str]:
    """Read the hub's database as it is now. Refused when the number or the account is none."""
    tn = parse(number)
    if tn is None:
        raise Refused(Reason.NUMBER_INVALID, f"{number} is not a telephone number")
    database = Database(database_url)
    try:
        if migrate.current(database) != migrate.HEAD:
            raise Refused(Reason.NOT_FOUND, "That database holds no hub of this version")
        return database.read(lambda store: _lines(store, tn.e164, account_sid))
    finally:
        database.close()


def _lines(store: SqlStore, number: str, account_sid: str | None) -> list[str]:
    now = Clock(advanced_in(store)).now()
    held = store.numbers.first(phone_number=number)
    caller = account_sid or (held.account_sid if held else store.setting("first_account") or "")
    standing = standing_in(store, number, caller, now)
    decision = decide(standing, caller_authenticated=True, requested=Level.A)
    return [
        f"{number}, calling account {caller}",
        f"attestation {decision.level}: {decision.reason}",
        f"  {decision.explanation}",
        *_evidence(store, standing),
        *_name(store, number, now),
    ]


def _evidence(store: SqlStore, standing: Standing) -> list[str]:
    found = []
    for what, sid in (("profile", standing.profile_sid), ("product", standing.product_sid)):
        bundle = store.bundles.get(sid) if sid else None
        if bundle is None:
            found.append(f"  {what}: none")
            continue
        codes = f", codes {', '.join(map(str, bundle.errors))}" if bundle.errors else ""
        found.append(f"  {what}: {bundle.sid} {bundle.status}{codes}")
    return found


def _name(store: SqlStore, number: str, now: Instant) -> list[str]:
    delay = Vetting(store.setting("vetting") or "instant").propagation(number)
    name = kyc.display_name(store, number, now, delay)
    if name is None and (coming := kyc.display_name(store, number, now)):
        return [
            f"name none yet: {coming!r} is approved and on its way, 48 to 72 hours (CNAM guide)"
        ]
    if name:
        return [f"name {name!r}: an approved CNAM product vouches for it"]
    return ["name none: no approved CNAM product has this number; carriers show city and state"]
