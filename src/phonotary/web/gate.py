"""Who is asking, from HTTP headers: Basic with an account or a key, or a Bearer token of ours."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from phonotary import clock, sids
from phonotary.access import accounts
from phonotary.access.accounts import Account, Key
from phonotary.errors import Reason, Refused
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore

if TYPE_CHECKING:
    from joserfc.jwk import OctKey

# Another process may suspend an account: what is remembered here is true for two seconds at most.
_TTL = 2
_REMEMBERED = 4096
TOKEN_LIFE = 3600
"""Seconds an OAuth access token lives, in real time."""


def is_key(headers: Mapping[bytes, bytes]) -> bool:
    """Whether credentials that are known to be good are an API key's, and not an account's own."""
    _, _, value = headers.get(b"authorization", b"").partition(b" ")
    try:
        return base64.b64decode(value).startswith(b"SK")
    except binascii.Error:
        return False


class Gate:
    """Authenticates requests, remembering good credentials for two seconds."""

    def __init__(
        self,
        database: Database,
        wall: Callable[[], int],
        token_secret: str,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        self.glance: Callable[[Callable[[SqlStore], Any]], Any] = database.glance
        """By which the store is asked. The hub may give one that does not ask a database from which
        nothing is heard."""
        self._wall = wall
        self._monotonic = monotonic
        self._token_secret = token_secret
        self._known: dict[bytes, tuple[float, Account]] = {}
        self._forgotten = 0

    # The JOSE library is loaded with the first token: most starts never see one.

    @cached_property
    def _key(self) -> OctKey:
        from joserfc.jwk import OctKey

        return OctKey.import_key(self._token_secret)

    def forget(self) -> None:
        """Called when an account or a key changed here: the next request asks the store again."""
        self._forgotten += 1
        self._known.clear()

    def authenticate(self, headers: Mapping[bytes, bytes]) -> Account:
        """The calling account, or Refused: NOT_AUTHENTICATED, ACCOUNT_NOT_ACTIVE, and UNAVAILABLE
        where nobody can tell now."""
        credentials = headers.get(b"authorization", b"")
        known = self._known.get(credentials)
        # A wall clock that is put back would make two seconds last for hours.
        now = self._monotonic()
        if known is not None and known[0] > now:
            return known[1]
        forgotten = self._forgotten
        account = self._ask(credentials.decode("latin-1"), self._wall())
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        if forgotten == self._forgotten:
            self._known[credentials] = (now + _TTL, account)
        return account

    def _ask(self, credentials: str, now: int) -> Account:
        scheme, _, value = credentials.partition(" ")
        if scheme.lower() == "bearer":
            return self._bearer(value.strip(), now)
        if scheme.lower() != "basic":
            raise Refused(Reason.NOT_AUTHENTICATED, "Authenticate")
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Refused(Reason.NOT_AUTHENTICATED, "Authenticate") from error
        if not sids.is_sid(user):
            # The store is not asked about what cannot be in it.
            raise Refused(Reason.NOT_AUTHENTICATED, "Authenticate")
        known: Account = self.glance(lambda store: accounts.by_password(store, user, password))
        return known

    def _bearer(self, token: str, now: int) -> Account:
        from joserfc import jwt
        from joserfc.errors import JoseError

        refused = Refused(Reason.NOT_AUTHENTICATED, "Authenticate")
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"]).claims
        except (JoseError, ValueError) as error:
            raise refused from error
        if not isinstance(claims.get("exp"), int) or claims["exp"] <= now:
            raise refused

        def of_key(store: SqlStore) -> Account | None:
            key = store.key(str(claims.get("sub")))
            account = store.account(key.account_sid) if key else None
            return accounts.active(store, account) if account else None

        account: Account | None = self.glance(of_key)
        if account is None:
            raise refused
        return account

    def token(self, client_id: str, client_secret: str) -> dict[str, Any]:
        """OAuth 2.0 client credentials: an access token that clients can read ``exp`` from."""
        from joserfc import jwt

        asked = sids.is_sid(client_id, "OQ")
        key: Key | None = self.glance(lambda store: store.key(client_id)) if asked else None
        if (
            key is None
            or key.kind != "oauth"
            or not accounts.same(key.secret_digest, accounts.digest(client_secret))
        ):
            raise Refused(Reason.NOT_AUTHENTICATED, "Authenticate")
        claims = {
            "iss": "phonotary",
            "sub": key.sid,
            "account_sid": key.account_sid,
            "jti": sids.mint("TK"),
            "exp": self._wall() + TOKEN_LIFE,
        }
        token = jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, self._key)
        return {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFE}
