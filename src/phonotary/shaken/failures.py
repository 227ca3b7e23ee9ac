"""Every way a verification can fail, as a table: the row's name, ATIS-1000082's case, the answer.

The cases E1 to E19 are those of ATIS-1000082, as three implementations and the vendors' documents
agree on them; the texts are written as they write them, down to the capitals. What ATIS has no case
for carries our own words, and a code from RFC 8224 section 6.2.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Verstat(StrEnum):
    """The ``verstat`` parameter of TS 24.229 section 7.2A.20, which ATIS-1000074 takes over."""

    PASSED = "TN-Validation-Passed"
    FAILED = "TN-Validation-Failed"
    NONE = "No-TN-Validation"


@dataclass(frozen=True, slots=True)
class Failure:
    """One row of the table."""

    reason: str
    """Our own name for it, unique, fit for a header."""
    atis: str | None
    """ATIS-1000082's case, when it has one."""
    code: int
    """SIP response code of RFC 8224 section 6.2.2."""
    text: str
    desc: str
    verstat: Verstat
    source: str

    @property
    def case(self) -> str:
        return self.atis or self.reason


_STALE, _INFO = (403, "Stale Date"), (436, "Bad Identity Info")
_CREDENTIAL, _HEADER = (437, "Unsupported credential"), (438, "Invalid Identity Header")
_ABSENT = (428, "Use Identity Header")
_ATIS, _SIP = "ATIS-1000082", "RFC 8224 section 6.2.2"

