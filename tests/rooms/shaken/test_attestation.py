"""The attestation table, walked whole: every row, and every combination of facts."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import product
from typing import Any

import pytest

from phonotary.errors import Reason, Refused
from phonotary.shaken.attestation import (
    TABLE,
    Decision,
    Fact,
    Level,
    decide,
    digest,
    facts_of,
    policy_version,
    row_for,
)
from phonotary.shaken.ports import ShownAs, Standing

BEST = Standing(
    account_sid="AC" + "1" * 32,
    account_known=True,
    number_ours=True,
    number_right_valid=True,
    profile_sid="BU" + "2" * 32,
    profile_vouching=True,
    product_sid="BU" + "3" * 32,
    product_vouching=True,
    product_linked=True,
    number_on_profile=True,
    number_on_product=True,
    account_vouched=True,
    display=ShownAs("Owl Telecom"),
)
FLAGS = [f.name for f in fields(Standing) if f.type == "bool"]


STRENGTH: dict[Level | Reason, int] = {Level.A: 3, Level.B: 2, Level.C: 1}


def asked(standing: Standing, requested: Level | None = Level.A) -> Decision:
    return decide(standing, caller_authenticated=True, requested=requested)


def test_a_number_on_an_approved_profile_and_product_gets_a() -> None:
    decision = asked(BEST)
    assert (decision.level, decision.reason) == (Level.A, "number-verified")


@pytest.mark.parametrize(
    ("changes", "level", "reason"),
    [
        ({"number_ours": False}, "B", "number-not-ours"),
        ({"number_right_valid": False}, "B", "number-right-missing"),
        ({"profile_sid": None}, "B", "number-without-profile"),
        ({"profile_vouching": False}, "B", "profile-not-vouching"),
        ({"number_on_profile": False}, "B", "number-not-on-profile"),
        ({"product_sid": None}, "B", "number-without-product"),
        ({"product_linked": False}, "B", "product-not-linked"),
        ({"product_vouching": False}, "B", "product-not-vouching"),
        ({"number_on_product": False}, "B", "number-not-on-product"),
        ({"fresh": False}, "B", "standing-not-fresh"),
        ({"fresh": False, "account_vouched": False}, "B", "standing-not-fresh"),
        ({"account_vouched": False, "profile_sid": None}, "C", "no-profile"),
        ({"account_vouched": False, "profile_vouching": False}, "C", "business-not-approved"),
        (
            {"account_vouched": False, "number_on_profile": False},
            "C",
            "profile-does-not-cover-call",
        ),
    ],
)
def test_one_missing_fact_lowers_the_level_and_is_named(
    changes: dict[str, Any], level: str, reason: str
) -> None:
    decision = asked(replace(BEST, **changes))
    assert (decision.level, decision.reason) == (level, reason)
    assert "for A" in decision.explanation


def test_a_number_off_the_product_gets_b_though_only_its_own_profile_vouches() -> None:
    decision = asked(replace(BEST, account_vouched=False, number_on_product=False))
    assert (decision.level, decision.reason) == (Level.B, "number-not-on-product")


def test_a_stranger_does_not_inherit_the_profile_of_the_number_it_calls_from() -> None:
    stranger = replace(BEST, number_right_valid=False, account_vouched=False)
    assert asked(stranger).level is Level.C


def test_an_unauthenticated_caller_is_refused_whatever_the_number_has() -> None:
    with pytest.raises(Refused) as caught:
        decide(BEST, caller_authenticated=False, requested=Level.C)
    assert caught.value.reason is Reason.NOT_AUTHENTICATED


def test_an_unknown_account_is_refused_whatever_the_number_has() -> None:
    with pytest.raises(Refused) as caught:
        asked(replace(BEST, account_known=False))
    assert caught.value.reason is Reason.ACCOUNT_NOT_ACTIVE


def test_of_every_combination_only_the_one_with_all_facts_gets_a() -> None:
    # Written against the fields, not the table: account_vouched is the only one A may lack.
    sids = ("profile_sid", "product_sid")
    best, levels = [], set()
    for values in product((True, False), repeat=len(FLAGS)):
        flags = dict(zip(FLAGS, values, strict=True))
        for has_profile, has_product in product((True, False), repeat=2):
            held = dict(zip(sids, (has_profile, has_product), strict=True))
            changes: dict[str, Any] = {**flags, **{s: "BU1" if held[s] else None for s in sids}}
            standing = replace(BEST, **changes)
            row = row_for(facts_of(standing, caller_authenticated=True))
            levels.add(row.outcome)
            if row.outcome is Level.A:
                best.append({**flags, **held})
            if not flags["account_known"]:
                assert row.outcome is Reason.ACCOUNT_NOT_ACTIVE
            elif row.outcome is Level.B:
                assert flags["account_vouched"] or flags["profile_vouching"]
            if not flags["account_vouched"] and not flags["profile_vouching"]:
                assert row.outcome not in (Level.A, Level.B)
    assert levels == {Level.A, Level.B, Level.C, Reason.ACCOUNT_NOT_ACTIVE}
    assert {fact["account_vouched"] for fact in best} == {True, False}
    assert len(best) == 2
    for facts in best:
        assert all(value for name, value in facts.items() if name != "account_vouched")


def test_every_row_is_reached_and_every_combination_of_facts_has_one() -> None:
    every = list(Fact)
    reached = {
        row_for(frozenset(f for f, held in zip(every, values, strict=True) if held)).name
        for values in product((True, False), repeat=len(every))
    }
    assert reached == {row.name for row in TABLE}


def test_taking_a_fact_away_never_raises_the_level() -> None:
    every = list(Fact)
    for values in product((True, False), repeat=len(every)):
        facts = frozenset(f for f, held in zip(every, values, strict=True) if held)
        here = STRENGTH.get(row_for(facts).outcome, 0)
        for fact in facts:
            fewer = row_for(facts - {fact}).outcome
            assert STRENGTH.get(fewer, 0) <= here


@pytest.mark.parametrize("requested", list(Level))
@pytest.mark.parametrize("justified", list(Level))
def test_the_requested_level_is_a_ceiling_and_never_a_floor(
    requested: Level, justified: Level
) -> None:
    standing = {
        Level.A: BEST,
        Level.B: replace(BEST, number_on_product=False),
        Level.C: replace(BEST, profile_sid=None, account_vouched=False),
    }[justified]
    decision = asked(standing, requested)
    assert decision.level == sorted((requested, justified))[1]
    assert decision.justified is justified
    assert (decision.reason == "requested-lower") == (requested > justified)


def test_a_call_that_asks_for_no_level_gets_c_and_is_told_so() -> None:
    decision = asked(BEST, None)
    assert (decision.level, decision.reason) == (Level.C, "level-not-requested")
    assert decision.justified is Level.A


@pytest.mark.parametrize("unknown", [None, 1, "yes"])
@pytest.mark.parametrize("flag", [name for name in FLAGS if name != "account_vouched"])
def test_a_fact_that_is_not_plainly_true_does_not_count(flag: str, unknown: object) -> None:
    standing = replace(BEST, **{flag: unknown})  # type: ignore[arg-type]
    row = row_for(facts_of(standing, caller_authenticated=True))
    assert row.outcome is not Level.A


def test_a_missing_fact_is_named_before_the_lost_feed_that_nobody_can_mend() -> None:
    assert asked(replace(BEST, fresh=False, product_linked=False)).reason == "product-not-linked"


def test_the_table_is_walked_once_for_all_calls_of_a_standing() -> None:
    standing = replace(BEST)
    assert asked(standing) is asked(standing)
    lower = asked(standing, Level.B)
    assert (lower.level, asked(standing).level) == (Level.B, Level.A)


def test_what_was_decided_for_one_standing_is_not_told_of_a_changed_copy() -> None:
    standing = replace(BEST)
    assert asked(standing).level is Level.A
    assert asked(replace(standing, product_vouching=False)).level is Level.B


def test_what_was_refused_is_refused_again_and_says_nothing_of_a_caller_who_is_known() -> None:
    standing = replace(BEST)
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            decide(standing, caller_authenticated=False, requested=Level.A)
        assert caught.value.reason is Reason.NOT_AUTHENTICATED
        assert asked(standing).level is Level.A


def test_the_version_of_the_policy_is_that_of_the_table() -> None:
    assert policy_version == digest(TABLE)
    reworded = (replace(TABLE[0], explanation="otherwise"), *TABLE[1:])
    assert digest(reworded) != digest(TABLE)
    assert digest(TABLE[::-1]) != digest(TABLE)


def test_names_of_rows_are_unique_and_fit_for_a_header() -> None:
    names = [row.name for row in TABLE]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalpha() and name.islower() for name in names)
