"""Jobs are claimed with a lease, by one worker at a time, and are never lost."""

from __future__ import annotations

import pytest

from phonotary.errors import Reason, Refused
from phonotary.events import Job
from phonotary.storage import jobs
from phonotary.storage.database import Database
from phonotary.storage.jobs import LEASE, Claimed
from phonotary.storage.store import SqlStore
from tests.rooms import office

NOW = 1_790_000_000


def job(key: str, due: int = NOW, kind: str = "vet") -> Job:
    return Job(kind, key, f"subject of {key}", due, '{"body": "ü"}')


def enqueue(database: Database, *several: Job) -> None:
    def add(store: object) -> None:
        for each in several:
            store.enqueue(each)  # type: ignore[attr-defined]

    database.write(add)


def claim(database: Database, now: int = NOW, wall: int = NOW, **asked: object) -> list[Claimed]:
    return database.write(lambda store: jobs.claim(store, now, wall, **asked))  # type: ignore[arg-type]


def keys(claimed: list[Claimed]) -> list[str]:
    return [each.job.key for each in claimed]


def test_a_claimed_job_is_the_job_that_was_enqueued(database: Database) -> None:
    enqueue(database, job("one"))
    (claimed,) = claim(database)
    assert claimed.job == Job("vet", "one", "subject of one", NOW, '{"body": "ü"}', attempts=0)


def test_a_key_is_enqueued_once(database: Database) -> None:
    enqueue(database, job("one"), job("one", NOW - 5))
    enqueue(database, job("one"))
    assert [each.job.due for each in claim(database)] == [NOW]


def test_a_key_that_was_done_is_not_done_again(database: Database) -> None:
    enqueue(database, job("one"))
    (claimed,) = claim(database)
    database.write(lambda store: jobs.done(store, claimed.seq))
    enqueue(database, job("one"))
    assert claim(database, wall=NOW + 10 * LEASE) == []


def test_only_what_was_added_is_told_to_the_edge(database: Database) -> None:
    enqueue(database, job("one"))
    with database.writing() as store:
        store.enqueue(job("one"))
        store.enqueue(job("two"))
        assert [each.key for each in store.enqueued] == ["two"]


def test_a_job_enqueued_by_a_failed_transaction_does_not_exist(database: Database) -> None:
    def fails(store: object) -> None:
        store.enqueue(job("one"))  # type: ignore[attr-defined]
        raise Refused(Reason.FROZEN, "no")

    with pytest.raises(Refused):
        database.write(fails)
    assert claim(database) == []


def test_the_oldest_due_come_first_and_what_is_not_due_waits(database: Database) -> None:
    enqueue(database, job("late", NOW), job("early", NOW - 9), job("later", NOW + 1))
    enqueue(database, job("late too", NOW))
    assert keys(claim(database)) == ["early", "late", "late too"]
    assert keys(claim(database, now=NOW + 1)) == ["later"]


def test_a_limit_and_a_kind_are_kept_to(database: Database) -> None:
    enqueue(database, *(job(f"{n}") for n in range(5)), job("call", kind="callback"))
    assert keys(claim(database, limit=2)) == ["0", "1"]
    assert keys(claim(database, kind="callback")) == ["call"]
    assert keys(claim(database, kind="vet")) == ["2", "3", "4"]


def test_subjects_that_are_busy_are_left_alone(database: Database) -> None:
    enqueue(database, *(job(f"{n}") for n in range(3)))
    assert keys(claim(database, not_of=("subject of 0", "subject of 2"))) == ["1"]
    assert keys(claim(database)) == ["0", "2"]


def test_a_customer_may_be_left_out_with_its_subaccounts(database: Database) -> None:
    def work(store: SqlStore) -> list[str]:
        parents = [office.opened(store) for _ in range(2)]
        made = []
        for account in (parents[0], office.opened(store, parents[0]), parents[1]):
            bundle = office.draft(store, office.party_of(account))
            store.enqueue(Job("vet", bundle.sid, bundle.sid, NOW))
            made.append(bundle.sid)
        assert jobs.customers(store, [*made, "BUnone"]) == dict(
            zip(made, (parents[0].sid, parents[0].sid, parents[1].sid), strict=True)
        )
        found = jobs.claim(store, NOW, NOW, not_for=[parents[0].sid])
        assert keys(found) == [made[2]]
        return made

    made = database.write(work)
    assert keys(claim(database)) == made[:2]


