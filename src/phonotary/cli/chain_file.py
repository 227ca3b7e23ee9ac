"""A certificate chain in a file, as ``phonotary cert`` reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from phonotary.errors import Refused

if TYPE_CHECKING:
    from cryptography import x509

    from phonotary.shaken.tn_auth_list import Entry


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain and what its leaf says."""

    pem: bytes
    leaf: x509.Certificate

    @classmethod
    def read(cls, file: Path) -> Chain:
        """Exit 2 when there is no chain in the file."""
        return cls.of(content(file))

    @classmethod
    def of(cls, pem: bytes) -> Chain:
        from cryptography import x509

        try:
            return cls(pem, x509.load_pem_x509_certificates(pem)[0])
        except ValueError:
            fail("the chain is not readable PEM; give the file that cert obtain wrote.")

    @property
    def begin(self) -> int:
        return int(self.leaf.not_valid_before_utc.timestamp())

    @property
    def end(self) -> int:
        """The earliest in the chain: past it no verifier believes the leaf either."""
        from phonotary.shaken import terms

        try:
            return terms.chain_term(self.pem)[0].end
        except Refused as refused:
            fail(f"the chain cannot be read: {refused.because}")

    @property
    def due(self) -> int:
        """When two thirds of its life have passed."""
        from phonotary.shaken.providers import renewal_due

        return renewal_due(self.begin, self.end)

    @property
    def scope(self) -> tuple[Entry, ...]:
        """Exit 2 when the certificate is not one for SHAKEN."""
        from cryptography import x509

        from phonotary.shaken import tn_auth_list

        try:
            found = self.leaf.extensions.get_extension_for_oid(tn_auth_list.EXTENSION).value
        except (x509.ExtensionNotFound, ValueError):
            fail("the certificate has no TN Authorization List; it is not one for SHAKEN.")
        return tn_auth_list.decode(found.public_bytes())

    @property
    def spc(self) -> str:
        """The one provider code; exit 2 when the certificate is not one for SHAKEN."""
        from phonotary.shaken import tn_auth_list

        match self.scope:
            case (tn_auth_list.Spc(code),):
                return code
        fail("the certificate does not speak for exactly one service provider code.")

    @property
    def authority(self) -> dict[str, str]:
        """For whom the leaf speaks, for people: its provider codes as ``SPC``, a delegate's
        numbers as ``numbers``, in the writing that cert delegate takes."""
        from phonotary.shaken.tn_auth_list import One, Range, Spc

        codes, numbers = [], []
        for entry in self.scope:
            match entry:
                case Spc(code):
                    codes.append(code)
                case Range(start, count):
                    numbers.append(f"+{start}/{count}")
                case One(tn):
                    numbers.append(f"+{tn}" if tn.isdecimal() else tn)
        told = {"SPC": ", ".join(codes), "numbers": ", ".join(numbers)}
        return {name: value for name, value in told.items() if value}

    @property
    def is_ca(self) -> bool:
        from cryptography import x509

        try:
            return self.leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except (x509.ExtensionNotFound, ValueError):
            return False

    @property
    def organisation(self) -> str:
        from cryptography.x509.oid import NameOID

        found = self.leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        return str(found[0].value) if found else ""

    @property
    def fingerprint(self) -> str:
        from cryptography.hazmat.primitives.hashes import SHA256

        return self.leaf.fingerprint(SHA256()).hex()

    def x5u(self, repository: str) -> str:
        """Where a repository serves this chain: a new certificate, a new address."""
        return f"{repository.rstrip('/')}/{self.fingerprint}.pem"


def content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}.")


def fail(sentence: str) -> NoReturn:
    """One sentence that says what to mend, and exit 2: the command was called wrongly."""
    typer.echo(f"phonotary: {sentence}", err=True)
    raise typer.Exit(2)
