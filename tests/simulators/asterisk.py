"""Asterisk, the PBX, run with the recipes that this project gives its users."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]
RECIPES = _ROOT / "deploy" / "asterisk"
_UNPACKED = _ROOT / ".make" / "asterisk"
_PATIENCE = 60.0

# What a distribution's own asterisk.conf says of its places, and that nothing is coloured.
_PLACES = """[directories]
astetcdir => {run}
astmoddir => {root}/usr/lib/asterisk/modules
astvarlibdir => {run}/lib
astdbdir => {run}/lib
astkeydir => {run}/lib
astdatadir => {root}/usr/share/asterisk
astagidir => {run}/lib
astspooldir => {run}/lib
astrundir => {run}
astlogdir => {run}

[options]
nocolor = yes
documentation_language = en_US
"""
_LOGGING = """[general]
[logfiles]
console => error,warning,notice,verbose
"""


class AsteriskMissing(Exception):
    """The program has not been fetched."""


@dataclass(frozen=True, slots=True)
class Pbx:
    """A running Asterisk."""

    port: int
    log: Path
    run: Path

    def command(self, line: str) -> str:
        """What Asterisk's command line answers."""
        done = _control(self.run, line)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def global_(self, name: str, value: str) -> None:
        """Set one of phonotary.conf's variables while it runs."""
        self.command(f"dialplan set global {name} {value}")


@contextmanager
def pbx(
    directory: Path, port: int, *, carrier: str, phone: str, more: str = "", **settings: str
) -> Iterator[Pbx]:
    """An Asterisk on ``port`` of loopback with ``deploy/asterisk``: ``carrier`` and ``phone`` are
    addresses with their ports, ``settings`` the variables of phonotary.conf, in its order,
    ``more`` contexts for the dialplan.

    It runs in the foreground and ends with the block.
    """
    if not (_UNPACKED / "asterisk").exists():
        raise AsteriskMissing("asterisk is not in .make/asterisk; `make pbx` fetches it")
    run = directory / "pbx"
    _write(run, port, carrier, phone, settings)
    with (run / "extensions.conf").open("a") as dialplan:
        dialplan.write(more)
    log = run / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [_UNPACKED / "asterisk", "-f", "-vvv", "-C", str(run / "asterisk.conf")],
            cwd=run,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_it_answers(run, process, log)
        yield Pbx(port, log, run)
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        finally:
            process.kill()
            process.wait()


def _write(run: Path, port: int, carrier: str, phone: str, settings: dict[str, str]) -> None:
    """The recipes as they are, but for the addresses that each operator has of his own."""
    shutil.copytree(RECIPES, run)
    (run / "lib").mkdir()
    (run / "asterisk.conf").write_text(_PLACES.format(run=run, root=_UNPACKED / "root"))
    (run / "logger.conf").write_text(_LOGGING)
    own = run / "phonotary.conf"
    named = [line.partition("=")[0] for line in own.read_text("utf-8").splitlines() if "=" in line]
    assert named == list(settings), "a variable of phonotary.conf was not given"
    own.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    pjsip = (run / "pjsip.conf").read_text("utf-8")
    for theirs, ours in {
        "0.0.0.0:5060": f"127.0.0.1:{port}",
        "192.0.2.10:5060": carrier,
        "192.0.2.20:5060": phone,
        "match = 192.0.2.10": f"match = {carrier.partition(':')[0]}",
    }.items():
        assert theirs in pjsip, theirs
        pjsip = pjsip.replace(theirs, ours)
    (run / "pjsip.conf").write_text(pjsip)


def _environment() -> dict[str, str]:
    """Without the proxies that the machine may have set: libcurl would go by them."""
    return {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}


def _control(run: Path, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [_UNPACKED / "asterisk", "-C", str(run / "asterisk.conf"), "-rx", line],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )


def _wait_until_it_answers(run: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if _control(run, "core waitfullybooted").returncode == 0:
            return
        time.sleep(0.05)
    raise RuntimeError(f"asterisk did not start:\n{log.read_text(errors='replace')}")
