"""The directory against a plain dict: it may forget, and it never answers with anything else."""

from __future__ import annotations

import random
import sys
import threading
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from phonotary.directory import Directory
from phonotary.shaken.ports import ShownAs, Standing

NOW = 1_790_000_000
CALLERS = ("AC1", "AC2", "AC3")
SUBJECTS = ("BU1", "BU2", "BU3", "AC1")
# Most of them meet in one of the five buckets.
NUMBERS = tuple(
    f"+{14155550100 + step}" for step in (0, 1, 2, 3, 5, 35, 70, 105, 140, 175, 210, 245)
)


def standing(
    name: str = "Owl", depends_on: frozenset[str] = frozenset(), until: int | None = None
) -> Standing:
    return Standing(
        account_sid="AC1",
        account_known=True,
        number_ours=True,
        number_right_valid=True,
        profile_sid="BU1",
        profile_vouching=True,
        product_sid="BU2",
        product_vouching=True,
        product_linked=True,
        number_on_profile=True,
        number_on_product=True,
        account_vouched=True,
        display=ShownAs(name),
        until=until,
        depends_on=depends_on,
    )


standings = st.builds(
    standing,
    name=st.sampled_from(["Owl", "Elk", "Fox"]),
    depends_on=st.frozensets(st.sampled_from([*SUBJECTS, "*"]), max_size=3),
    until=st.sampled_from([None, NOW + 1, NOW + 5]),
)


class AgainstADict(RuleBasedStateMachine):
    """Few buckets and few records, so that everything is evicted, retired and used again."""

    def __init__(self) -> None:
        super().__init__()
        self.directory: Directory[Standing] = Directory(capacity=20, records=4)
        self.model: dict[tuple[str, str], Standing] = {}

    @rule(tn=st.sampled_from(NUMBERS), caller=st.sampled_from(CALLERS), given=standings)
    def put(self, tn: str, caller: str, given: Standing) -> None:
        if self.directory.put(tn, caller, given, self.directory.epoch):
            assert self.directory.get(tn, caller, NOW) == given
            self.model[tn, caller] = given
        else:
            # There was no room; what was known of the number before may still be known.
            assert self.directory.get(tn, caller, NOW) in (None, self.model.get((tn, caller)))

    @rule(subjects=st.frozensets(st.sampled_from([*SUBJECTS, *NUMBERS]), min_size=1, max_size=2))
    def change(self, subjects: frozenset[str]) -> None:
        self.directory.change(subjects)
        for (tn, caller), kept in list(self.model.items()):
            if tn in subjects or kept.depends_on & {*subjects, "*"}:
                del self.model[tn, caller]

    @rule()
    def forget_all(self) -> None:
        self.directory.forget_all()
        self.model.clear()

    @invariant()
    def nothing_is_answered_that_was_not_kept(self) -> None:
        for tn in NUMBERS:
            for caller in CALLERS:
                for now in (NOW, NOW + 1, NOW + 9):
                    found = self.directory.get(tn, caller, now)
                    kept = self.model.get((tn, caller))
                    assert found is None or found == kept
                    assert found is None or found.until is None or now < found.until

    @invariant()
    def no_more_records_than_were_asked_for(self) -> None:
        assert len(self.directory) <= 16


TestAgainstADict = AgainstADict.TestCase
TestAgainstADict.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def test_what_is_kept_is_found_for_that_number_and_that_caller_only() -> None:
    directory: Directory[Standing] = Directory(100)
    assert directory.put("+14155550100", "AC1", standing(), 0)
    assert directory.get("+14155550100", "AC1", NOW) == standing()
    assert directory.get("+14155550100", "AC2", NOW) is None
    assert directory.get("+14155550101", "AC1", NOW) is None


def test_two_callers_of_one_number_are_kept_side_by_side() -> None:
    directory: Directory[Standing] = Directory(100)
    directory.put("+14155550100", "AC1", standing("Owl"), 0)
    directory.put("+14155550100", "AC2", standing("Elk"), 0)
    found = [directory.get("+14155550100", caller, NOW) for caller in ("AC1", "AC2")]
    assert [each.display.name for each in found if each and each.display] == ["Owl", "Elk"]
    directory.change({"+14155550100"})
    assert [directory.get("+14155550100", caller, NOW) for caller in ("AC1", "AC2")] == [None] * 2


@pytest.mark.parametrize(
    "tn",
    ["", "+", "*67#", "911", "14155550100", "+014155550100", "+0", "+1_415", " +1415", "+1415 ",
     "+-1415", "+\u0661\u0662\u0663", "+1" + "0" * 15, "+1415*", "+" + "9" * 5000],
)  # fmt: skip
def test_what_is_not_a_number_and_its_digits_is_not_kept(tn: str) -> None:
    directory: Directory[Standing] = Directory(100)
    directory.put("+14155550100", "AC1", standing(), 0)
    directory.put("+1415", "AC1", standing(), 0)
    assert directory.put(tn, "AC1", standing(), 0) is None
    assert directory.get(tn, "AC1", NOW) is None


@given(st.from_regex(r"\+?[0-9*#]{1,16}", fullmatch=True))
def test_no_other_spelling_meets_a_number(tn: str) -> None:
    directory: Directory[Standing] = Directory(1)
    number = "+14155550100"
    directory.put(number, "AC1", standing(), 0)
    assert (directory.get(tn, "AC1", NOW) is not None) == (tn == number)


def test_numbers_that_stand_alike_share_one_record() -> None:
    directory: Directory[Standing] = Directory(1000)
    for last in range(100):
        directory.put(f"+1415555{last:04}", "AC1", standing(), 0)
    assert len(directory) == 1
    first, second = (directory.get(f"+1415555{last:04}", "AC1", NOW) for last in (0, 1))
    assert first is second


