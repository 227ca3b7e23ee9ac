"""Rich call data: the ``rcd``, ``rcdi`` and ``crn`` claims of RFC 9795.

``rcd`` names the caller, ``rcdi`` pins what ``rcd`` says or points to by digest, ``crn`` gives
the reason of the call. RFC 9795 was not at hand when this was written: the form of ``/nam``
digests is confirmed by the RFC's example, and what rests on memory is marked [M] and is a setting
or only a finding, never a refusal of a call.
"""

from __future__ import annotations

import hashlib
import json
import re
from binascii import b2a_base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from phonotary.errors import Reason, Refused
from phonotary.shaken.passport import Finding, canonical

MAX_TEXT = 256
"""Characters of a name or a number; our own bound (fifteen is a limit of LIDB, not of ``nam``)."""
MAX_REASON = 64
"""Characters of ``crn`` [M]: RFC 9796's advice for a call reason."""
MAX_POINTERS = 32
MAX_POINTER = 256
MAX_STEPS = 16
MAX_CARD = 65_536
"""Bytes of a fetched jCard that are read as JSON; its digest is checked at any size."""

_ALGORITHMS = ("sha256", "sha384", "sha512")
_DIGEST = re.compile(r"([a-z0-9]{1,16})-([A-Za-z0-9+/]{1,128}={0,2})")
_INDEX = re.compile(r"0|[1-9][0-9]{0,4}")


@dataclass(frozen=True, slots=True)
class Display:
    """What a called person is to see of the caller."""

    name: str
    icon_url: str | None = None
    icon_digest: str | None = None
    """``sha256-...`` of the icon's bytes, as :func:`digest` writes it."""
    reason: str | None = None
    """Why the call is made; becomes ``crn``."""
    apn: str | None = None
    """Another number to show, as a text."""
    card: list[Any] | None = None
    """An inline jCard (RFC 7095); not together with ``card_url``."""
    card_url: str | None = None
    card_digest: str | None = None
    """``sha256-...`` of the bytes behind ``card_url``."""


def digest(content: bytes, algorithm: str = "sha256") -> str:
    """``sha256-`` and the digest in base64 without padding, the standard alphabet."""
    if algorithm not in _ALGORITHMS:
        raise _refused(f"{algorithm} is none of {', '.join(_ALGORITHMS)}")
    found = hashlib.new(algorithm, content).digest()
    return f"{algorithm}-{b2a_base64(found, newline=False).decode().rstrip('=')}"


def rcd_claims(
    display: Display, *, algorithm: str = "sha256", pin_everything: bool = True
) -> dict[str, Any]:
    """The claims ``rcd``, ``rcdi`` and, with a reason, ``crn``.

    Texts and an inline jCard are digested as canonical JSON, so a text with its quotes.
    ``pin_everything`` refuses a URL whose bytes are not pinned by a digest: what it shows could
    be exchanged after signing [M]. Raises Refused (INVALID_PARAMETER).
    """
    if display.card is not None and display.card_url is not None:
        raise _refused("it holds both jcd and jcl")
    told = {"nam": _printable(display.name, "nam", MAX_TEXT)}
    if display.apn is not None:
        told["apn"] = _printable(display.apn, "apn", MAX_TEXT)
    rcd: dict[str, Any] = dict(told)
    rcdi = {f"/{key}": digest(canonical(value), algorithm) for key, value in told.items()}
    if display.card is not None:
        rcd["jcd"] = display.card
        rcdi["/jcd"] = digest(_json(display.card), algorithm)
    for key, url, pin in (
        ("icn", display.icon_url, display.icon_digest),
        ("jcl", display.card_url, display.card_digest),
    ):
        if url is None:
            continue
        rcd[key] = _https(url, key)
        if pin is not None:
            rcdi[f"/{key}"] = _pin(pin, key)
        elif pin_everything:
            raise _refused(f"{key} has no digest of what its URL serves")
    claims: dict[str, Any] = {"rcd": rcd, "rcdi": rcdi}
    if display.reason is not None:
        claims["crn"] = _printable(display.reason, "crn", MAX_REASON)
    return claims


