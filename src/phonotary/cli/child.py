"""A command run as if the shell had run it: its signals, its exit code, nothing in between."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping, Sequence

import typer

# What a supervisor or a person sends to a process to tell it something.
_PASSED_ON = frozenset(
    (
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
    )
)
# The terminal sends these to everybody in its foreground, the command among them.
_FROM_KEYS = frozenset((signal.SIGINT, signal.SIGQUIT))
_WATCHED = _PASSED_ON | {signal.SIGCHLD}


@contextlib.contextmanager
def signals_held() -> Iterator[set[signal.Signals]]:
    """Keep signals for :func:`wait`, in every thread started inside; gives the former mask."""
    # A handler, though it never runs: a signal that is ignored by default may not be kept.
    kept = signal.signal(signal.SIGCHLD, lambda *_: None)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    try:
        yield {signal.Signals(number) for number in before}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGCHLD, kept)


def interrupted() -> int | None:
    """The signal that asked us to stop while there was no command to pass it on to."""
    return next((int(number) for number in signal.sigpending() & _PASSED_ON), None)


def start(command: Sequence[str], environ: Mapping[str, str], mask: set[signal.Signals]) -> int:
    """The command's process id. Exits as a shell does when there is no such command."""
    try:
        return os.posix_spawnp(
            command[0],
            list(command),
            dict(environ),
            setsigmask=mask,
            # Python ignores it, and a command would inherit that.
            setsigdef=[signal.SIGPIPE],
        )
    except FileNotFoundError:
        typer.echo(f"phonotary: there is no command {command[0]}.", err=True)
        raise typer.Exit(127) from None
    except OSError as error:
        typer.echo(f"phonotary: cannot run {command[0]}: {error.strerror}.", err=True)
        raise typer.Exit(126) from None


def wait(pid: int) -> int:
    """Until the command ends, passing signals on. Its exit code; 128 + n for signal n."""
    while True:
        number = signal.sigwait(_WATCHED)
        if number == signal.SIGCHLD:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
        elif number not in _FROM_KEYS or not _in_foreground():
            # It may have ended a moment ago; until waitpid its number is nobody else's.
            os.kill(pid, number)


def _in_foreground() -> bool:
    """Whether we are what the terminal's keys go to; then the command has heard them already."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
