"""``phonotary cert``: a provider's certificate, from the first order to the last renewal.

Exit 0 means done, 1 that an authority or a rule said no, 2 that the command was called wrongly,
3 that a renewal is due.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phonotary.cli import running
from phonotary.cli.chain_file import Chain, content, fail
from phonotary.clock import Clock, iso8601
from phonotary.errors import Refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

    from phonotary.shaken.laboratory.profiles import Profile

DUE = 3
# The STI-PA's paths hold the code, so that one of another form is told as a page there is not.
_SPC = re.compile(r"[0-9A-Z]{1,16}")

cert_app = typer.Typer(
    help="Obtain, renew, check and show the certificate that signs calls.", no_args_is_help=True
)

DIRECTORY = Annotated[str, typer.Option(help="The STI-CA's ACME directory, an https URL.")]
STI_PA = Annotated[str, typer.Option(help="The STI-PA's API, an https URL.")]
USER = Annotated[str, typer.Option(help="The user at the STI-PA.")]
PASSWORD = Annotated[Path, typer.Option(help="A file that holds that user's password alone.")]
KEY = Annotated[
    str, typer.Option(help="A PEM file, made if there is none, or a pkcs11: URI (RFC 7512).")
]
CHAIN = Annotated[Path, typer.Option(help="The certificate chain's PEM file, leaf first.")]
PROFILE = Annotated[str, typer.Option(help="How this CA reads RFC 9448: rfc9448 or peeringhub.")]
ACCOUNT_KEY = Annotated[
    str | None, typer.Option(help="The ACME account's key; a file beside the key if left out.")
]
REPOSITORY = Annotated[
    str | None,
    typer.Option(help="Where chains are published: the x5u is this, / and the fingerprint."),
]
PUBLISH = Annotated[
    Path | None, typer.Option(help="A directory that gets the chain as <fingerprint>.pem.")
]
CA_FILE = Annotated[
    str | None, typer.Option(help="PEM roots for TLS, when the system does not know them.")
]
CONTACT = Annotated[list[str] | None, typer.Option(help="mailto: URL for the ACME account.")]
AGREE = Annotated[bool, typer.Option("--agree-terms", help="Agree to the CA's terms of service.")]


@dataclass(frozen=True, slots=True)
class _Authorities:
    """Where and as whom certificates are asked for."""

    directory: str
    sti_pa: str
    user: str
    password: str
    profile: Profile
    ca_file: str | None
    contact: tuple[str, ...]
    agree_terms: bool


@cert_app.command()
def obtain(
    spc: Annotated[str, typer.Option(help="The service provider code, as 709J.")],
    organisation: Annotated[str, typer.Option(help="The provider's name in the certificate.")],
    directory: DIRECTORY,
    sti_pa: STI_PA,
    user: USER,
    password_file: PASSWORD,
    key: KEY,
    chain: CHAIN,
    delegate_ca: Annotated[
        bool, typer.Option("--delegate-ca", help="A CA of the provider's own, for cert delegate.")
    ] = False,
    profile: PROFILE = "rfc9448",
    account_key: ACCOUNT_KEY = None,
    repository: REPOSITORY = None,
    publish: PUBLISH = None,
    ca_file: CA_FILE = None,
    contact: CONTACT = None,
    agree_terms: AGREE = False,
) -> None:
    """Get the first certificate: a key, a token from the STI-PA, an order at the STI-CA."""
    if not _SPC.fullmatch(spc):
        fail(f"{spc} is no service provider code like 709J: 1 to 16 of the characters 0-9 and A-Z.")
    if chain.exists():
        fail(f"{chain} is there already; use cert renew, or name another file.")
    authorities = _authorities(
        directory, sti_pa, user, password_file, profile, ca_file, contact, agree_terms
    )
    signing = key_at(key)
    account = _account(account_key, key, authorities, signing)
    new = Chain.of(_ordered(authorities, spc, organisation, delegate_ca, signing, account))
    publish_chain(new, publish)
    running.write(chain, new.pem, mode=0o644)
    tell(new, chain, repository)


@cert_app.command()
def renew(
    directory: DIRECTORY,
    sti_pa: STI_PA,
    user: USER,
    password_file: PASSWORD,
    key: KEY,
    chain: CHAIN,
    force: Annotated[bool, typer.Option("--force", help="Renew before it is due.")] = False,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Make a new key (files only).")
    ] = False,
    profile: PROFILE = "rfc9448",
    account_key: ACCOUNT_KEY = None,
    repository: REPOSITORY = None,
    publish: PUBLISH = None,
    ca_file: CA_FILE = None,
    contact: CONTACT = None,
    agree_terms: AGREE = False,
) -> None:
    """Get the next certificate once two thirds of this one's life have passed.

    The old files stay beside the new ones, with the old fingerprint at the end of their names.
    """
    from phonotary.outbound import keys

    if new_key and keys.in_hsm(key):
        fail("make the new key in the HSM, then use cert obtain with its URI and another chain.")
    _finish(chain, key)
    old = Chain.read(chain)
    if not force and Clock.wall() < old.due:
        typer.echo(f"nothing to do: renewal is due on {iso8601(old.due)}; --force renews now")
        return
    authorities = _authorities(
        directory, sti_pa, user, password_file, profile, ca_file, contact, agree_terms
    )
    fresh = _beside(key, "new")
    if new_key:
        # What an earlier attempt left was never certified.
        fresh.unlink(missing_ok=True)
    signing = keys.new_file(fresh) if new_key else keys.key_from(key)
    account = _account(account_key, key, authorities, signing)
    new = Chain.of(_ordered(authorities, old.spc, old.organisation, old.is_ca, signing, account))
    publish_chain(new, publish)
    mark = old.fingerprint[:16]
    running.write(_beside(chain, mark), old.pem, mode=0o644)
    running.write(_beside(chain, "new"), new.pem, mode=0o644)
    if new_key:
        running.write(_beside(key, mark), content(Path(key)))
        # The key first: a service that reads between the two finds a pair that does not match,
        # keeps what it has and reads again. Whoever is stopped here finishes at the next renewal.
        os.replace(fresh, key)
    os.replace(_beside(chain, "new"), chain)
    tell(new, chain, repository)


@cert_app.command()
def lint(
    chain: Annotated[Path, typer.Argument(help="A PEM file: the chain, leaf first.")],
    crl_url: Annotated[
        str | None, typer.Option(help="The STI-PA's address of the CRL, to be found in the chain.")
    ] = None,
) -> None:
    """Check a chain against ATIS-1000080, the certificate policy and RFC 8226, clause by clause."""
    from phonotary.shaken.lint import lint as findings_of

    findings = findings_of(content(chain), Clock.wall(), crl_url=crl_url)
    for found in findings:
        rule = f"{found.name} ({found.source}), certificate {found.position}"
        typer.echo(f"{found.severity}: {rule}: {found.sentence}")
    if any(found.severity == "error" for found in findings):
        raise typer.Exit(1)
    typer.echo("no errors")


@cert_app.command()
def show(
    chain: Annotated[Path, typer.Argument(help="A PEM file: the chain, leaf first.")],
    repository: REPOSITORY = None,
) -> None:
    """Show whose certificate this is and how long it holds; exit 3 when it should be renewed."""
    from phonotary.shaken import terms

    found, now = Chain.read(chain), Clock.wall()
    told = {
        "subject": found.leaf.subject.rfc4514_string(),
        "issuer": found.leaf.issuer.rfc4514_string(),
        **found.authority,
        "serial": f"{found.leaf.serial_number:x}",
        "fingerprint": found.fingerprint,
        "not before": iso8601(found.begin),
        "two thirds": iso8601(found.due),
        "not after": iso8601(found.end),
        "days left": str((found.end - now) // terms.DAY),
    }
    if repository:
        told["x5u"] = found.x5u(repository)
    for name, value in told.items():
        typer.echo(f"{name:<12} {value}")
    alarm = terms.certificate_alarm(found.pem, now)
    if alarm.is_due:
        typer.echo(f"phonotary: {alarm.sentence}", err=True)
        raise typer.Exit(DUE)


def _authorities(
    directory: str,
    sti_pa: str,
    user: str,
    password_file: Path,
    profile: str,
    ca_file: str | None,
    contact: list[str] | None,
    agree_terms: bool,
) -> _Authorities:
    from phonotary.shaken.laboratory.profiles import PROFILES

    if profile not in PROFILES:
        fail(f"the profile {profile} is none of {', '.join(PROFILES)}.")
    return _Authorities(
        directory,
        sti_pa,
        user,
        secret_in(password_file),
        PROFILES[profile],
        ca_file,
        tuple(contact or ()),
        agree_terms,
    )


def secret_in(file: Path) -> str:
    """The password that a file holds alone; exit 2 when it holds none."""
    from phonotary.outbound.secret_file import secret

    try:
        return secret(file)
    except Refused as fault:
        fail(fault.because)


def key_at(reference: str) -> ec.EllipticCurvePrivateKey:
    """The key there is, or a new one: an order that failed can be tried again as it was."""
    from phonotary.outbound import keys

    if not keys.in_hsm(reference) and not Path(reference).exists():
        return keys.new_file(Path(reference))
    return keys.key_from(reference)


def _account(
    given: str | None,
    key: str,
    authorities: _Authorities,
    signing: ec.EllipticCurvePrivateKey,
) -> ec.EllipticCurvePrivateKey:
    """The ACME account's key, which is another than the certificate's wherever the CA allows."""
    from phonotary.outbound import keys

    if authorities.profile.account_key_certifies:
        return signing
    if given is None and keys.in_hsm(key):
        fail("with a key in an HSM, name the ACME account's key file by --account-key.")
    return key_at(given or str(_beside(key, "account")))


def _ordered(
    authorities: _Authorities,
    spc: str,
    organisation: str,
    ca: bool,
    signing: ec.EllipticCurvePrivateKey,
    account: ec.EllipticCurvePrivateKey,
) -> bytes:
    from phonotary.outbound import acme, exchange, sti_pa
    from phonotary.shaken import tn_auth_list
    from phonotary.shaken.laboratory.ordering import Wanted

    with exchange.client(authorities.ca_file) as http:
        administrator = sti_pa.Client(authorities.sti_pa, http)
        administrator.login(authorities.user, authorities.password)

        def token(claim: dict[str, Any]) -> str:
            return administrator.token(spc, claim)

        wanted = Wanted(
            scope=tn_auth_list.encode([tn_auth_list.Spc(spc)]),
            organisation=organisation,
            common_name=f"SHAKEN {spc}",
            profile=authorities.profile,
            ca=ca,
            contact=authorities.contact,
            agree_terms=authorities.agree_terms,
        )
        client = acme.Client(authorities.directory, http)
        return client.obtain(wanted, account_key=account, certificate_key=signing, token=token)


def _finish(chain: Path, key: str) -> None:
    """A renewal that was stopped between its key and its chain is brought to its end; one that
    was stopped before is forgotten."""
    from phonotary.outbound import keys

    waiting = _beside(chain, "new")
    if not waiting.exists():
        return
    if Chain.read(waiting).leaf.public_key() == keys.key_from(key).public_key():
        os.replace(waiting, chain)
    else:
        waiting.unlink()


def publish_chain(new: Chain, directory: Path | None) -> None:
    """Before it is used: verifiers must find the chain when the first call names it."""
    if directory is not None:
        running.write(directory / f"{new.fingerprint}.pem", new.pem, mode=0o644)


def tell(new: Chain, chain: Path, repository: str | None) -> None:
    typer.echo(f"chain        {chain}")
    typer.echo(f"not after    {iso8601(new.end)}")
    if repository:
        typer.echo(f"x5u          {new.x5u(repository)}")


def _beside(file: Path | str, ending: str) -> Path:
    return Path(f"{file}.{ending}")
