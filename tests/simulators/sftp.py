"""A real OpenSSH server on loopback that takes files, with keys of its own and nothing else."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SSHD = "/usr/sbin/sshd"

# No PAM and no passwords: the machine's accounts are none of a test's business.
_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {root}/host_key
PidFile none
AuthorizedKeysFile {root}/authorized_keys
StrictModes no
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
LogLevel ERROR
Subsystem sftp internal-sftp -d {root}/files
"""


@dataclass
class Server:
    root: Path
    port: int
    user: str

    @property
    def files(self) -> Path:
        return self.root / "files"

    @property
    def key_file(self) -> str:
        return str(self.root / "user_key")

    def known_hosts(self, key: str = "host_key") -> str:
        """A file that pins one of this directory's keys as the server's."""
        path = self.root / f"known_hosts_{key}"
        public = (self.root / f"{key}.pub").read_text()
        path.write_text(f"[127.0.0.1]:{self.port} {public}")
        return str(path)


def make_key(path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True
    )


@contextmanager
def running(root: Path) -> Iterator[Server]:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        server = Server(root, chosen.getsockname()[1], getpass.getuser())
    for name in ("host_key", "other_key", "user_key", "stranger_key"):
        make_key(root / name)
    (root / "authorized_keys").write_bytes((root / "user_key.pub").read_bytes())
    for directory in ("outgoing", "responses"):
        (server.files / directory).mkdir(parents=True)
    config = root / "sshd_config"
    config.write_text(_CONFIG.format(port=server.port, root=root))
    if os.geteuid() == 0:
        # sshd run by root wants this directory, which its service makes where that is started.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    said = root / "sshd.log"
    with said.open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=log)
    try:
        _wait(server.port, process, said)
        yield server
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes], said: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"sshd did not start: {said.read_text()}")
