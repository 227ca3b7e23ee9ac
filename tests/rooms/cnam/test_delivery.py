"""Every move of a delivery, every refusal of one, and what is done next in each state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phonotary.cnam import delivery as life
from phonotary.cnam.delivery import Delivery, Wanted
from phonotary.cnam.moves import ANSWERS, MOVES, UNWANTED, Because, State, step
from phonotary.cnam.orders import LineOutcome, LineState
from phonotary.cnam.terms import TERMS, Terms
from phonotary.errors import Reason
from tests.rooms.office import refused

NOW = 1_790_000_000
TERM = Terms("elsewhere", looks=(3_600, 7_200))
FIRST = Wanted("AC1", 1, "ACME", NOW)
LATER = Wanted("AC1", 2, "ACME PLUMBING", NOW)
S = State
ALLOWED = {(source, move.action): move for move in MOVES for source in move.sources}
ACTIONS = sorted({move.action for move in MOVES})
IN_ORDER = {S.SUBMITTED, S.ACCEPTED}


def holding(needs: tuple[str, ...]) -> Because:
    return Because(
        held="held" in needs,
        free="in-order" not in needs,
        later="later" in needs,
        said="said" in needs,
    )


def at(state: State, order: str | None = None, held: bool = False) -> Delivery:
    if order is None and state in IN_ORDER:
        order = "CO1"
    made = life.begin("+14152360000", TERM, FIRST, NOW)
    return replace(made, state=state, order_key=order, held=held, attempts=1, due=None)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("state", State)
def test_every_move_is_in_the_table_and_no_other_is_made(state: State, action: str) -> None:
    move = ALLOWED.get((state, action))
    if move is None:
        for needs in ((), ("held", "later", "said"), ("in-order", "said")):
            with refused(Reason.CONFLICT):
                step(state, action, holding(needs))
        return
    assert step(state, action, holding(move.needs)) is move.target


@pytest.mark.parametrize(
    ("move", "need"), [(move, need) for move in MOVES for need in move.needs], ids=str
)
def test_a_move_lacking_one_thing_it_needs_is_refused(move: object, need: str) -> None:
    assert isinstance(move, type(MOVES[0]))
    good = holding(move.needs)
    bad = {
        "held": replace(good, held=False),
        "nothing-held": replace(good, held=True),
        "later": replace(good, later=False),
        "said": replace(good, said=False),
        "free": replace(good, free=False),
        "in-order": replace(good, free=True),
    }[need]
    for source in move.sources:
        with refused(Reason.CONFLICT):
            step(source, move.action, bad)


def test_the_tables_speak_of_every_state() -> None:
    assert set(UNWANTED) == set(State)
    assert set(ANSWERS) == set(LineState)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (at(S.QUEUED), S.REMOVED),
        (at(S.QUEUED, held=True), S.REMOVING),
        (at(S.SUBMITTED), S.SUBMITTED),
        (at(S.ACCEPTED), S.ACCEPTED),
        (at(S.ACTIVE, held=True), S.REMOVING),
        (at(S.PARTIAL, held=True), S.REMOVING),
        (at(S.TIMED_OUT, held=True), S.REMOVING),
        (at(S.REJECTED), S.REMOVED),
        (at(S.REJECTED, held=True), S.REMOVING),
        (at(S.REMOVING, held=True), S.REMOVING),
        (at(S.REMOVED), S.REMOVED),
    ],
    ids=lambda value: f"{value.state}-{value.held}" if isinstance(value, Delivery) else str(value),
)
def test_what_is_no_longer_wanted_goes_once_no_order_is_under_way(
    before: Delivery, after: State
) -> None:
    found = life.follow(before, None, TERM, NOW + 1)
    assert found.state is after
    if found is not before:
        assert found.due == (NOW + 1 if after is S.REMOVING else None)


@pytest.mark.parametrize("state", State)
def test_a_later_version_replaces_what_is_not_under_way(state: State) -> None:
    before = at(state)
    after = life.follow(before, LATER, TERM, NOW + 1)
    if state in IN_ORDER:
        assert after is before
    else:
        assert (after.state, after.version, after.name) == (S.QUEUED, 2, LATER.name)
        assert (after.due, after.attempts) == (NOW + 1, 0)


def test_a_removal_under_way_is_waited_for() -> None:
    before = at(S.REMOVING, "CO1", held=True)
    assert life.follow(before, LATER, TERM, NOW) is before


def test_what_we_can_take_back_need_not_be_waited_for() -> None:
    local = TERMS["local"]
    assert life.follow(at(S.ACCEPTED), None, local, NOW).state is S.REMOVING
    assert life.follow(at(S.ACCEPTED), LATER, local, NOW).state is S.QUEUED


@pytest.mark.parametrize("state", State)
def test_the_version_that_is_there_changes_nothing(state: State) -> None:
    before = at(state)
    assert life.follow(before, FIRST, TERM, NOW + 1) is before


@pytest.mark.parametrize(
    ("said", "state", "held"),
    [
        (LineState.QUEUED, S.QUEUED, False),
        (LineState.SUBMITTED, S.SUBMITTED, False),
        (LineState.ACCEPTED, S.ACCEPTED, False),
        (LineState.DONE, S.ACTIVE, True),
        (LineState.REJECTED, S.REJECTED, False),
    ],
)
def test_an_answer_to_a_registration(said: LineState, state: State, held: bool) -> None:
    after = life.answered(at(S.SUBMITTED), LineOutcome(said), TERM, NOW + 1, NOW)
    assert (after.state, after.held) == (state, held)
    assert (after.order_key is None) is (state not in IN_ORDER)
    assert after.due == (NOW + 61 if state is S.QUEUED else None)
    assert after.look_due == (NOW + 3_601 if state is S.ACTIVE else None)


@pytest.mark.parametrize("said", LineState)
def test_a_removal_ends_when_the_database_says_so_and_is_tried_until_then(said: LineState) -> None:
    before = at(S.REMOVING, "CO1", held=True)
    after = life.answered(before, LineOutcome(said, "7", "no"), TERM, NOW, NOW)
    if said is LineState.DONE:
        assert (after.state, after.held) == (S.REMOVED, False)
    else:
        assert (after.state, after.held) == (S.REMOVING, True)
        waits = said in (LineState.QUEUED, LineState.REJECTED)
        assert after.due == (NOW + TERM.waits[0] if waits else None)
        assert (after.code, after.text) == ("7", "no")


def test_a_rejection_keeps_what_was_said_and_waits_for_a_person() -> None:
    said = LineOutcome(LineState.REJECTED, "11015", "Toll-free")
    after = life.answered(at(S.SUBMITTED), said, TERM, NOW, NOW)
    assert (after.code, after.text, after.due) == ("11015", "Toll-free", None)
    assert life.again(after, TERM, NOW + 9).due == NOW + 9


def test_a_timeout_is_tried_again_later_and_later_and_then_no_more() -> None:
    waits = []
    for attempts in range(1, len(TERM.waits) + 2):
        late = life.late(replace(at(S.SUBMITTED), attempts=attempts), TERM, NOW)
        assert late.state is S.TIMED_OUT and late.held and late.text
        waits.append(late.due and late.due - NOW)
    assert waits == [*TERM.waits, None]


def test_a_done_order_that_left_a_number_open_says_so() -> None:
    after = life.unmentioned(at(S.ACCEPTED), TERM, NOW)
    assert after.state is S.PARTIAL and after.held and after.text


def test_a_key_is_the_same_for_each_repetition_and_for_nothing_else() -> None:
    first = at(S.QUEUED)
    again = life.submitted(first, "CO9", TERM, NOW)
    assert first.key == again.key == "+14152360000:elsewhere:1"
    assert life.follow(first, LATER, TERM, NOW).key != first.key
    assert life.follow(at(S.ACTIVE, held=True), None, TERM, NOW).key != first.key


def test_nothing_is_in_two_orders() -> None:
    sent = life.submitted(at(S.QUEUED), "CO1", TERM, NOW)
    with refused(Reason.CONFLICT):
        life.submitted(sent, "CO2", TERM, NOW)
    removal = life.submitted(at(S.REMOVING, held=True), "CO1", TERM, NOW)
    with refused(Reason.CONFLICT):
        life.submitted(removal, "CO2", TERM, NOW)


def test_a_name_ripens_by_the_clock_where_that_is_all_it_takes() -> None:
    local = replace(TERMS["local"], propagation=lambda number: 100)
    said = LineOutcome(LineState.ACCEPTED)
    taken = life.answered(at(S.SUBMITTED), said, local, NOW + 5, NOW)
    assert (taken.state, taken.due, taken.order_key) == (S.ACCEPTED, NOW + 100, None)
    assert life.ripened(taken, local, NOW + 100).state is S.ACTIVE


def test_looks_come_when_they_are_due_and_end() -> None:
    active = life.answered(at(S.SUBMITTED), LineOutcome(LineState.DONE), TERM, NOW, NOW)
    second = life.looked(active, TERM, NOW + 3_600)
    assert (active.look_due, second.look_due) == (NOW + 3_600, NOW + 7_200)
    assert life.looked(second, TERM, NOW + 7_200).look_due is None
