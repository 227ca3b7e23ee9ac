"""From a SIP request to its response: RFC 3261 section 8.3's redirect server, without sockets.

A proxy sends an INVITE here before it sends it on. The answer is always final and at most one, and
302 means "go on, and take these headers along". Nothing is remembered but the last answers.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from phonotary.abreast import Steps, alone
from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.shaken.signing import CallToSign, SignedCall
from phonotary.shaken.verdicts import Verdict
from phonotary.shaken.verification import CallToVerify
from phonotary.sip import addresses, broken, calling_name, messages
from phonotary.sip.answers import (
    BUSY,
    UNAVAILABLE,
    Answer,
    Policy,
    diverted,
    failed,
    refusal,
    signed,
    unjudged,
    unsigned,
    verified,
)
from phonotary.sip.calling_name import Named, Notice
from phonotary.sip.calls import Call, read_call
from phonotary.sip.kept import Kept, Reply
from phonotary.sip.messages import Malformed, Request, Unwritable, respond, returned_via
from phonotary.sip.trunks import Role, Trunk, Trunks

_DOOR = "sip"
_ALLOW = "Allow: INVITE, ACK, CANCEL, OPTIONS"
_log = logging.getLogger(__name__)


_Later = Callable[[], Awaitable[Answer]]
"""What an answer must be waited for; raises nothing but a cancellation."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An answer that a credential is being fetched for, or a signature."""

    judge: Callable[[], Coroutine[Any, Any, Reply]]
    """Wait for it. A fault is answered 503: nothing is raised but a cancellation."""
    settle: Callable[[], None]
    """To be called once at the end, even if nobody waited: it frees the place."""
    busy: Callable[[], Reply]
    """What to say instead, where it cannot be waited for."""


