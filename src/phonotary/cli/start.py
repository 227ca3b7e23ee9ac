"""The start of a sandbox, which ``up`` and ``exec`` share: its options, its ports, its server."""

from __future__ import annotations

import contextlib
import enum
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from phonotary import config, sids
from phonotary.cli import exits, leftovers, running

if TYPE_CHECKING:
    import asyncio

    from phonotary.bootstrap.hub import Hub
    from phonotary.bootstrap.seed import Seeded
    from phonotary.web.proxy.doors import Doors

# Seconds that what runs beside the server has for it.
_PUTTING_AWAY = 2.0


class VettingMode(enum.StrEnum):
    instant = "instant"
    delayed = "delayed"
    manual = "manual"


class Identity(enum.StrEnum):
    isv_reseller_or_partner = "isv_reseller_or_partner"
    direct_customer = "direct_customer"
    unknown = "unknown"


@dataclass(frozen=True, slots=True)
class Start:
    """The options of ``up``, one field for each, as they were given."""

    host: str
    port: int
    data: Path | None
    vetting: VettingMode
    empty: bool
    primary_identity: Identity
    expose: bool
    ready_file: Path | None
    seed: int | None
    state: Path | None
    offline: bool
    proxy_port: int
    tls_port: int
    sip_port: int
    dns_port: int
    ca_file: Path | None

    def settings(self, database_url: str, credentials: tuple[str, str] | None) -> config.Settings:
        return config.Settings(
            database_url=database_url,
            host=self.host,
            port=self.port,
            vetting=self.vetting.value,
            empty=self.empty,
            primary_identity=self.primary_identity.value,
            account_sid=credentials[0] if credentials else None,
            auth_token=credentials[1] if credentials else None,
            seed=self.seed,
            ready_file=self.ready_file,
            state_file=self.state,
            sip_port=self.sip_port,
            cnam=config.Cnam(dns_port=self.dns_port),
        )

    def require_loopback(self) -> None:
        """A sandbox gives its reviewer's password to whoever reads its output: keep it at home."""
        try:
            loopback = self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            loopback = False
        if not loopback and not self.expose:
            typer.echo(
                f"phonotary: {self.host} can be reached from other machines; add --expose if you "
                "mean it.",
                err=True,
            )
            raise typer.Exit(2)

    def bound(self) -> tuple[socket.socket, Doors]:
        """Every port, taken before anything heavy is loaded: a connection made from now on waits
        in the kernel until the hub is up. This run's CA exists from here on."""
        from phonotary.web.proxy.doors import Doors

        try:
            listener = listen(self.host, self.port)
        except OSError as error:
            _taken(f"{self.host} port {self.port}", error, "--port")
        try:
            doors = Doors.bound(
                offline=self.offline,
                proxy_port=self.proxy_port,
                tls_host=self.host,
                tls_port=self.tls_port,
            )
        except OSError as error:
            listener.close()
            ports = f"the proxy's ports {self.proxy_port} and {self.tls_port}"
            _taken(ports, error, "--proxy-port or --tls-port")
        leftovers.sweep()
        leftovers.mark(doors.directory)
        if self.ca_file:
            # No secret: other users, and other containers, may read it.
            running.write(self.ca_file, doors.certificate, mode=0o644)
        return listener, doors


def adopted() -> tuple[str, str] | None:
    """TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN become the first account's, if they can be."""
    found = config.twilio_credentials()
    if found and not sids.is_sid(found[0], "AC"):
        typer.echo(
            "phonotary: TWILIO_ACCOUNT_SID is not AC and 32 hexadecimal digits; correct it or "
            "unset it to have one minted.",
            err=True,
        )
        raise typer.Exit(2)
    return found


