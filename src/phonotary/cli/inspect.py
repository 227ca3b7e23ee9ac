"""``phonotary inspect``: what an Identity header says, without believing any of it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phonotary import clock

if TYPE_CHECKING:
    from phonotary.shaken.passport import Passport

IDENTITY = Annotated[str, typer.Argument(help="An Identity header's value; - reads it from input.")]
_MOST = 1 << 20


def inspect(
    identity: IDENTITY = "-",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take an Identity header apart. Nothing is verified; see ``phonotary verify``."""
    found = [_described(one) for one in values(identity)]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        for name, value in one.items():
            typer.echo(f"{name}: {value if isinstance(value, str) else json.dumps(value)}")


def values(identity: str) -> tuple[str, ...]:
    """The header values in the argument or the input; the header's name may stand before them."""
    from phonotary.errors import Reason, Refused
    from phonotary.shaken import identity_header

    text = sys.stdin.read(_MOST) if identity == "-" else identity
    lines = [line.partition(":") for line in text.strip().splitlines()]
    named = [rest if name.strip().lower() in ("identity", "y") else name + colon + rest
             for name, colon, rest in lines]  # fmt: skip
    found = identity_header.split(one for one in named if one.strip())
    if not found:
        raise Refused(Reason.INVALID_PARAMETER, "There is no Identity header to read.")
    return found


def _described(value: str) -> dict[str, Any]:
    from phonotary.shaken import identity_header, passport

    header = identity_header.parse(value)
    token = passport.read(header.token)
    return {
        "info": header.info,
        "alg": header.alg,
        "ppt": header.ppt,
        "header": token.header,
        "payload": token.payload,
        "issued": _moment(token),
        "signature": token.signature.hex(),
    }


def _moment(token: Passport) -> str | None:
    iat = token.payload.get("iat")
    return clock.iso8601(iat) if isinstance(iat, int) and 0 <= iat < 1 << 36 else None
