"""Asked for a caller's name by SIP: the 302 to an INVITE, and the ``calling-name`` event package.

The package is that of US carriers: a SUBSCRIBE that lasts no time (``Expires: 0``) is answered 200,
and one NOTIFY with the name ends the subscription (RFC 6665 section 4.4.3). Nothing here waits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from phonotary.sip import addresses
from phonotary.sip.addresses import Address
from phonotary.sip.answers import Answer
from phonotary.sip.calls import Call
from phonotary.sip.kept import Reply
from phonotary.sip.messages import (
    MAX_VALUE,
    Malformed,
    Request,
    Unwritable,
    quoted,
    respond,
    writable,
)

PACKAGE = "calling-name"
ALLOW = "Allow: INVITE, ACK, CANCEL, OPTIONS, SUBSCRIBE"
ALLOW_EVENTS = f"Allow-Events: {PACKAGE}"

Named = tuple[str | None, bool]
"""The name to show, and whether there is one that must not be shown."""

_MEDIA_TYPE = "application/calling-name-info"
_LONGEST_NAME = 128
# Of a body: it has one line that is read.
_LONGEST_BODY = 4_096
_READ = ("contact", "event", "privacy", "record-route")
_COMPACT = {"m": "contact", "o": "event"}
_FOLD = re.compile(r"\r\n[ \t]++")
_ID = re.compile(
    r";[ \t]*+id[ \t]*+=[ \t]*+([A-Za-z0-9.!%*_+`'~-]{1,128}+)(?=[ \t]*+(?:;|$))", re.I
)
_CALLING_PARTY = re.compile(
    rb"(?:^|\n)calling-party[ \t]*+:[ \t]*+([!-~][ -~]{0,1023}+)(?=\r?\n|$)", re.I
)
# RFC 3323 section 4.2 and RFC 3325 section 9.3: these hide who calls.
_HIDING = frozenset(("header", "id", "user"))
_MARK = "z9hG4bKname"
_BRANCH = re.compile(
    rb";[ \t]*+branch[ \t]*+=[ \t]*+" + _MARK.encode() + rb"([0-9a-f]{32})(?=[ \t]*+[;,\r])"
)


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a SUBSCRIBE asks, and where its dialog leads. Every text is fit to be written."""

    event: str
    """The package, with the ``id`` that tells subscriptions of one dialog apart."""
    caller: Address
    target: str
    """The subscriber's URI. It is written and not followed."""
    routes: tuple[str, ...]
    """Record-Route, in order: the dialog's route set (RFC 3261 section 12.1.1)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message came in, which is what the other side can reach."""

    transport: str
    """``UDP`` or ``TCP``."""
    host: str
    port: int

    @property
    def contact(self) -> str:
        more = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        return f"<sip:{self.host}:{self.port}{more}>"


@dataclass(frozen=True, slots=True)
class Notice:
    """The response to a SUBSCRIBE, and the NOTIFY to send after it to the same address."""

    reply: Reply
    notify: bytes
    key: bytes
    """What :func:`heard` finds in the response to the NOTIFY."""
    settle: Callable[[], None]
    """To be called once, when the NOTIFY is answered or given up: it frees the place."""


def redirected(call: Call, name: str | None) -> Answer:
    """302 with the name beside the caller and beside the Contact, for clients look in either; with
    no name the Contact alone, for a proxy would take anything but a 302 for the call's end."""
    if name is None or call.caller is None:
        return 302, (f"Contact: <{call.uri}>",)
    shown = _shown(name)
    return 302, (
        f"Contact: {shown} <{call.uri}>",
        f"P-Asserted-Identity: {shown} <{_plain(call.caller)}>",
    )


def asks_privacy(data: bytes) -> bool:
    """Whether the message, which has been parsed, hides its caller (RFC 3323)."""
    said = ";".join(_headers(data).get("privacy", ())).replace(",", ";")
    return not _HIDING.isdisjoint(word.strip(" \t").lower() for word in said.split(";"))


def read(request: Request, data: bytes) -> Subscription | None:
    """What the SUBSCRIBE in ``data``, parsed as ``request``, asks; None for another event package.

    ``Expires`` is not read: whatever it says, this subscription ends with its first NOTIFY, and the
    200 says 0. Raises Malformed.
    """
    headers = _headers(data)
    events = headers.get("event", [""])
    # RFC 6665 section 8.2.1: compared byte by byte.
    if len(events) != 1 or events[0].partition(";")[0].rstrip(" \t") != PACKAGE:
        return None
    marked = _ID.search(events[0])
    routes = tuple(headers.get("record-route", ()))
    lines = [f"Route: {one}" for one in routes]
    if sum(map(len, routes)) > MAX_VALUE or not all(map(writable, lines)):
        raise Malformed("Record-Route is too long, or not fit to be written back", request)
    return Subscription(
        event=f"{PACKAGE};id={marked[1]}" if marked else PACKAGE,
        caller=_calling_party(request, data),
        target=_target(request, headers.get("contact", [])),
        routes=routes,
    )