def references(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """The https URLs whose bytes :func:`integrity` wants: ``icn`` and ``jcl``, and in a jCard
    whatever ``rcdi`` points to. Those inside a fetched jCard need a second turn."""
    return tuple(sorted({url for url in _wanted(payload, {}) if url.startswith("https://")}))


def integrity(payload: Mapping[str, Any], fetched: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """What is wrong with a payload's ``rcd`` and ``rcdi``; nothing means all of it holds.

    ``fetched`` are the bytes behind URLs, by URL; one that is missing is told as
    ``rcdi-unfetched``. A digest over a text without its quotes, as drafts had it and one large
    service still publishes, is ``rcdi-mismatch-unquoted-draft-form``, any other
    ``rcdi-mismatch``. Further: ``rcd-malformed``, ``rcdi-malformed``, ``rcdi-algorithm``,
    ``rcdi-pointer``, ``rcdi-missing`` (a URL that nothing pins), ``crn-malformed``.
    """
    findings = list(_shape(payload))
    if any(one.code != "crn-malformed" for one in findings):
        return tuple(findings)
    rcd, rcdi = payload.get("rcd"), payload.get("rcdi", {})
    if not isinstance(rcd, dict):
        return tuple(findings)
    cards = _cards(rcd, fetched)
    for pointer, pin in rcdi.items():
        finding = _one(rcd, cards, pointer, pin, fetched)
        if finding:
            findings.append(finding)
    for key in ("icn", "jcl"):
        if key in rcd and f"/{key}" not in rcdi:
            findings.append(Finding("rcdi-missing", f"Nothing pins what the URL in {key} serves."))
    return tuple(findings)


def _shape(payload: Mapping[str, Any]) -> Iterable[Finding]:
    rcd, rcdi = payload.get("rcd"), payload.get("rcdi", {})
    crn = payload.get("crn", "")
    if not isinstance(crn, str):
        yield Finding("crn-malformed", "The call reason is not a text.")
    if rcd is None and "rcdi" not in payload and "rcd" not in payload:
        return
    if not isinstance(rcd, dict) or not isinstance(rcd.get("nam"), str) or not rcd["nam"]:
        yield Finding("rcd-malformed", "The rich call data does not name the caller.")
        return
    if "jcd" in rcd and "jcl" in rcd:
        yield Finding("rcd-malformed", "The rich call data holds both jcd and jcl.")
    if any(not isinstance(rcd.get(key, ""), str) for key in ("apn", "icn", "jcl")):
        yield Finding("rcd-malformed", "The rich call data holds something that is not a text.")
    if not isinstance(rcd.get("jcd", []), list):
        yield Finding("rcd-malformed", "The jcd is not an array.")
    if not isinstance(rcdi, dict) or len(rcdi) > MAX_POINTERS:
        yield Finding("rcdi-malformed", f"The rcdi is not an object of up to {MAX_POINTERS}.")


def _one(
    rcd: dict[str, Any],
    cards: dict[str, Any],
    pointer: str,
    pin: object,
    fetched: Mapping[str, bytes],
) -> Finding | None:
    found = _DIGEST.fullmatch(pin) if isinstance(pin, str) else None
    if not found:
        return Finding("rcdi-malformed", f"The digest for {_shown(pointer)} cannot be read.")
    algorithm, wanted = found[1], found[0].rstrip("=")
    if algorithm not in _ALGORITHMS:
        return Finding("rcdi-algorithm", f"The digest for {_shown(pointer)} is of another kind.")
    try:
        value, is_url = _at(rcd, cards, pointer)
    except LookupError:
        return Finding("rcdi-pointer", f"Nothing is found at {_shown(pointer)}.")
    if not is_url:
        return _compared(value, algorithm, wanted, pointer)
    if value not in fetched:
        return Finding("rcdi-unfetched", f"What {_shown(pointer)} refers to was not fetched.")
    content = fetched[value]
    if digest(content, algorithm) == wanted:
        return None
    # [M] A jCard may be digested as canonical JSON rather than as it was served.
    as_json = canonical(cards["jcl"]) if pointer == "/jcl" and "jcl" in cards else content
    if digest(as_json, algorithm) == wanted:
        return None
    return Finding("rcdi-mismatch", f"What {_shown(pointer)} refers to is not what was signed.")


def _compared(value: object, algorithm: str, wanted: str, pointer: str) -> Finding | None:
    if digest(canonical(value), algorithm) == wanted:
        return None
    if isinstance(value, str) and digest(value.encode(), algorithm) == wanted:
        return Finding(
            "rcdi-mismatch-unquoted-draft-form",
            f"The digest for {_shown(pointer)} leaves the quotes out, as drafts of RFC 9795 did.",
        )
    return Finding("rcdi-mismatch", f"{_shown(pointer)} is not what was signed.")


def _at(rcd: dict[str, Any], cards: dict[str, Any], pointer: str) -> tuple[Any, bool]:
    """The value a pointer (RFC 6901) names, and whether it is a URL to be followed.

    ``/jcl/1/3/3`` goes on inside the fetched card [M]. LookupError when there is no such value.
    """
    if not pointer.startswith("/") or len(pointer) > MAX_POINTER:
        raise LookupError(pointer)
    steps = [one.replace("~1", "/").replace("~0", "~") for one in pointer[1:].split("/")]
    if len(steps) > MAX_STEPS:
        raise LookupError(pointer)
    if steps == ["icn"] or steps == ["jcl"]:
        return rcd[steps[0]], True
    here: Any = cards if steps[0] == "jcl" else rcd
    above: Any = None
    for step in steps:
        above = here
        if isinstance(here, dict):
            here = here[step]
        elif isinstance(here, list) and _INDEX.fullmatch(step):
            here = here[int(step)]
        else:
            raise LookupError(pointer)
    # A jCard property is [name, parameters, type, value...] (RFC 7095 section 3.3).
    in_card = steps[0] in ("jcd", "jcl") and isinstance(above, list) and len(above) > 3
    return here, in_card and above[2] == "uri" and int(steps[-1]) >= 3 and isinstance(here, str)


def _cards(rcd: dict[str, Any], fetched: Mapping[str, bytes]) -> dict[str, Any]:
    """The fetched jCard under ``jcl``, when it is there and readable."""
    content = fetched.get(rcd.get("jcl", ""))
    if content is None or len(content) > MAX_CARD:
        return {}
    try:
        card = json.loads(content.decode())
        canonical(card)
    except (ValueError, RecursionError):
        return {}
    return {"jcl": card}


def _wanted(payload: Mapping[str, Any], fetched: Mapping[str, bytes]) -> Iterable[str]:
    rcd = payload.get("rcd")
    if rcd is None or any(one.code != "crn-malformed" for one in _shape(payload)):
        return
    for key in ("icn", "jcl"):
        if key in rcd:
            yield rcd[key]
    for pointer in payload.get("rcdi", {}):
        try:
            value, is_url = _at(rcd, _cards(rcd, fetched), pointer)
        except LookupError:
            continue
        if is_url:
            yield value


def _printable(text: str, key: str, longest: int) -> str:
    if not 1 <= len(text) <= longest or not text.isprintable():
        raise _refused(f"{key} is not a text of 1 to {longest} printable characters")
    return text


def _https(url: str, key: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as fault:
        raise _refused(f"{key} is not an https URL") from fault
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= 1024
    if parts.scheme != "https" or not parts.netloc or not plain:
        raise _refused(f"{key} is not an https URL")
    return url


def _pin(pin: str, key: str) -> str:
    found = _DIGEST.fullmatch(pin)
    if not found or found[1] not in _ALGORITHMS:
        raise _refused(f"the digest for {key} is not sha256-, sha384- or sha512- and base64")
    return pin.rstrip("=")


def _json(value: object) -> bytes:
    try:
        return canonical(value)
    except (TypeError, ValueError, RecursionError) as fault:
        raise _refused("jcd is not JSON") from fault


def _shown(pointer: str) -> str:
    """A stranger's text inside our sentence: short and printable."""
    return ascii(pointer[:64])


def _refused(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The rich call data is not usable: {what}.")
