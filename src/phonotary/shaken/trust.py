"""Whom a verifier believes: the CAs on the STI-PA's list, less what has been revoked."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.shaken import jose, paths
from phonotary.shaken.paths import Anchors, Defect, Untrusted
from phonotary.shaken.revocations import Revocations

MAX_ANCHORS = 500
_NOTED = re.compile(rb"^(sequence|expires): ([0-9]{1,18})$", re.MULTILINE)
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*")


@dataclass(frozen=True, slots=True)
class Trust:
    """A verifier's trust at one time; built anew when a list changes."""

    anchors: tuple[x509.Certificate, ...]
    revocations: Revocations | None = None
    crl_required: bool = False
    """Whether nothing is said of a chain when no list, or only a stale one, is at hand."""
    spc_vouches: bool = True
    """Whether a provider's CA may hand on any number: which ones the provider holds is published
    nowhere (RFC 9060 section 4). True, because the same provider's own leaf may sign for any
    number too, so nothing is gained by refusing its delegates; False for a verifier that gives
    delegates more than it gives that leaf."""
    links: Anchors = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "links", paths.anchors(self.anchors))


@dataclass(frozen=True, slots=True)
class CaList:
    """The STI-PA's list of CAs, its signature checked."""

    anchors: tuple[x509.Certificate, ...]
    """Those that can be used."""
    unusable: tuple[str, ...]
    """A sentence for each entry that cannot: one odd CA must not end all trust in the others."""
    sequence: int | None
    """Grows with each list: one lower than that :func:`noted` is an old list played again."""
    expires: Instant | None
    signer: x509.Certificate
    """The STI-PA's certificate, which signs the list of revocations as well."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What a file of anchors says of the list it was made from; None where it says nothing."""

    sequence: int | None = None
    expires: Instant | None = None


def pem_of(found: CaList) -> bytes:
    """The list's CAs in PEM, below lines of text from which :func:`noted` knows the list again.
    Readers of PEM overlook such lines (RFC 7468 section 2)."""
    said = {"sequence": found.sequence, "expires": found.expires}
    lines = [f"{word}: {value}\n" for word, value in said.items() if value is not None]
    head = "The STI-PA's list of authorities\n" + "".join(lines)
    return head.encode() + b"".join(one.public_bytes(Encoding.PEM) for one in found.anchors)


def noted(pem: bytes) -> Noted:
    """What :func:`pem_of` wrote above the certificates; all None for any other file."""
    head = pem.partition(b"-----BEGIN ")[0]
    return Noted(**{word.decode(): int(value) for word, value in _NOTED.findall(head)})


def trust_list(
    signed: str,
    signer_roots: Iterable[x509.Certificate],
    now: Instant,
    *,
    signer_chain: bytes | None = None,
) -> tuple[x509.Certificate, ...]:
    """The CAs of the STI-PA's list; see :func:`ca_list`."""
    return ca_list(signed, signer_roots, now, signer_chain=signer_chain).anchors


def signer_url(signed: str) -> str | None:
    """Where the list's signer says its chain is (``x5u``); None when the chain is in ``x5c``.

    The edge fetches it, https only. Raises Untrusted (BAD_CA_LIST).
    """
    header = _read(signed).header
    url = header.get("x5u")
    if "x5c" in header or url is None:
        return None
    if not isinstance(url, str) or not url.startswith("https://"):
        raise _bad("names a signer at no https address")
    return url


def ca_list(
    signed: str,
    signer_roots: Iterable[x509.Certificate],
    now: Instant,
    *,
    signer_chain: bytes | None = None,
) -> CaList:
    """The list out of a JWS in compact form, ES256, payload ``trustList`` of PEM or base64 DER.

    The signer's chain must lead to ``signer_roots`` (the STI-PA's); it is taken from ``x5c``, or
    is ``signer_chain``, PEM that the edge fetched from :func:`signer_url`. Raises Untrusted:
    BAD_CA_LIST, EXPIRED_CA_LIST, or the signer's own defect.
    """
    read = _read(signed)
    bundle = _x5c(read) or paths.read_pem(signer_chain or b"")
    path = paths.follow(bundle, paths.anchors(signer_roots), now)
    payload = _payload(read, path[0])
    expires = _number(payload, "exp")
    if expires is not None and now > expires:
        raise Untrusted(Defect.EXPIRED_CA_LIST, "The list of authorities has expired.")
    anchors, unusable = _certificates(payload.get("trustList"))
    signer = path[0].certificate
    return CaList(anchors, unusable, _number(payload, "sequence"), expires, signer)


def _read(signed: str) -> jose.Unverified:
    if len(signed) > jose.MAX_BYTES:
        raise Untrusted(
            Defect.TOO_LARGE, f"The list of authorities is longer than {jose.MAX_BYTES} bytes."
        )
    try:
        return jose.read_compact(signed.strip())
    except Refused as refused:
        raise _bad(f"is no signed list. {refused.because}") from None


def _payload(read: jose.Unverified, signer: paths.Link) -> dict[str, Any]:
    if not jose.verify(read, signer.public_key):
        raise _bad("is not signed by the certificate it names")
    try:
        return read.claims()
    except Refused as refused:
        raise _bad(f"cannot be read. {refused.because}") from None


def _number(payload: dict[str, object], claim: str) -> int | None:
    value = payload.get(claim)
    if value is not None and type(value) is not int:
        raise _bad(f"has a {claim} that is not a whole number")
    return value


def _x5c(read: jose.Unverified) -> tuple[paths.Link, ...]:
    try:
        return tuple(paths.read(one) for one in jose.certificates(read.header))
    except Untrusted:
        raise
    except Refused as refused:
        raise _bad(f"does not carry its signer's chain. {refused.because}") from None


def _certificates(value: object) -> tuple[tuple[x509.Certificate, ...], tuple[str, ...]]:
    if not isinstance(value, list) or not value:
        raise _bad("names no authority")
    if len(value) > MAX_ANCHORS:
        raise _bad(f"names more than {MAX_ANCHORS} authorities")
    anchors, unusable = [], []
    for one in value:
        try:
            anchors.append(paths.read(_certificate(one)).certificate)
        except Untrusted as fault:
            unusable.append(fault.because)
    if not anchors:
        raise _bad(f"holds no entry that can be used; of the first: {unusable[0]}")
    return tuple(anchors), tuple(unusable)


def _certificate(value: object) -> x509.Certificate:
    """One entry: PEM, or base64 of DER."""
    if not isinstance(value, str):
        raise _bad("holds an entry that is not text")
    try:
        if value.lstrip().startswith("-----BEGIN "):
            return x509.load_pem_x509_certificate(value.encode("ascii"))
        if not _BASE64.fullmatch(value):
            raise _bad("holds an entry that is neither PEM nor base64")
        return x509.load_der_x509_certificate(base64.b64decode(value))
    except paths.UNREADABLE:
        raise _bad("holds an entry that is not a certificate") from None


def _bad(what: str) -> Untrusted:
    return Untrusted(Defect.BAD_CA_LIST, f"The list of authorities {what.removesuffix('.')}.")
