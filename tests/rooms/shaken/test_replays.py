"""The memory of used PASSporTs: how long, how much, and what counts as the same."""

from __future__ import annotations

import pytest

from phonotary.shaken.replays import Replays

NOW = 1_790_000_000


def signature(number: int) -> bytes:
    return number.to_bytes(32) + bytes(32)


def test_a_signature_is_used_once() -> None:
    replays = Replays()
    assert not replays.used(signature(1), NOW)
    assert replays.used(signature(1), NOW)
    assert not replays.used(signature(2), NOW)


def test_the_second_form_of_a_signature_is_the_same_use() -> None:
    replays = Replays()
    assert not replays.used(signature(1), NOW)
    assert replays.used(signature(1)[:32] + bytes([7] * 32), NOW)


def test_an_entry_lives_as_long_as_a_copy_could_be_fresh() -> None:
    replays = Replays(freshness=60)
    # Its iat may be a minute ahead of now, and is fresh until a minute after that.
    replays.used(signature(1), NOW)
    assert replays.used(signature(1), NOW + 120)
    assert not replays.used(signature(1), NOW + 121)


def test_entries_leave_when_their_time_is_over() -> None:
    replays = Replays(freshness=60)
    for number in range(100):
        replays.used(signature(number), NOW + number)
    assert len(replays) == 100
    replays.used(signature(1000), NOW + 121 + 49)
    assert len(replays) == 51
    assert replays.dropped == 0


def test_when_full_the_oldest_goes_and_is_counted() -> None:
    replays = Replays(capacity=10)
    for number in range(13):
        replays.used(signature(number), NOW)
    assert (len(replays), replays.dropped) == (10, 3)
    assert replays.used(signature(3), NOW)
    assert not replays.used(signature(0), NOW)


def test_the_same_call_may_come_twice() -> None:
    replays = Replays()
    assert not replays.used(signature(1), NOW, "a@b")
    assert not replays.used(signature(1), NOW, "a@b")
    assert replays.used(signature(1), NOW, "c@d")
    assert replays.used(signature(1), NOW)


def test_a_clock_that_steps_back_does_not_let_a_replay_through() -> None:
    replays = Replays()
    replays.used(signature(1), NOW)
    assert replays.used(signature(1), NOW - 30)


@pytest.mark.parametrize("wrong", [{"capacity": 0}, {"freshness": -1}])
def test_a_memory_has_room_and_a_window(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="room"):
        Replays(**wrong)
