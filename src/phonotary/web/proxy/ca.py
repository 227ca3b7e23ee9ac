"""The certificate authority of one run, and the certificates it gives to Twilio's host names.

It is made when the sandbox starts and its private key never leaves memory. It is name-constrained,
critically: software that trusts it trusts it for twilio.com and this machine and for nothing else,
so even a leaked one could not speak for any other site.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import ssl
import tempfile
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from phonotary.clock import Instant
from phonotary.web.proxy import names

LOCALHOST = "localhost"
# A client's clock may be slow, and a run may be left standing for a year, not longer.
_EARLY = timedelta(hours=1)
_LIFE = timedelta(days=397)
# Twilio has some tens of host names; edges and regions multiply them, a program uses a handful.
_KEPT = 64

_PERMITTED: tuple[x509.GeneralName, ...] = (
    x509.DNSName("twilio.com"),
    x509.DNSName(LOCALHOST),
    # A list that named no address would leave every address permitted.
    x509.IPAddress(ipaddress.ip_network("127.0.0.1/32")),
    x509.IPAddress(ipaddress.ip_network("::1/128")),
)


class Authority:
    """A root that exists for one run. ``pem`` is all of it that others ever see."""

    def __init__(self, now: Instant) -> None:
        self._begin = datetime.fromtimestamp(now, UTC) - _EARLY
        self._key = ec.generate_private_key(ec.SECP256R1())
        # The serial number in the name keeps two runs' authorities apart in one trust store.
        serial = x509.random_serial_number()
        self._name = _named(f"phonotary sandbox of one run {serial:x}"[:64])
        self._certificate = (
            self._builder(self._name, self._key.public_key(), serial)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.NameConstraints(_PERMITTED, None), critical=True)
            .sign(self._key, SHA256())
        )

    @property
    def pem(self) -> bytes:
        return self._certificate.public_bytes(Encoding.PEM)

    def certify(self, host: str, key: ec.EllipticCurvePublicKey) -> bytes:
        """A server certificate for the host, as PEM. Its name must be one we may answer for."""
        if not names.is_twilio(host) and host != LOCALHOST:
            raise ValueError(f"{host} is not a host of Twilio's")
        alternatives: list[x509.GeneralName] = [x509.DNSName(host)]
        if host == LOCALHOST:
            alternatives += [x509.IPAddress(ipaddress.ip_address(a)) for a in ("127.0.0.1", "::1")]
        # A common name has 64 characters at most; clients read the alternative names.
        leaf = (
            self._builder(_named(host[:64]), key, x509.random_serial_number())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .sign(self._key, SHA256())
        )
        return leaf.public_bytes(Encoding.PEM)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, serial: int
    ) -> x509.CertificateBuilder:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(serial)
            .not_valid_before(self._begin)
            .not_valid_after(self._begin + _LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(issuer, critical=False)
        )


class Leaves:
    """A TLS context for each host name asked for: minted at need, the last ones kept."""

    def __init__(self, authority: Authority, directory: Path) -> None:
        self._authority = authority
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._password = secrets.token_bytes(32)
        self._encrypted = self._key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(self._password)
        )
        self._contexts: OrderedDict[str, ssl.SSLContext] = OrderedDict()

    def __len__(self) -> int:
        return len(self._contexts)

    def context(self, host: str) -> ssl.SSLContext:
        found = self._contexts.get(host)
        if found is None:
            found = self._contexts[host] = self._made(host)
        self._contexts.move_to_end(host)
        if len(self._contexts) > _KEPT:
            self._contexts.popitem(last=False)
        return found

    def _made(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self._load(context, self._authority.certify(host, self._key.public_key()))
        # The name in the handshake has the last word: whoever is led here without a CONNECT, by a
        # hosts file or the Node preload, says only there whom it wants.
        context.sni_callback = self._switch
        return context

    def _load(self, context: ssl.SSLContext, certificate: bytes) -> None:
        """OpenSSL's binding takes certificates from files only: one that lives for a moment, with
        the key under a password that is in memory only."""
        handle, path = tempfile.mkstemp(dir=self._directory, prefix="leaf.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(certificate + self._encrypted)
            context.load_cert_chain(path, password=self._password)
        finally:
            os.unlink(path)

    def _switch(
        self, connection: ssl.SSLObject, name: str | None, initial: ssl.SSLContext
    ) -> int | None:
        host = names.plain(name or "")
        if names.is_twilio(host) or host == LOCALHOST:
            connection.context = self.context(host)
        return None


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