# In the order of the steps: of several headers that all fail, the one that came furthest is told.
_ROWS: tuple[tuple[str, str | None, tuple[int, str], str, Verstat, str], ...] = (
    ("no-identity", None, _ABSENT, "The request has no Identity header.", Verstat.NONE, _SIP),
    (
        "no-supported-passport",
        None,
        (428, "Use Supported PASSporT Format"),
        "None of the Identity headers has a 'ppt' that is supported.",
        Verstat.NONE,
        _SIP,
    ),
    ("stale-time", "E3", _STALE, "Received 'time' value is not fresh.", Verstat.NONE, _ATIS),
    (
        "too-many-headers",
        None,
        _HEADER,
        "The request has more Identity headers than are read.",
        Verstat.NONE,
        "our bound",
    ),
    (
        "unreadable-header",
        None,
        _HEADER,
        "The Identity header cannot be read.",
        Verstat.NONE,
        "RFC 8224 section 4",
    ),
    (
        "compact-form",
        "E4",
        _HEADER,
        "The 'identity' is in compact form, and SHAKEN needs the full form.",
        Verstat.NONE,
        _ATIS,
    ),
    (
        "ppt-parameter",
        "E5",
        _HEADER,
        "The 'ppt' parameter of the 'identity' is not 'shaken'.",
        Verstat.NONE,
        _ATIS,
    ),
    (
        "info-missing",
        "E6",
        _INFO,
        "Missing 'info' parameter in the 'identity'.",
        Verstat.NONE,
        _ATIS,
    ),
    (
        "info-unusable",
        "E7",
        _INFO,
        "The 'info' parameter is not a URI that may be fetched.",
        Verstat.NONE,
        _ATIS,
    ),
    (
        "unreadable-passport",
        None,
        _HEADER,
        "The PASSporT cannot be read.",
        Verstat.NONE,
        "RFC 8225 section 3",
    ),
    (
        "header-claim-missing",
        "E9",
        _INFO,
        "One of 'ppt', 'typ', 'x5u' and 'alg' is missing in the PASSporT header.",
        Verstat.NONE,
        _ATIS,
    ),
    ("x5u-mismatch", "E10", _INFO, "The 'x5u' is not the 'info' URI.", Verstat.NONE, _ATIS),
    (
        "critical-header",
        None,
        _HEADER,
        "The PASSporT header demands an extension that is not understood.",
        Verstat.NONE,
        "RFC 7515 section 4.1.11",
    ),
    ("typ", "E11", _CREDENTIAL, "The 'typ' is not 'passport'.", Verstat.NONE, _ATIS),
    ("alg", "E12", _CREDENTIAL, "The 'alg' is not 'ES256'.", Verstat.NONE, _ATIS),
    (
        "ppt-claim",
        "E13",
        _HEADER,
        "The 'ppt' of the PASSporT header is not 'shaken'.",
        Verstat.NONE,
        _ATIS,
    ),
    (
        "claim-missing",
        "E14",
        _HEADER,
        "One of 'dest', 'orig', 'attest', 'origid' and 'iat' is missing or malformed.",
        Verstat.NONE,
        _ATIS,
    ),
    ("stale-iat", "E15", _STALE, "The 'iat' value is not fresh.", Verstat.NONE, _ATIS),
    (
        "orig-mismatch",
        "E16",
        _HEADER,
        "The 'orig' claim is not the calling number of the request.",
        Verstat.NONE,
        _ATIS,
    ),
    (
        "dest-mismatch",
        "E16",
        _HEADER,
        "The 'dest' claim does not have the called number of the request.",
        Verstat.NONE,
        _ATIS,
    ),
    (
        "repository-unavailable",
        "E8",
        _INFO,
        "Failed to dereference the 'info' URI.",
        Verstat.NONE,
        _ATIS,
    ),
    (
        "no-anchors",
        None,
        _CREDENTIAL,
        "This service knows no authority to be trusted.",
        Verstat.NONE,
        _SIP,
    ),
    (
        "no-current-revocations",
        None,
        _CREDENTIAL,
        "This service has no current list of revocations, which it must not do without.",
        Verstat.NONE,
        _SIP,
    ),
    (
        "untrusted",
        "E17",
        _CREDENTIAL,
        "Failed to authenticate the CA.",
        Verstat.FAILED,
        _ATIS,
    ),
    (
        "revoked",
        "E17",
        _CREDENTIAL,
        "A certificate of the chain is revoked.",
        Verstat.FAILED,
        _ATIS,
    ),
    (
        "certificate-not-valid-now",
        "E17",
        _CREDENTIAL,
        "A certificate of the chain is not valid at this time.",
        Verstat.FAILED,
        _ATIS,
    ),
    (
        "iat-outside-certificate",
        None,
        _CREDENTIAL,
        "The 'iat' lies outside the validity of the certificate.",
        Verstat.FAILED,
        "RFC 8224 section 6.2 step 4",
    ),
    (
        "signature",
        "E18",
        _HEADER,
        "The signature was not made with the certificate's key, or the PASSporT was altered.",
        Verstat.FAILED,
        _ATIS,
    ),
    ("attest", "E19", _HEADER, "The 'attest' is none of A, B and C.", Verstat.NONE, _ATIS),
    (
        "delegate-signed-shaken",
        None,
        _CREDENTIAL,
        "A delegate certificate does not sign 'shaken'.",
        Verstat.FAILED,
        "ATIS-1000092 [M]",
    ),
    (
        "scope-exceeded",
        None,
        _CREDENTIAL,
        "The number is outside the certificate's TN Authorization List.",
        Verstat.FAILED,
        "RFC 8226 section 7",
    ),
    (
        "constraint-violated",
        None,
        _HEADER,
        "The claims break the certificate's JWT claim constraints.",
        Verstat.FAILED,
        "RFC 8226 section 8, RFC 9118 section 5",
    ),
    (
        "chain-incomplete",
        None,
        _HEADER,
        "The diversions do not lead from the signed 'dest' to the called number.",
        Verstat.NONE,
        "RFC 8946 section 4.2",
    ),
    (
        "replayed",
        None,
        _HEADER,
        "The PASSporT was already used by another call.",
        Verstat.NONE,
        "RFC 8224 section 12.1",
    ),
)

FAILURES: Mapping[str, Failure] = {
    reason: Failure(reason, atis, *answer, desc, verstat, source)
    for reason, atis, answer, desc, verstat, source in _ROWS
}
STEPS: Mapping[str, int] = {reason: step for step, reason in enumerate(FAILURES)}
"""How far each row is from the first step."""
