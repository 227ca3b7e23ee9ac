"""Whether a STIR certificate chain is to be believed, and for which numbers it speaks.

The path itself is RFC 5280's (:mod:`phonotary.shaken.paths`); here is what STIR adds: the TN
Authorization List (RFC 8226), delegation (RFC 9060), claim constraints (RFC 9118) and the STI-PA's
revocations. It is dearer than a signature, so the result is what a verifier keeps, not the PEM.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtensionOID

from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.shaken import constraints, paths, tn_auth_list
from phonotary.shaken.constraints import ClaimConstraints
from phonotary.shaken.paths import OURS, Defect, Link, Untrusted
from phonotary.shaken.trust import Trust
from phonotary.tn import canonical

__all__ = ["OURS", "Defect", "Untrusted", "ValidChain", "references", "validate"]

MAX_REFERENCES = 4
"""URLs of one certificate; each costs the verifier a fetch."""
_LONGEST_URL = 2_048

Scope = tuple[tn_auth_list.Entry, ...]


@dataclass(frozen=True, slots=True)
class ValidChain:
    """A chain that held; what a verifier keeps of it."""

    public_key: ec.EllipticCurvePublicKey
    fingerprint: str
    """SHA-256 of the leaf's DER, 64 lower-case hexadecimal digits."""
    not_before: Instant
    not_after: Instant
    """The time in which every certificate of the chain, the anchor included, is valid."""
    scope: Scope
    """What the leaf speaks for, by value and by reference."""
    constraints: ClaimConstraints | None
    is_delegate: bool
    """Whether an authority above the leaf has a TN Authorization List of its own (RFC 9060)."""
    spc: str | None
    """The leaf's provider code when it has exactly one."""
    links: tuple[tuple[bytes, int], ...]
    """(issuer, serial) of every certificate, for :meth:`Revocations.is_revoked`."""
    _numbers: tn_auth_list.Numbers = field(repr=False, compare=False)

    def covers(self, tn: str) -> bool | None:
        """Whether the leaf speaks for a number; None when only a provider code might, since which
        numbers a provider holds is in no certificate."""
        if self._numbers.contains(canonical(tn)):
            return True
        return None if self._numbers.codes else False


def references(chain_pem: bytes) -> tuple[str, ...]:
    """The https URLs of TN Authorization Lists by reference, of every certificate in the bundle.

    The edge fetches them (``application/tnauthlist``, DER) and gives them to :func:`validate`.
    Raises Untrusted when the bundle is unreadable or a reference is no https URL.
    """
    found = (url for link in paths.read_pem(chain_pem) for url in _urls(link))
    return tuple(dict.fromkeys(found))


def validate(
    chain_pem: bytes, trust: Trust, now: Instant, *, tn_lists: Mapping[str, bytes] | None = None
) -> ValidChain:
    """What the chain proves at ``now``, seconds since 1970.

    ``chain_pem`` is the leaf and then each issuer; the anchor may be left out. ``tn_lists`` are
    the lists of :func:`references`, DER by URL. Raises Untrusted with one defect per reason; one
    of OURS only where nothing is to be said against the chain itself, or no anchor is known.
    """
    if not trust.anchors:
        raise Untrusted(Defect.NO_ANCHORS, "No authority to be trusted is known here.")
    path = paths.follow(paths.read_pem(chain_pem), trust.links, now)
    _check_revoked(path, trust)
    scopes = [_scope(link, tn_lists or {}) for link in path]
    _check_scopes(scopes, trust)
    binding = _constraints(path)
    _check_silence(trust, now)
    leaf, numbers = path[0], scopes[0]
    codes = [entry.code for entry in numbers if isinstance(entry, tn_auth_list.Spc)]
    return ValidChain(
        public_key=leaf.public_key,
        fingerprint=leaf.certificate.fingerprint(SHA256()).hex(),
        not_before=max(link.not_before for link in path),
        not_after=min(link.not_after for link in path),
        scope=numbers,
        constraints=binding,
        is_delegate=any(scopes[1:]),
        spc=codes[0] if len(codes) == 1 else None,
        links=tuple(link.reference for link in path),
        _numbers=tn_auth_list.Numbers(numbers),
    )


def _check_revoked(path: Sequence[Link], trust: Trust) -> None:
    """A stale list still refuses what it names."""
    known = trust.revocations
    if known is not None and known.is_revoked(link.reference for link in path):
        raise Untrusted(Defect.REVOKED, "A certificate of the chain has been revoked.")


