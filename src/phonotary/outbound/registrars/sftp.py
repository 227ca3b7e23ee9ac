"""A database that takes files over SFTP and leaves its answers beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from phonotary.cnam import orders_delta
from phonotary.cnam.orders import Order, Outcome, Unavailable
from phonotary.cnam.orders_delta import Layout
from phonotary.errors import Reason, Refused
from phonotary.outbound.callbacks import is_private, may_be_called
from phonotary.outbound.resolving import resolve
from phonotary.outbound.secret_file import secret

if TYPE_CHECKING:
    import asyncssh

PATIENCE = 60.0
"""Seconds, for a whole session."""


@dataclass(frozen=True, slots=True)
class Settings:
    name: str
    host: str
    user: str
    known_hosts_file: str
    """In OpenSSH's format; the server's key must be in it, under its host name."""
    key_file: str | None = None
    """A private key without a passphrase; this or ``password_file``."""
    password_file: str | None = None
    port: int = 22
    outgoing: str = "outgoing"
    """Directories at the server, as it names them."""
    responses: str = "responses"
    layout: Layout = field(default_factory=Layout)
    allow_loopback: bool = False
    patience: float = PATIENCE


class Sftp:
    most = orders_delta.MOST_LINES

    def __init__(self, settings: Settings) -> None:
        """Raises Refused for settings that cannot serve, a server key that is not pinned first."""
        self.name, self._settings = settings.name, settings
        if (settings.key_file is None) == (settings.password_file is None):
            raise _unfit(f"{self.name} needs a key_file or a password_file, and not both.")
        if is_private(settings.host, settings.allow_loopback):
            raise _unfit(f"{self.name}'s host is a private address; it must be a public one.")
        self._known_hosts = _bytes(settings.known_hosts_file)
        if not self._known_hosts.strip():
            raise _unfit(f"{self.name}'s known_hosts_file names no host.")
        key, password = settings.key_file, settings.password_file
        self._key = _bytes(key) if key else None
        self._password = secret(password) if password else None

    async def submit(self, order: Order) -> Outcome:
        """Under a temporary name first, so that no one reads half a file. A file that is there
        already, or answered already, is not sent again."""
        layout = self._settings.layout
        name, body = orders_delta.file_name(layout, order), orders_delta.build(layout, order)
        if len(body) > orders_delta.MOST_BYTES:
            raise _unfit(f"An order to {self.name} has more than {orders_delta.MOST_BYTES} bytes.")
        final = f"{self._settings.outgoing}/{name}"
        async with self._session() as files:
            sent = await files.exists(final) or await files.exists(self._response(name))
            if not sent:
                await self._upload(files, final, body)
        return Outcome(orders_delta.reference(layout, order))

    async def poll(self, order_ref: str, numbers: Collection[str] | None = None) -> Outcome:
        import asyncssh

        async with self._session() as files:
            try:
                async with files.open(self._response(order_ref), "rb") as file:
                    body = bytearray()
                    while piece := await file.read(65_536):
                        body += cast(bytes, piece)
                        if len(body) > orders_delta.MOST_BYTES:
                            break
            except asyncssh.SFTPNoSuchFile:
                return Outcome(order_ref)
        return orders_delta.read(self._settings.layout, bytes(body), order_ref, numbers)

    async def observe(self, number: str) -> str | None:
        """Files have no dip."""
        return None

    def _response(self, name: str) -> str:
        response = orders_delta.response_name(self._settings.layout, name)
        return f"{self._settings.responses}/{response}"

    @staticmethod
    async def _upload(files: asyncssh.SFTPClient, final: str, body: bytes) -> None:
        import asyncssh

        directory, _, name = final.rpartition("/")
        beside = f"{directory}/.{name}.part"
        async with files.open(beside, "wb") as file:
            await file.write(body)
        try:
            await files.posix_rename(beside, final)
        except asyncssh.SFTPOpUnsupported:
            await files.rename(beside, final)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncssh.SFTPClient]:
        """Raises Unavailable for whatever goes wrong between connecting and closing."""
        try:
            import asyncssh
        except ImportError:
            raise _unfit("SFTP needs asyncssh; install phonotary[sftp].") from None
        try:
            async with asyncio.timeout(self._settings.patience):
                address = await self._address()
                async with (
                    asyncssh.connect(address, self._settings.port, **self._options()) as connection,
                    connection.start_sftp_client() as files,
                ):
                    yield files
        except asyncssh.HostKeyNotVerifiable:
            raise Unavailable(f"{self.name} shows a host key that is not pinned.") from None
        except asyncssh.PermissionDenied:
            raise Unavailable(f"{self.name} does not take our credentials.") from None
        except TimeoutError:
            limit = self._settings.patience
            raise Unavailable(f"{self.name} takes longer than {limit:g} seconds.") from None
        except asyncssh.SFTPError as fault:
            kind = type(fault).__name__
            raise Unavailable(f"{self.name} refuses a file operation: {kind}.") from None
        except (asyncssh.Error, OSError) as fault:
            raise Unavailable(f"{self.name} is out of reach: {type(fault).__name__}.") from None

    def _options(self) -> dict[str, Any]:
        """Nothing comes from the environment: no agent, no ~/.ssh, no other key."""
        import asyncssh

        try:
            keys = [asyncssh.import_private_key(self._key)] if self._key else None
            hosts = asyncssh.import_known_hosts(self._known_hosts.decode())
        except (asyncssh.KeyImportError, ValueError):
            raise _unfit(f"{self.name}'s key_file or known_hosts_file cannot be read.") from None
        return {
            "username": self._settings.user,
            "client_keys": keys,
            "password": self._password,
            "known_hosts": hosts,
            # The address was looked up before; the key is pinned under the name.
            "host_key_alias": self._settings.host,
            "preferred_auth": "publickey" if keys else "password,keyboard-interactive",
            "config": None,
            "agent_path": None,
            "x509_trusted_certs": None,
            "gss_host": None,
            "disable_trivial_auth": True,
            "connect_timeout": self._settings.patience / 2,
            "login_timeout": self._settings.patience / 2,
        }

    async def _address(self) -> str:
        """Of all the host's addresses none may be private, or the host is not connected to."""
        addresses = await resolve(self._settings.host, self._settings.port)
        if not all(may_be_called(each, self._settings.allow_loopback) for each in addresses):
            raise Unavailable(f"{self.name}'s name leads to a private address.")
        return addresses[0]


def _bytes(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(1_048_576)
    except OSError:
        raise _unfit(f"{path} cannot be read.") from None


def _unfit(because: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, because)
