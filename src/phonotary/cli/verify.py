"""``phonotary verify``: the verdict on one call's Identity headers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotary.cli.inspect import IDENTITY, values
from phonotary.cli.sign import DATA, DEST, ORIG, text_of
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
    data: DATA = None,
) -> None:
    """Verify one call as the running sandbox does, or by roots of your own.

    Prints verstat, attest, SIP code, case, origid and a sentence. Exit 0 only for
    TN-Validation-Passed.
    """
    identities = values(identity)
    if anchors is None:
        asked = {"orig": orig, "dest": ",".join(dest)}
        line = text_of(data, "/stir/v1/text/verify", asked, "\n".join(identities))
    else:
        line = _by_roots(anchors, chain, orig, dest, identities)
    typer.echo(line)
    if not line.startswith("TN-Validation-Passed "):
        raise typer.Exit(1)


def _by_roots(
    anchors: Path, chain: Path | None, orig: str, dest: list[str], identities: tuple[str, ...]
) -> str:
    from phonotary.bootstrap.trusting import certificates_in
    from phonotary.shaken.trust import Trust
    from phonotary.shaken.verification import CallToVerify
    from phonotary.web.stir_v1.text import verified

    trust = Trust(certificates_in(anchors))
    call = CallToVerify(orig, tuple(dest), None, identities)
    verdict = _with_chain(call, chain, trust) if chain else asyncio.run(_fetched(call, trust))
    return verified(verdict).decode()


def _with_chain(call: CallToVerify, chain: Path, trust: Trust) -> Verdict:
    """The chain of the file, whatever address the call names."""
    from phonotary.cli.chain_file import content
    from phonotary.shaken import chains
    from phonotary.shaken.chains import Untrusted, ValidChain
    from phonotary.shaken.replays import Replays
    from phonotary.shaken.verification import Pending, Rules, begin, conclude

    now, rules = Clock.wall(), Rules()
    found = begin(call, now, rules)
    if not isinstance(found, Pending):
        return found
    judged: ValidChain | Untrusted
    try:
        judged = chains.validate(content(chain), trust, now)
    except Untrusted as untrusted:
        judged = untrusted
    return conclude(found, dict.fromkeys(found.urls, judged), now, rules, Replays())


async def _fetched(call: CallToVerify, trust: Trust) -> Verdict:
    from phonotary.bootstrap.verifying import VerificationService
    from phonotary.outbound.fetch import Fetcher
    from phonotary.outbound.repository import Repository

    service = VerificationService(Repository(Fetcher(), trust, Clock.wall), Clock.wall)
    try:
        return await service.verify(call)
    finally:
        await service.close()
