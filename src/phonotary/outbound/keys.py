"""Private keys by reference: a PEM file, or a key that never leaves its HSM (PKCS #11).

Both kinds are cryptography's ``EllipticCurvePrivateKey``, so that whatever signs (a PASSporT, a
JWS, a certificate request) need not know where its key lives.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from phonotary.outbound import hsm
from phonotary.outbound.hsm import KeyUnusable

_MAX_FILE = 65_536


def key_from(reference: str) -> ec.EllipticCurvePrivateKey:
    """The key of a PEM file's path or of a ``pkcs11:`` URI (RFC 7512).

    The URI names ``token`` and ``object`` or ``id``, and in its query ``module-path`` (the HSM's
    library) and ``pin-source`` (a file with the PIN). Raises KeyUnusable.
    """
    if in_hsm(reference):
        return hsm.HsmKey(hsm.parse(reference))
    return _from_file(Path(reference))


def in_hsm(reference: str) -> bool:
    """Whether the key is in an HSM, and so cannot be made or moved here."""
    return reference.startswith(hsm.SCHEME)


def new_file(path: Path) -> ec.EllipticCurvePrivateKey:
    """A new P-256 key in a new file that only its owner reads. Raises KeyUnusable when there is
    one already: a key is never written over."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as fault:
        raise KeyUnusable(f"{path} cannot be made: {fault.strerror}.") from fault
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return key


def _from_file(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        with path.open("rb") as file:
            pem = file.read(_MAX_FILE)
    except OSError as fault:
        raise KeyUnusable(f"{path} cannot be read: {fault.strerror}.") from fault
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        # The parser's own words are dropped with its exception: they might quote the key.
        raise KeyUnusable(f"{path} holds no private key in PEM without a password.") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise KeyUnusable(f"{path} holds no key on P-256, which ES256 needs.")
    return key
