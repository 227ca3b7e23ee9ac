"""The head of one request to a proxy: where it wants to go, read strictly and within bounds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from phonotary.web.proxy import names

# What HTTP servers commonly allow; clients with large cookies stay below it.
LARGEST = 16 << 10
_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) (HTTP/1\.[01])")
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00\r\n]*")
_ABSOLUTE = re.compile(rb"(?i:http)://([^/?#@]+)([/?][^#]*)?")
# They are about this connection only (RFC 9110 section 7.6.1), or about the proxy.
_OURS = frozenset(
    (b"connection", b"host", b"keep-alive", b"proxy-authorization", b"proxy-connection")
)


class Refusal(Exception):
    """The answer to a request that goes nowhere: a status and one sentence."""

    def __init__(self, status: str, because: str) -> None:
        super().__init__(because)
        self.status = status
        self.because = because

    def answer(self) -> bytes:
        body = f"phonotary: {self.because}\n".encode()
        return (
            f"HTTP/1.1 {self.status}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        ).encode() + body


@dataclass(frozen=True, slots=True)
class Head:
    """Where to, and what to say there: ``onward`` is empty for CONNECT."""

    host: str
    port: int
    onward: bytes = b""

    @property
    def is_tunnel(self) -> bool:
        return not self.onward


def parse(raw: bytes) -> Head:
    """The head without its final empty line. Raises :class:`Refusal`."""
    line, *fields = raw.split(b"\r\n")
    read = _LINE.fullmatch(line)
    if read is None or not all(_FIELD.fullmatch(field) for field in fields):
        raise Refusal("400 Bad Request", "this is not a request to an HTTP proxy.")
    method, target = read[1], read[2]
    if method == b"CONNECT":
        found = names.authority(target.decode("ascii"))
        if found is None:
            raise Refusal("400 Bad Request", "CONNECT wants a host and a port.")
        return Head(*found)
    return _absolute(method, target, read[3], fields)


def _absolute(method: bytes, target: bytes, version: bytes, fields: list[bytes]) -> Head:
    """RFC 9112 section 3.2.2. The host is said by the target, whatever a Host field says; one
    request a connection, because the next one may be for somebody else."""
    read = _ABSOLUTE.fullmatch(target)
    found = names.authority(read[1].decode("ascii"), 80) if read else None
    if read is None or found is None:
        raise Refusal(
            "400 Bad Request",
            "this port is a proxy: it takes CONNECT and http:// addresses. What it serves itself "
            "is at the address that `phonotary up` printed.",
        )
    path = read[2] or b"/"
    if path.startswith(b"?"):
        path = b"/" + path
    first = b" ".join((method, path, version))
    lines = [first, b"Host: " + read[1], *_kept(fields), b"Connection: close", b"", b""]
    return Head(*found, b"\r\n".join(lines))


def _kept(fields: list[bytes]) -> list[bytes]:
    """Without what concerns this connection alone, and what ``Connection`` says does."""
    pairs = [(field.partition(b":")[0].lower(), field) for field in fields]
    named = b",".join(field.partition(b":")[2] for name, field in pairs if name == b"connection")
    dropped = _OURS | {token.strip().lower() for token in named.split(b",")}
    return [field for name, field in pairs if name not in dropped]