def test_what_is_given_back_is_anybodys(database: Database) -> None:
    enqueue(database, *(job(f"{n}") for n in range(3)))
    first, second, third = claim(database)
    database.write(lambda store: jobs.done(store, third.seq))
    database.write(lambda store: jobs.give_back(store, [second.seq, third.seq]))
    assert keys(claim(database)) == [second.job.key]
    assert first.job.key not in keys(claim(database))


def test_a_lease_hands_over_once_it_has_run_out(database: Database) -> None:
    enqueue(database, job("one"))
    assert len(claim(database)) == 1
    assert claim(database, wall=NOW + LEASE - 1) == []
    (second,) = claim(database, wall=NOW + LEASE)
    # The first was cut off: nobody knows how it would have ended.
    assert second.job.attempts == 0


def test_a_lease_that_is_held_begins_anew(database: Database) -> None:
    enqueue(database, *(job(f"{n}") for n in range(3)))
    first, second, third = claim(database)
    database.write(lambda store: jobs.done(store, first.seq))
    database.write(lambda store: jobs.hold(store, NOW + 45, [first.seq, second.seq]))
    assert keys(claim(database, wall=NOW + LEASE)) == [third.job.key]
    assert keys(claim(database, wall=NOW + 45 + LEASE)) == [second.job.key]


def test_a_lease_counts_real_time_whatever_the_sandboxs_clock_says(database: Database) -> None:
    enqueue(database, job("one"))
    assert len(claim(database)) == 1
    assert claim(database, now=NOW + 86_400) == []


def test_a_job_to_be_done_again_waits_until_it_is_due(database: Database) -> None:
    enqueue(database, job("one"))
    (first,) = claim(database)
    database.write(lambda store: jobs.again(store, first.seq, NOW + 10, "refused"))
    assert claim(database, now=NOW + 9) == []
    (second,) = claim(database, now=NOW + 10)
    assert (second.job.attempts, second.job.due) == (1, NOW + 10)


@pytest.mark.parametrize("end", ["done", "failed"])
def test_a_settled_job_is_never_claimed(database: Database, end: str) -> None:
    enqueue(database, job("one"))
    (claimed,) = claim(database)
    if end == "done":
        database.write(lambda store: jobs.done(store, claimed.seq))
    else:
        database.write(lambda store: jobs.failed(store, claimed.seq, "x" * 9000))
    assert claim(database, now=NOW + 10**6, wall=NOW + 10**6) == []
    assert database.read(jobs.next_due) is None


def test_a_worker_that_comes_too_late_changes_nothing(database: Database) -> None:
    enqueue(database, job("one"))
    (slow,) = claim(database)
    (quick,) = claim(database, wall=NOW + LEASE)
    database.write(lambda store: jobs.done(store, quick.seq))
    database.write(lambda store: jobs.failed(store, slow.seq, "timed out"))
    database.write(lambda store: jobs.again(store, slow.seq, NOW, "timed out"))
    states = database.read(lambda s: s.connection.execute(jobs.jobs.select()).mappings().all())
    assert [(row["state"], row["last_error"]) for row in states] == [("done", None)]


def test_a_sandbox_that_starts_takes_over_what_a_dead_one_held(database: Database) -> None:
    enqueue(database, job("one"), job("two"))
    one, _two = claim(database)
    database.write(lambda store: jobs.done(store, one.seq))
    database.write(jobs.release)
    assert keys(claim(database)) == ["two"]


def test_the_next_due_instant_is_that_of_the_first_waiting_job(database: Database) -> None:
    assert database.read(jobs.next_due) is None
    enqueue(database, job("late", NOW + 9), job("early", NOW + 4))
    assert database.read(jobs.next_due) == NOW + 4
    assert database.read(lambda store: jobs.next_due(store, after=NOW + 4)) == NOW + 9
