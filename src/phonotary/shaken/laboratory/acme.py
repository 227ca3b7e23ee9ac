"""The ACME server's core (RFC 8555) with the authority token challenge (RFC 9447, 9448).

Time and requests come in, documents go out; the HTTP door only carries them. Every request but
the directory's and a nonce's is a JWS, so each resource is authenticated here, in one place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.shaken import jose, tn_auth_list
from phonotary.shaken.laboratory import csr, requests, tokens
from phonotary.shaken.laboratory.book import Book, Certificate
from phonotary.shaken.laboratory.orders import Account, Accounts, Nonces, Order, Orders
from phonotary.shaken.laboratory.problems import Kind, Problem, malformed, unauthorized
from phonotary.shaken.laboratory.profiles import Profile

JSON = "application/json"
PROBLEM = "application/problem+json"
CHAIN = "application/pem-certificate-chain"

# RFC 8555 section 7.6 leaves the choice of reasons to the CA. 6 (hold) can be taken back and 8 to
# 10 are not for certificates of end entities, so they are not offered.
_REASONS = (0, 1, 3, 4, 5)

Issue = Callable[
    [ec.EllipticCurvePublicKey, tuple[tn_auth_list.Entry, ...], str | None, bool, Instant], bytes
]
"""The CA's hand: the key, its scope, the organisation asked for, whether it is a CA for delegates,
the time; a PEM chain."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the door sends back."""

    status: int
    body: bytes
    media: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TokenTrust:
    """Whose tokens are believed."""

    authority: str
    """Where a client gets one: the challenge's ``token-authority``."""
    roots: tuple[x509.Certificate, ...]
    known: Mapping[str, tuple[x509.Certificate, ...]]
    """The STI-PA's certificate by its ``x5u``, for tokens without ``x5c``."""


