"""The STI-PA: it knows the providers, vouches for them in tokens, lists CAs and revocations.

Its doors are those that production clients were seen to use. What production answers to a failure
was not seen, so those answers are ours.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

from phonotary import sids
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.shaken import issuing, tn_auth_list
from phonotary.shaken.issuing import Certified
from phonotary.shaken.laboratory import tokens
from phonotary.shaken.laboratory.book import Book
from phonotary.shaken.laboratory.profiles import PROFILES

SESSION_LIFE = 3_600
MAX_SESSIONS = 500
CRL_KEPT = 3_600
TOKEN_LIFE = 86_400
"""Seconds. Production tokens live longer [remembered: up to a year]; the laboratory's are short,
so that renewing them is exercised."""


@dataclass(frozen=True, slots=True)
class Member:
    """A provider's account at the STI-PA."""

    user_id: str
    password: str = field(repr=False)
    spcs: tuple[str, ...] = ()
    """The codes this member may ask for; none named means any, for a laboratory of one's own."""

    def may(self, spc: str) -> bool:
        return not self.spcs or spc in self.spcs


class PolicyAdministrator:
    """Issues tokens after a log-in, publishes the CA list and the indirect CRL."""

    def __init__(
        self,
        signer: Certified,
        address: str,
        members: Iterable[Member],
        cas: Iterable[x509.Certificate],
        issuers: Iterable[x509.Name],
        book: Book,
        token_life: int = TOKEN_LIFE,
    ) -> None:
        """``address`` is where this STI-PA answers; ``cas`` are the roots on its list, and
        ``issuers`` the names whose certificates it can revoke."""
        self.signer = signer
        self.x5u = f"{address}/download/v1/certificate"
        self.crl_url = f"{address}/download/v1/crl"
        self._address = address
        self._members = {member.user_id: member for member in members}
        self._cas = tuple(cas)
        self._issuers = {one.public_bytes(): one for one in issuers}
        self._book = book
        self._token_life = token_life
        self._crl: tuple[Instant, int, bytes] | None = None
        self._sessions: dict[str, tuple[Member, Instant]] = {}

    def login(self, user_id: str, password: str, now: Instant) -> str:
        """An access token for an hour. Raises Refused (NOT_AUTHENTICATED)."""
        member = self._members.get(user_id)
        known = member.password if member else ""
        if not hmac.compare_digest(known.encode(), password.encode()) or member is None:
            raise Refused(Reason.NOT_AUTHENTICATED, "The user or the password is wrong.")
        if len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        session = sids.secret()
        self._sessions[session] = member, now + SESSION_LIFE
        return session

    def token(self, session: str, spid: str, claim: Mapping[str, Any], now: Instant) -> str:
        """A Service Provider Code token for the list, the key and nothing else.

        Raises Refused: NOT_AUTHENTICATED, FORBIDDEN for another provider's code,
        INVALID_PARAMETER for a claim that is not one.
        """
        member = self._member(session, now)
        if not member.may(spid):
            raise Refused(Reason.FORBIDDEN, f"This account does not speak for provider {spid}.")
        return self.vouch(claim, spid, now)

    def vouch(self, claim: Mapping[str, Any], spid: str, now: Instant) -> str:
        """The token itself, for who has shown otherwise that the provider is its own."""
        _require_own(claim, spid)
        encoded = "".join(self.signer.pem.decode("ascii").splitlines()[1:-1])
        return tokens.issue(
            self.signer.private_key,
            {"x5u": self.x5u, "x5c": [encoded]},
            {name: claim[name] for name in ("tktype", "tkvalue", "ca", "fingerprint")},
            jti=sids.secret(),
            issuer=self._address,
            expires=now + self._token_life,
        )

    def ca_list(self, session: str, now: Instant) -> str:
        """The trusted CAs, JWS compact form. Raises Refused (NOT_AUTHENTICATED)."""
        self._member(session, now)
        return issuing.ca_list(self.signer, now, self._cas)

    def crl(self, now: Instant) -> bytes:
        """The indirect CRL in DER, for everybody: signed anew after a revocation and every hour."""
        revoked = self._book.revocations()
        if self._crl is not None:
            made, count, der = self._crl
            if count == len(revoked) and made <= now < made + CRL_KEPT:
                return der
        lines = [(self._issuers[bytes.fromhex(one.issuer)], int(one.serial, 16)) for one in revoked]
        der = issuing.crl(self.signer, now, lines)
        self._crl = now, len(revoked), der
        return der

    def revoke(
        self, issuer: x509.Name, serial: int, now: Instant, reason: int | None = None
    ) -> bool:
        """Put a certificate on the list; False when it is there already. Raises Refused
        (NOT_FOUND) for an issuer that is not on the CA list."""
        encoded = issuer.public_bytes()
        if encoded not in self._issuers:
            raise Refused(Reason.NOT_FOUND, "No CA on the list has that name.")
        return self._book.revoke(encoded, serial, now, reason)

    def _member(self, session: str, now: Instant) -> Member:
        member, expires = self._sessions.get(session, (None, 0))
        if member is None or expires <= now:
            raise Refused(Reason.NOT_AUTHENTICATED, "The access token is not valid; log in again.")
        return member


def _require_own(claim: Mapping[str, Any], spid: str) -> None:
    """Every member of the claim is text of its kind, and the list holds this code alone."""
    value, print_ = claim.get("tkvalue"), claim.get("fingerprint")
    if claim.get("tktype") != tokens.TYPE or not isinstance(claim.get("ca"), bool):
        raise _invalid("tktype is TNAuthList, and ca is true or false")
    if not isinstance(print_, str) or not tokens.FINGERPRINT.fullmatch(print_):
        raise _invalid("fingerprint is SHA256 and 32 octets in upper-case hexadecimal")
    if not isinstance(value, str) or _entries(value) != (tn_auth_list.Spc(spid),):
        raise _invalid(f"tkvalue is a TN Authorization List of the code {spid} alone")


def _entries(value: str) -> tuple[tn_auth_list.Entry, ...]:
    """The list in either of the encodings that CAs ask for; nothing when it is in neither."""
    for profile in PROFILES.values():
        try:
            return tn_auth_list.decode(profile.der(value))
        except Refused:
            continue
    return ()


def _invalid(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The atc claim is refused: {what}.")
