"""The authentication service: a call as a door received it, decided, signed and remembered.

Nothing here waits but for a key in a hardware module: the standing comes from memory (or one short
read), the key is loaded, and the ledger takes its row into a bounded queue. A call that cannot be
remembered is not signed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from phonotary import sids
from phonotary.abreast import Steps
from phonotary.bootstrap.far_keys import FarKey
from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.shaken import attestation, div, identity_header, passport, showing, uris
from phonotary.shaken.certificates import SigningCredential
from phonotary.shaken.ledger import Entry
from phonotary.shaken.origids import OrigidPolicy, origid_for
from phonotary.shaken.passport import Identity, Passport
from phonotary.shaken.ports import Standing, StandingOf
from phonotary.shaken.signing import (
    FRESH,
    CallToSign,
    InvalidClaim,
    SignedCall,
    SigningRequest,
    canonical,
    check_time,
    e164,
    sign_call,
    signing_request,
)

_STRANGER = "The account's credentials are required."
_NOT_ACTIVE = "The calling account does not exist or is not active; no call of it is signed."
# A country code alone: it is kept in memory as numbers are, and nobody holds it.
_NOBODYS = "+1"
_NOT_YOURS = (
    "The number that the call is diverted from is not held by the calling account, so nothing "
    "lets it speak for that number (RFC 8946 section 4.1)."
)
# Bytes of a div's claims: what it continues is a stranger's to write, and the Identity that comes
# of it must fit into a line of SIP.
_LONGEST_DIV = 4_096


class _Judged(msgspec.Struct, frozen=True, gc=False):
    """One call that may be signed, and what that rests on."""

    now: Instant
    standing: Standing
    credential: SigningCredential
    orig: str
    dest: tuple[str, ...]
    request: SigningRequest | None
    """None for a ``div``, whose claims are all there is to sign."""
    payload: bytes = b""


class AuthenticationService:
    """RFC 8224 section 6.1 for every door of one hub."""

    def __init__(
        self,
        *,
        standing_of: StandingOf,
        credential_of: Callable[[str], SigningCredential],
        now: Callable[[], Instant],
        remember: Callable[[Entry], None],
        origid_policy: OrigidPolicy = OrigidPolicy.AS_GIVEN,
        secret: str = "",
        deterministic: bool = False,
        always_rich: bool = False,
    ) -> None:
        """``credential_of`` takes the calling account; ``now`` is real time, for ``iat`` is;
        ``secret`` keys the origids of ``per-customer``."""
        self._standing_of = standing_of
        self._credential_of = credential_of
        self._now = now
        self._remember = remember
        self._origid_policy = origid_policy
        self._secret = secret
        self._deterministic = deterministic
        self._always_rich = always_rich

    def sign(self, call: CallToSign) -> SignedCall:
        """At once, however far the key is away. Raises Refused (NOT_AUTHENTICATED,
        ACCOUNT_NOT_ACTIVE, FORBIDDEN; UNAVAILABLE when the ledger is full or the key does not
        sign), InvalidClaim, and CredentialOutOfDate, which is our own fault."""
        judged = self._judge(call)
        return self._remembered(call, judged, self._signed(call, judged))

    def admit(self, account_sid: str) -> None:
        """Whether the account may call at all, for a call that is not signed. Raises Refused
        (ACCOUNT_NOT_ACTIVE; UNAVAILABLE)."""
        if not self._standing_of(_NOBODYS, account_sid).account_known:
            raise Refused(Reason.ACCOUNT_NOT_ACTIVE, _NOT_ACTIVE)

    def signing(self, call: CallToSign) -> Steps[SignedCall | None]:
        """The same in steps, for calls that come together: judged, signed, remembered. None where
        the key must be waited for, which :meth:`sign_later` does; nothing is remembered then."""
        judged = self._judge(call)
        if type(judged.credential.key) is FarKey:
            return None
        yield
        signed = self._signed(call, judged)
        yield
        return self._remembered(call, judged, signed)

    async def sign_later(self, call: CallToSign) -> SignedCall:
        """The same for a key that is far away, within the key's deadline. A call that is late, or
        that nobody waits for any more, is not remembered, for nobody was given its signature."""
        judged = self._judge(call)
        key = judged.credential.key
        if isinstance(key, FarKey):
            signed = await key.later(lambda: self._signed(call, judged))
        else:
            signed = self._signed(call, judged)
        return self._remembered(call, judged, signed)

    def _judge(self, call: CallToSign) -> _Judged:
        caller = call.caller_sid
        if caller is None:
            raise Refused(Reason.NOT_AUTHENTICATED, _STRANGER)
        if call.ppt == "div":
            return self._diverted(call, caller)
        if call.ppt != "shaken":
            raise InvalidClaim("ppt", "it is none of shaken and div")
        now = self._now()
        request = signing_request(
            caller_sid=caller,
            orig=call.orig,
            dest=call.dest,
            iat=now if call.iat is None else call.iat,
            attest=call.attest,
        )
        standing = self._standing_of(request.orig_e164, caller)
        credential = self._credential_of(caller)
        return _Judged(now, standing, credential, request.orig_tn, request.dest_tns, request)

    def _signed(self, call: CallToSign, judged: _Judged) -> SignedCall:
        credential, request = judged.credential, judged.request
        if request is None:
            return self._signed_div(judged)
        caller = request.caller_sid or ""
        return sign_call(
            request,
            judged.standing,
            credential,
            judged.now,
            origid_for(self._origid_policy, call.origid, caller, self._secret, sids.uuid),
            rich=self._rich(call, judged.standing),
            deterministic=self._deterministic,
        )

    def _signed_div(self, judged: _Judged) -> SignedCall:
        credential, payload = judged.credential, judged.payload
        token = passport.sign(
            payload,
            credential.key,
            credential.x5u,
            ppt="div",
            deterministic=self._deterministic,
        )
        identity = identity_header.emit(token, credential.x5u, ppt="div")
        return SignedCall(identity, None, None, payload, credential.fingerprint)

    def _remembered(self, call: CallToSign, judged: _Judged, signed: SignedCall) -> SignedCall:
        self._remember(_entry(call, judged, signed))
        return signed

    def _rich(self, call: CallToSign, standing: Standing) -> Callable[[], Any] | None:
        """How to say who calls, where that was asked for."""
        shown, reason = standing.display, call.crn
        if not (call.rcd or reason or self._always_rich) or shown is None:
            return None
        return lambda: showing.claims(shown, reason)

    def _diverted(self, call: CallToSign, caller: str) -> _Judged:
        """RFC 8946 section 4.1: whoever sends a call on answers for the number it was sent to."""
        now = self._now()
        if call.div is None:
            raise InvalidClaim("div", "it is missing, and a diverted call was diverted somewhere")
        number = canonical(call.div, "div")
        standing = self._standing_of(e164(number), caller)
        if not standing.account_known:
            raise Refused(Reason.ACCOUNT_NOT_ACTIVE, _NOT_ACTIVE)
        if not (standing.number_right_valid and standing.fresh):
            raise Refused(Reason.FORBIDDEN, _NOT_YOURS)
        credential = self._credential_of(caller)
        targets = tuple(canonical(one, "dest") for one in call.dest)
        diverting = Identity("tn", number)
        previous = _continued(call.identities, diverting)
        iat = call.iat
        if iat is None:
            # RFC 8946 section 4.1 would copy the original's, which nobody here has verified: one
            # that is not fresh would make a token for another day.
            iat = previous.iat if abs(now - previous.iat) <= FRESH else now
        check_time(iat, credential, now)
        claims = div.div_claims(
            previous,
            [Identity("tn", one) for one in targets],
            iat,
            of=diverting,
            hi=call.hi,
        )
        payload = passport.payload(claims)
        if len(payload) > _LONGEST_DIV:
            raise InvalidClaim("identityHeaders", "what the call was signed with is too long")
        return _Judged(now, standing, credential, number, targets, None, payload)


def _continued(identities: tuple[str, ...], diverting: Identity) -> Passport:
    """The token that brought the call to the number it leaves now. What cannot be read is none:
    RFC 8946 section 4.1 leaves every header in its place, usable or not."""
    found = []
    for value in identity_header.split(identities):
        with suppress(Refused):
            found.append(passport.read(identity_header.parse(value).token))
    for one in div.open_ends(found):
        if diverting in map(uris.canonical, one.dest):
            return one
    raise InvalidClaim("identityHeaders", "none of them was made for the number that diverts")


def _entry(call: CallToSign, judged: _Judged, signed: SignedCall) -> Entry:
    credential = judged.credential
    return Entry(
        kind="signed",
        at=judged.now,
        door=call.door,
        source=call.source,
        account_sid=call.caller_sid,
        spc=credential.spc,
        orig=judged.orig,
        dest=judged.dest,
        origid=signed.origid,
        level=signed.level,
        reason=signed.reason,
        requested=call.attest,
        justified=signed.decision.justified if signed.decision else None,
        identity=signed.identity,
        fingerprint=signed.fingerprint,
        policy=attestation.policy_version,
        inputs=judged.standing.inputs,
    )
