"""What a test may command of a running sandbox: outcomes, faults, the log, and the whole state."""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any

from phonotary import sids
from phonotary.bootstrap import seed
from phonotary.bootstrap.rules import OutcomeRules
from phonotary.errors import Reason, Refused
from phonotary.storage import account_state, jobs, snapshot
from phonotary.storage.cnam import CnamStore
from phonotary.storage.store import SqlStore
from phonotary.web.sandbox.faults import Faults
from phonotary.web.sandbox.log import RequestLog

if TYPE_CHECKING:
    from phonotary.bootstrap.hub import Hub

PRISTINE = "pristine"
CLOCK = "clock_advanced"
DAY = 86_400
STEP = 3_660 * DAY
"""How far the clock moves at once: ten years."""
REACH = 10 * STEP
"""How far it moves in all: what is later than the year 9999 has no date any more."""


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
        def work(store: SqlStore) -> None:
            snapshot.load(store, state)
            CnamStore(store).forget()
            # What cannot be read back is refused while all of it can still be undone.
            advanced_in(store)
            self.outcomes.read(store)

        async with self._hub.moving:
            await self._hub.worker.break_off()
            try:
                await self._hub.write(work)
            except Refused:
                # Nothing was changed, so what was broken off is begun again.
                await self._hub.write(jobs.release)
                self._hub.worker.wake()
                raise
            await self._hub.read(self._follow_clock)

    async def reset(self) -> None:
        """Back to a fresh sandbox. Fast, because what it was is kept and nothing is made anew."""
        async with self._hub.moving:
            # A seed makes the same identifiers again: an answer about what was must not decide
            # what will be.
            await self._hub.worker.break_off()
            await self._hub.write(self._put_back)
            self.faults.rules.clear()
            await self._hub.read(self._follow_clock)
            self.log.clear()

    async def reset_account(self, sid: Any) -> None:
        """One account back to how it was opened. Nobody else notices, so the clock stays."""

        def work(store: SqlStore) -> set[str]:
            if not isinstance(sid, str) or store.account(sid) is None:
                raise Refused(Reason.INVALID_PARAMETER, "There is no such account")
            asked = account_state.load(store, sid, _pristine_of(store, sid))
            rules = self.outcomes.read(store)
            kept = [rule for rule in rules if rule.match.get("account_sid") not in asked]
            self.outcomes.keep(store, kept)
            return asked

        asked = await self._hub.write(work)
        self._hub.gate.forget()
        self.log.forget(asked)
        self.faults.rules[:] = [rule for rule in self.faults.rules if rule.account not in asked]

    def _put_back(self, store: SqlStore) -> None:
        self._restart_dice(self._hub.settings.seed)
        kept = store.setting(PRISTINE)
        if kept is not None:
            snapshot.load(store, json.loads(kept))
            # Registrations follow the records; those of the records that were are nobody's.
            CnamStore(store).forget()
        # The pristine state may be of another account: credentials can change between starts.
        seed.first_account(store, self._hub.settings, self._hub.clock.wall())

    def _follow_clock(self, store: SqlStore) -> None:
        self._hub.clock.advanced = advanced_in(store)
        self._hub.gate.forget()
        self._hub.voice.look()

    async def open_account(self, friendly_name: str, empty: bool) -> dict[str, Any]:
        """One more account, isolated from all others."""

        def work(store: SqlStore) -> dict[str, Any]:
            made = seed.another_account(
                store, self._hub.settings, self._hub.now(), friendly_name, empty
            )
            rows = account_state.dump(store, made.account.sid)
            store.put_setting(f"{PRISTINE}:{made.account.sid}", json.dumps(rows, default=list))
            return described(made)

        answer: dict[str, Any] = await self._hub.write(work)
        return answer


def _pristine_of(store: SqlStore, sid: str) -> account_state.Rows:
    """What the account had when it was opened, or when the sandbox began."""
    opened = store.setting(f"{PRISTINE}:{sid}")
    if opened is not None:
        rows: account_state.Rows = json.loads(opened)
        return rows
    return account_state.of(json.loads(store.setting(PRISTINE) or "null"), sid)


def advanced_in(store: SqlStore) -> int:
    """How far the kept state's clock has moved; Refused where it does not say a number."""
    text = store.setting(CLOCK) or "0"
    if not re.fullmatch("[0-9]{1,12}", text) or int(text) > REACH:
        raise Refused(Reason.INVALID_PARAMETER, f"{CLOCK} is not how far a clock can move")
    return int(text)


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
