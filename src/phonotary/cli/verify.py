"""``phonotary verify``: the verdict on one call's Identity headers."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotary.cli.inspect import IDENTITY, values
from phonotary.cli.sign import DATA, DEST, ORIG, asked_of
from phonotary.clock import Clock

if TYPE_CHECKING:
    from phonotary.shaken.trust import Trust
    from phonotary.shaken.verdicts import Verdict
    from phonotary.shaken.verification import CallToVerify


def verify(
    orig: ORIG,
    dest: DEST,
    identity: IDENTITY = "-",
    anchors: Annotated[
        Path | None, typer.Option(help="PEM roots to trust, without asking a hub.")
    ] = None,
    chain: Annotated[
        Path | None, typer.Option(help="With --anchors: the chain, instead of fetching it.")
    ] = None,
    lab: Annotated[
        list[str] | None,
        typer.Option(help="With --anchors: fetch from this origin, as http://127.0.0.1:8080, too."),
    ] = None,
    data: DATA = None,
) -> None:
    """Verify one call as the running sandbox does, or by roots of your own.

    Prints verstat, attest, SIP code, case, origid and a sentence; on a second line the verified
    name and reason of a call that has them. Exit 0 only for TN-Validation-Passed.
    """
    identities = values(identity)
    if anchors is None:
        asked = {"orig": orig, "dest": ",".join(dest)}
        answer = asked_of(data, "/stir/v1/text/verify", asked, "\n".join(identities))
        line, shown = answer.text, json.loads(answer.headers.get("x-phonotary-rcd", "{}"))
    else:
        from phonotary.shaken.verification import CallToVerify

        call = CallToVerify(orig, tuple(dest), None, identities)
        from phonotary.web.stir_v1 import text

        verdict = _by_roots(call, anchors, chain, frozenset(lab or ()))
        line, shown = text.verified(verdict).decode(), text.shown(verdict)
    typer.echo(line)
    if shown:
        typer.echo(_rich(shown))
    if not line.startswith("TN-Validation-Passed "):
        raise typer.Exit(1)


def _rich(shown: dict[str, str]) -> str:
    """``name "…", reason "…"``. Strangers chose the words, so what would move a terminal's cursor
    is left out."""
    words = {"nam": "name", "crn": "reason"}
    return ", ".join(
        f'{word} "{"".join(c for c in shown[claim] if c.isprintable())}"'
        for claim, word in words.items()
        if claim in shown
    )


def _by_roots(
    call: CallToVerify, anchors: Path, chain: Path | None, lab: frozenset[str]
) -> Verdict:
    from phonotary.bootstrap.trusting import certificates_in
    from phonotary.shaken.trust import Trust

    trust = Trust(certificates_in(anchors))
    if chain is None:
        return asyncio.run(_fetched(call, trust, lab))
    return _with_chain(call, chain, trust)


def _with_chain(call: CallToVerify, chain: Path, trust: Trust) -> Verdict:
    """The chain of the file, whatever address the call names."""
    from phonotary.cli.chain_file import content
    from phonotary.shaken import chains
    from phonotary.shaken.chains import Untrusted, ValidChain
    from phonotary.shaken.replays import Replays
    from phonotary.shaken.verification import Pending, Rules, begin, conclude

    # Nothing is fetched, so no address is unfit.
    now, rules = Clock.wall(), Rules(lab=_origins(call.identities))
    found = begin(call, now, rules)
    if not isinstance(found, Pending):
        return found
    judged: ValidChain | Untrusted
    try:
        judged = chains.validate(content(chain), trust, now)
    except Untrusted as untrusted:
        judged = untrusted
    return conclude(found, dict.fromkeys(found.urls, judged), now, rules, Replays())


def _origins(identities: tuple[str, ...]) -> frozenset[str]:
    """Where the headers say that their chains are."""
    from urllib.parse import urlsplit

    from phonotary.errors import Refused
    from phonotary.shaken import identity_header

    found = set()
    for one in identities:
        with suppress(Refused, ValueError):
            parts = urlsplit(identity_header.parse(one).info)
            found.add(f"{parts.scheme}://{parts.netloc}")
    return frozenset(found)


async def _fetched(call: CallToVerify, trust: Trust, lab: frozenset[str]) -> Verdict:
    from phonotary.bootstrap.verifying import VerificationService
    from phonotary.outbound.fetch import Fetcher
    from phonotary.outbound.keeping import Keeping
    from phonotary.outbound.repository import Repository
    from phonotary.shaken.verification import Rules

    # Nobody waits but who typed it.
    patient = Keeping(budget=Keeping().patience)
    repository = Repository(Fetcher(lab=lab), trust, Clock.wall, patient)
    service = VerificationService(repository, Clock.wall, Rules(lab=lab))
    try:
        return await service.verify(call)
    finally:
        await service.close()
