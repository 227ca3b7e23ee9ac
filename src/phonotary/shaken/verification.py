"""The verification service of RFC 8224 section 6.2 and ATIS-1000074: one call in, one verdict out.

In two halves, because only the caller may wait for a network: :func:`begin` does what needs no
credential and says which ones are needed, :func:`conclude` does the rest.

1. Every Identity header is read; one with an unsupported ``ppt`` is ignored.
2. The request's own ``time`` is fresh.
3. Each PASSporT is examined (:mod:`phonotary.shaken.verification_claims`).
4. Diversions are joined (RFC 8946); a chain with a gap leaves the plain results alone.
5. Credentials are obtained, by the caller.
6. Each PASSporT is judged (:mod:`phonotary.shaken.verification_credential`).
7. One valid header is enough, unless it was used before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.shaken import div, identity_header
from phonotary.shaken.chains import ValidChain
from phonotary.shaken.passport import Identity
from phonotary.shaken.replays import Replays, Taken, Use
from phonotary.shaken.verdicts import Verdict, Verstat, failed
from phonotary.shaken.verification_claims import Asked, Candidate, Rules, asked, examine
from phonotary.shaken.verification_credential import Credential, judge

__all__ = ["CallToVerify", "Pending", "Rules", "begin", "conclude"]


class CallToVerify(msgspec.Struct, frozen=True, gc=False):
    """One call as a door received it: numbers or URIs as written on the wire."""

    orig: str
    """The calling identity from SIP (P-Asserted-Identity if trusted, else From)."""
    dest: tuple[str, ...]
    time: Instant | None = None
    """When the request was made, where the door is told."""
    identities: tuple[str, ...] = ()
    """Identity header values in order; several may be joined by commas."""
    call_id: str | None = None
    """What stands for the call where something does (in SIP, Call-ID, From tag and Request-URI
    together): tells a retransmission from a replay."""


class Way(NamedTuple):
    """How a diverted call came here: places of parts; both empty for one that was not."""

    origins: tuple[int, ...] = ()
    """What was signed for the first called number."""
    diversions: tuple[int, ...] = ()
    """Each ``div``, in the order they happened."""


class Pending(msgspec.Struct, frozen=True, gc=False):
    """A call that only credentials can decide."""

    urls: tuple[str, ...]
    """Where they are; each once."""
    parts: tuple[Candidate | Verdict, ...]
    """One for each header, in order; a Verdict is already a refusal."""
    way: Way
    call_id: str | None


class _Used(NamedTuple):
    """A PASSporT, by its place, and what its use is to those before."""

    at: int
    use: Use
    taken: Taken
    because: str = ""


_STRAIGHT = Way()
_SAYS_ANOTHER = "The 'identity' is in compact form, and does not fit what the request says."
_TOO_MANY = "The PASSporT was already diverted to as many targets as one call may be."
_SHAKEN: tuple[str | None, ...] = ("shaken",)
_EVERY: tuple[str | None, ...] = ("shaken", "rcd", None)


def begin(call: CallToVerify, now: Instant, rules: Rules) -> Verdict | Pending:
    """Every step that needs no credential. Raises UnusableCall for a request that cannot be judged
    (E1, E2): no numbers, or what is neither number nor URI."""
    wanted = asked(call.orig, call.dest, call.time)
    try:
        values = _values(call.identities)
    except Refused as refused:
        return failed("unreadable-header", refused.because)
    if not values:
        return failed("no-identity")
    if call.time is not None and abs(now - call.time) > rules.freshness:
        return failed("stale-time")
    if len(values) > rules.max_headers:
        return failed("too-many-headers")
    parts = tuple([examine(value, wanted, now, rules) for value in values])
    only = parts[0]
    if len(parts) == 1 and isinstance(only, Candidate) and only.direct and only.ppt != "div":
        return Pending((only.info,), parts, _STRAIGHT, call.call_id)
    way = _way(parts, wanted, rules)
    parts = tuple(
        [_plain(part, at in way.origins + way.diversions) for at, part in enumerate(parts)]
    )
    urls = tuple(dict.fromkeys([part.info for part in parts if isinstance(part, Candidate)]))
    if not urls:
        return _refusal([part for part in parts if isinstance(part, Verdict)])
    return Pending(urls, parts, way, call.call_id)


def conclude(
    pending: Pending,
    chains: Mapping[str, Credential],
    now: Instant,
    rules: Rules,
    replays: Replays,
) -> Verdict:
    """The verdict, given what was obtained for each of ``pending.urls``; one that is not there
    counts as not obtainable (E8)."""
    each = [
        _judged(part, chains, now) if isinstance(part, Candidate) else part
        for part in pending.parts
    ]
    way = pending.way
    each, taken, again = _without_replays(pending, each, now, rules, replays)
    if way.diversions and not all(each[at].passed for at in way.diversions):
        each = _without_gaps(way, each)
    chosen = _chosen(pending, each, rules)
    if chosen is None:
        return replace(_refusal(each), uses=taken)
    winner, diverted = chosen
    whole = replace(each[winner], each=tuple(each), uses=taken)
    if len(each) == 1 and not again:
        return whole
    held = [one for one in each if one.passed]
    said = [
        one.rcd
        for part, one in zip(pending.parts, each, strict=True)
        if one.passed and (one.fingerprint == whole.fingerprint or _own_number(part, chains))
    ]
    return replace(
        whole,
        diverted=_left(pending) if diverted else (),
        rcd=next((one for one in said if one is not None), None),
        notes=(*[note for one in held for note in one.notes], *again),
    )


def _judged(part: Candidate, chains: Mapping[str, Credential], now: Instant) -> Verdict:
    verdict = judge(part, chains.get(part.info), now)
    if part.compact and verdict.reason == "signature":
        # The other side signed something else than this request says, a mky or an untranslated
        # number perhaps: that is no forgery yet, and the full form would tell.
        return failed("compact-form", _SAYS_ANOTHER, passport=part.passport, ppt=part.ppt)
    return verdict


def _own_number(part: Candidate | Verdict, chains: Mapping[str, Credential]) -> bool:
    """Whether a PASSporT's certificate is for the caller's very number. What is shown of a caller
    comes from it, or from the provider that answers for the call; from no third party."""
    if isinstance(part, Verdict):
        return False
    chain = chains.get(part.info)
    orig = part.passport.orig
    return isinstance(chain, ValidChain) and orig.kind == "tn" and chain.covers(orig.value) is True


def _without_replays(
    pending: Pending,
    each: list[Verdict],
    now: Instant,
    rules: Rules,
    replays: Replays,
) -> tuple[list[Verdict], tuple[Taken, ...], tuple[str, ...]]:
    """The verdicts less those of PASSporTs that another call has used; what this call is the
    first to use; and what is only noted."""
    if rules.replays == "off":
        return each, (), ()
    found: list[_Used] = []
    notes: list[str] = []
    for uses in (_uses_here, _uses_below) if pending.way.diversions else (_uses_here,):
        for one in uses(pending, each, now, rules, replays):
            found.append(one)
            if one.use is not Use.REPLAY:
                continue
            before = each[one.at]
            again = failed("replayed", one.because, passport=before.passport, ppt=before.ppt)
            if rules.replays == "refuse":
                each[one.at] = again
            else:
                notes.append(again.desc)
    return each, tuple([one.taken for one in found if one.use is Use.FIRST]), tuple(notes)


def _uses_here(
    pending: Pending, each: Sequence[Verdict], now: Instant, rules: Rules, replays: Replays
) -> list[_Used]:
    """Of what leads to the called number itself, which may be used once. A diversion that leads
    nowhere validates nothing, so it is not used up."""
    way = pending.way
    nowhere = way.diversions if way.diversions and not _whole_way(way, each) else ()
    found = []
    for at, part in enumerate(pending.parts):
        if isinstance(part, Candidate) and part.direct and each[at].passed and at not in nowhere:
            signature = part.passport.signature
            use = replays.use(signature, now, pending.call_id)
            found.append(_Used(at, use, (signature, None)))
    return found


def _uses_below(
    pending: Pending, each: Sequence[Verdict], now: Instant, rules: Rules, replays: Replays
) -> list[_Used]:
    """Of what stands below a diversion. It may come again, for the number it was made for may
    ring several others (RFC 8946 section 4.1). But whoever was called once could else divert that
    call to all the world, so it may come ``max_targets`` times."""
    way = pending.way
    if not _whole_way(way, each):
        return []
    by = _signature(pending.parts[way.diversions[-1]])
    found = []
    for at in way.origins:
        if each[at].passed:
            signature = _signature(pending.parts[at])
            use = replays.divert(signature, by, now, rules.max_targets)
            found.append(_Used(at, use, (signature, by), _TOO_MANY))
    return found


def _whole_way(way: Way, each: Sequence[Verdict]) -> bool:
    """Whether every diversion holds, and something below them."""
    return all([each[at].passed for at in way.diversions]) and any(
        [each[at].passed for at in way.origins]
    )


def _signature(part: Candidate | Verdict) -> bytes:
    assert part.passport is not None
    return part.passport.signature


def used(verdict: Verdict) -> tuple[Taken, ...]:
    """What a verdict was the first to use, for whoever must take it back."""
    return verdict.uses


def _left(pending: Pending) -> tuple[str, ...]:
    """The numbers the call was diverted by, first to last."""
    found = [pending.parts[at] for at in pending.way.diversions]
    return tuple([one.div.value for one in found if isinstance(one, Candidate) and one.div])


def _values(identities: Sequence[str]) -> Sequence[str]:
    if len(identities) == 1 and "," not in identities[0]:
        return identities if identities[0].strip() else ()
    return identity_header.split(identities)


def _way(parts: Sequence[Candidate | Verdict], wanted: Asked, rules: Rules) -> Way:
    """The diversion that leads from a signed ``dest`` to the number that is called now; a way with
    a gap is none (RFC 8946 section 4.2)."""
    found = [part for part in parts if isinstance(part, Candidate)]
    if not any(part.ppt == "div" for part in found):
        return _STRAIGHT
    chain = div.links(
        [part.passport for part in found],
        [Identity(*one) for one in wanted.dest],
        most=rules.max_diversions,
    )
    if not (chain.complete and chain.diversions):
        return _STRAIGHT
    places = {id(part.passport): at for at, part in enumerate(parts) if isinstance(part, Candidate)}
    diversions = tuple(places[id(one)] for one in chain.diversions)
    last = parts[diversions[-1]]
    if not (isinstance(last, Candidate) and last.direct):
        return _STRAIGHT
    return Way(tuple(places[id(one)] for one in chain.origins), diversions)


def _plain(part: Candidate | Verdict, on_the_way: bool) -> Candidate | Verdict:
    """A PASSporT outside a whole diversion must by itself lead to the called number."""
    if isinstance(part, Verdict) or on_the_way:
        return part
    if part.ppt == "div":
        return failed("chain-incomplete", passport=part.passport, ppt=part.ppt)
    if not part.direct:
        return failed("dest-mismatch", passport=part.passport, ppt=part.ppt)
    return part


def _chosen(pending: Pending, each: Sequence[Verdict], rules: Rules) -> tuple[int, bool] | None:
    """The header that decides, and whether it needs the diversion to; None when no header
    validates the number. A call that reached its number undiverted is preferred."""
    kinds = _EVERY if rules.allow_base else _SHAKEN
    if len(each) == 1:
        return (0, False) if each[0].verstat is Verstat.PASSED and each[0].ppt in kinds else None
    for kind in kinds:
        diverted = None
        for at, verdict in enumerate(each):
            if verdict.verstat is not Verstat.PASSED or verdict.ppt != kind:
                continue
            part = pending.parts[at]
            if isinstance(part, Candidate) and part.direct:
                return at, False
            diverted = at if diverted is None else diverted
        if diverted is not None:
            return diverted, True
    return None


def _without_gaps(way: Way, each: Sequence[Verdict]) -> list[Verdict]:
    """Where one PASSporT of a diversion fails, the others lead nowhere."""
    return [
        failed("chain-incomplete", passport=one.passport, ppt=one.ppt, fingerprint=one.fingerprint)
        if one.passed and (at in way.origins or at in way.diversions)
        else one
        for at, one in enumerate(each)
    ]


def _refusal(each: Sequence[Verdict]) -> Verdict:
    """Of several that fail, the one that came furthest: 436 only when no credential was to be had,
    437 only when none was acceptable (RFC 8224 section 6.2.2)."""
    read = [one for one in each if one.reason != "ppt-parameter"]
    if not read:
        only = each[0] if len(each) == 1 else failed("no-supported-passport")
        return _whole(only, each)
    refused = [one for one in read if not one.passed and one.reason != "chain-incomplete"]
    gaps = [one for one in read if one.reason == "chain-incomplete"]
    if not refused and not gaps:
        # Rich Call Data or a base PASSporT by themselves, which the rules do not let validate.
        return _whole(failed("ppt-parameter"), each)
    return _whole(max(refused or gaps, key=lambda one: one.step), each)


def _whole(verdict: Verdict, each: Sequence[Verdict]) -> Verdict:
    return replace(verdict, each=tuple(each))
