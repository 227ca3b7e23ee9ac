"""How long chains of other providers are kept, and how much is fetched at the same time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long and how much; times in seconds."""

    budget: float = 0.5
    """What a call waits for a chain: in line, for names, connections, chain and TN lists."""
    patience: float = 5.0
    """What the fetch itself may take, for the calls that come later. Past the budget it is late:
    it holds no place that another waits for."""
    at_least: int = 86_400
    """ATIS-1000074: a day when the server's headers say less, or nothing."""
    at_most: int = 7 * 86_400
    ahead: int = 3_600
    """How long before its time a chain in use is fetched anew, while no call waits for it."""
    retry_after: int = 30
    """After a failure, doubled with each further one."""
    retry_at_most: int = 900
    chains: int = 20_000
    """Room for every address seen in the field."""
    failures: int = 5_000
    """Kept apart, so that made-up addresses push no chain out."""
    bytes: int = 64 * 1024 * 1024
    """Of all chains together; a chain has three or four thousand."""
    fetches: int = 128
    """At the same time, those that are late left out."""
    of_a_host: int = 48
    """How many of those may be one host's: a third of all addresses in the field are one's."""
    of_a_site: int = 80
    """How many may be those of all hosts under one name, which may be one stranger's or a whole
    country's; also the share, of ``fetches``, that one name may have of the line."""
    waiting: int = 512
    """In line for a place; more are answered at once that nothing can be had."""
    late: int = 64
    """Fetches that go on past the budget; for one more, the oldest is given up."""
    late_of_a_site: int = 16
    """How many of those may be one site's: whoever names a thousand slow addresses of its own
    takes this much from the others and no more."""
    tn_lists: int = 4
    """TN lists by reference that one chain may have."""
    stale: bool = True
    """A chain that cannot be fetched again is used while its certificates are valid."""
