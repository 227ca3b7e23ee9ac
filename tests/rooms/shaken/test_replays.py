"""The memory of used PASSporTs: how long, how much, and what counts as the same."""

from __future__ import annotations

import pytest

from phonotary.shaken.replays import Replays, Use

NOW = 1_790_000_000


def signature(number: int) -> bytes:
    return number.to_bytes(32) + bytes(32)


def test_a_signature_is_used_once() -> None:
    replays = Replays()
    assert replays.use(signature(1), NOW) is Use.FIRST
    assert replays.use(signature(1), NOW) is Use.REPLAY
    assert replays.use(signature(2), NOW) is Use.FIRST


def test_the_second_form_of_a_signature_is_the_same_use() -> None:
    replays = Replays()
    assert replays.use(signature(1), NOW) is Use.FIRST
    assert replays.use(signature(1)[:32] + bytes([7] * 32), NOW) is Use.REPLAY


def test_an_entry_lives_as_long_as_a_copy_could_be_fresh() -> None:
    replays = Replays(freshness=60)
    # Its iat may be a minute ahead of now, and is fresh until a minute after that.
    replays.use(signature(1), NOW)
    assert replays.use(signature(1), NOW + 120) is Use.REPLAY
    assert replays.use(signature(1), NOW + 121) is Use.FIRST


def test_entries_leave_when_their_time_is_over() -> None:
    replays = Replays(freshness=60)
    for number in range(100):
        replays.use(signature(number), NOW + number)
    assert len(replays) == 100
    replays.use(signature(1000), NOW + 121 + 49)
    assert len(replays) == 51
    assert replays.dropped == 0


def test_when_full_the_oldest_goes_and_is_counted() -> None:
    replays = Replays(capacity=10)
    for number in range(13):
        replays.use(signature(number), NOW)
    assert (len(replays), replays.dropped) == (10, 3)
    assert replays.use(signature(3), NOW) is Use.REPLAY
    assert replays.use(signature(0), NOW) is Use.FIRST


def test_that_the_memory_is_too_small_is_told_once() -> None:
    told: list[int] = []
    replays = Replays(freshness=60, capacity=10, full=lambda: told.append(1))
    for number in range(10):
        replays.use(signature(number), NOW)
        replays.divert(signature(number), signature(99), NOW, 1)
    # What leaves when its time is over makes room, and is no loss.
    replays.use(signature(10), NOW + 121)
    assert told == []
    for number in range(20, 40):
        replays.use(signature(number), NOW + 122)
        replays.divert(signature(number), signature(99), NOW + 122, 1)
    assert told == [1]
    assert replays.dropped == 21


def test_the_same_call_may_come_twice() -> None:
    replays = Replays()
    assert replays.use(signature(1), NOW, "a@b") is Use.FIRST
    assert replays.use(signature(1), NOW, "a@b") is Use.SAME
    assert replays.use(signature(1), NOW, "c@d") is Use.REPLAY
    assert replays.use(signature(1), NOW) is Use.REPLAY


def test_a_clock_that_steps_back_does_not_let_a_replay_through() -> None:
    replays = Replays()
    replays.use(signature(1), NOW)
    assert replays.use(signature(1), NOW - 30) is Use.REPLAY


def test_what_was_taken_back_is_as_if_it_had_not_been() -> None:
    replays = Replays()
    replays.use(signature(1), NOW)
    replays.forget((signature(1), None))
    assert replays.use(signature(1), NOW) is Use.FIRST
    replays.forget((signature(2), None))
    assert len(replays) == 1


def test_a_call_is_diverted_so_many_times_and_by_each_diversion_as_often_as_it_comes() -> None:
    replays = Replays()
    assert [replays.divert(signature(1), signature(n), NOW, 3) for n in (2, 3, 4, 5, 3)] == [
        *[Use.FIRST] * 3,
        Use.REPLAY,
        Use.SAME,
    ]
    # The first leg is no diversion, and another call has its own.
    assert replays.use(signature(1), NOW) is Use.FIRST
    assert replays.divert(signature(9), signature(5), NOW, 3) is Use.FIRST


def test_a_diversion_that_was_taken_back_makes_room_for_another() -> None:
    replays = Replays()
    for number in (2, 3):
        replays.divert(signature(1), signature(number), NOW, 2)
    replays.forget((signature(1), signature(2)))
    assert replays.divert(signature(1), signature(3), NOW, 2) is Use.SAME
    assert replays.divert(signature(1), signature(4), NOW, 2) is Use.FIRST
    assert replays.divert(signature(1), signature(5), NOW, 2) is Use.REPLAY
    for number in (3, 4):
        replays.forget((signature(1), signature(number)))
    replays.forget((signature(1), signature(4)))
    assert len(replays) == 0


def test_a_diverted_call_is_remembered_as_long_as_it_may_be_old() -> None:
    replays = Replays(freshness=60, diverted_freshness=3600)
    replays.divert(signature(1), signature(2), NOW, 1)
    # Its iat may be a minute ahead of now, and is fresh until an hour after that.
    assert replays.divert(signature(1), signature(3), NOW + 3660, 1) is Use.REPLAY
    assert replays.divert(signature(1), signature(3), NOW + 3661, 1) is Use.FIRST


def test_diverted_calls_are_bounded_as_well() -> None:
    replays = Replays(capacity=10)
    for number in range(13):
        replays.divert(signature(number), signature(99), NOW, 1)
    assert (len(replays), replays.dropped) == (10, 3)


@pytest.mark.parametrize("wrong", [{"capacity": 0}, {"freshness": -1}, {"diverted_freshness": -1}])
def test_a_memory_has_room_and_a_window(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="room"):
        Replays(**wrong)
