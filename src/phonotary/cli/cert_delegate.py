"""``phonotary cert delegate``: a customer's certificate for its own numbers (RFC 9060)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotary.cli import running
from phonotary.cli.cert import CHAIN, KEY, PUBLISH, REPOSITORY, key_at, publish_chain, tell
from phonotary.cli.chain_file import Chain, fail
from phonotary.clock import Clock, iso8601

if TYPE_CHECKING:
    from collections.abc import Sequence

    from phonotary.clock import Instant
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
    from phonotary.shaken import issuing

    if chain.exists():
        fail(f"{chain} is there already; name another file.")
    above, entries = Chain.read(ca_chain), [_entry(one) for one in number]
    signing, now = keys.key_from(ca_key), Clock.wall()
    if signing.public_key() != above.leaf.public_key():
        fail(f"{ca_key} is not the key of {ca_chain}.")
    _require_certifies(above, entries, now)
    public_key = key_at(key).public_key()
    if public_key == above.leaf.public_key():
        fail("--key is the CA's own key, with which the customer could certify anybody.")
    made = issuing.delegate(
        issuing.Certified(above.leaf, signing),
        now,
        entries,
        subject=issuing.name(organisation, f"{organisation} delegate"[:64]),
        not_after=min(now + days * issuing.DAY, above.end),
        public_key=public_key,
        extensions=_revocations_of(above),
    )
    new = Chain.of(made.pem + above.pem)
    publish_chain(new, publish)
    running.write(chain, new.pem, mode=0o644)
    tell(new, chain, repository)


def _require_certifies(above: Chain, entries: Sequence[Entry], now: Instant) -> None:
    """Exit 2 unless the provider's certificate is a CA's that is valid now and covers this."""
    from phonotary.shaken import tn_auth_list

    if not above.is_ca:
        fail("the certificate is no CA's; get one by cert obtain --delegate-ca.")
    if not above.begin <= now < above.end:
        life = f"from {iso8601(above.begin)} until {iso8601(above.end)}"
        fail(f"the provider's certificate is valid {life}, which is not now; see cert renew.")
    covered = tn_auth_list.encompasses(above.scope, entries)
    if covered is False:
        fail("the provider's certificate does not cover these numbers.")
    if covered is None:
        unchecked = "its certificate names a provider code, and no list of that code's numbers"
        typer.echo(
            f"phonotary: whether the provider holds these numbers was not checked: {unchecked}.",
            err=True,
        )


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
