"""Diverted calls: the ``div`` and ``div-o`` PASSporTs of RFC 8946.

A call to 1 that is forwarded to 2 arrives at 2 with a token made for 1. The forwarder adds a
``div`` token whose ``dest`` is 2 and whose ``div`` is 1, so a reader can walk from where the call
arrived back to what its caller signed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.shaken import uris
from phonotary.shaken.passport import Finding, Identity, Passport

MOST = 5
"""Diversions of one call that are read; a peer profile's bound, RFC 8946 has none."""
_TOKENS = 16

# A History-Info index (RFC 7044 section 5.1) is numbers with dots; 3GPP writes it the same way.
_HISTORY = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True, slots=True)
class Chain:
    """How the tokens of one call hang together. No signature has been looked at."""

    origins: tuple[Passport, ...] = ()
    """What the caller's side signed for the first destination: shaken, rcd, base."""
    diversions: tuple[Passport, ...] = ()
    """The diversions, in the order they happened: the last one speaks for where the call is."""
    strays: tuple[Passport, ...] = ()
    """Readable tokens that are no part of the walk from the target back to the origin."""
    complete: bool = False
    """Every step from the target to an origin is there; else only plain results hold."""
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class _Read:
    """One token with its identities in the form they are compared in."""

    passport: Passport
    orig: Identity
    dest: frozenset[Identity]
    div: Identity | None

    @property
    def pair(self) -> tuple[Identity, frozenset[Identity]]:
        return self.orig, self.dest


def is_div(one: Passport) -> bool:
    return one.ppt in ("div", "div-o")


def diverted(one: Passport) -> Identity:
    """The ``div`` claim: one identity, beside it perhaps ``hi``. Raises Refused when malformed."""
    claim = one.payload.get("div")
    if not isinstance(claim, dict):
        raise _refused("its div is not an object")
    found = [Identity(kind, claim[kind]) for kind in ("tn", "uri") if kind in claim]
    if len(found) != 1 or not claim.keys() <= {"tn", "uri", "hi"}:
        raise _refused("its div does not hold exactly one identity")
    if not isinstance(found[0].value, str) or not found[0].value:
        raise _refused("the identity of its div is not a text")
    return found[0]


def div_claims(
    previous: Passport,
    new_dest: Iterable[Identity],
    iat: Instant | None = None,
    *,
    of: Identity | None = None,
    hi: str | None = None,
) -> dict[str, Any]:
    """The claims that divert a call from ``previous``'s destination to ``new_dest``.

    ``of`` says which destination diverts; it may be left out where there is one. ``iat`` None
    copies the original's, as RFC 8946 section 4.1 recommends; ``hi`` is a History-Info index.
    Raises Refused (INVALID_PARAMETER), also for a call that goes where it went before: for that
    RFC 8946 section 4.1 forbids a token.
    """
    orig = previous.orig
    old = [uris.canonical(one) for one in previous.dest]
    new = [uris.canonical(one) for one in new_dest]
    if of is None and len(set(old)) > 1:
        raise _refused("it has several destinations and none is named as the one that diverts")
    div = old[0] if of is None else uris.canonical(of)
    if div not in old:
        raise _refused("the identity that diverts is none of its destinations")
    if not new or set(new) == set(old) or div in new:
        raise _refused("the destination is not changed")
    if hi is not None and not _HISTORY.fullmatch(hi):
        raise _refused("hi is not a History-Info index")
    return {
        "dest": uris.claim(new),
        "div": {div.kind: div.value} | ({} if hi is None else {"hi": hi}),
        "iat": previous.iat if iat is None else iat,
        "orig": {orig.kind: orig.value},
    }