def _check_silence(trust: Trust, now: Instant) -> None:
    """Whether it counts that no list names the chain; a setting asks for a current one."""
    known = trust.revocations
    if not trust.crl_required:
        return
    if known is None:
        raise Untrusted(Defect.NO_REVOCATION_LIST, "No list of revocations is at hand.")
    if known.stale(now):
        raise Untrusted(
            Defect.STALE_REVOCATION_LIST, "The list of revocations at hand is out of date."
        )


def _scope(link: Link, tn_lists: Mapping[str, bytes]) -> Scope:
    """By value and by reference together: the issuer put its name to both (RFC 8226 10.2)."""
    urls = tuple(_urls(link))
    if any(url not in tn_lists for url in urls):
        raise Untrusted(
            Defect.TN_LIST_NOT_OBTAINED, "A TN Authorization List by reference was not obtained."
        )
    written = link.raw(tn_auth_list.EXTENSION)
    lists = [*(() if written is None else (written,)), *(tn_lists[url] for url in urls)]
    try:
        return tuple(entry for one in lists for entry in tn_auth_list.decode(one))
    except Refused as refused:
        raise Untrusted(Defect.BAD_TN_AUTH_LIST, refused.because) from None


def _check_scopes(scopes: Sequence[Scope], trust: Trust) -> None:
    """RFC 9060 section 4: from an authority with a list downwards, each scope holds the next."""
    if not scopes[0]:
        raise Untrusted(
            Defect.NO_TN_AUTH_LIST, "The signing certificate has no TN Authorization List."
        )
    for child, parent in pairwise(scopes):
        if not parent:
            continue
        if not child:
            raise Untrusted(
                Defect.NO_TN_AUTH_LIST,
                "An authority under a delegate authority has no TN Authorization List.",
            )
        within = tn_auth_list.encompasses(parent, child)
        if within is False:
            raise Untrusted(
                Defect.SCOPE_EXCEEDED, "A delegate certificate exceeds its issuer's numbers."
            )
        if within is None and not trust.spc_vouches:
            raise Untrusted(
                Defect.SCOPE_UNPROVEN,
                "Nothing shows that the delegate's numbers are its provider's.",
            )


def _constraints(path: Sequence[Link]) -> ClaimConstraints | None:
    """The leaf's claim constraints; they stand in end-entity certificates only (RFC 9118)."""
    oids = (constraints.OID, constraints.ENHANCED_OID)
    for authority in path[1:]:
        if any(authority.raw(oid) is not None for oid in oids):
            raise Untrusted(
                Defect.CONSTRAINTS_ON_CA, "An authority's certificate has claim constraints."
            )
    plain, enhanced = (path[0].raw(oid) for oid in oids)
    if plain is not None and enhanced is not None:
        raise Untrusted(
            Defect.TWO_CONSTRAINTS, "The signing certificate has both kinds of claim constraints."
        )
    written = enhanced if plain is None else plain
    if written is None:
        return None
    try:
        found = constraints.decode(written, enhanced=plain is None)
    except Refused as refused:
        raise Untrusted(Defect.BAD_CONSTRAINTS, refused.because) from None
    return found if found.binding else None


def _urls(link: Link) -> Iterator[str]:
    access = link.extensions.get(ExtensionOID.AUTHORITY_INFORMATION_ACCESS)
    if not isinstance(access, x509.AuthorityInformationAccess):
        return
    method = tn_auth_list.BY_REFERENCE
    found = [one.access_location for one in access if one.access_method == method]
    if len(found) > MAX_REFERENCES:
        raise _bad_reference(f"more than {MAX_REFERENCES}")
    for place in found:
        if not isinstance(place, x509.UniformResourceIdentifier):
            raise _bad_reference("one that is no URL")
        # RFC 8226 section 10.2 asks for HTTPS; the fetch has its own rules about hosts.
        if not place.value.startswith("https://") or len(place.value) > _LONGEST_URL:
            raise _bad_reference("one that is no https URL")
        yield place.value


def _bad_reference(what: str) -> Untrusted:
    return Untrusted(
        Defect.BAD_TN_LIST_REFERENCE,
        f"Of the references to TN Authorization Lists, a certificate has {what}.",
    )
