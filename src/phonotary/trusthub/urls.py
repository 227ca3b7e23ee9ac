"""What a URL that we are given must be, before anybody thinks of calling it."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_web(text: str) -> bool:
    """Whether it is an http or https URL with a host, and a port that there is."""
    try:
        parts = urlsplit(text)
        # Reading the port is what finds one that is no number, or beyond 65535.
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
