"""One Identity header against the request that carries it: every step that needs no credential.

The steps stand in the order of RFC 8224 section 6.2 and of ATIS-1000082's cases, except that
nothing is fetched before the claims are known to fit: a header that cannot pass costs no look-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.shaken import credential_url, div, identity_header, passport, uris
from phonotary.shaken.passport import Identity, Passport
from phonotary.shaken.verdicts import UnusableCall, Verdict, failed

SUPPORTED = frozenset({"shaken", "div", "rcd"})

# E.164 allows fifteen digits.
_LONGEST = 15
# Characters of a header's parameters; longer ones are read afresh each time.
_USUAL = 512


# Compared by identity: one object is made at the start, and caches are kept for each.
@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """The verifier's own policy, where the standards leave one."""

    freshness: int = 60
    """Seconds that ``time`` and ``iat`` may differ from now (RFC 8224 section 6.2)."""
    diverted_freshness: int = 60
    """Seconds that the ``iat`` of a PASSporT below a ``div`` may lie behind: a call may be sent on
    after it has rung, and RFC 8946 section 4.2 would let a transfer be hours old."""
    ports: frozenset[int] = credential_url.PORTS
    lab: frozenset[str] = frozenset()
    """Origins of a laboratory that may be http and on any port."""
    allow_base: bool = False
    """Let a PASSporT without ``attest`` (no ppt, or ``rcd``) validate the number by itself; one
    without ppt may then be in compact form."""
    delegate_shaken: bool = False
    """Let a delegate's certificate sign ``shaken`` for its numbers, which ATIS-1000092 forbids
    [M]."""
    replays: Literal["refuse", "note", "off"] = "refuse"
    max_headers: int = 10
    max_diversions: int = 5
    """As the 3GPP and French profiles have it; 0 follows none."""
    max_targets: int = 10
    """How many times, while it is fresh, one call may arrive here diverted anew: a number that
    rings several others sends the same call on to each (RFC 8946 section 4.1)."""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """The request in canonical form, and the claims that would match it exactly."""

    orig: tuple[str, str]
    """Kind and value, as :class:`Identity` has them."""
    dest: tuple[tuple[str, str], ...]
    orig_claim: Mapping[str, str]
    dest_claim: Mapping[str, list[str]]
    time: Instant | None = None


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A header that no step without a credential has refused."""

    passport: Passport
    ppt: str | None
    info: str
    iat: Instant
    direct: bool
    """Its ``dest`` has the called numbers, so no diversion is needed."""
    div: Identity | None = None
    """The number it is diverted from."""
    compact: bool = False
    """Its claims are not its own but what the request says."""
    delegate: bool = False
    """A delegate may have signed it."""


class _Said(NamedTuple):
    """What the parameters of a header say; the same for millions of calls of one provider."""

    info: str
    ppt: str | None
    alg: str
    reason: str = ""
    because: str = ""


def asked(orig: str, dest: tuple[str, ...], time: Instant | None = None) -> Asked:
    """The request's numbers or URIs, canonical. Raises UnusableCall (E1, E2)."""
    if not dest:
        raise UnusableCall("E1", "to", "The request names no called number.")
    caller = _identity(orig, "from")
    called = tuple([_identity(one, "to") for one in dest])
    kind, value = called[0]
    claim = {kind: [value]}
    for kind, value in called[1:]:
        claim.setdefault(kind, []).append(value)
    return Asked(caller, called, {caller[0]: caller[1]}, claim, time)


def _identity(text: str, parameter: str) -> tuple[str, str]:
    """RFC 8224 section 8.3: no country code is guessed, the digits stand as given."""
    digits = text[1:] if text[:1] == "+" else text
    if digits.isdigit() and digits.isascii() and len(digits) <= _LONGEST:
        return "tn", digits
    if not text:
        raise UnusableCall("E1", parameter, f"The parameter {parameter} is missing.")
    try:
        return uris.identity(text)
    except Refused as refused:
        raise UnusableCall("E2", parameter, refused.because) from None


def examine(value: str, asked: Asked, now: Instant, rules: Rules) -> Candidate | Verdict:
    """One header value. A Verdict is a refusal; a ``dest`` that does not match is none yet, for a
    diversion may explain it."""
    token, _, parameters = value.partition(";")
    said = (_said if len(parameters) <= _USUAL else _said.__wrapped__)(parameters, rules)
    token = token.strip()
    if said.reason:
        return failed(said.reason, said.because, ppt=said.ppt)
    compact = token.startswith("..")
    if compact and (said.ppt is not None or asked.time is None):
        return failed("compact-form", ppt=said.ppt)
    try:
        found = passport.read(_expanded(token, said, asked) if compact else token)
    except Refused as refused:
        return failed("unreadable-passport", refused.because, ppt=said.ppt)
    reason = _header_fault(found.header, said)
    if reason:
        return failed(reason, passport=found, ppt=said.ppt)
    try:
        fits = _claims(found, said, asked, now, rules)
    except Refused as refused:
        return failed("claim-missing", refused.because, passport=found, ppt=said.ppt)
    return replace(fits, compact=True) if compact and isinstance(fits, Candidate) else fits


