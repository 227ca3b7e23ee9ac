"""The figures as tables, and what was aimed at."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import time
from dataclasses import asdict
from typing import Any

from benchmarks.load import Burst
from benchmarks.report import table
from benchmarks.seal.beside import LAYOUTS
from benchmarks.seal.inprocess import Rates
from benchmarks.seal.pairs import WITH_CHAIN
from benchmarks.seal.scale import known_of

# What is compared, with whom, and by how many times we should do more.
_PEERS = (("sign", "secsipidx", 2.0), ("verify", "secsipidx", 1.7), ("SIP 302", "Kamailio", 1.5))
_DEARER = 1.10


def machine() -> dict[str, str]:
    def said(*command: str) -> str:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        return (done.stdout or done.stderr).strip().splitlines()[0]

    return {
        "date": time.strftime("%Y-%m-%d"),
        "processors": f"{os.cpu_count()} ({platform.machine()})",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "OpenSSL": said("openssl", "version"),
        "secsipidx": said("dpkg-query", "-W", "-f", "${Version}", "secsipidx"),
        "Kamailio": said("dpkg-query", "-W", "-f", "${Version}", "kamailio"),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def process_ratios(rates: Rates) -> list[dict[str, Any]]:
    return [
        _ratio("in process: sign / openssl", rates.sign_ratio, at_least=0.80),
        _ratio("in process: verify / openssl", rates.verify_ratio, at_least=0.85),
    ]


def peer_ratios(bursts: dict[str, Burst]) -> list[dict[str, Any]]:
    found = []
    for kind, peer, aim in _PEERS:
        for layout in LAYOUTS:
            name = f"{kind}, {layout.name}"
            ours, theirs = bursts[f"{name}: phonotary"], bursts[f"{name}: {peer}"]
            ratio = ours.per_second / theirs.per_second
            found.append(_ratio(f"{name}: phonotary / {peer}", ratio, at_least=aim))
            cheaper = theirs.cpu_us / ours.cpu_us
            found.append(_ratio(f"{name}: CPU of {peer} / phonotary", cheaper))
            most = bursts[f"{name}: bare"].per_second / theirs.per_second
            found.append(_ratio(f"{name}: a signature and nothing else / {peer}", most))
            strict = bursts.get(f"{name}: {WITH_CHAIN}")
            if strict is not None:
                ratio = ours.per_second / strict.per_second
                found.append(_ratio(f"{name}: phonotary / {WITH_CHAIN}", ratio))
    return found


def scale_ratios(bursts: dict[str, Burst], numbers: list[int]) -> list[dict[str, Any]]:
    least = bursts[known_of(numbers[0])].cpu_us
    return [
        _ratio(
            f"CPU of a call: {known_of(many)} / {known_of(numbers[0])}",
            bursts[known_of(many)].cpu_us / least,
            at_most=_DEARER,
        )
        for many in numbers[1:]
    ]


def _ratio(
    name: str, ratio: float, *, at_least: float | None = None, at_most: float | None = None
) -> dict[str, Any]:
    aim, missed = "", False
    if at_least is not None:
        aim, missed = f">= {at_least}", ratio < at_least
    if at_most is not None:
        aim, missed = f"<= {at_most}", ratio > at_most
    return {"name": name, "ratio": round(ratio, 3), "aim": aim, "missed": missed}


def show(result: dict[str, Any]) -> None:
    print()
    table(("machine", ""), result["machine"].items())
    table(
        ("in process, one core", "a second"),
        ((name, f"{rate:,.0f}") for name, rate in _rates(result)),
    )
    for title, key in (("beside the peers", "beside"), ("one core, signing", "scale")):
        if key in result:
            _bursts(title, result[key])
    table(
        ("ratio", "", "aim"),
        (
            (row["name"], f"{row['ratio']:.2f}", row["aim"] + (", missed" if row["missed"] else ""))
            for row in result["ratios"]
        ),
    )
    table(
        ("memory", "RSS MB", "of it anonymous MB"),
        ((name, m["rss_mb"], m["anonymous_mb"]) for name, m in result["memory"].items()),
    )
    table(
        ("made in", "seconds"),
        ((f"{numbers} numbers", seconds) for numbers, seconds in result["filled_in"].items()),
    )


def _rates(result: dict[str, Any]) -> list[tuple[str, float]]:
    names = {
        "openssl_sign": "openssl sign",
        "sign": "PASSporT signed",
        "decided": "call decided, signed, in the ledger",
        "openssl_verify": "openssl verify",
        "verify": "PASSporT verified",
        "judged": "call verified, every step",
    }
    return [(words, result["in_process"][name]) for name, words in names.items()]


def _bursts(title: str, bursts: dict[str, dict[str, float]]) -> None:
    table(
        (title, "a second", "p50 ms", "p99 ms", "CPU us each", "others"),
        (
            (name, f"{b['per_second']:,.0f}",
             *(f"{b[k]:.2f}" if b[k] else "" for k in ("p50_ms", "p99_ms")),
             f"{b['cpu_us']:.0f}", f"{b['others']:.0%}")
            for name, b in bursts.items()
        ),
    )  # fmt: skip


def plain(bursts: dict[str, Burst]) -> dict[str, dict[str, float]]:
    return {name: asdict(burst) for name, burst in bursts.items()}