def serve(
    settings: config.Settings,
    listener: socket.socket,
    doors: Doors | None,
    served: Callable[[Hub], None],
) -> None:
    """Open the hub and answer until told to stop; ``served`` is called once it answers. A service
    has no ``doors``: it stands for nobody's hosts but its own."""
    import asyncio
    import gc

    # Nothing that loading makes is garbage, and looking for it costs a tenth of a start.
    gc.disable()
    from uvicorn.loops.auto import auto_loop_factory

    from phonotary.bootstrap.hub import open_hub

    hub = open_hub(settings)
    with exits.settings_taken():
        hub.serve_at(origin_of(listener))
    gc.freeze()
    gc.enable()
    # uvloop where there is one: asyncio's own loop costs as much per request as we do.
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(_run(hub, listener, doors, served))


async def _run(
    hub: Hub, listener: socket.socket, doors: Doors | None, served: Callable[[Hub], None]
) -> None:
    import asyncio

    import uvicorn

    from phonotary.web import cnam, lean, stir_v1
    from phonotary.web.sandbox.protocol import AbortableProtocol

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            with exits.settings_taken():
                await hub.start()
            if doors is not None:
                await doors.serve(self._protocol)
            served(hub)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            if doors is not None:
                doors.stop()
            await super().shutdown(sockets)
            await hub.stop()

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            # uvicorn would end by the signal itself, before anything of ours is put away.
            stop = signal.SIGINT, signal.SIGTERM
            kept = {}
            if threading.current_thread() is threading.main_thread():
                kept = {number: signal.signal(number, self.handle_exit) for number in stop}
            try:
                yield
            finally:
                for number, handler in kept.items():
                    signal.signal(number, handler)

        def _protocol(self) -> asyncio.Protocol:
            """What the server makes for each of its own connections."""
            kind: Any = self.config.http_protocol_class
            made: asyncio.Protocol = kind(
                config=self.config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
            )
            return made

    server = Server(
        uvicorn.Config(
            hub.asgi(),
            log_level="warning",
            access_log=False,
            lifespan="off",
            http=AbortableProtocol
            if hub.settings.sandbox
            else lean.protocol(hub.door, (stir_v1.PREFIX, *cnam.PREFIXES)),
            ws="none",
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=5,
        )
    )
    work = [asyncio.create_task(each) for each in (hub.worker.run(), hub.voice.run())]
    try:
        await server.serve(sockets=[listener])
    finally:
        for each in work:
            each.cancel()
        # What they put away needs the database; what does not let go by then is left.
        await asyncio.wait(work, timeout=_PUTTING_AWAY)
        hub.database.close()


def ready(hub: Hub, listener: socket.socket, doors: Doors) -> dict[str, Any]:
    """The ready file."""
    from phonotary.bootstrap.controls import described

    seeded = furnished(hub)
    client = seeded.oauth_client
    return {
        "http": origin_of(listener),
        "proxy": doors.proxy,
        "tls": doors.tls,
        "ca": str(doors.ca_file),
        "sip": sip_of(hub, listener),
        "dns": dns_of(hub, listener),
        **described(seeded),
        "oauth_client_id": client[0] if client else None,
        "oauth_client_secret": client[1] if client else None,
        "reviewer_password": hub.reviewer_password,
    }


def furnished(hub: Hub) -> Seeded:
    """The account a sandbox starts with."""
    if hub.seeded is None:
        raise RuntimeError("only a sandbox has a first account")
    return hub.seeded


def origin_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def sip_of(hub: Hub, listener: socket.socket) -> str | None:
    """``host:port`` of the SIP door, UDP and TCP alike."""
    return _beside(listener, hub.voice.sip_port)


def dns_of(hub: Hub, listener: socket.socket) -> str | None:
    """The same of the DNS door."""
    return _beside(listener, hub.names.dns_port)


def _beside(listener: socket.socket, port: int | None) -> str | None:
    host = listener.getsockname()[0]
    if port is None:
        return None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it on, every
    # kept-alive answer waits 40 ms for the client's delayed ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(1024)
    return listener


def _taken(what: str, error: OSError, option: str) -> NoReturn:
    typer.echo(
        f"phonotary: cannot listen on {what}: {error.strerror}; "
        f"choose another with {option} (0 picks a free one).",
        err=True,
    )
    raise typer.Exit(2) from error
