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
    bin_directory = programs()
    owner = _owner()
    # The system's own temporary directory: pytest's is closed to the user the server runs as, and
    # the path of a Unix socket must stay under 108 bytes.
    home = Path(tempfile.mkdtemp(prefix="phonotary-pg-"))
    try:
        if owner:
            shutil.chown(home, owner, owner)
        _initialise(bin_directory, home, owner)
        with _running(bin_directory, home, owner):
            yield f"postgresql+psycopg://{_USER}@/postgres?host={home}"
    finally:
        shutil.rmtree(home)


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """An empty database of a running cluster, dropped afterwards: its SQLAlchemy URL."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(_dsn(server_url), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield server_url.replace("/postgres?", f"/{name}?")
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


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


@contextmanager
def _running(bin_directory: Path, home: Path, owner: str | None) -> Iterator[None]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(home),
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
    }
    command = [str(bin_directory / "postgres"), "-D", str(home / "data")]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    log = home / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=home, user=owner, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait_until_ready(server, home, log)
        yield
    finally:
        # SIGINT sends clients away; SIGTERM would wait for one that a failed test has left.
        server.send_signal(signal.SIGINT)
        server.wait(_PATIENCE)


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
