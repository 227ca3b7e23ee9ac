"""Filing a bundle and telling its customer what became of it.

``Status=pending-review`` is the only change of status a customer makes. Every change is kept as an
event and, where the bundle names a StatusCallback, told to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

from phonotary import sids
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.events import Job, StatusChanged
from phonotary.trusthub import (
    assignments,
    bundles,
    display,
    lifecycle,
    policies,
    supporting_documents,
)
from phonotary.trusthub.lifecycle import By, Facts
from phonotary.trusthub.records import Bundle, Party
from phonotary.trusthub.store import Store

VET = "vet"
LOOK = "look"
"""Vetting of a bundle with a logo: it is looked at before, and that takes its time."""
CALLBACK = "callback"

HOUR = 3600
# Twilio's stated times: business profile "up to 24 hours", SHAKEN/STIR 72 hours. For the approval
# of a CNAM product none is stated; it is taken as the profile's.
REVIEW_HOURS = {policies.SHAKEN_STIR: 72}
_DEFAULT_HOURS = 24


@dataclass(frozen=True, slots=True)
class Vetting:
    """How a submitted bundle is decided: ``instant``, ``delayed`` or ``manual``."""

    mode: str = "instant"

    def due(self, bundle: Bundle, now: Instant) -> Instant | None:
        """When automatic vetting looks at it; None when a person does."""
        if self.mode == "manual":
            return None
        if self.mode == "instant":
            return now
        return now + REVIEW_HOURS.get(bundle.policy_sid, _DEFAULT_HOURS) * HOUR

    def propagation(self, phone_number: str) -> int:
        """Seconds until an approved name is in the databases: 48 to 72 hours (CNAM guide), the
        same for one number every time. Only ``delayed`` waits: the other modes are for tests and
        for services, whose own answers hold from the approval on."""
        if self.mode != "delayed":
            return 0
        return 48 * HOUR + crc32(phone_number.encode()) % (24 * HOUR)


def set_status(
    store: Store,
    party: Party,
    now: Instant,
    kind: str,
    sid: str,
    status: str,
    vetting: Vetting,
    *,
    through_console: bool = False,
) -> Bundle:
    """What ``POST …/{sid} Status=…`` does: submit, or a refusal in Twilio's words."""
    bundle = bundles.own(store, party, kind, sid)
    if status not in lifecycle.STATUSES:
        raise Refused(Reason.STATUS_UNKNOWN, f"Status {status} is not one of a bundle's")
    policy = policies.find(bundle.policy_sid)
    if policy and policy.role == "primary" and not through_console:
        raise Refused(Reason.CONSOLE_ONLY, bundles.CONSOLE_ONLY)
    if policy and policy.role == "secondary" and not through_console:
        _require_isv(store, bundle)
    if status != lifecycle.PENDING:
        raise Refused(Reason.STATUS_NOT_YOURS, "User cannot perform this status update")
    return submit(store, now, bundle, vetting)


def _require_isv(store: Store, bundle: Bundle) -> None:
    """The rule of ``bundles.create``, asked again of the primary that is linked by now."""
    for primary in assignments.profiles_of(store, bundle.sid):
        if bundles.identity_of(store, primary) == "direct_customer":
            raise Refused(Reason.CONSOLE_ONLY, bundles.DIRECT_CUSTOMER)


def submit(store: Store, now: Instant, bundle: Bundle, vetting: Vetting) -> Bundle:
    """Into the queue. A rejected bundle loses its old codes: they spoke of the old contents."""
    target = lifecycle.step(bundle.status, "submit", By.CUSTOMER, Facts())
    after = replace(bundle, status=target, errors=(), date_updated=now)
    advance(store, bundle, after, By.CUSTOMER, now)
    supporting_documents.follow(store, bundle.sid, supporting_documents.PENDING, now)
    due = vetting.due(bundle, now)
    if due is not None:
        store.enqueue(vetting_job(store, bundle, due))
    return after


def vetting_job(store: Store, bundle: Bundle, due: Instant) -> Job:
    """Automatic vetting of a bundle that was submitted."""
    kind = LOOK if display.logo_url(store, bundle) else VET
    return Job(kind, f"{kind}:{bundle.sid}:{sids.mint('JB')}", bundle.sid, due)


def advance(
    store: Store,
    before: Bundle,
    after: Bundle,
    by: str,
    now: Instant,
    because: str = "",
    codes: tuple[int, ...] = (),
    filed: Mapping[str, Any] | None = None,
) -> None:
    """Save one move, remember it, tell the customer. Refused(LOST_RACE) if another was first.

    ``filed`` is kept with the move: what the bundle held when it was approved.
    """
    if not store.move(before, after):
        raise Refused(Reason.LOST_RACE, f"{before.sid} was changed by somebody else; read it again")
    event = StatusChanged(
        bundle_sid=after.sid,
        account_sid=after.account_sid,
        before=before.status,
        after=after.status,
        by=str(by),
        at=now,
        because=because,
        codes=codes,
    )
    store.record(event, filed)
    if after.status_callback:
        store.enqueue(callback(after.status_callback, event))


def callback(url: str, event: StatusChanged) -> Job:
    """The POST of one change: AccountSid, BundleSid, Status, FailureReason.

    These are the names live handlers read; the regulatory docs page spells AccountSID, BundleSID.
    """
    params = {
        "AccountSid": event.account_sid,
        "BundleSid": event.bundle_sid,
        "Status": event.after,
        "FailureReason": event.because,
    }
    body = json.dumps({"url": url, "account_sid": event.account_sid, "params": params})
    key = f"{CALLBACK}:{event.bundle_sid}:{sids.mint('CB')}"
    return Job(CALLBACK, key, event.bundle_sid, event.at, body)
