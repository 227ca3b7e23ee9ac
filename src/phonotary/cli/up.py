"""``phonotary up``: the sandbox, every part in one process on SQLite."""

from __future__ import annotations

import enum
import ipaddress
import json
import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phonotary import config

if TYPE_CHECKING:
    from phonotary.bootstrap.hub import Hub


class VettingMode(enum.StrEnum):
    instant = "instant"
    delayed = "delayed"
    manual = "manual"


class Identity(enum.StrEnum):
    isv_reseller_or_partner = "isv_reseller_or_partner"
    direct_customer = "direct_customer"
    unknown = "unknown"


def up(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 picks a free one.", min=0, max=65535)] = 8080,
    data: Annotated[Path | None, typer.Option(help="Directory that keeps everything.")] = None,
    vetting: Annotated[
        VettingMode, typer.Option(help="How submitted bundles are decided.")
    ] = VettingMode.instant,
    empty: Annotated[bool, typer.Option(help="No primary profile, no numbers.")] = False,
    primary_identity: Annotated[
        Identity, typer.Option(help="Business identity of the primary profile it starts with.")
    ] = Identity.isv_reseller_or_partner,
    expose: Annotated[
        bool, typer.Option(help="Allow an address that other machines can reach.")
    ] = False,
    ready_file: Annotated[
        Path | None, typer.Option(help="Write addresses and credentials here once it serves.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Make identifiers repeatable.")] = None,
) -> None:
    """Start the sandbox and print how to reach it."""
    _require_loopback(host, expose)
    directory = data or config.default_data_directory()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    credentials = _adopted()
    settings = config.Settings(
        database_url=config.database_url() or config.sqlite_url(directory),
        host=host,
        port=port,
        vetting=vetting.value,
        empty=empty,
        primary_identity=primary_identity.value,
        account_sid=credentials[0] if credentials else None,
        auth_token=credentials[1] if credentials else None,
        seed=seed,
        ready_file=ready_file,
    )
    _serve(settings)


def _require_loopback(host: str, expose: bool) -> None:
    """A sandbox gives its reviewer's password to whoever reads its output: keep it at home."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not expose:
        typer.echo(
            f"phonotary: {host} can be reached from other machines; add --expose if you mean it.",
            err=True,
        )
        raise typer.Exit(2)


def _adopted() -> tuple[str, str] | None:
    """TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN become the first account's, if they can be."""
    from phonotary import sids

    found = config.twilio_credentials()
    if found and not sids.is_sid(found[0], "AC"):
        typer.echo(
            "phonotary: TWILIO_ACCOUNT_SID is not AC and 32 hexadecimal digits; correct it or "
            "unset it to have one minted.",
            err=True,
        )
        raise typer.Exit(2)
    return found


def _serve(settings: config.Settings) -> None:
    import asyncio

    from uvicorn.loops.auto import auto_loop_factory

    from phonotary.bootstrap.hub import open_hub

    try:
        listener = _listen(settings.host, settings.port)
    except OSError as error:
        typer.echo(
            f"phonotary: cannot listen on {settings.host} port {settings.port}: {error.strerror}; "
            "choose another with --port (0 picks a free one).",
            err=True,
        )
        raise typer.Exit(2) from error
    hub = open_hub(settings)
    origin = _origin(listener)
    hub.serve_at(origin)
    # uvloop where there is one: asyncio's own loop costs as much per request as we do.
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(_run(hub, listener, origin))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it on, every
    # kept-alive answer waits 40 ms for the client's delayed ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(1024)
    return listener


def _origin(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _run(hub: Hub, listener: socket.socket, origin: str) -> None:
    import asyncio

    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            announce(hub, origin)

    server = Server(
        uvicorn.Config(
            hub.asgi(),
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=5,
        )
    )
    work = asyncio.create_task(hub.worker.run())
    try:
        await server.serve(sockets=[listener])
    finally:
        work.cancel()
        hub.database.close()


def announce(hub: Hub, origin: str) -> None:
    """Print what a person needs, and write the ready file for programs."""
    seeded = hub.seeded
    typer.echo(f"phonotary serves {origin}  (vetting {hub.settings.vetting})")
    typer.echo(f"export TWILIO_ACCOUNT_SID={seeded.account.sid}")
    typer.echo(f"export TWILIO_AUTH_TOKEN={seeded.account.auth_token}")
    if seeded.primary_profile_sid:
        typer.echo(f"primary business profile {seeded.primary_profile_sid}")
    for number in seeded.numbers[:10]:
        typer.echo(f"number {number.phone_number} {number.sid}")
    typer.echo(f"review desk {origin}/console/reviews  (any name, {hub.reviewer_password})")
    if hub.settings.ready_file:
        _write(hub.settings.ready_file, ready(hub, origin))


def ready(hub: Hub, origin: str) -> dict[str, Any]:
    """The ready file. ``proxy``, ``ca``, ``sip`` and ``dns`` are null until those doors exist."""
    seeded = hub.seeded
    client = seeded.oauth_client
    return {
        "http": origin,
        "proxy": None,
        "ca": None,
        "sip": None,
        "dns": None,
        "account_sid": seeded.account.sid,
        "auth_token": seeded.account.auth_token,
        "primary_profile_sid": seeded.primary_profile_sid,
        "numbers": [{"sid": n.sid, "phone_number": n.phone_number} for n in seeded.numbers],
        "oauth_client_id": client[0] if client else None,
        "oauth_client_secret": client[1] if client else None,
        "reviewer_password": hub.reviewer_password,
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    """All at once: whoever waits for the file never reads half of it. Only its owner may."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        json.dump(content, file, indent=2)
    os.replace(name, path)
