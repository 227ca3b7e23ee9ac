"""When a provider's papers run out."""

from __future__ import annotations

import pytest

from phonotary.shaken import issuing, terms
from phonotary.shaken.issuing import DAY

# 18 November 2026.
NOW = 1_795_000_000
ROOT = issuing.root(NOW, days=1)
CA = issuing.sti_ca(ROOT, NOW, days=400)
LEAF = issuing.leaf(CA, NOW, "709J", days=90)
CHAIN = issuing.chain(LEAF, CA, ROOT)


def test_renewal_is_due_at_two_thirds_of_the_life() -> None:
    assert not terms.certificate_alarm(CHAIN, NOW + 59 * DAY).is_due
    alarm = terms.certificate_alarm(CHAIN, NOW + 61 * DAY)
    assert (alarm.is_due, "The certificate runs out" in alarm.sentence) == (True, True)
    assert "has run out" in terms.certificate_alarm(CHAIN, NOW + 91 * DAY).sentence


def test_the_earliest_end_of_a_chain_counts_and_is_named_but_no_root_does() -> None:
    assert terms.chain_term(CHAIN)[0].end == int(LEAF.certificate.not_valid_after_utc.timestamp())
    above = issuing.sti_ca(ROOT, NOW, days=10)
    short = issuing.chain(issuing.leaf(above, NOW, "709J", days=90), above, ROOT)
    term, whose = terms.chain_term(short)
    assert term.end == int(above.certificate.not_valid_after_utc.timestamp())
    assert above.certificate.subject.rfc4514_string() in whose
    alarm = terms.certificate_alarm(short, NOW + 8 * DAY)
    assert alarm.is_due
    assert "certificate of its authority" in alarm.sentence


# 2027-02-28, 2027-03-01 and 2027-03-02, each at noon; filed in February 2026.
@pytest.mark.parametrize(
    ("now", "due", "days"),
    [(1_803_816_000, True, 1), (1_803_902_400, True, 0), (1_803_988_800, True, -1)],
)
def test_the_first_of_march_is_the_last_day_for_the_filing(now: int, due: bool, days: int) -> None:
    alarm = terms.recertification_alarm(1_771_000_000, now)
    assert (alarm.is_due, (alarm.end - now) // DAY) == (due, days)
    assert ("has run out" in alarm.sentence) == (days < 0)


def test_a_filing_is_told_thirty_days_before_and_not_sooner() -> None:
    end = terms.recertification_alarm(1_771_000_000, NOW).end
    assert not terms.recertification_alarm(1_771_000_000, end - 31 * DAY - 1).is_due
    assert terms.recertification_alarm(1_771_000_000, end - 31 * DAY).is_due


def test_a_filing_of_this_year_holds_until_next_march() -> None:
    alarm = terms.recertification_alarm(1_803_816_000, 1_803_988_800)
    assert (alarm.is_due, alarm.end > 1_803_988_800 + 360 * DAY) == (False, True)
