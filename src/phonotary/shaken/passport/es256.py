"""base64url, and the signature of ES256, which DER writes otherwise (RFC 7518 section 3.4)."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
RANDOM = ec.ECDSA(SHA256())
DETERMINISTIC = ec.ECDSA(SHA256(), deterministic_signing=True)
# The longest DER signature P-256 yields: two integers of 33 bytes and their headers.
_LONGEST_DER = 72


def b64url(data: bytes) -> bytes:
    """Without padding (RFC 7515 section 2)."""
    return b2a_base64(data, newline=False).translate(TO_URL).rstrip(b"=")


def unb64url(text: bytes) -> bytes:
    """ValueError for a length no encoder produces; padding is never sent (RFC 7515 section 2)."""
    return a2b_base64(text.translate(_FROM_URL) + b"==")


def to_raw(der: bytes) -> bytes:
    """r and s of a DER signature, 32 bytes each: DER drops leading zeros, ES256 keeps them."""
    if len(der) > _LONGEST_DER:
        raise ValueError("the signing key is not on P-256")
    end = 4 + der[3]
    if end >= 36 and len(der) >= end + 34:
        return der[end - 32 : end] + der[-32:]
    return der[4:end][-32:].rjust(32, b"\0") + der[end + 2 :][-32:].rjust(32, b"\0")


def to_der(raw: bytes) -> bytes:
    """The DER signature of r and s, 32 bytes each."""
    r, s = raw[:32].lstrip(b"\0") or b"\0", raw[32:].lstrip(b"\0") or b"\0"
    if r[0] > 0x7F:
        r = b"\0" + r
    if s[0] > 0x7F:
        s = b"\0" + s
    return b"0%c\2%c%b\2%c%b" % (4 + len(r) + len(s), len(r), r, len(s), s)