class Redirect:
    """One SIP door: give it what arrives, send what it answers."""

    def __init__(
        self,
        trunks: Iterable[Trunk],
        *,
        now: Callable[[], Instant],
        sign: Callable[[CallToSign], Steps[SignedCall | None]],
        sign_later: Callable[[CallToSign], Awaitable[SignedCall]],
        verify_now: Callable[[CallToVerify, str, str], Steps[Verdict | None]],
        verify: Callable[[CallToVerify, str, str], Awaitable[Verdict]],
        name_of: Callable[[str], str | None] = lambda number: None,
        dip: Callable[[str, str], Named] = lambda number, account_sid: (None, False),
        admit: Callable[[str], None] = lambda account_sid: None,
        policy: Policy | None = None,
    ) -> None:
        """``now`` is real time in seconds. ``sign`` and ``verify_now`` do not wait: they give None
        when ``sign_later`` must wait for the key, or ``verify`` fetch something first. Those that
        verify take the call, the door's name and the source address. ``name_of`` takes ``+`` and
        digits and gives the name to show for a verified caller. ``dip`` takes a number as written
        and the account that asks, who may be counted: it is what a trunk of role NAME is told.
        ``admit`` raises Refused for an account whose calls are not to go on at all."""
        self._trunks = Trunks(trunks)
        self._now = now
        self._sign = sign
        self._sign_later = sign_later
        self._verify_now = verify_now
        self._verify = verify
        self._name_of = name_of
        self._dip = dip
        self._admit = admit
        self._policy = policy or Policy()
        self._kept = Kept(self._policy.kept, self._policy.kept_bytes)
        self._in_flight = 0
        self._notices = 0
        self.port = 5060
        """The port that this door is reached at; the server that opens it says so."""
        self._strangers = (0, 0)

    def knows(self, host: str) -> bool:
        """Whether the address belongs to a trunk."""
        return self._trunks.of(host) is not None

    def answer(
        self, data: bytes, host: str, port: int, transport: str = "UDP"
    ) -> Reply | Pending | Notice | None:
        """The response to one whole message from ``host`` and ``port``.

        None: there is nothing to say (an ACK, a response, noise).
        """
        return alone(self.answering(data, host, port, transport))

    def answering(
        self, data: bytes, host: str, port: int, transport: str = "UDP"
    ) -> Steps[Reply | Pending | Notice | None]:
        """The same in steps, for messages that came together: read, decided, answered."""
        # ACK and responses are never answered (RFC 3261 section 17.1.1.3), whatever they hold.
        if data[:4] == b"ACK " or data[:8] == b"SIP/2.0 ":
            return None
        trunk = self._trunks.of(host)
        if trunk is None and not self._has_time_for(host):
            return None
        try:
            request = messages.parse(data)
            if request is None or request.method == "ACK":
                return None
            yield
            via, back = returned_via(request, host, port)
            if trunk is None:
                # Never more bytes than came: the source address may be forged.
                response = respond(request, 403, via)
                return (response, back) if len(response) <= len(data) else None
            if request.method == "INVITE":
                return (yield from self._invite(request, data, via, back, trunk, host))
            if request.method == "SUBSCRIBE" and trunk.role is Role.NAME:
                return self._subscribe(request, data, via, back, trunk, host, transport)
            return respond(request, *self._other(request, via, trunk, host)), back
        except Malformed as bad:
            return self._malformed(bad, data, host, port) if trunk else None

    def _invite(
        self, request: Request, data: bytes, via: str, back: int, trunk: Trunk, host: str
    ) -> Steps[Reply | Pending | None]:
        wrong = _unfit(request) or _leads_nowhere(request)
        if wrong:
            return respond(request, wrong[0], via, *wrong[1:]), back
        yield
        now = self._now()
        call = read_call(request, trunk, host, now)
        key = _key(request, host, request.cseq)
        self._kept.forget(now)
        if key in self._kept:
            return self._kept.get(key)
        if trunk.role is Role.NAME:
            named = self._named(call.orig, data, trunk)
            return self._finish(
                calling_name.redirected(call, named[0]), request, via, back, key, now
            )
        # The same may have come twice at once; the second finds this.
        self._kept.begin(key, now)
        yield
        answer = yield from self._decide(call, trunk)
        yield
        if not isinstance(answer, tuple):
            return self._wait(answer, request, via, back, key)
        return self._finish(answer, request, via, back, key, now)

    def _finish(
        self,
        answer: Answer,
        request: Request,
        via: str,
        back: int,
        key: bytes,
        now: Instant,
    ) -> Reply:
        """Raises nothing: what cannot be written is a fault of ours, and is answered as such."""
        status, lines = answer
        again = status == 503
        try:
            response = respond(request, status, via, *lines)
        except Unwritable as fault:
            # Nothing else would come of another try, and the call may have been signed already.
            again, response = False, self._unwritable(fault, request, via)
        reply = (response, back)
        if again:
            self._kept.drop(key)
        else:
            self._kept.put(key, reply, now)
        return reply

    def _unwritable(self, fault: Unwritable, request: Request, via: str) -> bytes:
        _log.error("an answer was not fit to be written", exc_info=fault)
        status, lines = UNAVAILABLE
        return respond(request, status, via, *lines)

    def _decide(self, call: Call, trunk: Trunk) -> Steps[Answer | _Later]:
        """The answer, or what gives it later: a credential is not here yet, or a key far away."""
        carried = call.identities
        if trunk.role is Role.VERIFY:
            return (yield from self._judge(call))
        if trunk.role is Role.BOTH and carried:
            return self._barred(trunk) or (yield from self._judge(call))
        answer: Answer | _Later
        if trunk.role is Role.DIVERTING:
            answer = yield from self._divert(call)
        elif carried:
            answer = unsigned("already-signed", "The call carries an Identity already.")
        else:
            answer = yield from self._authenticate(call)
        if isinstance(answer, tuple):
            return self._held(answer, trunk)
        awaited = answer

        async def later() -> Answer:
            return self._held(await awaited(), trunk)

        return later

    def _held(self, answer: Answer, trunk: Trunk) -> Answer:
        """The answer, or what stands in its way: after 404 and 503 a proxy goes on."""
        return (self._barred(trunk) if answer[0] in (404, 503) else None) or answer

    def _barred(self, trunk: Trunk) -> Answer | None:
        """603 to an account none of whose calls is to go on. Whether a call is fit to be signed is
        the caller's to choose, and for one that is not nobody has asked about the account."""
        try:
            self._admit(trunk.account_sid)
        except Exception as fault:
            answer = self._not_signed(fault)
            return answer if answer[0] == 603 else None
        return None

    def _authenticate(self, call: Call) -> Steps[Answer | _Later]:
        if call.orig is None:
            return refusal("invalid-orig", "The caller is not a telephone number.", self._policy)
        if call.dest is None:
            return refusal("invalid-dest", "The called is not a telephone number.", self._policy)
        try:
            return (yield from self._signed(call, call.to_sign(), signed))
        except Exception as fault:
            return self._not_signed(fault)

    def _divert(self, call: Call) -> Steps[Answer | _Later]:
        if not call.identities:
            # RFC 8946 section 4.1: a div only ever continues what another has signed.
            return unsigned("nothing-to-continue", "The call carries no Identity to continue.")
        if call.target is None or call.was is None or call.stays:
            return unsigned("target-unchanged", "The call was not sent on to another number.")
        try:
            return (yield from self._signed(call, call.to_divert(), diverted))
        except Exception as fault:
            return self._not_signed(fault)

    def _signed(
        self, call: Call, wanted: CallToSign, write: Callable[[Call, SignedCall], Answer]
    ) -> Steps[Answer | _Later]:
        done = yield from self._sign(wanted)
        if done is not None:
            return write(call, done)

        async def later() -> Answer:
            try:
                return write(call, await self._sign_later(wanted))
            except Exception as fault:
                return self._not_signed(fault)

        return later

    def _not_signed(self, fault: Exception) -> Answer:
        answer = failed(fault, self._policy)
        # Of what is away or full, a key, the database, the ledger, whoever holds it has told
        # already, and not for each call.
        if answer[0] == 503 and not isinstance(fault, Refused):
            _log.error("signing failed", exc_info=fault)
        return answer

    def _judge(self, call: Call) -> Steps[Answer | _Later]:
        try:
            wanted = call.to_verify()
            verdict = yield from self._verify_now(wanted, _DOOR, call.source)
            if verdict is not None:
                return self._verdict(call, verdict)
        except Exception as fault:
            return self._not_judged(call, fault)

        async def later() -> Answer:
            try:
                return self._verdict(call, await self._verify(wanted, _DOOR, call.source))
            except Exception as fault:
                return self._not_judged(call, fault)

        return later

    def _verdict(self, call: Call, verdict: Verdict) -> Answer:
        return verified(call, verdict, self._name_of, self._policy)

    def _not_judged(self, call: Call, fault: Exception) -> Answer:
        answer = unjudged(call, fault)
        if answer[0] == 503:
            _log.error("verification failed", exc_info=fault)
        return answer

    def _subscribe(
        self,
        request: Request,
        data: bytes,
        via: str,
        back: int,
        trunk: Trunk,
        host: str,
        transport: str,
    ) -> Reply | Notice | None:
        key, now = _key(request, host, request.cseq), self._now()
        self._kept.forget(now)
        if key in self._kept:
            # The NOTIFY is sent again by itself, until it is answered.
            return self._kept.get(key)
        wrong = _unfit(request) or _leads_nowhere(request)
        at = calling_name.place(request, transport, self.port)
        if wrong or at is None:
            status, *lines = wrong or (416,)
            return respond(request, status, via, *lines), back
        asked = calling_name.read(request, data)
        if asked is None:
            return respond(request, 489, via, calling_name.ALLOW_EVENTS), back
        if self._notices >= self._policy.notices:
            return respond(request, 503, via, *BUSY), back
        named = self._named(asked.caller.number, data, trunk)
        try:
            reply = calling_name.accepted(request, via, asked, at), back
            notify = calling_name.notify(request, reply[0], asked, named, at, key)
        except Unwritable as fault:
            return self._unwritable(fault, request, via), back
        self._kept.put(key, reply, now)
        self._notices += 1
        return Notice(reply, notify, key, self._noticed)

    def _noticed(self) -> None:
        self._notices -= 1

    def _named(self, number: str | None, data: bytes, trunk: Trunk) -> Named:
        """What the trunk is told. Raises nothing: a call goes on without a name."""
        if number is None:
            return None, False
        try:
            if calling_name.asks_privacy(data):
                return None, True
            name, private = self._dip(number, trunk.account_sid)
            return (None if private else name), private
        except Exception as fault:
            _log.error("a name could not be looked up", exc_info=fault)
            return None, False

    def _wait(
        self,
        later: _Later,
        request: Request,
        via: str,
        back: int,
        key: bytes,
    ) -> Reply | Pending:
        def busy() -> Reply:
            return respond(request, 503, via, *BUSY), back

        if self._in_flight >= self._policy.in_flight:
            self._kept.drop(key)
            return busy()
        self._in_flight += 1
        self._kept.begin(key, self._now())

        judged = False

        async def judge() -> Reply:
            nonlocal judged
            reply = self._finish(await later(), request, via, back, key, self._now())
            judged = True
            return reply

        def settle() -> None:
            self._in_flight -= 1
            # What is marked after a judgement is another try of the same call.
            if not judged:
                self._kept.drop(key)

        return Pending(judge, settle, busy)

    def _other(self, request: Request, via: str, trunk: Trunk, host: str) -> tuple[Any, ...]:
        """Status, Via and lines for every method but INVITE, ACK and a SUBSCRIBE for a name."""
        if request.method == "CANCEL":
            # Our answers are final at once, so a CANCEL finds nothing to stop (section 9.2).
            invite = request.cseq.replace("CANCEL", "INVITE")
            return (200 if _key(request, host, invite) in self._kept else 481), via
        wrong = _unfit(request)
        if wrong:
            return wrong[0], via, *wrong[1:]
        if trunk.role is Role.NAME:
            lines: tuple[str, ...] = (calling_name.ALLOW, calling_name.ALLOW_EVENTS)
        else:
            lines = (_ALLOW,)
        return (200 if request.method == "OPTIONS" else 405), via, *lines

    def _has_time_for(self, host: str) -> bool:
        """Whether a stranger's message is looked at: a few a second are, whoever they are from.
        To be decided before anything is read, for reading is what a flood would have us do."""
        second, seen = self._strangers
        now = self._now()
        seen = seen + 1 if second == now else 1
        self._strangers = (now, seen)
        if seen == 1:
            _log.warning("%s, which belongs to no trunk, has sent something to the SIP door", host)
        return seen <= self._policy.strangers

    def _malformed(self, bad: Malformed, data: bytes, host: str, port: int) -> Reply | None:
        request = bad.request or broken.read(data)
        if request is None or request.method == "ACK":
            return None
        try:
            via, back = returned_via(request, host, port)
        except Malformed:
            # Where the response would go is unreadable, so there is nobody to tell.
            return None
        warning = f'Warning: 399 phonotary "{bad.because}"'
        return respond(request, 400, via, warning), back


