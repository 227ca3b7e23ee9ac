"""When a provider's papers run out: its certificate and the yearly filing.

A tick of a clock elsewhere asks; here is only arithmetic on instants.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from phonotary.clock import Instant
from phonotary.shaken import paths
from phonotary.shaken.providers import renewal_due

DAY = 86_400
RMD_MONTH, RMD_DAY = 3, 1
"""47 CFR 64.6305 asks for a recertification in the Robocall Mitigation Database by 1 March."""
RMD_NOTICE = 30
"""Days before 1 March from which the filing is due; our choice."""


@dataclass(frozen=True, slots=True)
class Term:
    """A time in which something holds: from ``begin`` until ``end``, not included."""

    begin: Instant
    end: Instant


@dataclass(frozen=True, slots=True)
class Alarm:
    """One paper's state."""

    end: Instant
    is_due: bool
    """Whether it should be renewed by now."""
    sentence: str


def recertification(last_filed: Instant) -> Term:
    """The year's window for the Robocall Mitigation Database: notice begins, then 1 March ends.

    A filing counts for the calendar year it was made in, so the next is due on 1 March of the
    year after.
    """
    deadline = datetime(_date(last_filed).year + 1, RMD_MONTH, RMD_DAY, tzinfo=UTC)
    # The day itself is still in time.
    end = int(deadline.timestamp()) + DAY
    return Term(end - (RMD_NOTICE + 1) * DAY, end)


def recertification_alarm(last_filed: Instant, now: Instant) -> Alarm:
    """The state of the yearly filing."""
    window = recertification(last_filed)
    return _alarm("RMD recertification", window.begin, window.end, now)


def chain_term(chain_pem: bytes) -> tuple[Term, str]:
    """From the leaf's beginning to the earliest end in a chain, and whose end that is.

    A verifier looks at every certificate's dates. Self-signed roots are left out: it goes by its
    own copy. Raises Untrusted where the chain cannot be read.
    """
    leaf, *above = paths.read_pem(chain_pem)
    end, whose = leaf.not_after, "certificate"
    for link in above:
        if link.subject != link.issuer and link.not_after < end:
            name = link.certificate.subject.rfc4514_string()
            end, whose = link.not_after, f"certificate of its authority {name}"
    return Term(leaf.not_before, end), whose


def certificate_alarm(chain_pem: bytes, now: Instant) -> Alarm:
    """The state of a provider's chain. It is due at two thirds of the time in which it holds.
    Raises Untrusted where it cannot be read."""
    term, whose = chain_term(chain_pem)
    return _alarm(whose, renewal_due(term.begin, term.end), term.end, now)


def _alarm(subject: str, due: Instant, end: Instant, now: Instant) -> Alarm:
    if now >= end:
        sentence = f"The {subject} has run out on {_date(end)}."
    elif now >= due:
        sentence = f"The {subject} runs out on {_date(end)}; renew it now."
    else:
        sentence = f"The {subject} holds until {_date(end)}; it is due on {_date(due)}."
    return Alarm(end, now >= due, sentence)


def _date(at: Instant) -> date:
    return datetime.fromtimestamp(at, UTC).date()