def open_ends(passports: Sequence[Passport]) -> tuple[Passport, ...]:
    """The tokens a new diversion continues: one per distinct pair of ``orig`` and ``dest``.

    RFC 8946 section 4.1 asks for one ``div`` per such pair, and only for those no ``div`` of the
    request continues already. Malformed tokens are passed over; Refused (INVALID_PARAMETER) for
    more than ``MOST`` diversions.
    """
    read, _ = _readable(passports[:_TOKENS])
    if sum(one.div is not None for one in read) > MOST:
        raise _refused(f"it is diverted more than {MOST} times")
    walk = _longest(read, read)
    # On the walk only its outer end is open, even where a number forwards back to an earlier one.
    ends, seen = walk[:1], {one.pair for one in walk}
    for one in read:
        if one.pair not in seen and not any(_continues(other, one) for other in read):
            seen.add(one.pair)
            ends.append(one)
    return tuple(one.passport for one in ends)


def links(
    passports: Sequence[Passport], target: Iterable[Identity] | None = None, *, most: int = MOST
) -> Chain:
    """Walk from where the call arrived back to its origin (RFC 8946 section 4.2).

    ``target`` is the Request-URI's identity, as :func:`uris.identity` gives it; None when it is
    not known, and then any ``div`` that no other continues is taken for the last. At most
    ``most`` diversions are read. What is wrong is told in the findings: ``too-many``,
    ``malformed``, ``orig-differs``, ``dest-not-target``, ``incomplete``.
    """
    read, findings = _readable(passports[:_TOKENS])
    divs = [one for one in read if one.div is not None]
    if len(passports) > _TOKENS or len(divs) > most:
        findings.append(Finding("too-many", f"The call was diverted more than {most} times."))
        return Chain(strays=tuple(one.passport for one in read), findings=tuple(findings))
    if len({one.orig for one in read}) > 1:
        findings.append(Finding("orig-differs", "The PASSporTs do not agree on who calls."))
    here = None if target is None else frozenset(uris.canonical(one) for one in target)
    last = [one for one in read if here is None or here & one.dest]
    if read and not last:
        findings.append(Finding("dest-not-target", "No PASSporT is for where the call arrived."))
    return _chain(read, _longest(last, read), findings)


def _chain(read: list[_Read], path: list[_Read], findings: list[Finding]) -> Chain:
    """``path`` runs from the last diversion back to the origin, or as far as it goes."""
    complete = bool(path) and path[-1].div is None
    if path and not complete:
        findings.append(Finding("incomplete", "A PASSporT between the caller and here is missing."))
    first = path[-1] if complete else None
    origins = [one for one in read if first and one.div is None and one.pair == first.pair]
    walked = [one for one in reversed(path) if one.div is not None]
    used = {id(one) for one in (*origins, *walked)}
    return Chain(
        origins=tuple(one.passport for one in origins),
        diversions=tuple(one.passport for one in walked),
        strays=tuple(one.passport for one in read if id(one) not in used),
        complete=complete,
        findings=tuple(findings),
    )


def _longest(starts: list[_Read], read: list[_Read]) -> list[_Read]:
    """The walk that reaches an origin, and of those the one through most diversions.

    A number may forward to one that forwards back, so a token is used once in a walk and every
    walk is tried: with five diversions these are few.
    """
    best: list[_Read] = []

    def walk(path: list[_Read]) -> None:
        nonlocal best
        if (path[-1].div is None, len(path)) > (bool(best) and best[-1].div is None, len(best)):
            best = list(path)
        if path[-1].div is None:
            return
        for one in read:
            if _continues(path[-1], one) and not any(one is seen for seen in path):
                walk([*path, one])

    for start in starts:
        walk([start])
    return best


def _continues(outer: _Read, inner: _Read) -> bool:
    return outer.div is not None and outer.div in inner.dest and outer.orig == inner.orig


def _readable(passports: Iterable[Passport]) -> tuple[list[_Read], list[Finding]]:
    read: list[_Read] = []
    findings: list[Finding] = []
    for one in passports:
        try:
            div = uris.canonical(diverted(one)) if is_div(one) else None
            dest = frozenset(uris.canonical(each) for each in one.dest)
            read.append(_Read(one, uris.canonical(one.orig), dest, div))
        except Refused as fault:
            findings.append(Finding("malformed", fault.because))
    return read, findings


def _refused(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The diversion is not usable: {what}.")
