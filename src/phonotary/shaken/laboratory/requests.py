"""What an ACME client asks for, once its JWS is authenticated, and how its documents are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from phonotary.shaken import jose
from phonotary.shaken.laboratory import tokens
from phonotary.shaken.laboratory.orders import Account
from phonotary.shaken.laboratory.problems import Kind, Problem, malformed, unauthorized

_MAX_CONTACTS = 10
_LONGEST_CONTACT = 320


@dataclass(frozen=True, slots=True)
class Request:
    """An authenticated request."""

    key: ec.EllipticCurvePublicKey
    account: Account | None
    """None when the JWS names a key, which only newAccount and revokeCert admit."""
    payload: bytes

    def document(self) -> dict[str, Any]:
        try:
            value = json.loads(self.payload)
        except (ValueError, RecursionError) as fault:
            raise malformed("The payload is not JSON.") from fault
        if not isinstance(value, dict):
            raise malformed("The payload is not a JSON object.")
        return value

    def owner(self) -> Account:
        if self.account is None:
            raise malformed("This resource is for a request that names its account in kid.")
        return self.account

    def read_only(self) -> None:
        """POST-as-GET has an empty payload (RFC 8555 section 6.3)."""
        if self.payload:
            raise malformed("This resource is read with an empty payload.")


def own(request: Request, id: str) -> Account:
    account = request.owner()
    if account.id != id:
        raise unauthorized("The account is another one's.")
    return account


def contact(wanted: Mapping[str, Any]) -> list[str]:
    given = wanted.get("contact", [])
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise malformed("contact is a list of URLs.")
    return [one[:_LONGEST_CONTACT] for one in given[:_MAX_CONTACTS]]


def identifier(identifiers: object) -> str:
    if not isinstance(identifiers, list) or len(identifiers) != 1:
        raise malformed("An order here has exactly one identifier.")
    match identifiers[0]:
        case {"type": tokens.TYPE, "value": str(value)}:
            return value
        case {"type": str(other)} if other != tokens.TYPE:
            raise Problem(Kind.UNSUPPORTED_IDENTIFIER, "This CA knows only TNAuthList.")
    raise malformed("An identifier has a type and a value.")


def octets(value: object, name: str) -> bytes:
    try:
        return jose.unb64(value) if isinstance(value, str) else _missing(name)
    except ValueError as fault:
        raise malformed(f"{name} is not base64url without padding.") from fault


def _missing(name: str) -> bytes:
    raise malformed(f"{name} is missing.")