def _expanded(token: str, said: _Said, asked: Asked) -> str:
    """The full form of a base PASSporT, which holds what the request says; ``iat`` is its time
    (RFC 8225 section 7, RFC 8224 section 4). Raises Refused when the token is no signature."""
    header = passport.canonical({"alg": "ES256", "typ": "passport", "x5u": said.info})
    dest = {kind: sorted(values) for kind, values in asked.dest_claim.items()}
    claims = passport.base_payload(asked.orig_claim, dest, asked.time or 0)
    return passport.expand(token, header, claims)


@lru_cache(maxsize=16_384)
def _said(parameters: str, rules: Rules) -> _Said:
    try:
        # The parameters say the same whatever token stands before them.
        header = identity_header.parse(f"-;{parameters}")
    except Refused as refused:
        return _without_info(parameters, refused, rules)
    said = _Said(header.info, header.ppt, header.alg)
    if not _supported(header.ppt, rules):
        return said._replace(reason="ppt-parameter")
    try:
        credential_url.where(header.info, rules.ports, rules.lab)
    except Refused as refused:
        return said._replace(reason="info-unusable", because=refused.because)
    return said


def _without_info(parameters: str, refused: Refused, rules: Rules) -> _Said:
    """Tell a header that lacks ``info`` from one that cannot be read."""
    if not parameters.strip():
        # A bare token, or what is no header at all: nothing in it is of another type.
        return _Said("", None, "", "info-missing")
    try:
        header = identity_header.parse(f"-;info=<x:>{parameters and ';'}{parameters}")
    except Refused:
        return _Said("", None, "", "unreadable-header", refused.because)
    reason = "info-missing" if _supported(header.ppt, rules) else "ppt-parameter"
    return _Said("", header.ppt, header.alg, reason)


def _supported(ppt: str | None, rules: Rules) -> bool:
    return rules.allow_base if ppt is None else ppt in SUPPORTED


def _header_fault(header: Mapping[str, Any], said: _Said) -> str:
    """E9 to E13; empty when the PASSporT's header is as it must be."""
    if "typ" not in header or "alg" not in header or "x5u" not in header:
        return "header-claim-missing"
    if "ppt" not in header and said.ppt is not None:
        return "header-claim-missing"
    if header["x5u"] != said.info:
        return "x5u-mismatch"
    if "crit" in header:
        # RFC 7515 section 4.1.11: what must be understood and is not makes the token invalid.
        return "critical-header"
    if header["typ"] != "passport":
        return "typ"
    if header["alg"] != "ES256" or said.alg != "ES256":
        return "alg"
    return "" if header.get("ppt") == said.ppt else "ppt-claim"


def _claims(
    found: Passport, said: _Said, asked: Asked, now: Instant, rules: Rules
) -> Candidate | Verdict:
    """E14 to E16. Raises Refused for a claim that is missing or malformed."""
    payload = found.payload
    orig, dest = payload.get("orig"), payload.get("dest")
    # Nearly every token holds exactly what the request does; only the others are taken apart.
    called = found.orig if orig != asked.orig_claim else None
    direct = dest == asked.dest_claim or {*map(uris.canonical, found.dest)}.issuperset(asked.dest)
    iat = payload.get("iat")
    if type(iat) is not int:
        iat = found.iat
    ppt, left = said.ppt, None
    if ppt == "shaken" and not (_text(payload, "attest") and _text(payload, "origid")):
        return failed("claim-missing", passport=found, ppt=ppt)
    if ppt == "shaken" and found.orig.kind != "tn":
        because = "The 'orig' of a 'shaken' PASSporT is a telephone number."
        return failed("claim-missing", because, passport=found, ppt=ppt)
    if ppt == "div":
        left = uris.canonical(div.diverted(found))
    # How old the lower end of a diversion may be is known only once the chain is.
    window = rules.freshness if direct else max(rules.freshness, rules.diverted_freshness)
    if not -rules.freshness <= now - iat <= window:
        return failed("stale-iat", passport=found, ppt=ppt)
    if called is not None and uris.canonical(called) != asked.orig:
        return failed("orig-mismatch", passport=found, ppt=ppt)
    return Candidate(found, ppt, said.info, iat, direct, left, delegate=rules.delegate_shaken)


def _text(payload: Mapping[str, Any], claim: str) -> bool:
    found = payload.get(claim)
    return type(found) is str and found != ""
