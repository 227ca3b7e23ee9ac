"""The core of every HTTP dip: a request as bytes in, an answer as bytes out."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from phonotary.abreast import Steps
from phonotary.cnam.clients import Client, Clients
from phonotary.cnam.dips import Answer as Told
from phonotary.errors import Reason, Refused
from phonotary.web.cnam import answering, asking
from phonotary.web.cnam.asking import Asked
from phonotary.web.stir_v1 import Answer, Door, Given, Headers

PREFIXES = ("/cnam/", "/v2/phone/", "/v3/phone/")
"""The last two for clients whose path is fixed; Twilio has none that begin so."""

Authenticate = Callable[[Headers], str]
"""The SID of the account that a request's headers prove; raises Refused."""

_log = logging.getLogger(__name__)


class Dips(Protocol):
    """What the door asks of ``bootstrap.dipping.Dips``."""

    clients: Clients

    def now(self, number: str, client: Client, /) -> Told: ...
    def account(self, account_sid: str, /) -> Client: ...


def door(dips: Dips, authenticate: Authenticate) -> Door:
    """The door to the dips. It never waits and never raises.

    A client proves itself by a key (HTTP Basic with its name, or the query's parameters), or else
    by its address. Credentials that are given and wrong are refused, also from a known address: a
    PBX that is set up wrong must not seem to be right until it moves.
    """

    def client_of(question: Asked, headers: Headers, source: str) -> Client:
        user, key = question.user, question.key
        given = headers
        if key is not None:
            if user is not None:
                given = {b"authorization": b"Basic " + _basic(user, key)}
        elif b"authorization" in headers:
            user, key = _user_and_password(headers[b"authorization"])
        else:
            found = dips.clients.at(source)
            if found is None:
                raise Refused(Reason.NOT_AUTHENTICATED, "A client's key or network is required")
            return found
        if key is not None:
            found = dips.clients.with_key(key, user)
            if found is not None:
                return found
            if user is None:
                raise Refused(Reason.NOT_AUTHENTICATED, "This is no client's key")
        return dips.account(authenticate(given))

    def answer(
        method: str, target: str, headers: Headers, body: bytes, source: str
    ) -> Answer | Awaitable[Answer]:
        try:
            if method not in ("GET", "HEAD"):
                raise Refused(Reason.METHOD_NOT_ALLOWED, "A dip is asked with GET")
            question = asking.read(target, headers)
            client = client_of(question, headers, source)
            return answering.told(dips.now(question.number, client), question)
        except Refused as fault:
            return answering.refused(fault, asking.form_of(target, headers))
        except Exception:
            _log.exception("a dip was not answered")
            unknown = Refused(Reason.UNAVAILABLE, "The dip failed; try again")
            return answering.refused(unknown, asking.form_of(target, headers))

    return answer


def beside(other: Door, dips_door: Door) -> Door:
    """One door for a server that has but one: dips by their paths, all else ``other``'s."""

    def either(
        method: str, target: str, headers: Headers, body: bytes, source: str
    ) -> Given | Steps[Given]:
        chosen = dips_door if target.startswith(PREFIXES) else other
        return chosen(method, target, headers, body, source)

    return either


def _basic(user: str, password: str) -> bytes:
    return base64.b64encode(f"{user}:{password}".encode("utf-8", "replace"))


def _user_and_password(authorization: bytes) -> tuple[str | None, str | None]:
    """Of HTTP Basic; nothing of another scheme, or of what cannot be read."""
    scheme, _, value = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return None, None
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    return user, password
