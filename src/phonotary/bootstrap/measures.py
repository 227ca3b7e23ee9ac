"""What an operator's monitoring reads at ``/metrics``: numbers and providers' names, no secret."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonotary.bootstrap.verifying import VerificationService
    from phonotary.storage.ledger import Lag

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Measure:
    """One number. A name that ends in ``_total`` only grows, any other goes up and down."""

    name: str
    help: str
    """One sentence, the same for all measures of the name."""
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def of_calls(ledger: Lag, verification: VerificationService) -> Iterator[Measure]:
    """What is this process's own; each of several has a ledger's queue and a memory."""
    own = {"process": str(os.getpid())}
    failing = ledger.last_error is not None
    repository, replays = verification.repository, verification.replays
    rows: tuple[tuple[str, str, float], ...] = (
        ("ledger_rows_waiting", "Calls not written to the ledger yet.", ledger.waiting),
        ("ledger_lag_seconds", "How long the oldest of them has waited.", ledger.seconds),
        ("ledger_rows_dropped_total", "Calls the ledger does not have.", ledger.dropped),
        ("ledger_failing", "Whether the last attempt to write failed.", int(failing)),
        (
            "replay_memory_entries",
            "PASSporTs that were used and may not be again.",
            len(replays),
        ),
        ("replay_memory_dropped_total", "Those forgotten for want of room.", replays.dropped),
        ("repository_chains", "Chains of other providers in memory.", len(repository)),
        ("repository_bytes", "Bytes that they take.", repository.bytes),
        ("repository_fetches", "Chains being fetched, or in line for it.", repository.fetching),
        ("repository_fetches_total", "Fetches that were begun.", repository.fetched),
    )
    for name, sentence, value in rows:
        yield Measure(f"phonotary_{name}", sentence, value, own)


def text(measures: Iterable[Measure]) -> str:
    """The measures in the text format; those of one name stand together, as it demands."""
    by_name: dict[str, list[Measure]] = {}
    for one in measures:
        by_name.setdefault(one.name, []).append(one)
    return "".join(_family(name, rows) for name, rows in by_name.items())


def _family(name: str, rows: list[Measure]) -> str:
    kind = "counter" if name.endswith("_total") else "gauge"
    head = f"# HELP {name} {rows[0].help}\n# TYPE {name} {kind}\n"
    return head + "".join(f"{name}{_labels(one.labels)} {one.value}\n" for one in rows)


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    inner = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())
    return "{" + inner + "}"
