"""The doors a Twilio program comes through unchanged: a proxy, and a TLS port for hosts entries."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from phonotary.clock import Clock
from phonotary.web.proxy.ca import LOCALHOST, Authority, Leaves

if TYPE_CHECKING:
    import asyncio

_LOOPBACK = "127.0.0.1"
_BACKLOG = 1024


class Doors:
    """Both ports and the run's certificate authority, from :meth:`bound` to :meth:`close`.

    The ports are bound and the certificate is written before anything heavy is loaded: a program
    may be started at once, and its first connection waits for :meth:`serve`.
    """

    def __init__(
        self, directory: Path, proxy: socket.socket, tls: socket.socket, *, offline: bool
    ) -> None:
        self.directory = directory
        self.offline = offline
        self.tunnels = 0
        self.http: Callable[[], asyncio.Protocol] = _closed
        self._sockets = (proxy, tls)
        self._inside: set[asyncio.BaseTransport] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        authority = Authority(Clock.wall())
        self.certificate = authority.pem
        self._leaves = Leaves(authority, directory)
        self.ca_file.write_bytes(self.certificate)

    @classmethod
    def bound(
        cls,
        *,
        offline: bool = False,
        proxy_port: int = 0,
        tls_host: str = _LOOPBACK,
        tls_port: int = 0,
    ) -> Doors:
        """Raises OSError when a port is taken. The proxy is on loopback whatever the TLS port is
        on: nobody else may reach the world through it."""
        with contextlib.ExitStack() as undo:
            # mkdtemp's directory is its owner's alone.
            directory = Path(tempfile.mkdtemp(prefix="phonotary-"))
            undo.callback(shutil.rmtree, directory, ignore_errors=True)
            proxy = undo.enter_context(_listening(_LOOPBACK, proxy_port))
            tls = undo.enter_context(_listening(tls_host, tls_port))
            doors = cls(directory, proxy, tls, offline=offline)
            undo.pop_all()
        return doors

    @property
    def ca_file(self) -> Path:
        return self.directory / "ca.pem"

    @property
    def proxy(self) -> str:
        """The proxy's address, as HTTPS_PROXY wants it."""
        return f"http://{_address(self._sockets[0])}"

    @property
    def tls(self) -> str:
        """``host:port`` where TLS is spoken from the first byte, for whatever name is asked."""
        return _address(self._sockets[1])

    async def serve(self, http: Callable[[], asyncio.Protocol]) -> None:
        """Begin to answer; ``http`` makes the web server's protocol for one connection."""
        # Not before: `exec` takes the ports and starts its command without them.
        import asyncio

        from phonotary.web.proxy.connect import HANDSHAKE_SECONDS, Door, TlsDoor

        self.http = http
        loop = asyncio.get_running_loop()
        proxy, tls = self._sockets
        secure = partial(TlsDoor, self)
        self._servers = [
            await loop.create_server(partial(Door, self), sock=proxy, backlog=_BACKLOG),
            await loop.create_server(
                secure,
                sock=tls,
                backlog=_BACKLOG,
                ssl=self.context(LOCALHOST),
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            ),
        ]

    def stop(self) -> None:
        """Accept nobody more and let go of whoever is not the web server's yet, or is relayed."""
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        for transport in list(self._inside):
            transport.close()

    def close(self) -> None:
        """After this nothing is left of the run. It may be called before :meth:`serve`."""
        for listener in self._sockets:
            listener.close()
        # First by name: whoever still starts to serve must find nowhere to write.
        if self.directory.exists():
            shutil.rmtree(self.directory.rename(f"{self.directory}.gone"), ignore_errors=True)

    def context(self, host: str) -> ssl.SSLContext:
        return self._leaves.context(host)

    def entered(self, transport: asyncio.BaseTransport) -> None:
        self._inside.add(transport)

    def left(self, transport: asyncio.BaseTransport) -> None:
        self._inside.discard(transport)

    def run(self, work: asyncio.Task[None]) -> None:
        """Hold on to a task: the event loop itself keeps weak references only."""
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)


def _closed() -> asyncio.Protocol:
    raise RuntimeError("the doors do not serve yet")


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
