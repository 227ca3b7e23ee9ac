"""The run's certificate authority: what it may say, to whom, and that its key stays in memory."""

from __future__ import annotations

import ipaddress
import os
import ssl
import time
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from phonotary.web.proxy.ca import Authority, Leaves


@pytest.fixture
def authority() -> Authority:
    return Authority(int(time.time()))


def test_it_is_constrained_to_twilio_and_this_machine_and_critically_so(
    authority: Authority,
) -> None:
    certificate = x509.load_pem_x509_certificate(authority.pem)
    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert constraints.value.excluded_subtrees is None
    permitted = [str(name.value) for name in constraints.value.permitted_subtrees or ()]
    assert permitted == ["twilio.com", "localhost", "127.0.0.1/32", "::1/128"]
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)


@pytest.mark.parametrize(
    "host", ["trusthub.twilio.com", "trusthub.sydney.au1.twilio.com", "localhost", "127.0.0.1"]
)
def test_clients_that_trust_it_accept_what_it_certifies(
    authority: Authority, tmp_path: Path, host: str
) -> None:
    served = "localhost" if host == "127.0.0.1" else host
    shake_hands(authority.pem, Leaves(authority, tmp_path).context(served), host)


@pytest.mark.parametrize("host", ["example.com", "eviltwilio.com", "twilio.com.evil.example"])
def test_openssl_refuses_it_for_any_other_name(
    authority: Authority, tmp_path: Path, host: str
) -> None:
    context = forged(authority, x509.DNSName(host), tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shake_hands(authority.pem, context, host)


def test_openssl_refuses_it_for_any_other_address(authority: Authority, tmp_path: Path) -> None:
    address = x509.IPAddress(ipaddress.ip_address("203.0.113.7"))
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shake_hands(authority.pem, forged(authority, address, tmp_path), "203.0.113.7")


def test_it_certifies_nobody_else_by_itself(authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(ValueError, match=r"example\.com"):
        authority.certify("example.com", key)


def test_two_runs_do_not_trust_each_other(authority: Authority, tmp_path: Path) -> None:
    other = Authority(int(time.time()))
    context = Leaves(other, tmp_path).context("api.twilio.com")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(authority.pem, context, "api.twilio.com")


def test_the_leaves_kept_are_bounded_and_the_last_used_stay(
    authority: Authority, tmp_path: Path
) -> None:
    leaves = Leaves(authority, tmp_path)
    first = leaves.context("api.twilio.com")
    for number in range(100):
        leaves.context(f"host{number}.twilio.com")
        assert leaves.context("api.twilio.com") is first
    assert len(leaves) == 64


def test_no_key_touches_the_disk_in_the_clear(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []
    unlink = os.unlink

    def reading(path: str) -> None:
        written.append(Path(path).read_bytes())
        unlink(path)

    monkeypatch.setattr("phonotary.web.proxy.ca.os.unlink", reading)
    Leaves(authority, tmp_path).context("api.twilio.com")
    (content,) = written
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in content
    assert b"BEGIN PRIVATE KEY" not in content
    assert secret_of(authority) not in content
    assert list(tmp_path.iterdir()) == []


def secret_of(authority: Authority) -> bytes:
    number = authority._key.private_numbers().private_value
    return number.to_bytes(32, "big")


def forged(authority: Authority, name: x509.GeneralName, directory: Path) -> ssl.SSLContext:
    """What a thief of the key could make for the name."""
    issuer = x509.load_pem_x509_certificate(authority.pem)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(issuer.not_valid_before_utc)
        .not_valid_after(issuer.not_valid_before_utc + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        .sign(authority._key, SHA256())
    )
    path = directory / "forged.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(leaf.public_bytes(Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def shake_hands(root: bytes, server_context: ssl.SSLContext, host: str) -> None:
    """A whole TLS handshake in memory, by OpenSSL on both sides."""
    client_context = ssl.create_default_context(cadata=root.decode())
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=host)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    waiting: list[ssl.SSLObject] = [client, server]
    while waiting:
        side = waiting.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(side)
