"""What a test may command of a running sandbox: outcomes, faults, the log, and the whole state."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from phonotary import sids
from phonotary.bootstrap import seed
from phonotary.bootstrap.rules import OutcomeRules
from phonotary.storage import snapshot
from phonotary.storage.store import SqlStore
from phonotary.web.sandbox.faults import Faults
from phonotary.web.sandbox.log import RequestLog

if TYPE_CHECKING:
    from phonotary.bootstrap.hub import Hub

PRISTINE = "pristine"


class Controls:
    """Joined to its hub once; ``web.sandbox.control`` puts doors on it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.log = RequestLog()
        self.faults = Faults()
        self.outcomes = OutcomeRules()
        hub.worker.outcome_for = self.outcomes.for_bundle
        self._restart_dice(hub.seed)

    def _restart_dice(self, number: int | None) -> None:
        self.faults.dice = random.Random(number)
        if number is not None:
            # Not the sequence the first account was made from: its identifiers are taken.
            sids.seed(number + (1 << 128))

    async def dump(self) -> Any:
        return await self._hub.read(snapshot.dump)

    async def load(self, state: Any) -> None:
        await self._hub.write(lambda store: snapshot.load(store, state))
        await self._hub.read(self._follow_clock)

    async def reset(self) -> None:
        """Back to a fresh sandbox. Fast, because what it was is kept and nothing is made anew."""
        self.faults.rules.clear()
        self._restart_dice(self._hub.settings.seed)
        await self._hub.write(self._put_back)
        await self._hub.read(self._follow_clock)
        self.log.clear()

    def _put_back(self, store: SqlStore) -> None:
        kept = store.setting(PRISTINE)
        if kept is not None:
            snapshot.load(store, json.loads(kept))
        # The pristine state may be of another account: credentials can change between starts.
        seed.first_account(store, self._hub.settings, self._hub.clock.wall())

    def _follow_clock(self, store: SqlStore) -> None:
        self._hub.clock.advanced = int(store.setting("clock_advanced") or 0)
        self._hub.gate.forget()

    async def open_account(self, friendly_name: str, empty: bool) -> dict[str, Any]:
        """One more account, isolated from all others."""

        def work(store: SqlStore) -> dict[str, Any]:
            made = seed.another_account(
                store, self._hub.settings, self._hub.now(), friendly_name, empty
            )
            return described(made)

        answer: dict[str, Any] = await self._hub.write(work)
        return answer


def described(made: seed.Seeded) -> dict[str, Any]:
    """An account's credentials and furniture, as the ready file and ``/_sandbox`` tell them."""
    return {
        "account_sid": made.account.sid,
        "auth_token": made.account.auth_token,
        "primary_profile_sid": made.primary_profile_sid,
        "numbers": [{"sid": n.sid, "phone_number": n.phone_number} for n in made.numbers],
    }


def keep_pristine(store: SqlStore) -> None:
    """Remember how a fresh sandbox looks, once, before anybody has used it."""
    if store.setting(PRISTINE) is None:
        store.put_setting(PRISTINE, json.dumps(snapshot.dump(store), default=list))
