"""Throw-away PostgreSQL clusters, so that tests need no service of the machine.

A cluster lives in a temporary directory, listens on a Unix socket there and on nothing else, and
forgets durability (``fsync=off``): it is gone after the tests.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_PACKAGES = Path("/usr/lib/postgresql")
_USER = "phonotary"
_PATIENCE = 30.0


class PostgresMissing(Exception):
    """The server programs are not on this machine, or may not be run by this user."""


def programs(packages: Path = _PACKAGES) -> Path:
    """The directory of the newest installed server's programs."""
    found = [path.parent for path in packages.glob("*/bin/initdb")]
    if not found:
        raise PostgresMissing(
            f"no PostgreSQL server under {packages}; `make test` installs Debian's postgresql"
        )
    return max(found, key=lambda path: [int(n) for n in re.findall(r"\d+", path.parent.name)])


@contextmanager
def cluster() -> Iterator[str]:
    """A running cluster: the SQLAlchemy URL of its ``postgres`` database."""
    with server() as one:
        yield one.url


@contextmanager
def server() -> Iterator[Server]:
    """The same, for a test that stops it on the way."""
    bin_directory = programs()
    owner = _owner()
    # The system's own temporary directory: pytest's is closed to the user the server runs as, and
    # the path of a Unix socket must stay under 108 bytes.
    home = Path(tempfile.mkdtemp(prefix="phonotary-pg-"))
    try:
        if owner:
            shutil.chown(home, owner, owner)
        _initialise(bin_directory, home, owner)
        one = Server(bin_directory, home, owner)
        try:
            one.start()
            yield one
        finally:
            one.stop()
    finally:
        shutil.rmtree(home)


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """An empty database of a running cluster, dropped afterwards: its SQLAlchemy URL."""
    name = f"test_{uuid.uuid4().hex}"
    _tell(server_url, f"CREATE DATABASE {name}")
    try:
        yield server_url.replace("/postgres?", f"/{name}?")
    finally:
        _tell(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def _tell(server_url: str, statement: str) -> None:
    """On a connection of its own: the server may have been stopped since the one before."""
    with psycopg.connect(_dsn(server_url), autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def _owner() -> str | None:
    """PostgreSQL refuses to run as root; Debian's package brings a user for it."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise PostgresMissing(
            "PostgreSQL will not run as root and this machine has no user postgres"
        ) from None


def _initialise(bin_directory: Path, home: Path, owner: str | None) -> None:
    command = [
        str(bin_directory / "initdb"),
        f"--pgdata={home / 'data'}",
        f"--username={_USER}",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]
    done = subprocess.run(
        command, cwd=home, user=owner, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")


class Server:
    """One cluster's server process. Its clients are sent away when it stops."""

    def __init__(self, bin_directory: Path, home: Path, owner: str | None) -> None:
        self._bin_directory, self._home, self._owner = bin_directory, home, owner
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql+psycopg://{_USER}@/postgres?host={home}"

    def start(self) -> None:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._home),
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
        }
        command = [str(self._bin_directory / "postgres"), "-D", str(self._home / "data")]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        log = self._home / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, cwd=self._home, user=self._owner, stdout=output, stderr=subprocess.STDOUT
            )
        _wait_until_ready(self._process, self._home, log)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Away for a while."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def stop(self) -> None:
        if self._process is not None:
            # SIGINT sends clients away; SIGTERM would wait for one that a failed test has left.
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_PATIENCE)
            self._process = None


def _wait_until_ready(server: subprocess.Popen[bytes], home: Path, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            psycopg.connect(f"host={home} user={_USER} dbname=postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.02)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")


def _dsn(url: str) -> str:
    """The same place in the driver's own words, without SQLAlchemy's ``+psycopg``."""
    return url.replace("postgresql+psycopg://", "postgresql://")