def test_one_change_ends_the_standing_of_all_numbers_that_rest_on_it() -> None:
    directory: Directory[Standing] = Directory(1000)
    for last in range(100):
        on = standing(depends_on=frozenset({"BU1" if last % 2 else "BU2"}))
        directory.put(f"+1415555{last:04}", "AC1", on, 0)
    directory.change({"BU1"})
    left = [n for n in range(100) if directory.get(f"+1415555{n:04}", "AC1", NOW)]
    assert left == list(range(0, 100, 2))


def test_what_was_read_before_a_change_is_not_kept_after_it() -> None:
    directory: Directory[Standing] = Directory(100)
    on = standing(depends_on=frozenset({"BU1"}))
    epoch = directory.epoch
    directory.change({"BU1"})
    assert directory.put("+14155550100", "AC1", on, epoch) is None
    assert directory.get("+14155550100", "AC1", NOW) is None
    assert directory.put("+14155550100", "AC1", on, directory.epoch)


@pytest.mark.parametrize("told", ["+14155550100", "BU1", "*"])
def test_a_late_reading_loses_to_each_kind_of_change(told: str) -> None:
    directory: Directory[Standing] = Directory(100)
    directory.change({told})
    on = standing(depends_on=frozenset({"BU1"}))
    assert directory.put("+14155550100", "AC1", on, 0) is None


def test_a_change_of_something_else_does_not_keep_a_reading_out() -> None:
    directory: Directory[Standing] = Directory(100)
    directory.change({"BU7", "+14155550199"})
    on = standing(depends_on=frozenset({"BU1"}))
    assert directory.put("+14155550100", "AC1", on, 0)


def test_a_reading_older_than_the_changes_remembered_is_not_kept() -> None:
    directory: Directory[Standing] = Directory(100)
    for number in range(2000):
        directory.change({f"BU{number + 10}"})
    assert directory.put("+14155550100", "AC1", standing(), 0) is None
    assert directory.put("+14155550100", "AC1", standing(), 1990)


def test_a_standing_ends_by_the_clock() -> None:
    directory: Directory[Standing] = Directory(100)
    directory.put("+14155550100", "AC1", standing(until=NOW + 10), 0)
    assert directory.get("+14155550100", "AC1", NOW + 9) is not None
    assert directory.get("+14155550100", "AC1", NOW + 10) is None


def test_without_the_feed_a_standing_is_told_as_not_fresh_and_comes_back_as_it_was() -> None:
    directory: Directory[Standing] = Directory(100, stale=lambda kept: replace(kept, fresh=False))
    directory.put("+14155550100", "AC1", standing(), 0)
    stale = directory.get("+14155550100", "AC1", NOW, fresh=False)
    assert stale == replace(standing(), fresh=False)
    assert directory.get("+14155550100", "AC1", NOW, fresh=False) is stale
    assert directory.get("+14155550100", "AC1", NOW) == standing()


def test_a_full_directory_forgets_some_and_mistakes_none() -> None:
    directory: Directory[Standing] = Directory(100, records=50)
    kept = {f"+1415555{n:04}": standing(f"business {n % 60}") for n in range(3000)}
    for tn, each in kept.items():
        directory.put(tn, "AC1", each, 0)
    found = {tn: directory.get(tn, "AC1", NOW) for tn in kept}
    assert all(each is None or each == kept[tn] for tn, each in found.items())
    assert 0 < sum(each is not None for each in found.values()) <= 250
    assert len(directory) <= 50


def test_records_that_ended_make_room_for_new_ones_without_end() -> None:
    directory: Directory[Standing] = Directory(100, records=20)
    for n in range(5000):
        tn, on = f"+1415555{n:04}", standing(f"b{n}", frozenset({f"BU{n}"}))
        directory.put(tn, "AC1", on, directory.epoch)
        directory.change({f"BU{n}"})
        assert directory.get(tn, "AC1", NOW) is None
    assert len(directory) == 0
    assert any(directory.put("+14155550100", "AC1", standing(), directory.epoch) for _ in range(50))


def test_threads_that_meet_in_it_never_see_anothers_record() -> None:
    # A bucket or two and hardly any records: every slot is taken, retired and used again all along.
    directory: Directory[Standing] = Directory(capacity=8, records=8)
    wrong: list[Standing] = []
    over = threading.Event()

    def call(seed: int) -> None:
        dice = random.Random(seed)
        while not over.is_set():
            tn = f"+1415555{dice.randrange(40):04}"
            found = directory.get(tn, "AC1", NOW)
            if found is not None and found.display != ShownAs(tn):
                wrong.append(found)
            directory.put(tn, "AC1", standing(tn, frozenset({f"BU{tn}"})), directory.epoch)
            if dice.random() < 0.1:
                directory.change({f"BU{tn}" if dice.random() < 0.5 else tn})
            if dice.random() < 0.01:
                directory.forget_all()

    threads = [threading.Thread(target=call, args=(seed,)) for seed in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        over.wait(0.4)
    finally:
        over.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert wrong == []


@pytest.mark.parametrize("apart", [10_000, 100_000, 10_000_000])
def test_most_numbers_of_a_full_inventory_are_kept(apart: int) -> None:
    # As providers hold them: blocks of consecutive numbers that begin evenly apart.
    directory: Directory[Standing] = Directory(20_000)
    block = [f"+{14152000000 + each * apart + n}" for each in range(400) for n in range(50)]
    for tn in block:
        directory.put(tn, "AC1", standing(), 0)
    kept = sum(directory.get(tn, "AC1", NOW) is not None for tn in block)
    assert kept / len(block) > 0.97
