"""``phonotary serve``: the hub as a service. No sandbox control, no rehearsal, no first account."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from phonotary.cli import start, workers
from phonotary.config import Settings, default_data_directory, service

if TYPE_CHECKING:
    from phonotary.bootstrap.hub import Hub

CONFIG = Annotated[Path | None, typer.Option(help="A TOML file; PHONOTARY_* wins over it.")]


def serve(config_file: CONFIG = None) -> None:
    """Serve what migrate and account have set up; on loopback unless PHONOTARY_HOST says more."""
    settings = settings_of(config_file)
    try:
        listener = start.listen(settings.host, settings.port)
    except OSError as error:
        fail(f"cannot listen on {settings.host} port {settings.port}: {error.strerror}")

    def served(hub: Hub) -> None:
        typer.echo(f"phonotary serves {start.origin_of(listener)}  (vetting {settings.vetting})")
        if settings.reviewer_password is None:
            note("nobody can decide at /console/reviews: set PHONOTARY_REVIEWER_PASSWORD")
        if not settings.stir.providers:
            note("no call is signed: set PHONOTARY_STIR_CHAIN, _STIR_KEY and _STIR_X5U")
        if settings.stir.anchors is None:
            note("no call is verified: set PHONOTARY_STIR_ANCHORS")
        elif settings.stir.crl is None:
            note("no revocation is known: set PHONOTARY_STIR_CRL and _STIR_CRL_ISSUER")

    if settings.workers == 1:
        start.serve(settings, listener, None, served)
        return

    def one_of_several(number: int) -> None:
        start.serve(settings, listener, None, served if number == 0 else lambda hub: None)

    raise typer.Exit(workers.run(settings.workers, one_of_several))


def settings_of(file: Path | None) -> Settings:
    """The service's settings, or exit 2 with one sentence that says which of them to mend."""
    try:
        settings = service.service(file)
        default_data_directory().mkdir(mode=0o700, parents=True, exist_ok=True)
        return settings
    except OSError as error:
        fail(f"{error.filename} cannot be used: {error.strerror}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fail(f"{file} is not TOML: {error}")
    except ValueError as error:
        fail(str(error))


def note(sentence: str) -> None:
    typer.echo(f"phonotary: {sentence}", err=True)


def fail(sentence: str) -> NoReturn:
    note(sentence)
    raise typer.Exit(2)
