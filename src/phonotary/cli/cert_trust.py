"""``phonotary cert trust``: whom a service believes, as the STI-PA says today."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phonotary.cli import running
from phonotary.cli.cert import CA_FILE, PASSWORD, STI_PA, USER, secret_in
from phonotary.cli.chain_file import content
from phonotary.clock import Clock


def trust(
    sti_pa: STI_PA,
    user: USER,
    password_file: PASSWORD,
    root: Annotated[Path, typer.Option(help="PEM of the STI-PA's root, got by other means.")],
    anchors: Annotated[Path, typer.Option(help="Gets the CAs on the list: stir_anchors.")],
    crl: Annotated[Path | None, typer.Option(help="Gets the revocations: stir_crl.")] = None,
    crl_issuer: Annotated[
        Path | None, typer.Option(help="Gets who signs them: stir_crl_issuer.")
    ] = None,
    ca_file: CA_FILE = None,
) -> None:
    """Fetch the list of CAs and the list of revocations, and write what holds.

    A running service takes the files as they change. Nothing is written unless all of it holds.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    from phonotary.outbound import sti_pa as authority
    from phonotary.outbound.exchange import client, exchange
    from phonotary.shaken import paths, revocations
    from phonotary.shaken import trust as lists

    now = Clock.wall()
    with client(ca_file) as http:
        administrator = authority.Client(sti_pa, http)
        administrator.login(user, secret_in(password_file))
        signed = administrator.ca_list()
        url = lists.signer_url(signed)
        chain = exchange(http, "GET", url).body if url else None
        found = lists.ca_list(signed, paths.load_pem(content(root)), now, signer_chain=chain)
        revoked = administrator.crl() if crl else None
    signer = found.signer
    if revoked is not None:
        revocations.read_crl(revoked, signer, now)
    held = lists.noted(anchors.read_bytes()).sequence if anchors.exists() else None
    if held is not None and found.sequence is not None and found.sequence < held:
        old = f"the STI-PA's list {found.sequence} is older than {held}, from which {anchors} is."
        typer.echo(f"phonotary: {old}", err=True)
        raise typer.Exit(1)
    running.write(anchors, lists.pem_of(found), mode=0o644)
    if crl_issuer is not None:
        running.write(crl_issuer, signer.public_bytes(Encoding.PEM), mode=0o644)
    if crl is not None and revoked is not None:
        running.write(crl, revoked, mode=0o644)
    for sentence in found.unusable:
        typer.echo(f"phonotary: {sentence}", err=True)
    typer.echo(f"{anchors}: {len(found.anchors)} CAs")
