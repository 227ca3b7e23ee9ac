"""The call in an INVITE: who calls whom, as it is written there."""

from __future__ import annotations

import hashlib
import re
from email.utils import parsedate_to_datetime
from functools import lru_cache

import msgspec

from phonotary import tn
from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.shaken import identity_header, passport, uris
from phonotary.shaken.passport import Identity
from phonotary.shaken.signing import FRESH, CallToSign
from phonotary.shaken.verification import CallToVerify
from phonotary.sip import addresses
from phonotary.sip.addresses import Address
from phonotary.sip.messages import Request, tag
from phonotary.sip.trunks import Trunk

# The characters of a UUID; whether it is one is the signing room's to say.
_ORIGID = re.compile(r"[0-9a-fA-F-]{36}")
_LEVELS = ("A", "B", "C")


class Call(msgspec.Struct, kw_only=True):
    """What the services need of an INVITE, and its trunk's account."""

    trunk: Trunk
    source: str
    uri: str
    """The Request-URI as written, and fit to stand in ``<>``."""
    caller: Address | None
    orig: str | None
    """The calling number as written, or None when the caller is not a number."""
    dest: str | None
    """The number in To, else the one in the Request-URI."""
    target: str | None
    """The number in the Request-URI: where the call goes now."""
    was: str | None
    """The number the call was for before it was sent on."""
    attest: str | None
    origid: str | None
    date: Instant | None
    fresh: bool
    """Whether ``date`` is within RFC 8224's 60 seconds."""
    identities: tuple[str, ...]
    call_id: str
    from_: str
    """As written, for its tag."""

    @property
    def stays(self) -> bool:
        """Whether the call still goes to the number it was for (RFC 8946 section 4.1)."""
        return tn.canonical(self.was or "") == tn.canonical(self.target or "")

    def to_sign(self) -> CallToSign:
        """Raises nothing; the numbers must be there."""
        assert self.orig is not None and self.dest is not None
        return CallToSign(
            caller_sid=self.trunk.account_sid,
            orig=self.orig,
            dest=(self.dest,),
            # RFC 8224 section 6.1: a Date that is not fresh is not signed; ours is.
            iat=self.date if self.fresh else None,
            attest=self.attest,
            origid=self.origid,
            door="sip",
            source=self.source,
        )

    def to_divert(self) -> CallToSign:
        assert self.target is not None
        return CallToSign(
            caller_sid=self.trunk.account_sid,
            orig=self.orig or "",
            dest=(self.target,),
            ppt="div",
            div=self.was,
            identities=self.identities,
            door="sip",
            source=self.source,
        )

    def to_verify(self) -> CallToVerify:
        """The caller and the called are taken from SIP, never from the PASSporT.

        RFC 8224 section 6.2 compares ``dest`` with To. But To is the caller's to write and nobody
        is called by it, so a copied token would be good for every number. Here ``dest`` is the
        number that is really called, the one in the Request-URI; a call that was sent on to
        another number than the one in To needs the ``div`` that says so (RFC 8946 section 4.2),
        and is ``dest-mismatch`` without. Only where the Request-URI has no number counts To.
        """
        return CallToVerify(
            orig=self.orig or (self.caller.uri if self.caller else ""),
            dest=(self.target or self.dest or self.uri,),
            time=self._told_time(),
            identities=self.identities,
            call_id=self._name(),
            caller_sid=self.trunk.account_sid,
        )

    def _told_time(self) -> Instant | None:
        """The Date, where nothing better says when the call was made.

        A Date may be minutes off, and is left as it was by whoever signs ``iat`` beside it. So
        ATIS-1000074 section 5.3.3 prefers ``iat``, and RFC 8224 section 6.2 step 4 computes with
        an ``iat`` that is fresh where the two differ. One that is stale, the room refuses. The
        compact form has none, so there the Date decides.
        """
        if self.date is None or self.fresh:
            # A fresh Date refuses nothing: no token is read for it.
            return self.date
        return None if _says_when(self.identities) else self.date

    def _name(self) -> str:
        """What a retransmission, and the same call over a second route, has in common with the
        first and no other call has. Call-ID alone is the caller's to choose, and so is From's
        tag; where the call goes is not, if it is to go there. A digest, for it is remembered."""
        if self.target is not None:
            where = tn.canonical(self.target)
        else:
            where = uris.canonical(Identity("uri", self.uri)).value
        text = "\n".join((self.call_id, tag(self.from_), where))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def read_call(request: Request, trunk: Trunk, host: str, now: Instant) -> Call:
    """``request`` has a Request-URI that can be read."""
    target = addresses.read(request.uri)
    assert target is not None
    headers = request.headers
    caller = None
    if trunk.trusted and "p-asserted-identity" in headers:
        caller = addresses.first_numbered(headers["p-asserted-identity"])
    caller = caller or addresses.of(request.from_)
    to = addresses.of(request.to)
    number = target.number
    date = _instant(headers["date"][0]) if "date" in headers else None
    dialled = to.number if to else None
    return Call(
        trunk=trunk,
        source=host,
        uri=request.uri,
        caller=caller,
        orig=caller.number if caller else None,
        dest=dialled or number,
        target=number,
        was=_sent_on_from(request) or dialled,
        attest=_attest(request, trunk),
        origid=_origid(request),
        date=date,
        fresh=date is not None and -FRESH <= now - date <= FRESH,
        identities=tuple(headers.get("identity", ())),
        call_id=request.call_id,
        from_=request.from_,
    )


def _says_when(identities: tuple[str, ...]) -> bool:
    """Whether one of the PASSporTs has an ``iat`` that can be read."""
    try:
        return any(_iat(one) is not None for one in identity_header.split(identities))
    except Refused:
        return False


def _iat(value: str) -> Instant | None:
    try:
        return passport.read(value.partition(";")[0].strip()).iat
    except Refused:
        return None


def _attest(request: Request, trunk: Trunk) -> str | None:
    """The ceiling: the request's own word, else the trunk's. A word that is none of the levels
    asks for nothing, since an unknown must never raise an attestation."""
    asked = request.first("p-attestation-indicator")
    if asked is None:
        return trunk.attest
    return asked if asked in _LEVELS else None


def _origid(request: Request) -> str | None:
    asked = request.first("p-origination-id")
    return asked if asked is not None and _ORIGID.fullmatch(asked) else None


def _sent_on_from(request: Request) -> str | None:
    """Diversion (RFC 5806) names first whoever diverted last."""
    said = request.headers.get("diversion")
    found = addresses.first_numbered(said) if said else None
    return found.number if found else None


@lru_cache(maxsize=256)
def _instant(date: str) -> Instant | None:
    """A SIP-date as seconds since 1970; None when it is not one. All calls of a second share it."""
    try:
        read = parsedate_to_datetime(date[:64])
        return int(read.timestamp()) if date.endswith("GMT") else None
    except (ValueError, OverflowError):
        return None
