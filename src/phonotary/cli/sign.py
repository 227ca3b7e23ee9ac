"""``phonotary sign``: the Identity header of one call, from the running hub or from a key file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from urllib.parse import quote, urlencode

import typer

from phonotary import config, sids
from phonotary.cli import running
from phonotary.clock import Clock

if TYPE_CHECKING:
    import httpx

ORIG = Annotated[str, typer.Option(help="The calling number.")]
DEST = Annotated[list[str], typer.Option(help="A called number; may be given several times.")]
DATA = Annotated[Path | None, typer.Option(help="Directory given to up.")]


def sign(
    orig: ORIG,
    dest: DEST,
    attest: Annotated[
        str | None, typer.Option(help="The most to ask for; with --key, the level to sign.")
    ] = None,
    origid: Annotated[str | None, typer.Option(help="A UUID; minted when left out.")] = None,
    key: Annotated[
        str | None,
        typer.Option(help="Sign with this PEM file or pkcs11: URI, without asking a hub."),
    ] = None,
    chain: Annotated[Path | None, typer.Option(help="With --key: its certificate chain.")] = None,
    x5u: Annotated[
        str | None,
        typer.Option(help="With --key: where the chain is served; {fingerprint} is filled in."),
    ] = None,
    rcd: Annotated[
        bool, typer.Option("--rcd", help="With an A, the approved name and logo as well.")
    ] = False,
    crn: Annotated[str | None, typer.Option(help="With an A, the reason for the call.")] = None,
    data: DATA = None,
) -> None:
    """Sign one call. The running sandbox decides the level; with --key it is yours."""
    if key is None:
        _by_hub(
            data, orig, dest, attest, {"origid": origid, "rcd": "1" if rcd else None, "crn": crn}
        )
        return
    if rcd or crn is not None:
        _fail("--rcd and --crn are a hub's: with --key nobody knows which name was approved.")
    if chain is None or x5u is None or attest is None:
        _fail("with --key give --chain, --x5u and --attest as well: nobody else decides the level.")
    typer.echo(_by_key(key, chain, x5u, orig, dest, attest, origid or sids.uuid()))


def _by_hub(
    data: Path | None,
    orig: str,
    dest: list[str],
    attest: str | None,
    more: dict[str, str | None],
) -> None:
    asked = {"orig": orig, "dest": ",".join(dest), "attest": attest, **more}
    answer = asked_of(data, "/stir/v1/text/sign", asked)
    typer.echo(answer.text)
    level = answer.headers.get("x-phonotary-attestation", "")
    if attest is not None and level > attest:
        typer.echo(_lowered(level, answer.headers["x-phonotary-reason"], orig), err=True)


def _lowered(level: str, reason: str, orig: str) -> str:
    """Why the level is below what was asked; a number without its country code is the usual case,
    for none is guessed (RFC 8224 section 8.3)."""
    from phonotary import tn
    from phonotary.shaken.attestation import TABLE

    written, meant = tn.canonical(orig), tn.parse(orig)
    if meant is not None and meant.e164 != f"+{written}":
        said = f"{written} was signed as written, without a country code; give {meant.e164}."
    else:
        said = next((row.explanation for row in TABLE if row.name == reason), "")
    return f"attestation {level}: {reason}: {said}"


def asked_of(data: Path | None, path: str, asked: dict[str, Any], body: str = "") -> httpx.Response:
    """What the text door of the running sandbox answers; exit 1 with its sentence if it refuses."""
    import httpx

    directory = data or config.default_data_directory()
    found = running.find(directory)
    if found is None:
        _fail(f"no `phonotary up` runs on {directory}; start one, or give its --data.")
    # The door reads a plus sign as one, so a space is %20.
    query = urlencode({k: v for k, v in asked.items() if v is not None}, quote_via=quote)
    answer = httpx.post(
        f"{found['http']}{path}?{query}",
        content=body.encode(),
        headers={"content-type": "text/plain"},
        auth=(found["account_sid"], found["auth_token"]),
        trust_env=False,
    )
    if answer.status_code != 200:
        sentence = answer.headers.get("x-phonotary-refusal") or f"HTTP {answer.status_code}"
        typer.echo(f"phonotary: {sentence}", err=True)
        raise typer.Exit(1)
    return answer


def _by_key(
    key: str, chain: Path, x5u: str, orig: str, dest: list[str], attest: str, origid: str
) -> str:
    from phonotary.cli.chain_file import content
    from phonotary.errors import Refused
    from phonotary.outbound import keys
    from phonotary.shaken import certificates, identity_header, passport
    from phonotary.shaken.signing import InvalidClaim, check_origid, check_time, signing_request

    served = content(chain)
    x5u = certificates.address(x5u, certificates.fingerprint(served))
    credential = certificates.load_credential(served, keys.key_from(key), x5u)
    now = Clock.wall()
    try:
        request = signing_request(caller_sid=None, orig=orig, dest=dest, iat=now, attest=attest)
        check_origid(origid)
        check_time(now, credential, now)
    except InvalidClaim as fault:
        raise Refused(fault.reason, f"Invalid '{fault.parameter}': {fault.because}.") from None
    payload = passport.shaken_payload(attest, request.dest_tns, now, request.orig_tn, origid)
    return identity_header.emit(passport.sign(payload, credential.key, x5u), x5u)


def _fail(sentence: str) -> NoReturn:
    typer.echo(f"phonotary: {sentence}", err=True)
    raise typer.Exit(2)
