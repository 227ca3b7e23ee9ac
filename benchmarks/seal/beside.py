"""phonotary beside its peers, on one core each and on both: HTTP and SIP, signing and verifying."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.load import Burst
from benchmarks.seal import http_load, pairs, sip_load
from benchmarks.seal.bursts import Bursts
from benchmarks.seal.http_load import SIGN, VERIFY, Callers, Target
from benchmarks.seal.pairs import BOTH, ONE, Files, Layout

LAYOUTS = (ONE, BOTH)
# More tokens than a second can need, before it is known how many it does.
_AT_MOST = 25_000


@dataclass(frozen=True, slots=True)
class Field:
    """Everything that is measured in one layout."""

    layout: Layout
    ours: Target
    peer: Target
    strict: Target
    """The peer where it checks the certificate as well, as ours does."""
    bare: Target
    sip: tuple[tuple[str, Callable[[int], Burst]], ...]
    callers: Callers
    tokens: Path


def measure(
    held: Files, database: Path, callers: Callers, rounds: int, seconds: int
) -> tuple[dict[str, Burst], dict[str, dict[str, float]]]:
    """Medians by name, and what the processes of each layout had of the memory."""
    found, memory = Bursts(), dict[str, dict[str, float]]()
    program = sip_load.built(held.home)
    for layout in LAYOUTS:
        with ExitStack() as stack:
            server, port = stack.enter_context(pairs.phonotary(held, database, layout))
            peer = stack.enter_context(pairs.secsipidx(held, layout))
            strict = stack.enter_context(pairs.secsipidx(held, layout, chain=True))
            bare, bare_port = stack.enter_context(pairs.bare(held, layout))
            proxy, proxy_port = stack.enter_context(pairs.kamailio(held, layout))
            invite = partial(sip_load.burst, program, layout=layout, callers=callers)
            sip = (
                ("phonotary", partial(_invited, invite, server, port)),
                ("Kamailio", partial(_invited, invite, proxy, proxy_port)),
                (bare.name, partial(_invited, invite, bare, bare_port)),
            )
            servers = [Target(each, layout, held) for each in (server, peer, strict, bare)]
            field = Field(layout, *servers, sip, callers, held.home / "tokens.txt")
            ours = field.ours
            http_load.ready(ours, callers)
            memory[f"phonotary, {layout.name}, idle"] = server.memory()
            http_load.warm(ours, callers)
            memory[f"phonotary, {layout.name}, {callers.count:,} callers known"] = server.memory()
            for number in range(rounds):
                _round(field, found, number, seconds)
                print(f"  {layout.name}: round {number + 1} of {rounds} done", flush=True)
            memory |= {
                f"phonotary, {layout.name}, after the load": server.memory(),
                f"secsipidx, {layout.name}, after the load": peer.memory(),
                f"Kamailio, {layout.name}, after the load": proxy.memory(),
            }
    return found.middle(), memory


def _invited(invite: Any, server: Any, port: int, seconds: int) -> Burst:
    burst: Burst = invite(server=server, port=port, seconds=seconds)
    return burst


def _round(field: Field, found: Bursts, number: int, seconds: int) -> None:
    """Everything once, phonotary and its peer taking turns at being first."""
    turn = 1 if number % 2 else -1
    for kind, run in ((SIGN, _sign), (VERIFY, _verify)):
        for target in (field.ours, field.peer)[::turn]:
            name = f"{kind}, {field.layout.name}: {target.server.name}"
            full = found.add(name, partial(run, field, target, seconds, 0))
            half = full.per_second / 2
            found.add(f"{name}, half of it", partial(run, field, target, seconds, half))
    for kind, run, target in (
        (SIGN, _sign, field.bare),
        (VERIFY, _verify, field.bare),
        (VERIFY, _verify, field.strict),
    ):
        name = f"{kind}, {field.layout.name}: {target.server.name}"
        found.add(name, partial(run, field, target, seconds, 0))
    for name, burst in field.sip[::turn]:
        found.add(f"SIP 302, {field.layout.name}: {name}", partial(burst, seconds))


def _sign(field: Field, target: Target, seconds: int, rate: float) -> Burst:
    return http_load.sign(target, field.callers, seconds, rate=rate)


def _verify(field: Field, target: Target, seconds: int, rate: float) -> Burst:
    # Paced bursts swing around their rate, and each has a token more for every connection.
    a_second = 2 * rate or _AT_MOST * field.layout.workers
    count = int(a_second * (seconds + 1))
    tokens = http_load.write_tokens(target.held, field.tokens, count)
    return http_load.verify(target, tokens, seconds, rate=rate)
