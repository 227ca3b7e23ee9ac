"""``phonotary up``: the sandbox, every part in one process on SQLite."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotary import config
from phonotary.cli import running
from phonotary.cli.start import (
    Identity,
    Start,
    VettingMode,
    adopted,
    dns_of,
    furnished,
    origin_of,
    ready,
    serve,
    sip_of,
)

if TYPE_CHECKING:
    from phonotary.bootstrap.hub import Hub
    from phonotary.web.proxy.doors import Doors


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
    state: Annotated[
        Path | None, typer.Option(help="Start from this dump of /_sandbox/state (JSON).")
    ] = None,
    offline: Annotated[
        bool, typer.Option(help="The proxy lets nothing leave this machine.")
    ] = False,
    proxy_port: Annotated[
        int, typer.Option(help="Port of the proxy; 0 picks a free one.", min=0, max=65535)
    ] = 0,
    tls_port: Annotated[
        int, typer.Option(help="Port that speaks TLS as Twilio's hosts do.", min=0, max=65535)
    ] = 0,
    sip_port: Annotated[
        int,
        typer.Option(
            help="Port of the SIP door, UDP and TCP; 0 picks a free one.", min=0, max=65535
        ),
    ] = 0,
    dns_port: Annotated[
        int,
        typer.Option(
            help="Port of the DNS door, UDP and TCP; 0 picks a free one.", min=0, max=65535
        ),
    ] = 0,
    ca_file: Annotated[
        Path | None, typer.Option(help="Write this run's CA certificate here as well.")
    ] = None,
) -> None:
    """Start the sandbox and print how to reach it."""
    # Every parameter above is a field of the same name; `exec` takes its options from here.
    start = Start(**locals())
    start.require_loopback()
    directory = data or config.default_data_directory()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = config.database_url() or config.sqlite_url(directory)
    settings = start.settings(url, adopted())
    # Whoever is stopped before it serves must put away what it made, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    _require_alone(directory)
    state = running.state_file(directory)
    running.sweep(state)
    listener, doors = start.bound()
    try:
        serve(settings, listener, doors, lambda hub: _announce(hub, listener, doors, state))
    finally:
        running.forget(state)
        doors.close()


def _require_alone(directory: Path) -> None:
    """Two on one directory would share records, and `env` would lead to either."""
    found = running.find(directory)
    if found is not None:
        typer.echo(
            f"phonotary: another up ({found['http']}) uses {directory}; give --data or stop it.",
            err=True,
        )
        raise typer.Exit(2)


def _announce(hub: Hub, listener: socket.socket, doors: Doors, state: Path) -> None:
    """Print what a person needs, and write the ready file for programs."""
    seeded, origin = furnished(hub), origin_of(listener)
    typer.echo(f"phonotary serves {origin}  (vetting {hub.settings.vetting})")
    typer.echo(f"export TWILIO_ACCOUNT_SID={seeded.account.sid}")
    typer.echo(f"export TWILIO_AUTH_TOKEN={seeded.account.auth_token}")
    typer.echo(f"SIP redirect {sip_of(hub, listener)}  certificates {origin}/certs/root.pem")
    typer.echo(f"names by DNS {dns_of(hub, listener)}")
    typer.echo(f"proxy {doors.proxy}  CA {doors.ca_file}")
    data = "" if state.parent == config.default_data_directory() else f" --data {state.parent}"
    typer.echo(f'unchanged programs: eval "$(phonotary env{data})", or phonotary exec -- CMD')
    if seeded.primary_profile_sid:
        typer.echo(f"primary business profile {seeded.primary_profile_sid}")
    for number in seeded.numbers[:10]:
        typer.echo(f"number {number.phone_number} {number.sid}")
    typer.echo(f"review desk {origin}/console/reviews  (any name, {hub.reviewer_password})")
    content = ready(hub, listener, doors)
    running.remember(state, content)
    if hub.settings.ready_file:
        running.write_json(hub.settings.ready_file, content)
