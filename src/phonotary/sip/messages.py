"""Reading a SIP request and writing its response: as much of RFC 3261 as a redirect server needs.

Heads are decoded as Latin-1, so that every byte which is copied into a response returns as it
came. Lines of our own are text, written as UTF-8. No pattern here takes more than linear time:
each gives back nothing of what it has matched, and begins only where a delimiter stands.
"""

from __future__ import annotations

import re
import zlib

import msgspec

MAX_MESSAGE = 65_535
"""Bytes of one request, body included: what one UDP datagram can hold."""
MAX_HEAD = 32_768
"""Bytes before the empty line. A response copies part of it, so this bounds responses too."""
MAX_HEADERS = 200
MAX_URI = 1_024
MAX_VIA = 1_024
"""Characters of one Via value, and of a Call-ID: every response copies them."""
MAX_VIAS = 16_384
"""Characters of all Via values, which is more than 70 hops write."""
MAX_VALUE = 2_048
"""Characters of every other value that is looked into."""
MAX_LINE = 8_192
"""Characters of one line that a response adds; a long Identity has half as many."""
_MAX_CSEQ = 128

# Everything below 0x20 but tab, and DEL (RFC 3261 section 25.1 allows CR and LF as a pair only).
_CONTROLS = bytes(n for n in (*range(32), 127) if n != 9)
_TOKEN = r"[A-Za-z0-9.!%*_+`'~-]"
_NAME = re.compile(rf"({_TOKEN}{{1,64}}+)[ \t]*+")
_BLANK = (" ", "\t")
_FOLD = re.compile(r"\r\n[ \t]++")
# RFC 3261 section 7.3.3, and y of RFC 8224 section 4.
_COMPACT = {
    "c": "content-type",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "t": "to",
    "v": "via",
    "y": "identity",
}
# Those a request must have to be answered, and which it may have only once.
_ONCE = ("from", "to", "call-id", "cseq")
_NEVER_TWICE = ("content-length", "date")
_SHORT = ("p-asserted-identity", "diversion", "date")
_READ = frozenset(
    (
        *_ONCE,
        *_NEVER_TWICE,
        "diversion",
        "identity",
        "p-asserted-identity",
        "p-attestation-indicator",
        "p-origination-id",
        "require",
        "via",
    )
)
_SPELLINGS = 4096
_LONGEST_SPELLING = 64
_METHODS = frozenset(("ACK", "BYE", "CANCEL", "INVITE", "OPTIONS", "REGISTER"))

