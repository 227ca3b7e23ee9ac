"""Bursts of signing and verifying over HTTP, every answer looked at for what it must be."""

from __future__ import annotations

import base64
import http.client
import json
import math
import os
import random
import resource
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Burst
from benchmarks.seal import rows
from benchmarks.seal.pairs import SECSIPIDX, WITH_CHAIN, Files, Layout, until
from benchmarks.servers import Server, busy_seconds
from phonotary.clock import Clock
from phonotary.shaken import identity_header, passport

_SCRIPT = Path(__file__).with_name("load.lua")
_CONNECTIONS, _PACED = 32, 64
SIGN, VERIFY = "sign", "verify"
_PATHS = {
    ("phonotary", SIGN): "/stir/v1/signing",
    ("phonotary", VERIFY): "/stir/v1/verification",
    (SECSIPIDX, SIGN): "/v1/sign-csv",
    (SECSIPIDX, VERIFY): "/v1/check",
}


@dataclass(frozen=True, slots=True)
class Callers:
    """The numbers that call: so many, each ``step`` after the one before."""

    count: int
    step: int

    @classmethod
    def among(cls, numbers: int, wanted: int) -> Callers:
        return cls(min(wanted, numbers), max(1, numbers // wanted))


@dataclass(frozen=True, slots=True)
class Target:
    server: Server
    layout: Layout
    held: Files

    @property
    def ours(self) -> bool:
        """Whether it speaks JSON as phonotary does."""
        return self.server.name not in (SECSIPIDX, WITH_CHAIN)

    def path(self, kind: str) -> str:
        return _PATHS["phonotary" if self.ours else SECSIPIDX, kind]


def sign(target: Target, callers: Callers, seconds: int, *, rate: float = 0) -> Burst:
    """Callers drawn evenly; ``rate`` requests a second, as many as it can take when 0."""
    size = _good(target, SIGN, _signing(target, callers))
    more = _drawn(target, callers, "drawn", random.randrange(1 << 31))
    return _wrk(target, SIGN, more, seconds, rate, size)[0]


def ready(target: Target, callers: Callers) -> None:
    """It answers, and rightly. RuntimeError when it does not."""
    _good(target, SIGN, _signing(target, callers))


def warm(target: Target, callers: Callers) -> None:
    """Every caller has called, where there are workers mostly each of them."""
    # One in 2^10 that a worker has not seen costs a call less than a microsecond on average.
    wanted = callers.count * (1 if target.layout.workers == 1 else 5 * target.layout.workers)
    size, done = _good(target, SIGN, _signing(target, callers)), 0
    while done < wanted:
        done += _wrk(target, SIGN, _drawn(target, callers, "each", done), 2, 0, size)[1]


def _drawn(target: Target, callers: Callers, order: str, first: int) -> list[str]:
    return [str(callers.count), str(callers.step), order, str(first), target.held.x5u]


def verify(target: Target, tokens: Path, seconds: int, *, rate: float = 0) -> Burst:
    """``tokens`` is a file of :func:`write_tokens`, fresh and not yet shown to this server."""
    size = _good(target, VERIFY, _verifying(target))
    return _wrk(target, VERIFY, [str(tokens)], seconds, rate, size)[0]


def write_tokens(held: Files, file: Path, count: int) -> Path:
    """``count`` calls with an Identity each, all of this moment."""
    with file.open("w") as lines:
        for number in range(count):
            lines.write(" ".join(_token(held, number)) + "\n")
    return file


def _token(held: Files, number: int) -> tuple[str, str, str, str]:
    now = Clock.wall()
    orig, dest = str(rows.tn(number % rows.MOST)), "12025550123"
    origid = f"{random.getrandbits(32):08x}-75b4-431b-adb2-{number:012x}"
    payload = passport.shaken_payload("A", (dest,), now, orig, origid)
    token = passport.sign(payload, held.credential.key, held.x5u)
    return orig, dest, str(now), identity_header.emit(token, held.x5u)


# One answer of each, read as a client would.


def _signing(target: Target, callers: Callers) -> Callable[[], bytes]:
    orig = rows.tn(random.randrange(callers.count) * callers.step)
    origid = "de305d54-75b4-431b-adb2-eb6b9e546014"

    def body() -> bytes:
        if not target.ours:
            return f"{orig},12025550123,A,{origid},{target.held.x5u}".encode()
        call = {"attest": "A", "dest": {"tn": ["12025550123"]}, "iat": Clock.wall()}
        call |= {"orig": {"tn": str(orig)}, "origid": origid}
        return json.dumps({"signingRequest": call}).encode()

    return body


def _verifying(target: Target) -> Callable[[], bytes]:
    def body() -> bytes:
        orig, dest, iat, identity = _token(target.held, random.randrange(rows.MOST))
        if not target.ours:
            return identity.encode()
        call = {"from": {"tn": orig}, "to": {"tn": [dest]}, "time": int(iat), "identity": identity}
        return json.dumps({"verificationRequest": call}).encode()

    return body


def _good(target: Target, kind: str, body: Callable[[], bytes]) -> int:
    """Bytes of a right answer. RuntimeError when none comes in the time a start may take."""
    size, said = 0, ""

    def right() -> bool:
        nonlocal size, said
        connection = http.client.HTTPConnection(target.server.origin.removeprefix("http://"))
        connection.request("POST", target.path(kind), body(), {**_proof(target), **_type(target)})
        reply = connection.getresponse()
        answer = reply.read()
        connection.close()
        said = f"{reply.status} {reply.getheaders()} {answer!r}"
        head = sum(len(name) + len(value) + 4 for name, value in reply.getheaders())
        size = len(f"HTTP/1.1 {reply.status} {reply.reason}\r\n\r\n") + head + len(answer)
        # uvicorn's first answers have no date yet.
        return reply.status == 200 and "date" in reply.headers and _is_right(target, kind, answer)

    until(right, lambda: f"{target.server.name} does not {kind} as it must: {said}")
    return size


def _is_right(target: Target, kind: str, answer: bytes) -> bool:
    if kind == VERIFY:
        if not target.ours:
            return answer == b"OK\n"
        said = json.loads(answer)["verificationResponse"]
        return bool(said["verstat"] == "TN-Validation-Passed")
    if target.ours:
        answer = json.loads(answer)["signingResponse"]["identity"].encode()
    claims = answer.split(b".")[1]
    found = json.loads(base64.urlsafe_b64decode(claims + b"=" * (-len(claims) % 4)))
    return bool(found["attest"] == "A")


def _proof(target: Target) -> dict[str, str]:
    if not target.ours:
        return {}
    proof = base64.b64encode(f"{rows.USER}:{rows.PASSWORD}".encode()).decode()
    return {"Authorization": f"Basic {proof}"}


def _type(target: Target) -> dict[str, str]:
    return {"Content-Type": "application/json" if target.ours else "text/plain"}


# The load.


def _wrk(
    target: Target, kind: str, more: list[str], seconds: int, rate: float, size: int
) -> tuple[Burst, int]:
    """What it came to, and how many requests. One thread of wrk does more than the servers can."""
    server, layout = target.server, target.layout
    connections = _PACED if rate else _CONNECTIONS
    pause = math.ceil(1000 * connections / rate) if rate else 0
    command = ["taskset", "-c", layout.load, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    command += ["--timeout", "10s"]
    for name, value in _proof(target).items():
        command += ["-H", f"{name}: {value}"]
    command += ["-s", str(_SCRIPT), server.origin + target.path(kind), "--", kind]
    command += ["json" if target.ours else "text", str(pause), *more]
    begun = time.perf_counter(), busy_seconds(), children(), server.cpu_seconds()
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    ended = time.perf_counter(), busy_seconds(), children(), server.cpu_seconds()
    took, busy, load, spent = (after - before for before, after in zip(begun, ended, strict=True))
    line = next(line for line in said.splitlines() if line.startswith("RESULT "))
    requests, duration, p50, p99, bad, size_of_all = (int(word) for word in line.split()[1:])
    # A wrong answer is longer or shorter than a right one; as many as there are connections may
    # be under way at the end, counted in part.
    odd = abs(size_of_all - requests * size)
    if bad or not requests or odd > connections * size:
        raise RuntimeError(
            f"{server.name}, {kind}: of {requests} answers {bad} were no 200, and all of them "
            f"had {size_of_all} bytes where {requests * size} were right\n{said}"
        )
    others = max(busy - load - spent, 0) / (took * (os.cpu_count() or 1))
    cpu_us = spent * 1e6 / requests
    return Burst(requests * 1e6 / duration, p50 / 1000, p99 / 1000, cpu_us, others), requests


def children() -> float:
    """CPU seconds of all that this process has run to its end: the load generators."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
