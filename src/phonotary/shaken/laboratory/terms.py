"""When a provider's papers run out: certificate, token, CRL and the yearly filing.

A tick of a clock elsewhere asks; here is only arithmetic on instants.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from phonotary.clock import Instant
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
    """One paper's state. ``days_left`` is negative after its end."""

    subject: str
    days_left: int
    due: Instant
    """From here on it should be renewed."""
    end: Instant
    is_due: bool
    sentence: str


def recertification(last_filed: Instant | None, now: Instant) -> Term:
    """The year's window for the Robocall Mitigation Database: notice begins, then 1 March ends.

    A filing counts for the calendar year it was made in, so the next is due on 1 March of the
    year after. Nothing filed: 1 March of this year, which may be past.
    """
    year = _date(now).year if last_filed is None else _date(last_filed).year + 1
    deadline = datetime(year, RMD_MONTH, RMD_DAY, tzinfo=UTC)
    # The day itself is still in time.
    end = int(deadline.timestamp()) + DAY
    return Term(end - (RMD_NOTICE + 1) * DAY, end)


def alarms(
    now: Instant,
    *,
    certificate: Term | None = None,
    spc_token: Term | None = None,
    crl: Term | None = None,
    rmd_filed: Instant | None = None,
) -> tuple[Alarm, ...]:
    """Each paper that is known, the most pressing first; the yearly filing always.

    Certificates and tokens are due at two thirds of their life; a CRL once its next update has
    passed, for then revocations are not seen any more.
    """
    found = []
    if certificate is not None:
        found.append(certificate_alarm(certificate, now))
    if spc_token is not None:
        found.append(_at_two_thirds("SPC token", spc_token, now))
    if crl is not None:
        found.append(_alarm("CRL", crl.end, crl.end, now))
    window = recertification(rmd_filed, now)
    found.append(_alarm("RMD recertification", window.begin, window.end, now))
    return tuple(sorted(found, key=lambda alarm: alarm.days_left))


def certificate_alarm(term: Term, now: Instant) -> Alarm:
    """One certificate's state."""
    return _at_two_thirds("certificate", term, now)


def _at_two_thirds(subject: str, term: Term, now: Instant) -> Alarm:
    return _alarm(subject, renewal_due(term.begin, term.end), term.end, now)


def _alarm(subject: str, due: Instant, end: Instant, now: Instant) -> Alarm:
    days = (end - now) // DAY
    if now >= end:
        sentence = f"The {subject} has run out on {_date(end)}."
    elif now >= due:
        sentence = f"The {subject} runs out on {_date(end)}; renew it now."
    else:
        sentence = f"The {subject} holds until {_date(end)}; it is due on {_date(due)}."
    return Alarm(subject, days, due, end, now >= due, sentence)


def _date(at: Instant) -> date:
    return datetime.fromtimestamp(at, UTC).date()
