"""One pair of keys in files, as the other programs want them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


class Pair(NamedTuple):
    key: ec.EllipticCurvePrivateKey
    private: Path
    public: Path


def written(into: Path, form: PrivateFormat = PrivateFormat.PKCS8) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = into / "key.pem", into / "public.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, form, NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return Pair(key, private, public)
