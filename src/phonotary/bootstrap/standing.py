"""What the Trust Hub knows of a number, in the words the signing room asks in.

``shaken`` and ``trusthub`` never import each other; this is where they meet.
"""

from __future__ import annotations

from collections.abc import Callable

from phonotary.clock import Instant
from phonotary.shaken.ports import Standing
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.trusthub import standing as kyc
from phonotary.trusthub.records import Party


def standing_in(store: SqlStore, tn: str, account_sid: str, now: Instant) -> Standing:
    """The standing of one number for one calling account, read within a transaction."""
    account = store.account(account_sid)
    caller = Party(account_sid, account.owner_account_sid if account else account_sid)
    facts = kyc.of_number(store, tn, caller, now)
    return Standing(
        tn=tn,
        account_sid=facts.number.account_sid if facts.number else None,
        account_known=account is not None and account.status == "active",
        number_ours=facts.known,
        number_right_valid=facts.right_valid,
        profile_sid=facts.profile.sid if facts.profile else None,
        profile_vouching=facts.profile_vouching,
        product_sid=facts.product.sid if facts.product else None,
        product_vouching=facts.product_vouching,
        product_linked=facts.product_linked,
        number_on_profile=facts.number_on_profile,
        number_on_product=facts.number_on_product,
        account_vouched=facts.account_vouched,
        business_name=kyc.business_name(store, facts.profile) if facts.profile else None,
    )


class Standings:
    """Implements ``shaken.ports.StandingOf``: one short read for each call that is signed."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def __call__(self, tn: str, account_sid: str) -> Standing:
        with self._database.reading() as store:
            return standing_in(store, tn, account_sid, self._now())
