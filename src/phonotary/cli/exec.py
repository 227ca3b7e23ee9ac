"""``phonotary exec``: a command, unchanged, inside a sandbox of its own.

The ports are taken, the certificate and the variables are ready, and the command runs; what is
heavy (the database, the web framework) is loaded beside it, while its first connection waits in the
kernel. So the command starts after a quarter of a second and not after one and a half.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phonotary import config, sids
from phonotary.cli import child, clients, leftovers, running
from phonotary.cli.start import Start, adopted, origin_of, ready, serve
from phonotary.cli.up import up

if TYPE_CHECKING:
    from phonotary.bootstrap.hub import Hub
    from phonotary.web.proxy.doors import Doors

_PATIENCE = 30.0
_FAREWELL = 5.0


def exec_(command: list[str], **options: Any) -> None:
    """Run a command, unchanged, with every Twilio client in it led to a fresh sandbox."""
    start = Start(**options)
    start.require_loopback()
    credentials = adopted()
    if credentials is None and start.seed is None:
        # Known before the hub is, so that the command need not wait for it.
        credentials = sids.mint("AC"), sids.secret()
    with contextlib.ExitStack() as left, child.signals_held() as mask:
        directory = start.data or left.enter_context(_passing_directory())
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        listener, doors = start.bound()
        left.callback(listener.close)
        left.callback(doors.close)
        settings = start.settings(config.sqlite_url(directory), credentials)
        hub = _Beside(settings, listener, doors)
        left.callback(hub.stop)
        code = _run(command, hub, mask)
    # The hub's thread may still be loading what nobody needs any more: do not wait for that.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@contextlib.contextmanager
def _passing_directory() -> Iterator[Path]:
    """Removed at the end, first by name: a hub that still starts must find nowhere to write."""
    directory = Path(tempfile.mkdtemp(prefix="phonotary-data-"))
    leftovers.mark(directory)
    try:
        yield directory
    finally:
        shutil.rmtree(directory.rename(f"{directory}.gone"), ignore_errors=True)


def _run(command: list[str], hub: _Beside, mask: set[signal.Signals]) -> int:
    """The command from its first variable to its exit code."""
    present = config.environment()
    sandbox = hub.sandbox()
    clients.write_files(sandbox, present)
    stop = child.interrupted()
    if stop is not None:
        return 128 + stop
    pid = child.start(command, {**present, **clients.environment(sandbox, present)}, mask)
    # Not sooner: what it loads would hold up the little that the command waits for.
    hub.start()
    # Without its sandbox the command would go on to fail in ways that mislead.
    hub.when_failed(lambda: os.kill(pid, signal.SIGTERM))
    code = child.wait(pid)
    hub.when_failed(lambda: None)
    if hub.error is not None:
        typer.echo(f"phonotary: the sandbox stopped: {hub.error}", err=True)
        return 1
    return code


class _Beside:
    """The hub in a thread of its own, beside the command."""

    def __init__(self, settings: config.Settings, listener: socket.socket, doors: Doors) -> None:
        self._settings = settings
        self._listener = listener
        self._doors = doors
        self._served = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._cancel: Callable[[], object] | None = None
        self._content: dict[str, Any] = {}
        self.error: Exception | None = None
        self._failed: Callable[[], None] = lambda: None

    def start(self) -> None:
        if not self._thread.is_alive():
            self._thread.start()

    def when_failed(self, call: Callable[[], None]) -> None:
        self._failed = call
        if self.error is not None:
            call()

    def sandbox(self) -> clients.Sandbox:
        """Where it will be. What only the hub itself can say is worth waiting for: credentials
        that a seed decides, and a ready file that the command may open at once."""
        settings = self._settings
        if settings.ready_file is None and settings.account_sid and settings.auth_token:
            account_sid, auth_token = settings.account_sid, settings.auth_token
        else:
            self._wait()
            account_sid, auth_token = self._content["account_sid"], self._content["auth_token"]
        return clients.Sandbox(
            http=origin_of(self._listener),
            proxy=self._doors.proxy,
            tls=self._doors.tls,
            ca=self._doors.ca_file,
            account_sid=account_sid,
            auth_token=auth_token,
        )

    def _wait(self) -> None:
        self.start()
        if not self._served.wait(_PATIENCE) or self.error is not None:
            typer.echo(f"phonotary: the sandbox did not start: {self.error}", err=True)
            raise typer.Exit(1)

    def stop(self) -> None:
        """Cut short whatever it is doing; its data is its own and mostly goes with it."""
        if self._cancel is not None:
            self._cancel()
            self._thread.join(_FAREWELL)

    def _serve(self) -> None:
        import asyncio

        try:
            serve(self._settings, self._listener, self._doors, self._on_served)
        except asyncio.CancelledError:
            return
        except Exception as error:
            self.error = error
            self._failed()
        finally:
            self._served.set()

    def _on_served(self, hub: Hub) -> None:
        import asyncio

        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        if task is not None:
            self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        self._content = ready(hub, self._listener, self._doors)
        if self._settings.ready_file:
            running.write_json(self._settings.ready_file, self._content)
        self._served.set()


def _with_options_of_up() -> inspect.Signature:
    """What ``exec`` takes: a command, and every option ``up`` has, now and in future."""
    command = inspect.Parameter(
        "command",
        inspect.Parameter.KEYWORD_ONLY,
        annotation=Annotated[list[str], typer.Argument(help="The command and its arguments.")],
    )
    theirs = inspect.signature(up, eval_str=True).parameters.values()
    # A sandbox of its own disturbs no other, so its port is any free one.
    options = [p.replace(default=0) if p.name == "port" else p for p in theirs]
    return inspect.Signature([*(p.replace(kind=p.KEYWORD_ONLY) for p in options), command])


# typer reads the signature; so `exec` has no list of its own that could fall behind.
exec_.__signature__ = _with_options_of_up()  # type: ignore[attr-defined]
