"""``phonotary cert delegate``: a customer's certificate for its own numbers (RFC 9060)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotary.cli import running
from phonotary.cli.cert import CHAIN, KEY, PUBLISH, REPOSITORY, key_at, publish_chain, tell
from phonotary.cli.chain_file import Chain, fail
from phonotary.clock import Clock

if TYPE_CHECKING:
    from phonotary.shaken.issuing import Extensions
    from phonotary.shaken.tn_auth_list import Entry

_DAYS = 90


def delegate(
    ca_chain: Annotated[
        Path, typer.Option(help="The provider's CA, as cert obtain --delegate-ca wrote it.")
    ],
    ca_key: Annotated[str, typer.Option(help="That CA's key: a PEM file or a pkcs11: URI.")],
    organisation: Annotated[str, typer.Option(help="The customer's name in the certificate.")],
    number: Annotated[
        list[str], typer.Option(help="A number of the customer, +1…, or the first of N: +1…/N.")
    ],
    key: KEY,
    chain: CHAIN,
    days: Annotated[int, typer.Option(min=1, max=398, help="How long it holds.")] = _DAYS,
    repository: REPOSITORY = None,
    publish: PUBLISH = None,
) -> None:
    """Certify a customer for its own numbers, by the CA of the provider it has them from.

    Such a certificate signs no shaken PASSporT; it holds no longer than the CA's own.
    """
    from phonotary.outbound import keys
    from phonotary.shaken import issuing, tn_auth_list

    if chain.exists():
        fail(f"{chain} is there already; name another file.")
    above, entries = Chain.read(ca_chain), [_entry(one) for one in number]
    signing = keys.key_from(ca_key)
    if not above.is_ca:
        fail("the certificate is no CA's; get one by cert obtain --delegate-ca.")
    if signing.public_key() != above.leaf.public_key():
        fail(f"{ca_key} is not the key of {ca_chain}.")
    if tn_auth_list.encompasses(above.scope, entries) is False:
        fail("the provider's certificate does not cover these numbers.")
    now = Clock.wall()
    made = issuing.delegate(
        issuing.Certified(above.leaf, signing),
        now,
        entries,
        subject=issuing.name(organisation, f"{organisation} delegate"[:64]),
        not_after=min(now + days * issuing.DAY, above.end),
        public_key=key_at(key).public_key(),
        extensions=_revocations_of(above),
    )
    new = Chain.of(made.pem + above.pem)
    publish_chain(new, publish)
    running.write(chain, new.pem, mode=0o644)
    tell(new, chain, repository)


def _entry(written: str) -> Entry:
    """The number or block as a certificate holds it. Only whole E.164 will do: one for ten digits
    holds for no call signed with a country code (RFC 8224 section 8.3)."""
    from phonotary import tn
    from phonotary.errors import Refused
    from phonotary.shaken import tn_auth_list

    plus, many, count = written.partition("/")
    found = tn.parse(plus)
    first = tn.canonical(plus)
    try:
        if found is None or found.e164 != plus:
            raise ValueError
        entry = tn_auth_list.Range(first, int(count)) if many else tn_auth_list.One(first)
        tn_auth_list.encode([entry])
    except (Refused, ValueError):
        fail(f"{written} is no number like +12155550100, nor a block like +12155550100/50.")
    return entry


def _revocations_of(above: Chain) -> Extensions:
    """The one indirect list has the provider's revocations and its customers' (ATIS-1000080)."""
    from cryptography import x509

    try:
        point = above.leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    except x509.ExtensionNotFound:
        return {}
    return {point.oid: (point.value, point.critical)}