_PARAMETER = rf'[ \t]*+;[ \t]*+({_TOKEN}++)(?:[ \t]*+=[ \t]*+(?:[^\s;,"<>]++|"(?:[^"\\]|\\.)*+"))?+'
_ONE_PARAMETER = re.compile(_PARAMETER)
_VIA = re.compile(
    r"SIP[ \t]*+/[ \t]*+2\.0[ \t]*+/[ \t]*+[A-Za-z0-9-]++[ \t]++"
    r"(?P<host>\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._-]++)(?:[ \t]*+:[ \t]*+(?P<port>[0-9]{1,5}+))?+"
    rf"(?P<parameters>(?:{_PARAMETER})*+)[ \t]*+(?P<rest>,.*)?",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(r";[ \t]*+tag[ \t]*+=[ \t]*+([^\s;,]*+)", re.IGNORECASE)
_OPTION = re.compile(rf"{_TOKEN}{{1,64}}+")
_MOST_OPTIONS = 8
# What lies beyond ASCII may stand in a quoted-string only (RFC 3261 section 25.1).
_WRITABLE = re.compile(r'(?:[ !#-~]++|"(?:[^"\\]|\\.)*+")*+')
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(
    rb"\n(?:content-length|l)[ \t]*+:(?:[ \t]|\r?\n[ \t])*+([0-9]{1,6}+)(?=[ \t\r\n])",
    re.IGNORECASE,
)

REASONS = {
    200: "OK",
    302: "Moved Temporarily",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    481: "Call/Transaction Does Not Exist",
    489: "Bad Event",
    503: "Service Unavailable",
    505: "Version Not Supported",
    603: "Decline",
}


class Malformed(Exception):
    """A message that breaks the grammar. ``request`` is there when it can still be answered."""

    def __init__(self, because: str, request: Request | None = None) -> None:
        super().__init__(because)
        self.because = because
        self.request = request


class Unwritable(ValueError):
    """A line that could be read as another, or as several; nothing of it is written."""


class Request(msgspec.Struct):
    """A request's start line and headers. Nothing of its body is needed."""

    method: str
    uri: str
    version: str
    headers: dict[str, list[str]]
    """Of those that are read here: long names in lower case; values without the white space
    around them, in order."""
    via: list[str]
    from_: str
    to: str
    call_id: str
    cseq: str

    def first(self, name: str) -> str | None:
        found = self.headers.get(name)
        return found[0] if found else None

    @property
    def in_dialog(self) -> bool:
        """Whether To has a tag, that is, the request belongs to a call that exists already."""
        return _TAG.search(self.to.rpartition(">")[2]) is not None

    @property
    def required(self) -> str:
        """What Require names, as Unsupported may repeat it: tokens only, and a few of them."""
        asked = ",".join(self.headers.get("require", ())).split(",", _MOST_OPTIONS)
        words = [one.strip(" \t") for one in asked[:_MOST_OPTIONS]]
        return ", ".join([one for one in words if _OPTION.fullmatch(one)])


def parse(data: bytes) -> Request | None:
    """The request in ``data``; None for a response, which nobody here waits for.

    Strict where two readers could see two different messages: line ends are CRLF, no control
    characters, one each of From, To, Call-ID, CSeq and Content-Length. Raises Malformed.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0 or end > MAX_HEAD or len(data) > MAX_MESSAGE:
        raise Malformed("the head has no end, or is too long")
    head = data[:end]
    lines = head.decode("latin-1").split("\r\n")
    # Each line end takes two characters away; one more is a control character or half an end.
    if len(head.translate(None, _CONTROLS)) != end - 2 * (len(lines) - 1):
        raise Malformed("the head holds a control character, or a line does not end in CR LF")
    if len(lines) > MAX_HEADERS:
        raise Malformed("there are too many headers")
    method, uri, version = _start(lines[0])
    if method == "SIP/2.0":
        return None
    try:
        headers = _headers(lines)
    except _Folded:
        # Folding (section 7.3.1) is rare, so it is undone only when it is met.
        headers = _headers(_FOLD.sub(" ", "\r\n".join(lines)).split("\r\n"))
    request = _answerable(method, uri, version, headers)
    _check(request, len(data) - end - 4)
    return request


def frame(buffer: bytearray, searched: int = 0) -> int:
    """How many bytes of a stream the first message takes; 0 when its head is not all there.

    ``searched`` bytes are known to hold no end of a head. RFC 3261 section 18.3: a stream is cut
    by Content-Length, which therefore must be there. It is cut as proxies do, to whom LF alone ends
    a line: cut elsewhere, what one caller writes would take the next one's call along. The answer
    may exceed what has arrived. Raises Malformed when the stream cannot be cut any more.
    """
    found = _EMPTY_LINE.search(buffer, max(0, searched - 2))
    if found is None:
        if len(buffer) > MAX_MESSAGE:
            raise Malformed("the head is too long")
        return 0
    lengths = _LENGTH.findall(buffer, 0, found.end())
    if len(lengths) != 1:
        raise Malformed("a stream needs exactly one Content-Length")
    whole = found.end() + int(lengths[0])
    if whole > MAX_MESSAGE:
        raise Malformed("the message is too long")
    return whole


def respond(request: Request, status: int, via: str, *more: str) -> bytes:
    """A response (RFC 3261 section 8.2.6): Via, From, To, Call-ID and CSeq as they came, To with
    a tag, then the lines ``more``. ``via`` is the first Via's value from :func:`returned_via`.

    Raises Unwritable for a line that is empty, begins with a blank, is longer than MAX_LINE,
    holds a control character, or holds anything beyond ASCII outside a quoted-string.
    """
    for line in more:
        if not writable(line):
            raise Unwritable("a line is not fit to be written")
    to = request.to
    if not request.in_dialog:
        # Section 8.2.7: a stateless server makes the same tag again for the same request.
        to = f"{to};tag={zlib.crc32(f'{request.via[0]}{request.call_id}'.encode('latin-1')):08x}"
    vias = via if len(request.via) == 1 else "\r\nVia: ".join((via, *request.via[1:]))
    extra = "\r\n".join((*more, "Content-Length: 0\r\n\r\n"))
    return (
        f"SIP/2.0 {status} {REASONS[status]}\r\nVia: {vias}\r\nFrom: {request.from_}\r\n"
        f"To: {to}\r\nCall-ID: {request.call_id}\r\nCSeq: {request.cseq}\r\n"
    ).encode("latin-1") + extra.encode()


def returned_via(request: Request, host: str, port: int) -> tuple[str, int]:
    """The first Via with ``received`` and ``rport``, and the port that a datagram goes back to.

    RFC 3261 section 18.2 and RFC 3581 section 4. ``maddr`` is not followed: a response goes to
    the address the request came from and to no other, or we could be aimed at a third party.
    """
    value = request.via[0]
    found = _VIA.fullmatch(value)
    if found is None:
        raise Malformed("the first Via cannot be read", request)
    sent_by, sent_port, parameters, rest = found.group("host", "port", "parameters", "rest")
    lower, kept, asked = parameters.lower(), parameters, False
    if "rport" in lower or "received" in lower:
        kept, asked = _without_ours(parameters)
    back = port if asked else int(sent_port or 5060)
    if not 0 < back < 65_536:
        raise Malformed("the first Via has no such port", request)
    known = sent_by == host or sent_by == f"[{host}]"
    if known and kept == parameters:
        return value, back
    added = f";received={host}" + (f";rport={port}" if asked else "")
    return f"{value[: found.start('parameters')]}{kept}{added}{rest or ''}", back


def tag(value: str) -> str:
    """The tag of a From or To, or empty: RFC 2543 had none."""
    found = _TAG.search(value.rpartition(">")[2])
    return found[1] if found else ""


def quoted(text: str) -> str:
    """A quoted-string of RFC 3261 section 25.1; control characters become spaces."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def writable(line: str) -> bool:
    return (
        0 < len(line) <= MAX_LINE
        and line.isprintable()
        and line[0] != " "
        and (line.isascii() or _WRITABLE.fullmatch(line) is not None)
    )


def _without_ours(parameters: str) -> tuple[str, bool]:
    """Via's parameters less those that only a server may set, and whether ``rport`` was there."""
    kept, asked = [], False
    for one in _ONE_PARAMETER.finditer(parameters):
        name = one[1].lower()
        if name not in ("received", "rport"):
            kept.append(one[0])
        asked = asked or name == "rport"
    return "".join(kept), asked


def _start(line: str) -> tuple[str, str, str]:
    method, _, rest = line.partition(" ")
    if method == "SIP/2.0":
        return method, "", ""
    uri, _, version = rest.partition(" ")
    known = method in _METHODS or _NAME.fullmatch(method)
    if not (uri and version[:4] == "SIP/" and known):
        raise Malformed("the first line is not that of a SIP request")
    return method, uri, version


class _Folded(Exception):
    """A line begins with white space, so it continues the one before."""


class _Names(dict[str, str]):
    """Spellings of header names and the long name in lower case; senders use few of them.

    The empty name stands for a header that nobody here reads.
    """

    def __missing__(self, written: str) -> str:
        if written[:1] in _BLANK:
            raise _Folded
        found = _NAME.fullmatch(written)
        if not found:
            raise Malformed("a header's name is not a token")
        name = found[1].lower()
        name = _COMPACT.get(name, name)
        name = name if name in _READ else ""
        # Blanks may follow a name, any number of them: what is remembered is short.
        if len(written) <= _LONGEST_SPELLING:
            if len(self) >= _SPELLINGS:
                self.clear()
            self[written] = name
        return name


_NAMES = _Names()


def _headers(lines: list[str]) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    names = _NAMES
    for line in lines[1:]:
        written, colon, value = line.partition(":")
        name = names[written]
        if not colon:
            raise Malformed("a header has no colon")
        if name:
            value = value.strip(" \t")
            if name in headers:
                headers[name].append(value)
            else:
                headers[name] = [value]
    return headers


def _answerable(method: str, uri: str, version: str, headers: dict[str, list[str]]) -> Request:
    try:
        via = headers["via"]
        from_, to, call_id, cseq = [headers[name] for name in _ONCE]
    except KeyError:
        raise Malformed("one of Via, From, To, Call-ID and CSeq is missing") from None
    if not len(from_) == len(to) == len(call_id) == len(cseq) == 1:
        raise Malformed("one of From, To, Call-ID and CSeq is there twice")
    # Every answer copies these; that each is short bounds the answers.
    lengths = [len(one) for one in via]
    if max(lengths) > MAX_VIA or sum(lengths) > MAX_VIAS:
        raise Malformed("Via is too long")
    if len(call_id[0]) > MAX_VIA or len(cseq[0]) > _MAX_CSEQ:
        raise Malformed("Call-ID or CSeq is too long")
    return Request(method, uri, version, headers, via, from_[0], to[0], call_id[0], cseq[0])


def _check(request: Request, body: int) -> None:
    """What can be said of a request that can be answered: Malformed carries it."""
    number, _, method = request.cseq.partition(" ")
    if not (number.isdecimal() and len(number) <= 10 and int(number) < 2**31):
        raise Malformed("CSeq has no number", request)
    if method.strip(" \t") != request.method:
        raise Malformed("CSeq names another method", request)
    if len(request.uri) > MAX_URI or " " in request.version:
        raise Malformed("the Request-URI is too long or holds a space", request)
    if not (request.call_id and request.from_ and request.to):
        raise Malformed("From, To or Call-ID is empty", request)
    if len(request.from_) > MAX_VALUE or len(request.to) > MAX_VALUE:
        raise Malformed("From or To is too long", request)
    headers = request.headers
    for name in _SHORT:
        if name in headers and max(map(len, headers[name])) > MAX_VALUE:
            raise Malformed(f"{name} is too long", request)
    for name in _NEVER_TWICE:
        if name in headers and len(headers[name]) != 1:
            raise Malformed(f"{name} is there twice", request)
    if "content-length" in headers:
        length = headers["content-length"][0]
        if not (length.isdecimal() and len(length) <= 6 and int(length) <= body):
            raise Malformed("Content-Length is not the body's", request)
