"""How a business shows itself: one identity for the name databases and for rich call data.

CNAM takes the short name alone; rich call data (RFC 9795) and branded calling take the long one, a
logo and the reason of the call as well. The limits are those that Twilio's branded calling states;
its catalogue's codes go with each finding. Everything that is wrong is said at once.
"""

from __future__ import annotations

import hashlib
import re
import struct
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from phonotary.cnam import names

LONGEST_NAME = 35
LOGO_SIDE = 256
"""Pixels, both ways."""
LOGO_BYTES = 1_048_576
LOGO_URL = 128
"""Characters."""
REASONS = 10
LONGEST_REASON = 64
"""Characters; RFC 9796's advice for a call reason."""

# Twilio's error dictionary, branded calling.
FORMATTING = 11014
LOGO = 11015
REASON = 11016
NUMBER_AS_NAME = 11018
LINK_IN_REASON = 11020

_DIGEST = re.compile(r"sha256-[A-Za-z0-9+/]{43}")
# A host name is tried from its first character only: from each of them, a long one without a dot
# would be read as often as it has characters.
_LINK = re.compile(
    r"https?:|www\.|(?<![a-z0-9-])[a-z0-9-]+\.(?:com|net|org|us|io|co|biz|info)\b", re.I
)
# File header and the first fields of BITMAPINFOHEADER: width and height, which is below zero
# where the rows begin at the top.
_BMP = struct.Struct("<2sIHHIIii")


@dataclass(frozen=True, slots=True)
class DisplayIdentity:
    """What a called person may see of one business."""

    name15: str | None
    """For the databases, by the rules of the CNAM guide (``names.findings``); None where none was
    approved."""
    name35: str | None = None
    """For phones that can show more; the short one serves where it is missing."""
    logo_url: str | None = None
    logo_digest: str | None = None
    """``sha256-`` and the digest of the logo's bytes in base64 without padding: what ``rcdi``
    pins. :func:`logo_digest` makes it; None until somebody has seen the logo."""
    reasons: tuple[str, ...] = ()
    """Why it calls; each call has one of them, or none."""

    @property
    def shown(self) -> str:
        """The name for ``nam``; empty where there is none."""
        return names.normal(self.name35 or self.name15 or "")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with an identity."""

    field: str
    """``name15``, ``name35``, ``logo_url``, ``logo_digest``, ``logo`` or ``reasons``."""
    sentence: str
    """One sentence for the customer."""
    code: int
    """Of Twilio's error dictionary."""


def findings(identity: DisplayIdentity, logo: bytes | None = None) -> list[Finding]:
    """Everything that is wrong; ``logo`` are the bytes behind its URL, where they are at hand."""
    return [
        *_short_name(identity.name15),
        *_long_name(identity.name35),
        *_logo_reference(identity),
        *(logo_findings(logo, identity.logo_digest) if logo is not None else ()),
        *_reasons(identity.reasons),
    ]


def logo_digest(content: bytes) -> str:
    """``sha256-…`` as rich call data writes it."""
    return f"sha256-{b64encode(hashlib.sha256(content).digest()).decode().rstrip('=')}"


def beside_findings(name: str) -> list[Finding]:
    """What is wrong with the short name beside a long one in branded calling. Its characters are
    not those of the CNAM guide, its length is."""
    found = [replace(each, field="name15") for each in _long_name(name)]
    if len(names.normal(name)) > names.LONGEST:
        sentence = (
            f"The display name beside a long one has {len(names.normal(name))} characters; "
            f"{names.LONGEST} are allowed."
        )
        found.append(Finding("name15", sentence, FORMATTING))
    return found


def no_text(attribute: str) -> Finding:
    """What is said of an attribute that holds something other than text."""
    for part, found in (("logo", ("logo_url", LOGO)), ("reason", ("reasons", REASON))):
        if part in attribute:
            return Finding(found[0], f"{attribute} must be text.", found[1])
    return Finding("name35", f"{attribute} must be text.", FORMATTING)


def _short_name(name: str | None) -> Iterator[Finding]:
    for each in names.findings(name) if name is not None else ():
        yield Finding("name15", each.sentence, each.code)


