"""Plain text for dialplans: numbers in the query, one line back, nothing to parse.

``sign`` answers the Identity header's value alone. A refusal has an empty body, so that a dialplan
that looks at nothing else never sends a sentence as an Identity header; the sentence stands in
``X-Phonotary-Refusal``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import unquote

from phonotary.shaken.signing import CallToSign, SignedCall
from phonotary.shaken.verdicts import Verdict
from phonotary.shaken.verification import CallToVerify
from phonotary.web.stir_v1.answers import Headers, Problem, RawHeaders, Refusal
from phonotary.web.stir_v1.reading import bounded

MEDIA = b"text/plain"

MAX_QUERY = 2048
"""Bytes of a query string; one call's is under 200."""
_LONGEST_RCD = 4096
_FORM = b"application/x-www-form-urlencoded"
_SIGN = frozenset({"orig", "dest", "attest", "origid", "iat", "rcd", "crn"})
_VERIFY = frozenset({"orig", "dest", "time"})
_METHODS = "GET, POST"
_UNPRINTABLE = bytes(set(range(256)) - set(range(0x20, 0x7F)))


def fit(method: str, headers: Headers, body: bytes) -> None:
    """Raises Problem unless the request may be read: GET or POST, of a known and small length."""
    if method not in ("GET", "POST"):
        raise Problem("POL4050", allow=_METHODS)
    if b"transfer-encoding" in headers:
        raise Problem("SVC4007")
    bounded(headers.get(b"content-length", b""), body)


def signing(query: str, headers: Headers, body: bytes, caller: str, source: str) -> CallToSign:
    """The call that a query, or a form sent as the body, asks to sign."""
    if headers.get(b"content-type", b"").lower().startswith(_FORM):
        query = "&".join((query, body.decode("latin-1"))).strip("&")
    asked = _parameters(query, _SIGN)
    return CallToSign(
        caller_sid=caller,
        orig=_needed(asked, "orig"),
        dest=_numbers(asked),
        iat=_instant(asked, "iat"),
        attest=asked.get("attest"),
        origid=asked.get("origid"),
        rcd=_yes(asked, "rcd"),
        crn=asked.get("crn"),
        door="text",
        source=source,
    )


def verification(query: str, headers: Headers, body: bytes, caller: str) -> CallToVerify:
    """The call that a query asks to verify, with the Identity headers of the body, one on each
    line, or else of the header ``Identity``."""
    asked = _parameters(query, _VERIFY)
    written = _identity(body) if body else headers.get(b"identity", b"").decode("latin-1")
    return CallToVerify(
        orig=_needed(asked, "orig"),
        dest=_numbers(asked),
        time=_instant(asked, "time"),
        identities=tuple(line.strip() for line in written.splitlines() if line.strip()),
        caller_sid=caller,
    )


def signed(call: SignedCall) -> bytes:
    return call.identity.encode()


def verified(verdict: Verdict) -> bytes:
    """``verstat attest code case origid sentence``, one space between them and ``-`` for what
    there is not; the sentence runs to the end of the line."""
    words = (
        verdict.verstat,
        verdict.attest or "-",
        str(verdict.code or "-"),
        verdict.case or "-",
        verdict.origid or "-",
    )
    # An origid is any string that somebody signed: it must not become two words, or two lines.
    single = ["".join(word.split()) for word in words]
    return _plain(" ".join([*single, verdict.desc]))


def shown(verdict: Verdict) -> dict[str, str]:
    """What a call that passed says of its caller and was found as it was signed: ``nam`` and
    ``crn`` (RFC 9795), those there are. Whoever shows them minds that a stranger chose them."""
    if not verdict.passed or verdict.rcd is None:
        return {}
    said = {"nam": verdict.rcd.get("rcd", {}).get("nam"), "crn": verdict.rcd.get("crn")}
    return {name: text for name, text in said.items() if text}


def rich(verdict: Verdict) -> RawHeaders:
    """:func:`shown` as JSON in ASCII, and nothing where a header would be too long for it. Not in
    the body, whose one line dialplans split at its spaces."""
    found = shown(verdict)
    if not found:
        return []
    written = json.dumps(found).encode()
    return [(b"x-phonotary-rcd", written)] if len(written) <= _LONGEST_RCD else []


def refused(refusal: Refusal) -> RawHeaders:
    """The sentence, as a header: a body would be taken for the answer."""
    return [(b"x-phonotary-refusal", _plain(refusal.sentence)[:500])]


def _plain(text: str) -> bytes:
    """Printable ASCII: what anybody wrote into it breaks no line."""
    return text.encode("ascii", "replace").translate(None, _UNPRINTABLE).strip()


def _parameters(query: str, known: frozenset[str]) -> Mapping[str, str]:
    """A plus sign stays one, for dialplans write ``orig=+1215…`` as it is; a space is ``%20``."""
    if len(query) > MAX_QUERY:
        raise Problem("SVC4006", f"the query is longer than {MAX_QUERY} bytes")
    found: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        name = unquote(name)
        if name not in known:
            # A misspelt ``attest`` would otherwise quietly get the lowest level.
            raise Problem("SVC4005", name, "there is no such parameter")
        if name in found:
            raise Problem("SVC4005", name, "it is given twice")
        found[name] = unquote(value, errors="replace")
    return found


def _needed(asked: Mapping[str, str], name: str) -> str:
    if not asked.get(name):
        raise Problem("SVC4001", name)
    return asked[name]


def _numbers(asked: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(_needed(asked, "dest").split(","))


def _yes(asked: Mapping[str, str], name: str) -> bool:
    """1 or 0: whoever writes ``yes`` would otherwise be told no without a word."""
    written = asked.get(name, "0")
    if written not in ("0", "1"):
        raise Problem("SVC4005", name, "it is neither 1 nor 0")
    return written == "1"


def _instant(asked: Mapping[str, str], name: str) -> int | None:
    written = asked.get(name)
    if not written:
        return None
    if not (written.isascii() and written.isdecimal() and len(written) <= 12):
        raise Problem("SVC4005", name, "it is not a number of seconds since 1970")
    return int(written)


def _identity(body: bytes) -> str:
    """The value as it is, or as ``identity=`` of a form, which curl's --data-urlencode makes."""
    written = body.decode("latin-1")
    return (
        unquote(written.removeprefix("identity=")) if written.startswith("identity=") else written
    )
