"""Accounts, orders and nonces of an ACME server, bounded, and the documents that show them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from phonotary import sids
from phonotary.clock import Instant, iso8601
from phonotary.shaken import jose
from phonotary.shaken.laboratory import tokens
from phonotary.shaken.laboratory.problems import Kind, Problem, unauthorized

MAX_ACCOUNTS = 500
MAX_ORDERS = 50
"""Of one account, as long as they have not expired."""
MAX_NONCES = 2_000
"""The oldest is forgotten; whoever holds it is told badNonce and given another."""
ORDER_LIFE = 86_400
NONCE_LIFE = 3_600


@dataclass
class Account:
    id: str
    key: ec.EllipticCurvePublicKey
    contact: list[str] = field(default_factory=list)
    active: bool = True

    def document(self, base: str) -> dict[str, Any]:
        """RFC 8555 section 7.1.2."""
        return {
            "status": "valid" if self.active else "deactivated",
            "contact": self.contact,
            "orders": f"{base}/account/{self.id}/orders",
        }


@dataclass
class Order:
    """An order with its one authorization and that one's one challenge."""

    id: str
    account: str
    value: str
    """The identifier's value as the client wrote it."""
    scope: bytes
    """The same list in DER."""
    expires: Instant
    token: str
    status: str = "pending"
    challenge: str = "pending"
    validated: Instant | None = None
    ca: bool = False
    """Whether its token allows a CA's certificate and no other."""
    problem: dict[str, Any] | None = None
    chain_pem: bytes | None = None

    def document(self, base: str) -> dict[str, Any]:
        """RFC 8555 section 7.1.3."""
        document: dict[str, Any] = {
            "status": self.status,
            "expires": iso8601(self.expires),
            "identifiers": [self._identifier()],
            "authorizations": [f"{base}/authorization/{self.id}"],
            "finalize": f"{base}/order/{self.id}/finalize",
        }
        if self.problem is not None:
            document["error"] = self.problem
        if self.chain_pem is not None:
            document["certificate"] = f"{base}/certificate/{self.id}"
        return document

    def authorization(self, base: str, authority: str) -> dict[str, Any]:
        """RFC 8555 section 7.1.4: its status follows from its one challenge's."""
        return {
            "status": self.challenge,
            "expires": iso8601(self.expires),
            "identifier": self._identifier(),
            "challenges": [self.challenged(base, authority)],
        }

    def challenged(self, base: str, authority: str) -> dict[str, Any]:
        """The challenge of RFC 9448 section 4."""
        document: dict[str, Any] = {
            "type": "tkauth-01",
            "tkauth-type": "atc",
            "token-authority": authority,
            "url": f"{base}/challenge/{self.id}",
            "status": self.challenge,
            "token": self.token,
        }
        if self.validated is not None:
            document["validated"] = iso8601(self.validated)
        if self.problem is not None:
            document["error"] = self.problem
        return document

    def pass_challenge(self, ca: bool, now: Instant) -> None:
        self.challenge, self.validated, self.status, self.ca = "valid", now, "ready", ca

    def fail_challenge(self, problem: Problem) -> None:
        """The order is lost with its challenge (RFC 8555 section 7.1.6)."""
        self.challenge = self.status = "invalid"
        self.problem = problem.document()

    def _identifier(self) -> dict[str, str]:
        return {"type": tokens.TYPE, "value": self.value}


class Accounts:
    """Accounts by identifier and by key. One key is one account (RFC 8555 section 7.3.1)."""

    def __init__(self) -> None:
        self._by_id: dict[str, Account] = {}
        self._by_key: dict[bytes, Account] = {}

    def with_id(self, id: str) -> Account | None:
        return self._by_id.get(id)

    def with_key(self, key: ec.EllipticCurvePublicKey) -> Account | None:
        return self._by_key.get(jose.spki(key))

    def open(self, key: ec.EllipticCurvePublicKey, contact: list[str]) -> Account:
        if len(self._by_id) >= MAX_ACCOUNTS:
            raise Problem(Kind.RATE_LIMITED, f"This CA keeps {MAX_ACCOUNTS} accounts at most.")
        account = Account(sids.secret(), key, contact)
        self._by_id[account.id] = self._by_key[jose.spki(key)] = account
        return account


class Orders:
    """Orders by identifier; those that have expired are forgotten."""

    def __init__(self) -> None:
        self._by_id: dict[str, Order] = {}

    def open(self, account: Account, value: str, scope: bytes, now: Instant) -> Order:
        self._by_id = {id: one for id, one in self._by_id.items() if one.expires > now}
        if len(self.of(account)) >= MAX_ORDERS:
            raise Problem(
                Kind.RATE_LIMITED, f"An account has {MAX_ORDERS} orders at most that are not old."
            )
        order = Order(
            sids.secret(), account.id, value, scope, now + ORDER_LIFE, token=sids.secret()
        )
        self._by_id[order.id] = order
        return order

    def of(self, account: Account) -> list[Order]:
        return [one for one in self._by_id.values() if one.account == account.id]

    def find(self, id: str, account: Account, now: Instant) -> Order:
        """Raises Problem: unauthorized for another account's, malformed (404) for none."""
        order = self._by_id.get(id)
        if order is None or order.expires <= now:
            raise Problem(Kind.MALFORMED, "There is no such order.", 404)
        if order.account != account.id:
            raise unauthorized("The order is another account's.")
        return order


class Nonces:
    """Replay protection of RFC 8555 section 6.5: each nonce is good for one request."""

    def __init__(self) -> None:
        self._born: dict[str, Instant] = {}

    def make(self, now: Instant) -> str:
        if len(self._born) >= MAX_NONCES:
            del self._born[next(iter(self._born))]
        nonce = sids.secret()
        self._born[nonce] = now
        return nonce

    def use(self, nonce: object, now: Instant) -> bool:
        if not isinstance(nonce, str):
            return False
        born = self._born.pop(nonce, None)
        return born is not None and now - born < NONCE_LIFE