def _long_name(name: str | None) -> Iterator[Finding]:
    if name is None:
        return
    text = names.normal(name)
    if not 1 <= len(text) <= LONGEST_NAME:
        sentence = f"The long name has {len(text)} characters; 1 to {LONGEST_NAME} are allowed."
        yield Finding("name35", sentence, FORMATTING)
    if not text.isprintable():
        sentence = "The long name may hold only printable characters."
        yield Finding("name35", sentence, FORMATTING)
    if text and re.fullmatch(r"[0-9 ()+.-]+", text):
        yield Finding("name35", "A telephone number is no name.", NUMBER_AS_NAME)
    # The rules of contents are those of the short one; its form is narrower than it has to be.
    for each in names.findings(text) if text else ():
        if each.rule in ("generic", "prohibited"):
            yield Finding("name35", each.sentence, FORMATTING)


def _logo_reference(identity: DisplayIdentity) -> Iterator[Finding]:
    url, digest = identity.logo_url, identity.logo_digest
    if url is not None and len(url) > LOGO_URL:
        sentence = f"The logo's URL has {len(url)} characters; {LOGO_URL} are allowed."
        yield Finding("logo_url", sentence, LOGO)
    if url is not None and not _is_https(url):
        yield Finding("logo_url", "The logo's URL must be an https URL.", LOGO)
    if digest is not None and not _DIGEST.fullmatch(digest):
        sentence = "The logo's digest must be sha256- and 43 characters of base64."
        yield Finding("logo_digest", sentence, LOGO)
    if url is None and digest is not None:
        yield Finding("logo_url", "There is a digest of a logo and no URL of it.", LOGO)


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url
    return plain and parts.scheme == "https" and bool(host) and "@" not in parts.netloc


def logo_findings(content: bytes, digest: str | None = None) -> Iterator[Finding]:
    """Everything that is wrong with a logo's bytes; ``digest`` is what they should have."""
    if len(content) > LOGO_BYTES:
        sentence = f"The logo has {len(content)} bytes; {LOGO_BYTES} are allowed."
        yield Finding("logo", sentence, LOGO)
    size = _bmp_size(content)
    if size is None:
        yield Finding("logo", "The logo is not a BMP image.", LOGO)
    elif size != (LOGO_SIDE, LOGO_SIDE):
        wanted = f"{LOGO_SIDE} by {LOGO_SIDE}"
        sentence = f"The logo is {size[0]} by {size[1]} pixels; it must be {wanted}."
        yield Finding("logo", sentence, LOGO)
    if digest is not None and digest != logo_digest(content):
        yield Finding("logo", "The logo is not the one that its digest is of.", LOGO)


def _bmp_size(content: bytes) -> tuple[int, int] | None:
    """Width and height by the header; None for what is no BMP of Windows' form."""
    if len(content) < _BMP.size:
        return None
    magic, size, _, _, offset, header, width, height = _BMP.unpack_from(content)
    if magic != b"BM" or header < 40 or not _BMP.size <= offset < len(content):
        return None
    return (width, abs(height)) if size == len(content) else None


def _reasons(reasons: tuple[str, ...]) -> Iterator[Finding]:
    if len(reasons) > REASONS:
        sentence = f"There are {len(reasons)} call reasons; {REASONS} are allowed."
        yield Finding("reasons", sentence, REASON)
    if len({names.normal(each).upper() for each in reasons}) < len(reasons):
        yield Finding("reasons", "A call reason is there twice.", REASON)
    for each in reasons[:REASONS]:
        text = names.normal(each)
        if not 1 <= len(text) <= LONGEST_REASON:
            sentence = (
                f"A call reason has {len(text)} characters; 1 to {LONGEST_REASON} are allowed."
            )
            yield Finding("reasons", sentence, REASON)
        if not text.isprintable():
            sentence = "A call reason may hold only printable characters."
            yield Finding("reasons", sentence, REASON)
        if len(text) <= LONGEST_REASON and _LINK.search(text):
            yield Finding("reasons", "A call reason holds no link.", LINK_IN_REASON)