def _key(request: Request, host: str, cseq: str) -> bytes:
    """What a retransmission has in common with the first: RFC 3261 section 17.2.3's branch, and
    for peers that use a branch twice also what the answer depends on. A digest, as many are kept;
    no value holds a line end."""
    parts = (host, request.via[0], request.call_id, cseq, request.uri, request.from_, request.to)
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).digest()


def _unfit(request: Request) -> tuple[Any, ...] | None:
    """Whether a request can be read at all, and as it is meant: status and lines.

    For an INVITE this is a redirect server, and section 8.3 has one ignore what it does not
    understand, "any unknown option tags in Require" among it: whoever is called will answer them.
    All else is answered here, so a user agent server's section 8.2.2.3 holds: 420. Max-Forwards
    is a proxy's to look at (section 16.3); nothing here needs it, so it may say what it likes
    (section 8.2.2).
    """
    if request.version != "SIP/2.0":
        return (505,)
    if request.method != "INVITE" and "require" in request.headers:
        return (420, f"Unsupported: {request.required}") if request.required else (420,)
    return None


def _leads_nowhere(request: Request) -> tuple[Any, ...] | None:
    """Whether the Request-URI is none that a 302 may name, or the call not a new one."""
    if addresses.read(request.uri) is None:
        scheme = request.uri.partition(":")[0].lower()
        if scheme not in addresses.SCHEMES:
            return (416,)
        raise Malformed("the Request-URI cannot be read", request)
    if "?" in request.uri:
        # Section 19.1.1: no headers there; whoever follows our Contact would add them.
        raise Malformed("the Request-URI holds headers", request)
    if request.in_dialog:
        return (481,)
    return None
