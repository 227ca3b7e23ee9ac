"""Several processes as one: how they end, and what is said of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

_PROGRAM = """
import os, signal, sys, time
from phonotary.cli import workers
from phonotary.errors import Reason, Refused

def waits(place):
    os.write(1, f"{place}\\n".encode())
    time.sleep(30)

def first(place, then):
    waits(place) if place else then()

def raises(): raise RuntimeError("a fault of ours")
def refuses(): raise Refused(Reason.CONFLICT, "it is not to be")
def ends(): pass
def leaves(): sys.exit(7)
def dies(): os.kill(os.getpid(), signal.SIGKILL)

work = waits if sys.argv[1] == "waits" else lambda place: first(place, globals()[sys.argv[1]])
sys.exit(workers.run(3, work))
"""


@contextmanager
def started(how: str) -> Iterator[subprocess.Popen[str]]:
    """In a process group of its own, so that nobody is left behind if it fails."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("raises", 1, "RuntimeError: a fault of ours"),
        ("refuses", 1, "phonotary: it is not to be"),
        ("ends", 1, ""),
        ("leaves", 7, ""),
        ("dies", int(signal.SIGKILL), "; all end"),
    ],
)
def test_when_one_ends_all_do_and_it_is_said_why(how: str, code: int, said: str) -> None:
    with started(how) as process:
        _, errors = process.communicate(timeout=10)
    assert process.returncode == code
    assert errors.strip().endswith(said)
    assert ("Traceback" in errors) == (how == "raises")
    assert ("phonotary: SIGKILL ended worker " in errors) == (how == "dies")


def test_when_the_parent_is_killed_its_workers_end() -> None:
    with started("waits") as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        process.kill()
        # They hold its output, which ends with the last of them.
        begun = time.monotonic()
        process.communicate(timeout=10)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_they_end_well(number: signal.Signals) -> None:
    with started("waits") as process:
        assert process.stdout is not None
        places = sorted(process.stdout.readline().strip() for _ in range(3))
        assert places == ["0", "1", "2"]
        begun = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")
    assert time.monotonic() - begun < 5
