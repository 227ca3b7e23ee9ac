"""HTTP Basic credentials (RFC 7617) as they stand in a header."""

from __future__ import annotations

import base64
import binascii


def credentials(authorization: str) -> tuple[str, str]:
    """The user and the password; empty ones where there are none that can be read."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, password