def place(request: Request, transport: str, port: int) -> Place | None:
    """``port`` of this door, by the host the request was addressed to; None when it names none."""
    found = addresses.read(request.uri)
    if found is None or not found.host or not found.host.isprintable():
        return None
    host = found.host.rpartition("]")[0] + "]" if "]" in found.host else found.host.split(":")[0]
    return Place(transport, host, port)


def accepted(request: Request, via: str, asked: Subscription, at: Place) -> bytes:
    """200, which sets up the dialog that the NOTIFY ends."""
    routes = [f"Record-Route: {one}" for one in asked.routes]
    return respond(request, 200, via, *routes, f"Contact: {at.contact}", "Expires: 0")


def notify(
    request: Request, answer: bytes, asked: Subscription, named: Named, at: Place, key: bytes
) -> bytes:
    """The NOTIFY in the dialog that ``answer`` has set up.

    Raises Unwritable as :func:`messages.respond` does.
    """
    # Our tag is in the To of the answer, and nowhere else.
    to = answer.partition(b"\r\nTo: ")[2].partition(b"\r\n")[0].decode("latin-1")
    body = _body(asked.caller, named)
    lines = (
        f"NOTIFY {asked.target} SIP/2.0",
        f"Via: SIP/2.0/{at.transport} {at.host}:{at.port};branch={_MARK}{key.hex()};rport",
        *(f"Route: {one}" for one in asked.routes),
        "Max-Forwards: 70",
        "CSeq: 1 NOTIFY",
        f"Contact: {at.contact}",
        f"Event: {asked.event}",
        "Subscription-State: terminated;reason=timeout",
        f"Content-Type: {_MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
    )
    if not all(map(writable, lines)):
        raise Unwritable("a line is not fit to be written")
    # These are copied as they came, byte for byte, as in every response.
    copied = f"\r\nFrom: {to}\r\nTo: {request.from_}\r\nCall-ID: {request.call_id}\r\n\r\n"
    return "\r\n".join(lines).encode() + copied.encode("latin-1") + body


def heard(data: bytes) -> bytes | None:
    """The key of the NOTIFY that a final response answers; None for every other response."""
    if data[8:9] not in (b"2", b"3", b"4", b"5", b"6"):
        return None
    found = _BRANCH.search(data.partition(b"\r\n\r\n")[0] + b"\r")
    return bytes.fromhex(found[1].decode()) if found else None


def _body(caller: Address, named: Named) -> bytes:
    """All three lines always: a reader that misses one refuses the whole."""
    name, private = named
    shown = "" if name is None else f"{_shown(name)} "
    lines = (
        f"Calling-Name-Status: {'unavailable' if name is None else 'available'}",
        f"Calling-Name: {shown}<{_plain(caller)}>",
        f"Presentation-Indicator: {'restricted' if private else 'allowed'}",
    )
    if not all(map(writable, lines)):
        raise Unwritable("a line is not fit to be written")
    return "".join(f"{line}\r\n" for line in lines).encode()


def _shown(name: str) -> str:
    return quoted(name[:_LONGEST_NAME])


def _plain(caller: Address) -> str:
    """The caller's URI with nothing that was put beside number and host: nobody has verified what
    may be written there, a ``verstat`` above all."""
    if caller.scheme == "tel":
        return f"tel:{caller.user}"
    at = f"{caller.user}@" if caller.user else ""
    return f"{caller.scheme}:{at}{caller.host}{';user=phone' if caller.number else ''}"


def _calling_party(request: Request, data: bytes) -> Address:
    _, _, body = data.partition(b"\r\n\r\n")
    length = request.first("content-length")
    found = _CALLING_PARTY.search(body[: int(length or len(body))][:_LONGEST_BODY])
    if found is not None:
        written = found[1].decode("ascii").rstrip()
        caller = addresses.read(written) or addresses.of(written)
        if caller is not None:
            return caller
    raise Malformed("the body names no Calling-Party that can be read", request)


def _target(request: Request, contacts: list[str]) -> str:
    """RFC 6665 section 4.1.2.1 asks for a Contact; with none that can be read it is From's URI."""
    for value in (*contacts[:1], request.from_):
        uri = addresses.uri_in(value)
        if uri and uri.isprintable() and "?" not in uri and addresses.read(uri) is not None:
            return uri
    raise Malformed("neither Contact nor From can be read", request)


def _headers(data: bytes) -> dict[str, list[str]]:
    """Those that only this module reads, of a message that :func:`messages.parse` has taken."""
    head = data.partition(b"\r\n\r\n")[0].decode("latin-1")
    found: dict[str, list[str]] = {}
    for line in _FOLD.sub(" ", head).split("\r\n")[1:]:
        written, _, value = line.partition(":")
        name = written.rstrip(" \t").lower()
        name = _COMPACT.get(name, name)
        if name in _READ:
            found.setdefault(name, []).append(value.strip(" \t"))
    return found
