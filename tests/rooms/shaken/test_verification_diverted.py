"""Diverted calls: RFC 8946's chains within the verdict of a call."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from phonotary.shaken.replays import Replays
from phonotary.shaken.verdicts import Verdict, Verstat
from phonotary.shaken.verification import CallToVerify, Pending, Rules, begin, conclude, used
from tests.simulators.stir_provider import (
    DEST,
    NOW,
    ORIG,
    customer,
    diversion,
    provider,
    shaken,
)

SECOND, THIRD = "12155551214", "12155551215"
DIVERTER_X5U = "https://diverter.example/c.pem"
OWL, DIVERTER = provider(), provider(DIVERTER_X5U, "818H")
KNOWN: dict[str, Any] = {OWL.x5u: OWL.valid(), DIVERTER_X5U: DIVERTER.valid()}
GOOD = OWL.header(shaken())
FIRST_DIV = DIVERTER.header(diversion(DEST, SECOND), "div")
SECOND_DIV = DIVERTER.header(diversion(SECOND, THIRD), "div")


def begun(
    *identities: str,
    dest: str = SECOND,
    now: int = NOW,
    rules: Rules | None = None,
    call_id: str | None = None,
) -> Verdict | Pending:
    call = CallToVerify(orig=ORIG, dest=(dest,), identities=identities, call_id=call_id)
    return begin(call, now, rules or Rules())


def verify(
    *identities: str,
    dest: str = SECOND,
    known: dict[str, Any] = KNOWN,
    now: int = NOW,
    rules: Rules | None = None,
    replays: Replays | None = None,
    call_id: str | None = None,
) -> Verdict:
    rules = rules or Rules()
    found = begun(*identities, dest=dest, now=now, rules=rules, call_id=call_id)
    memory = Replays() if replays is None else replays
    return conclude(found, known, now, rules, memory) if isinstance(found, Pending) else found


@pytest.mark.parametrize("identities", [(GOOD, FIRST_DIV), (FIRST_DIV, GOOD)])
def test_a_diverted_call_passes_with_the_first_providers_attestation(
    identities: tuple[str, ...],
) -> None:
    verdict = verify(*identities)
    assert verdict.passed
    assert (verdict.attest, verdict.ppt) == ("A", "shaken")
    assert verdict.fingerprint == KNOWN[OWL.x5u].fingerprint
    assert verdict.diverted == (DEST,)
    assert all(one.passed for one in verdict.each)


def test_the_numbers_stand_in_the_order_the_call_went_through_them() -> None:
    verdict = verify(SECOND_DIV, GOOD, FIRST_DIV, dest=THIRD)
    assert verdict.passed
    assert verdict.diverted == (DEST, SECOND)


def test_a_gap_leaves_the_call_without_validation_and_nothing_is_fetched() -> None:
    verdict = begun(GOOD, SECOND_DIV, dest=THIRD)
    assert isinstance(verdict, Verdict)
    assert (verdict.verstat, verdict.code) == (Verstat.NONE, 438)
    assert [one.reason for one in verdict.each] == ["dest-mismatch", "chain-incomplete"]


def test_a_diversion_without_what_it_diverts_validates_nothing() -> None:
    verdict = begun(FIRST_DIV)
    assert isinstance(verdict, Verdict)
    assert (verdict.case, verdict.code) == ("chain-incomplete", 438)


def test_a_broken_diversion_leaves_a_direct_passport_its_own_result() -> None:
    direct = OWL.header(shaken(dest={"tn": [SECOND]}))
    verdict = verify(direct, SECOND_DIV)
    assert verdict.passed
    assert verdict.diverted == ()
    assert [one.passed for one in verdict.each] == [True, False]


def test_a_diversion_signed_by_another_key_leads_nowhere() -> None:
    forged = provider(DIVERTER_X5U).header(diversion(DEST, SECOND), "div")
    verdict = verify(GOOD, forged)
    assert (verdict.case, verdict.verstat) == ("E18", Verstat.FAILED)
    assert [one.reason for one in verdict.each] == ["chain-incomplete", "signature"]


def test_a_diverters_repository_that_is_away_leaves_no_validation() -> None:
    verdict = verify(GOOD, FIRST_DIV, known={OWL.x5u: KNOWN[OWL.x5u]})
    assert (verdict.case, verdict.code) == ("E8", 436)


def test_the_first_signature_counts_as_much_as_the_last() -> None:
    verdict = verify(provider().header(shaken()), FIRST_DIV)
    assert (verdict.case, verdict.verstat) == ("E18", Verstat.FAILED)


def test_a_diverter_speaks_for_the_number_it_diverts_from_only() -> None:
    holder, stranger = (customer([one], DIVERTER_X5U) for one in (DEST, ORIG))
    for one, passes in ((holder, True), (stranger, False)):
        header = one.header(diversion(DEST, SECOND), "div")
        verdict = verify(GOOD, header, known={**KNOWN, DIVERTER_X5U: one.valid()})
        assert verdict.passed is passes
    assert verdict.case == "scope-exceeded"


def test_another_caller_in_the_diversion_is_a_mismatch() -> None:
    other = DIVERTER.header(diversion(DEST, SECOND, orig={"tn": "12155559999"}), "div")
    verdict = begun(GOOD, other)
    assert isinstance(verdict, Verdict)
    assert verdict.each[1].reason == "orig-mismatch"


@pytest.mark.parametrize("div", [None, "1", {}, {"tn": [DEST]}, {"tn": DEST, "uri": "sip:a@b"}])
def test_a_malformed_div_is_a_missing_claim(div: object) -> None:
    verdict = begun(GOOD, DIVERTER.header(diversion(DEST, SECOND, div=div), "div"))
    assert isinstance(verdict, Verdict)
    assert verdict.each[1].case == "E14"


def test_more_diversions_than_the_rules_allow_are_not_followed() -> None:
    numbers = [DEST, *(f"1215555{n}" for n in range(2000, 2007))]
    headers = [
        DIVERTER.header(diversion(one, next_one), "div") for one, next_one in pairwise(numbers)
    ]
    assert verify(GOOD, *headers[:5], dest=numbers[5]).passed
    assert not verify(GOOD, *headers[:6], dest=numbers[6]).passed
    assert verify(GOOD, *headers[:6], dest=numbers[6], rules=Rules(max_diversions=6)).passed


def test_an_older_first_passport_is_fresh_where_the_rules_allow_transfers() -> None:
    old = OWL.header(shaken(iat=NOW - 600))
    assert verify(old, FIRST_DIV).each[0].case == "E15"
    verdict = verify(old, FIRST_DIV, rules=Rules(diverted_freshness=3 * 3600))
    assert verdict.passed


def test_no_passport_comes_from_the_future_whatever_the_rules_say_of_the_first() -> None:
    rules = Rules(diverted_freshness=3 * 3600)
    assert verify(OWL.header(shaken(iat=NOW + 60)), FIRST_DIV, rules=rules).passed
    early = OWL.header(shaken(iat=NOW + 61))
    assert verify(early, FIRST_DIV, rules=rules).each[0].case == "E15"


def test_no_diversion_is_followed_where_the_rules_say_so() -> None:
    assert verify(GOOD, FIRST_DIV, rules=Rules(max_diversions=0)).verstat is Verstat.NONE
    assert verify(GOOD, dest=DEST, rules=Rules(max_diversions=0)).passed


def test_the_last_diversion_must_be_fresh_whatever_the_rules_say_of_the_first() -> None:
    rules = Rules(diverted_freshness=3 * 3600)
    stale = DIVERTER.header(diversion(DEST, SECOND, iat=NOW - 600), "div")
    assert verify(GOOD, stale, rules=rules).each[1].case == "E15"


def test_the_first_leg_and_the_diverted_one_are_not_replays_of_each_other() -> None:
    replays = Replays()
    assert verify(GOOD, dest=DEST, replays=replays).passed
    assert verify(GOOD, FIRST_DIV, replays=replays).passed
    verdict = verify(GOOD, FIRST_DIV, replays=replays)
    assert verdict.case == "replayed"


def targets(many: int) -> list[tuple[str, str]]:
    """Numbers that the called one sends the call on to, each with the ``div`` that says so."""
    numbers = [f"1212555{one:04}" for one in range(many)]
    return [(one, DIVERTER.header(diversion(DEST, one), "div")) for one in numbers]


def test_one_captured_passport_does_not_divert_to_all_the_world() -> None:
    replays = Replays()
    verdicts = [verify(GOOD, div, dest=one, replays=replays) for one, div in targets(30)]
    assert [one.passed for one in verdicts] == [True] * 10 + [False] * 20
    last = verdicts[-1]
    assert (last.case, last.code, last.verstat) == ("replayed", 438, Verstat.NONE)
    assert "targets" in last.desc
    assert (last.attest, last.rcd) == (None, None)


def test_calling_one_number_again_and_again_is_as_much_a_replay() -> None:
    replays, rules = Replays(), Rules(max_targets=2)
    again = [DIVERTER.header(diversion(DEST, SECOND), "div") for _ in range(3)]
    verdicts = [verify(GOOD, one, rules=rules, replays=replays) for one in again]
    assert [one.passed for one in verdicts] == [True, True, False]


def test_a_number_that_rings_several_others_and_each_of_their_next_ones_is_let_through() -> None:
    replays = Replays()
    (one, first), (two, second), *_ = targets(2)
    further = DIVERTER.header(diversion(one, THIRD), "div")
    assert verify(GOOD, first, dest=one, replays=replays).passed
    assert verify(GOOD, second, dest=two, replays=replays).passed
    assert verify(GOOD, first, further, dest=THIRD, replays=replays).passed


def test_a_retransmission_of_a_diverted_call_is_the_same_target() -> None:
    replays, rules = Replays(), Rules(max_targets=1)
    for _ in range(3):
        assert verify(GOOD, FIRST_DIV, rules=rules, replays=replays, call_id="a@b").passed
    ((other, div),) = targets(1)
    assert not verify(GOOD, div, dest=other, rules=rules, replays=replays, call_id="c@d").passed


def test_each_passport_below_a_diversion_has_its_own_count() -> None:
    replays, rules = Replays(), Rules(max_targets=1)
    (one, first), (two, second) = targets(2)
    fresh = OWL.header(shaken(attest="B"))
    verify(GOOD, first, dest=one, rules=rules, replays=replays)
    verdict = verify(GOOD, fresh, second, dest=two, rules=rules, replays=replays)
    assert verdict.attest == "B"
    assert [one.reason for one in verdict.each] == ["replayed", "", ""]


def test_a_diversion_that_is_forged_uses_nothing_up() -> None:
    replays, rules = Replays(), Rules(max_targets=1)
    forged = provider(DIVERTER_X5U).header(diversion(DEST, SECOND), "div")
    assert verify(GOOD, forged, rules=rules, replays=replays).case == "E18"
    assert verify(GOOD, FIRST_DIV, rules=rules, replays=replays).passed


def test_a_diverted_call_whose_first_certificate_was_not_to_be_had_may_come_again() -> None:
    replays = Replays()
    away = {DIVERTER_X5U: KNOWN[DIVERTER_X5U]}
    assert verify(GOOD, FIRST_DIV, known=away, replays=replays).case == "E8"
    assert verify(GOOD, FIRST_DIV, replays=replays).passed


@pytest.mark.parametrize("policy", ["note", "off"])
def test_more_targets_pass_where_the_rules_let_replays_through(policy: Any) -> None:
    replays, rules = Replays(), Rules(max_targets=1, replays=policy)
    notes = []
    for one, div in targets(2):
        verdict = verify(GOOD, div, dest=one, rules=rules, replays=replays)
        assert verdict.passed
        notes.append(len(verdict.notes))
    assert notes == [0, policy == "note"]


def test_a_verdict_that_is_taken_back_leaves_the_first_leg_used() -> None:
    replays, rules = Replays(), Rules(max_targets=1)
    assert verify(GOOD, dest=DEST, replays=replays).passed
    lost = verify(GOOD, FIRST_DIV, rules=rules, replays=replays)
    assert len(used(lost)) == 2
    for one in used(lost):
        replays.forget(one)
    assert verify(GOOD, FIRST_DIV, rules=rules, replays=replays).passed
    assert verify(GOOD, dest=DEST, replays=replays).case == "replayed"


def test_what_another_verdict_used_is_not_taken_back_with_this_one() -> None:
    replays = Replays()
    assert verify(GOOD, FIRST_DIV, replays=replays, call_id="a@b").passed
    again = verify(GOOD, FIRST_DIV, replays=replays, call_id="a@b")
    assert (again.passed, used(again)) == (True, ())
