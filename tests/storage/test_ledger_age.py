"""Since when the oldest row waits is known within one transaction, also in a queue that grows."""

from __future__ import annotations

from math import inf

from phonotary.storage.ledger_age import Oldest


def test_a_queue_that_is_emptied_each_time_has_waited_since_the_first_came() -> None:
    oldest = Oldest()
    assert oldest.since == inf
    oldest.came(1.0)
    oldest.came(1.5)
    oldest.mark(2.0, 2)
    oldest.took(2)
    assert oldest.since == 1.0
    oldest.wrote(0)
    assert oldest.since == inf


def test_in_a_queue_that_is_written_more_slowly_than_it_fills_rows_wait_ever_longer() -> None:
    """100 come each second and 50 are written: the 50 n-th came at n / 2."""
    oldest = Oldest()
    oldest.came(0.0)
    for second in range(1, 41):
        waiting = 100 * second - 50 * (second - 1)
        oldest.mark(float(second), waiting)
        oldest.took(50)
        oldest.wrote(waiting - 50)
        came = 50 * second / 100
        assert came - 1 <= oldest.since <= came


def test_a_database_that_is_away_for_long_costs_no_memory() -> None:
    oldest = Oldest()
    for now in range(1000):
        oldest.mark(float(now), 7)
    assert oldest.since == 0.0
    assert len(oldest._marks) == 1
    oldest.took(7)
    oldest.wrote(3)
    assert oldest.since == 0.0


def test_what_came_while_nobody_looked_waits_since_it_is_seen() -> None:
    oldest = Oldest()
    oldest.mark(5.0, 1)
    assert oldest.since == 5.0
