"""What a verification service answers: of one Identity header, and of the whole call.

Each answer that is no pass is a row of :mod:`phonotary.shaken.failures`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.shaken.attestation import Level
from phonotary.shaken.failures import FAILURES, STEPS, Failure, Verstat
from phonotary.shaken.passport import Passport
from phonotary.shaken.replays import Taken

__all__ = ["FAILURES", "Failure", "Unobtainable", "UnusableCall", "Verdict", "Verstat", "failed"]


class UnusableCall(Refused):
    """E1 and E2: the request itself cannot be judged. ``parameter`` is its name on the wire."""

    def __init__(self, case: str, parameter: str, because: str) -> None:
        reason = Reason.MISSING_PARAMETER if case == "E1" else Reason.INVALID_PARAMETER
        super().__init__(reason, because)
        self.case = case
        self.parameter = parameter


class Unobtainable(Refused):
    """No credential could be had from an address. ``fault`` is one word of our own: ``timeout``,
    ``address``, ``connect``, ``tls``, ``status``, ``redirect``, ``size``, ``type``, ``content``,
    ``busy``."""

    def __init__(self, fault: str, because: str) -> None:
        super().__init__(Reason.UNAVAILABLE, because)
        self.fault = fault


# Made once per call: a frozen msgspec.Struct costs a tenth of a frozen dataclass to make. It is
# part of no cycle, so the collector need not look at it.
class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What was found, of one header or of the whole call."""

    verstat: Verstat
    case: str | None = None
    """``E3`` to ``E19``; our own word where ATIS has no case; None when the call passed."""
    code: int | None = None
    text: str = ""
    desc: str = ""
    attest: Level | None = None
    """As signed; only with a verdict that passed, or failed after the signature held."""
    origid: str | None = None
    ppt: str | None = None
    fingerprint: str | None = None
    """The leaf that signed: SHA-256, lower-case hexadecimal."""
    iat: Instant | None = None
    passport: Passport | None = None
    """What the header says; nothing of it is to be believed unless the call passed."""
    diverted: tuple[str, ...] = ()
    """Numbers the call was diverted by, first to last."""
    rcd: Mapping[str, Any] | None = None
    """The claims ``rcd`` and ``crn`` whose integrity held."""
    each: tuple[Verdict, ...] = ()
    """One for each Identity header, in order; empty in those themselves."""
    reason: str = ""
    """The row of FAILURES, or empty: finer than ``case``, which has one E17 for many."""
    notes: tuple[str, ...] = ()
    """What was let pass but should be known; one sentence each."""
    uses: tuple[Taken, ...] = ()
    """What the call was the first to use of the memory of replays."""

    @property
    def passed(self) -> bool:
        return self.verstat is Verstat.PASSED

    @property
    def step(self) -> int:
        """How far it came: greater is further."""
        return STEPS.get(self.reason, len(STEPS))


def failed(
    reason: str,
    because: str = "",
    *,
    passport: Passport | None = None,
    ppt: str | None = None,
    fingerprint: str | None = None,
    notes: tuple[str, ...] = (),
) -> Verdict:
    """The verdict of one row; ``because``, one sentence, says more than the row's own."""
    row = FAILURES[reason]
    return Verdict(
        verstat=row.verstat,
        case=row.case,
        code=row.code,
        text=row.text,
        desc=because or row.desc,
        ppt=ppt,
        fingerprint=fingerprint,
        passport=passport,
        reason=reason,
        notes=notes,
    )