class Server:
    """One STI-CA's ACME service under ``base``, an URL without a slash at its end."""

    def __init__(
        self,
        base: str,
        profile: Profile,
        trust: TokenTrust,
        issue: Issue,
        book: Book,
        publish: Callable[[bytes], None] = lambda chain_pem: None,
    ) -> None:
        """``publish`` is told of each chain once it is in the book."""
        self._publish = publish
        self.base = base
        self.profile = profile
        self._trust = trust
        self._issue = issue
        self._book = book
        self._accounts = Accounts()
        self._orders = Orders()
        self._nonces = Nonces()
        self._resources: dict[str, Callable[[requests.Request, str, Instant], Reply]] = {
            "new-account": self._new_account,
            "new-order": self._new_order,
            "revoke-cert": self._revoke,
            "account/{}": self._account,
            "account/{}/orders": self._account_orders,
            "order/{}": self._order,
            "order/{}/finalize": self._finalize,
            "authorization/{}": self._authorization,
            "challenge/{}": self._challenge,
            "certificate/{}": self._certificate,
        }

    def directory(self) -> dict[str, Any]:
        """RFC 8555 section 7.1.1."""
        return {
            "newNonce": f"{self.base}/new-nonce",
            "newAccount": f"{self.base}/new-account",
            "newOrder": f"{self.base}/new-order",
            "revokeCert": f"{self.base}/revoke-cert",
            "meta": {"externalAccountRequired": False},
        }

    def nonce(self, now: Instant) -> str:
        return self._nonces.make(now)

    def post(self, url: str, body: bytes, now: Instant) -> Reply:
        """The answer to a JWS sent to ``url``, with a fresh nonce. Never raises a refusal."""
        try:
            reply = self._answered(url, body, now)
        except Problem as problem:
            reply = _refusal(problem)
        except Refused as refused:
            reply = _refusal(Problem(Kind.SERVER_INTERNAL, refused.because))
        return with_nonce(reply, self, now)

    def _answered(self, url: str, body: bytes, now: Instant) -> Reply:
        pattern, id = self._split(url)
        resource = self._resources.get(pattern)
        if resource is None:
            raise malformed("There is no such resource.", 404)
        return resource(self._authenticated(url, body, now), id, now)

    def _split(self, url: str) -> tuple[str, str]:
        """``…/order/1f/finalize`` as ``order/{}/finalize`` and ``1f``."""
        parts = url.removeprefix(f"{self.base}/").split("/")
        if len(parts) == 1:
            return parts[0], ""
        return "/".join((parts[0], "{}", *parts[2:])), parts[1]

    def _authenticated(self, url: str, body: bytes, now: Instant) -> requests.Request:
        """RFC 8555 sections 6.2 to 6.5: signature, url and nonce, in this order."""
        try:
            read = jose.read_flattened(body)
        except Refused as refused:
            raise malformed(refused.because) from refused
        if read.header.get("alg") != "ES256":
            raise Problem(Kind.BAD_SIGNATURE_ALGORITHM, "This CA reads ES256 only.")
        key, account = self._signer(read.header)
        if not jose.verify(read, key):
            raise malformed("The signature is not that key's.")
        if read.header.get("url") != url:
            raise unauthorized("The JWS was signed for another URL than it was sent to.")
        if not self._nonces.use(read.header.get("nonce"), now):
            raise Problem(Kind.BAD_NONCE, "The nonce was used before or is not known here.")
        return requests.Request(key, account, read.payload)

    def _signer(
        self, header: Mapping[str, Any]
    ) -> tuple[ec.EllipticCurvePublicKey, Account | None]:
        if ("jwk" in header) == ("kid" in header):
            raise malformed("A JWS names its key by exactly one of jwk and kid.")
        if "jwk" in header:
            try:
                return jose.public_key(header["jwk"]), None
            except Refused as refused:
                raise Problem(Kind.BAD_PUBLIC_KEY, refused.because) from refused
        id = str(header["kid"]).removeprefix(f"{self.base}/account/")
        account = self._accounts.with_id(id)
        if account is None:
            raise Problem(Kind.ACCOUNT_DOES_NOT_EXIST, "There is no such account.")
        if not account.active:
            raise unauthorized("The account is deactivated.")
        return account.key, account

    def _new_account(self, request: requests.Request, _: str, now: Instant) -> Reply:
        """RFC 8555 section 7.3: an account for a new key, the same one for a known key."""
        if request.account is not None:
            raise malformed("A new account's request names its key in jwk.")
        wanted, status = request.document(), 200
        account = self._accounts.with_key(request.key)
        if account is None:
            if wanted.get("onlyReturnExisting") is True:
                raise Problem(Kind.ACCOUNT_DOES_NOT_EXIST, "No account has this key.")
            account, status = self._accounts.open(request.key, requests.contact(wanted)), 201
        if not account.active:
            raise unauthorized("The account is deactivated.")
        location = f"{self.base}/account/{account.id}"
        return _document(status, account.document(self.base), location)

    def _account(self, request: requests.Request, id: str, now: Instant) -> Reply:
        account = requests.own(request, id)
        if request.payload:
            wanted = request.document()
            if wanted.get("status") == "deactivated":
                account.active = False
            if "contact" in wanted:
                account.contact = requests.contact(wanted)
        return _document(200, account.document(self.base))

    def _account_orders(self, request: requests.Request, id: str, now: Instant) -> Reply:
        request.read_only()
        orders = self._orders.of(requests.own(request, id))
        return _document(200, {"orders": [f"{self.base}/order/{one.id}" for one in orders]})

    def _new_order(self, request: requests.Request, _: str, now: Instant) -> Reply:
        """RFC 8555 section 7.4; RFC 9448 section 3: one identifier, a TN Authorization List."""
        account, wanted = request.owner(), request.document()
        if "notBefore" in wanted or "notAfter" in wanted:
            raise malformed("This CA sets the validity itself; leave notBefore and notAfter out.")
        value = requests.identifier(wanted.get("identifiers"))
        scope = self._scope(value)
        order = self._orders.open(account, value, scope, now)
        return _document(201, order.document(self.base), f"{self.base}/order/{order.id}")

    def _scope(self, value: str) -> bytes:
        """ATIS-1000080: a SHAKEN certificate speaks for exactly one service provider code."""
        try:
            scope = self.profile.der(value)
            entries = tn_auth_list.decode(scope)
        except Refused as refused:
            raise Problem(Kind.REJECTED_IDENTIFIER, refused.because) from refused
        if len(entries) != 1 or not isinstance(entries[0], tn_auth_list.Spc):
            raise Problem(
                Kind.REJECTED_IDENTIFIER,
                "This CA certifies exactly one service provider code and nothing beside it.",
            )
        return scope

    def _order(self, request: requests.Request, id: str, now: Instant) -> Reply:
        request.read_only()
        return self._shown(self._orders.find(id, request.owner(), now))

    def _authorization(self, request: requests.Request, id: str, now: Instant) -> Reply:
        request.read_only()
        order = self._orders.find(id, request.owner(), now)
        return _document(200, order.authorization(self.base, self._trust.authority))

    def _challenge(self, request: requests.Request, id: str, now: Instant) -> Reply:
        """The token is judged at once: the answer tells how the challenge ended."""
        account = request.owner()
        order = self._orders.find(id, account, now)
        if request.payload and order.challenge == "pending":
            response, member = request.document(), self.profile.response_member
            if member not in response:
                raise malformed(f"The response has no {member}; the challenge still waits for it.")
            self._judge(order, account, response[member], now)
        up = ("link", f'<{self.base}/authorization/{order.id}>;rel="up"')
        shown = _document(200, order.challenged(self.base, self._trust.authority))
        return Reply(shown.status, shown.body, shown.media, (up,))

    def _judge(self, order: Order, account: Account, token: object, now: Instant) -> None:
        try:
            grant = tokens.check(
                token,
                value=order.value,
                account_key=account.key,
                known=self._trust.known,
                roots=self._trust.roots,
                now=now,
            )
            if not self._book.use(grant.jti, grant.expires, now):
                raise unauthorized("The token has been used before.")
        except Problem as problem:
            order.fail_challenge(problem)
        else:
            order.pass_challenge(grant.ca, now)

    def _finalize(self, request: requests.Request, id: str, now: Instant) -> Reply:
        """RFC 8555 section 7.4. A request that is refused leaves the order ready for another."""
        order, wanted = self._orders.find(id, request.owner(), now), request.document()
        if order.status != "ready":
            raise Problem(Kind.ORDER_NOT_READY, f"The order is {order.status}, not ready.")
        key, organisation = csr.check(
            requests.octets(wanted.get("csr"), "csr"), order.scope, order.ca, self._is_account_key
        )
        entries = tn_auth_list.decode(order.scope)
        chain = self._issue(key, entries, organisation, order.ca, now)
        leaf = x509.load_pem_x509_certificates(chain)[0]
        self._book.record(
            Certificate(
                issuer=leaf.issuer.public_bytes().hex(),
                serial=f"{leaf.serial_number:x}",
                account=tokens.account_fingerprint(request.key),
                chain_pem=chain.decode(),
                not_after=int(leaf.not_valid_after_utc.timestamp()),
            ),
            now,
        )
        self._publish(chain)
        order.chain_pem, order.status = chain, "valid"
        return self._shown(order)

    def _is_account_key(self, key: ec.EllipticCurvePublicKey) -> bool:
        if self.profile.account_key_certifies:
            return False
        return self._accounts.with_key(key) is not None

    def _certificate(self, request: requests.Request, id: str, now: Instant) -> Reply:
        request.read_only()
        order = self._orders.find(id, request.owner(), now)
        if order.chain_pem is None:
            raise malformed("The order has no certificate yet.", 404)
        return Reply(200, order.chain_pem, CHAIN)

    def _revoke(self, request: requests.Request, _: str, now: Instant) -> Reply:
        """RFC 8555 section 7.6: by the account it was issued to, or by its own key."""
        wanted = request.document()
        reason = wanted.get("reason")
        if reason is not None and (type(reason) is not int or reason not in _REASONS):
            raise Problem(Kind.BAD_REVOCATION_REASON, f"The reason is none of {_REASONS}.")
        try:
            leaf = x509.load_der_x509_certificate(
                requests.octets(wanted.get("certificate"), "certificate")
            )
        except ValueError as fault:
            raise malformed("The certificate cannot be read.") from fault
        issuer, serial = leaf.issuer.public_bytes(), leaf.serial_number
        found = self._book.certificate(issuer, serial)
        if found is None or x509.load_pem_x509_certificates(found.chain_pem.encode())[0] != leaf:
            raise malformed("This CA has not issued that certificate, or it has expired.", 404)
        by_account = request.account and tokens.account_fingerprint(request.key) == found.account
        if not by_account and request.key != leaf.public_key():
            raise unauthorized("The certificate is neither this account's nor this key's.")
        if not self._book.revoke(issuer, serial, now, reason):
            raise Problem(Kind.ALREADY_REVOKED, "The certificate was revoked before.")
        return Reply(200, b"")

    def _shown(self, order: Order) -> Reply:
        return _document(200, order.document(self.base), f"{self.base}/order/{order.id}")


def with_nonce(reply: Reply, server: Server, now: Instant) -> Reply:
    """Every answer brings the next request's nonce and says where the directory is."""
    more = (
        ("replay-nonce", server.nonce(now)),
        ("cache-control", "no-store"),
        ("link", f'<{server.base}/directory>;rel="index"'),
    )
    return Reply(reply.status, reply.body, reply.media, (*reply.headers, *more))


def _refusal(problem: Problem) -> Reply:
    return Reply(problem.status, json.dumps(problem.document()).encode(), PROBLEM)


def _document(status: int, document: Mapping[str, Any], location: str | None = None) -> Reply:
    headers = (("location", location),) if location else ()
    return Reply(status, json.dumps(document).encode(), JSON, headers)
