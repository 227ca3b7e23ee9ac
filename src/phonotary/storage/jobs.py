"""Work that must happen later and must not be lost: claimed with a lease, done once.

A job is added in the transaction that caused it. A worker that dies leaves its lease to run out and
another takes the job, so work is done at least once; its effects carry a key that makes the second
time harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update

from phonotary.clock import Instant
from phonotary.events import Job
from phonotary.storage.schema import accounts, bundles, jobs
from phonotary.storage.store import SqlStore

LEASE = 60
"""Seconds of real time a worker has before its job is another's."""
_OWNED = bundles.c.account_sid == accounts.c.sid


@dataclass(frozen=True, slots=True)
class Claimed:
    seq: int
    job: Job


def claim(
    store: SqlStore,
    now: Instant,
    wall: Instant,
    limit: int = 32,
    kind: str | None = None,
    *,
    not_of: Sequence[str] = (),
    not_for: Sequence[str] = (),
) -> list[Claimed]:
    """Take up to ``limit`` due jobs, oldest first, by the hub's ``now`` and the real ``wall``;
    none of the subjects ``not_of``, and of no bundle of the customers ``not_for``."""
    ready = (
        select(jobs.c.seq)
        .where(jobs.c.state == "waiting", jobs.c.due <= now, jobs.c.leased_until <= wall)
        .order_by(jobs.c.due, jobs.c.seq)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if kind is not None:
        ready = ready.where(jobs.c.kind == kind)
    if not_of:
        ready = ready.where(jobs.c.subject.not_in(not_of))
    if not_for:
        theirs = select(bundles.c.sid).join(accounts, _OWNED)
        theirs = theirs.where(accounts.c.owner_account_sid.in_(not_for))
        ready = ready.where(jobs.c.subject.not_in(theirs))
    taken = [row[0] for row in store.connection.execute(ready)]
    if not taken:
        return []
    found = store.connection.execute(
        update(jobs)
        .where(jobs.c.seq.in_(taken))
        .values(leased_until=wall + LEASE)
        .returning(
            jobs.c.seq,
            jobs.c.kind,
            jobs.c.key,
            jobs.c.subject,
            jobs.c.due,
            jobs.c.body,
            jobs.c.attempts,
        )
    )
    return sorted(
        (Claimed(row[0], Job(*row[1:])) for row in found), key=lambda c: (c.job.due, c.seq)
    )


def customers(store: SqlStore, subjects: Sequence[str]) -> dict[str, str]:
    """Whose each bundle among the subjects is: the account, or the owner of the subaccount."""
    wanted = select(bundles.c.sid, accounts.c.owner_account_sid).join(accounts, _OWNED)
    found = store.connection.execute(wanted.where(bundles.c.sid.in_(subjects)))
    return {sid: owner for sid, owner in found}


def give_back(store: SqlStore, seqs: Sequence[int]) -> None:
    """End the leases of claimed jobs that nobody has begun."""
    _hold_until(store, 0, seqs)


def hold(store: SqlStore, wall: Instant, seqs: Sequence[int]) -> None:
    """Begin the leases of claimed jobs anew, for a worker that has not come to them yet."""
    _hold_until(store, wall + LEASE, seqs)


def _hold_until(store: SqlStore, end: Instant, seqs: Sequence[int]) -> None:
    held = jobs.c.seq.in_(seqs) & (jobs.c.state == "waiting")
    store.connection.execute(update(jobs).where(held).values(leased_until=end))


def done(store: SqlStore, seq: int) -> None:
    _settle(store, seq, state="done")


def failed(store: SqlStore, seq: int, error: str) -> None:
    """Given up for good; kept, so that somebody can see it."""
    _settle(store, seq, state="failed", last_error=error[:500])


def again(store: SqlStore, seq: int, due: Instant, error: str) -> None:
    """Try once more at ``due``. This attempt counts now that it has ended: one that its worker's
    end cut off was none."""
    counted = jobs.c.attempts + 1
    _settle(store, seq, due=due, leased_until=0, last_error=error[:500], attempts=counted)


def _settle(store: SqlStore, seq: int, **values: Any) -> None:
    """A worker whose lease ran out may come late: what another has settled stays settled."""
    waiting = jobs.c.state == "waiting"
    store.connection.execute(update(jobs).where(jobs.c.seq == seq, waiting).values(**values))


def release(store: SqlStore) -> None:
    """End every lease: for a sandbox that starts, where all workers before it are dead."""
    leased = (jobs.c.state == "waiting") & (jobs.c.leased_until > 0)
    store.connection.execute(update(jobs).where(leased).values(leased_until=0))


def next_due(store: SqlStore, after: Instant = -1) -> Instant | None:
    """When the next waiting job later than ``after`` is due; None when none waits."""
    waiting = (jobs.c.state == "waiting") & (jobs.c.due > after)
    statement = select(func.min(jobs.c.due)).where(waiting)
    due: Instant | None = store.connection.execute(statement).scalar()
    return due
