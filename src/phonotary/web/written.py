"""A door's answer as bytes of HTTP/1.1."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from phonotary.web.stir_v1.answers import Answer

_defaults: tuple[object, bytes] = (None, b"")


def written(
    answer: Answer, method: str, keep_alive: bool, defaults: list[tuple[bytes, bytes]]
) -> bytes:
    """The answer as it is sent. ``defaults`` are uvicorn's own headers, the date among them: they
    are joined once for each list it makes of them, a new one every second."""
    global _defaults
    if _defaults[0] is not defaults:
        _defaults = defaults, b"".join([b"%b: %b\r\n" % header for header in defaults])
    status, body, headers = answer
    lines = [STATUS_LINE[status], _defaults[1]]
    for name, value in headers:
        lines += (name, b": ", value, b"\r\n")
    end = b"\r\n" if keep_alive else b"connection: close\r\n\r\n"
    lines += (b"content-length: %d\r\n" % len(body), end, b"" if method == "HEAD" else body)
    return b"".join(lines)
